#!/bin/sh
# The interface in a real terminal multiplexer: resize storm, suspend, kill, crash. Each time
# the terminal must come back, and the screen must follow its size.
set -eu
command -v tmux >/dev/null 2>&1 || { echo "skipped: no tmux"; exit 0; }
work=$(mktemp -d)
sock=mlr-test-$$
tm() { tmux -L "$sock" -f /dev/null "$@"; }
trap 'tm kill-server >/dev/null 2>&1 || :; rm -rf "$work"' EXIT
# Two SafeTensors files of one tensor: length of the header (64), header, 16 bytes.
for name in old new; do
    {
        printf '\100\0\0\0\0\0\0\0'
        printf '%-64s' '{"t.weight":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'
        printf '%s' "0123456789abc$name"
    } >"$work/$name.safetensors"
done
export XDG_STATE_HOME="$work/state" LC_ALL=C.UTF-8 TERM=xterm-256color

tm new-session -d -s t -x 80 -y 24 "env PS1='ready> ' bash --norc -i" 2>/dev/null ||
    { echo "skipped: tmux cannot start here"; exit 0; }

# Waits for a text on the screen, up to ten seconds.
await() {
    n=0
    until tm capture-pane -p -t t | grep -qF -- "$1"; do
        n=$((n + 1))
        [ "$n" -lt 100 ] || { echo "never saw '$1':"; tm capture-pane -p -t t; exit 1; }
        sleep 0.1
    done
}
state() { tm display -p -t t '#{alternate_on} #{mouse_any_flag} #{cursor_flag}'; }
expect_state() {
    n=0
    until [ "$(state)" = "$1" ]; do
        n=$((n + 1))
        [ "$n" -lt 50 ] || { echo "terminal is $(state), expected $1"; exit 1; }
        sleep 0.1
    done
}
start() {
    tm send-keys -t t "clear; $MALLORN $work/old.safetensors $work/new.safetensors" Enter
    await "[1 Tensors]"
}
pid() { pgrep -n -f "^$MALLORN $work/old"; }
expect_code() {
    expect_state "0 0 1"
    tm send-keys -t t "echo code \$?" Enter
    await "code $1"
}

await "ready>"
start
for size in "140 45" "10 3" "20 5" "40 12" "200 60" "1 1" "80 24"; do
    tm resize-window -t t -x "${size% *}" -y "${size#* }"
done
await "Space mark"
tm send-keys -t t C-z
expect_state "0 0 1"
tm send-keys -t t fg Enter
await "[1 Tensors]"
tm send-keys -t t q
expect_code 0

start
kill -TERM "$(pid)"
expect_code 130

start
kill -SEGV "$(pid)"
expect_code 139
echo "resize, suspend, quit, SIGTERM and SIGSEGV leave the terminal as it was"
