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

# Waits for a text on the screen, up to half a minute: machines may be busy.
await() {
    n=0
    until tm capture-pane -p -t t | grep -qF -- "$1"; do
        n=$((n + 1))
        [ "$n" -lt 300 ] || { echo "never saw '$1':"; tm capture-pane -p -t t; exit 1; }
        sleep 0.1
    done
}
state() { tm display -p -t t '#{alternate_on} #{mouse_any_flag} #{cursor_flag}'; }
expect_state() {
    n=0
    until [ "$(state)" = "$1" ]; do
        n=$((n + 1))
        [ "$n" -lt 300 ] || { echo "terminal is $(state), expected $1"; exit 1; }
        sleep 0.1
    done
}
start() {
    tm send-keys -t t "clear; $MALLORN $work/old.safetensors $work/new.safetensors" Enter
    await "[1 Tensors]"
}
pid() { pgrep -n -f "^$MALLORN $work/old"; } # the newest: the one on the screen
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

# A storm while keys arrive; what was asked for stays.
start
tm send-keys -t t f "size>1M" Enter
for size in "20 5" "200 60" "37 9" "139 44" "21 6" "60 200" "80 24"; do
    tm resize-window -t t -x "${size% *}" -y "${size#* }"
    tm send-keys -t t j k 3 1
done
await "filter size>1M"
tm send-keys -t t q
expect_code 0

# Waiting costs no processor time: ticks of a hundredth of a second over two seconds.
start
await "1/1"
while tm capture-pane -p -t t | head -1 | grep -q "analysing\|forecasting"; do sleep 0.2; done
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
p=$(pid)
before=$(ticks "$p")
sleep 2
after=$(ticks "$p")
[ $((after - before)) -le 1 ] || { echo "idle took $((after - before)) ticks"; exit 1; }

# A model that is written while it is open is marked; nothing falls over.
printf 'x' >>"$work/new.safetensors"
await "stale: R"
tm send-keys -t t 3
await "[3 Detail]"
tm send-keys -t t 1 q
expect_code 0
head -c 88 "$work/new.safetensors" >"$work/short"
mv "$work/short" "$work/new.safetensors"

# The applier fails: the screen says so and lives.
"$MALLORN" diff "$work/old.safetensors" "$work/new.safetensors" -o "$work/p.sftp" --quiet
tm send-keys -t t "clear; $MALLORN $work/p.sftp" Enter
await "[7 Apply]"
tm send-keys -t t Enter
await "Base:"
tm send-keys -t t "$work/nowhere.safetensors" Enter
tm send-keys -t t r
await "failed"
tm send-keys -t t q
expect_code 0

# A hundred thousand tensors: there at once, and keys are answered while they are analysed.
# many TYPE: a SafeTensors file of as many one-element tensors, all of one byte.
many() {
    awk 'BEGIN { for (i = 0; i < 100000; i++) printf "%s\"layers.%d.experts.%d.w%d.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%d,%d]}", i ? "," : "{", i / 1000, i % 1000 / 4, i % 4, i * 4, i * 4 + 4; printf "}" }' >"$work/header"
    n=$(wc -c <"$work/header")
    printf "$(printf '\\%03o\\%03o\\%03o\\%03o\\000\\000\\000\\000' $((n % 256)) $((n / 256 % 256)) $((n / 65536 % 256)) $((n / 16777216)))"
    cat "$work/header"
    head -c 400000 /dev/zero | tr '\000' "$1"
}
many A >"$work/old.many.safetensors"
many B >"$work/new.many.safetensors"
tm send-keys -t t "clear; $MALLORN $work/old.many.safetensors $work/new.many.safetensors" Enter
await "1/100,000"
tm send-keys -t t G
await "100,000/100,000"
tm send-keys -t t g / layers.77.experts.9.w3
await "layers.77.experts.9.w3"
tm send-keys -t t Enter 2
await "all tensors"
tm send-keys -t t 3
await "[3 Detail]"
tm send-keys -t t 1 q
expect_code 0

start
kill -TERM "$(pid)"
expect_code 130

start
kill -SEGV "$(pid)"
expect_code 139
echo "resize, suspend, quit, SIGTERM and SIGSEGV leave the terminal as it was; idle is idle"
