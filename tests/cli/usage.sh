# What the command line says when it is asked, and when it is wrong.
. tests/support/cli.sh

expect help 0 --help
expect help_help 0 help help
expect help_info 0 info --help
expect help_make_demo 0 help make-demo
expect unknown_command 2 inof
expect far_command 2 frobnicate
expect unknown_global 2 --frob
expect unknown_option 2 info --tensor x
expect unknown_option_json 2 info --json --tensor x
expect unknown_letter_json 2 info -tj -x y
expect missing_operand 2 info
expect extra_operand 2 info a b
expect bad_number 2 info --depth two a
expect bad_range 2 info --depth 99 a
expect bad_choice 2 info --color allways a
expect unknown_help 2 help diffs
expect version 0 --version

"$MALLORN" >"$work/out" 2>"$work/err"
[ $? = 2 ] && [ ! -s "$work/out" ] && grep -q 'no command given' "$work/err" || fail "no command"

# Documents come out well formed.
if command -v mandoc >/dev/null; then
    for c in '' $("$MALLORN" help --names); do
        "$MALLORN" help --man $c | mandoc -T lint -W warning >"$work/lint" 2>&1 ||
            { fail "manual page of mallorn $c"; cat "$work/lint"; }
    done
fi
# The profile's page says what the reader takes: every key of both is in the other.
page=docs/man/mallorn-profile.5
if command -v mandoc >/dev/null; then
    mandoc -T lint -W warning $page || fail "$page"
fi
printf 'version: 1\nzz: 1\n' >"$work/keys.yml"
for k in $("$MALLORN" profile check "$work/keys.yml" 2>&1 | sed 's/.*which takes //; s/,//g'); do
    tr -d '\\' <$page | grep -qw -- "$k" || fail "$page lacks the key $k"
done
"$MALLORN" help --completion bash >"$work/bash" && sh -c "bash -n '$work/bash'" || fail bash
if command -v zsh >/dev/null; then
    "$MALLORN" help --completion zsh >"$work/zsh" && zsh -n "$work/zsh" || fail zsh
fi
if command -v fish >/dev/null; then
    "$MALLORN" help --completion fish >"$work/fish" && fish -n "$work/fish" || fail fish
fi

# The bash completion completes.
complete() {
    bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mallorn
        echo "${COMPREPLY[*]}"' _ "$work/bash" "$@"
}
[ "$(complete mallorn inf)" = info ] || fail "completes a command"
[ "$(complete mallorn info --ten)" = --tensors ] || fail "completes an option"
[ "$(complete mallorn info --color al)" = always ] || fail "completes a choice"
[ "$(complete mallorn profile ex)" = explain ] || fail "completes an action"
[ "$(complete mallorn diff a b --report ju)" = junit ] || fail "completes the kind of a report"
touch "$work/zz.gguf"
[ "$(cd "$work" && complete mallorn diff zz)" = zz.gguf ] || fail "completes a file"
[ "$(cd "$work" && complete mallorn profile check zz)" = zz.gguf ] || fail "completes a profile"

# So do those of fish and zsh, where they are installed.
if command -v fish >/dev/null; then
    fishes() {
        XDG_CONFIG_HOME=$work HOME=$work fish -c "source '$work/fish'; complete -C '$1'" 2>/dev/null | cut -f1
    }
    [ "$(fishes 'mallorn inf')" = info ] || fail "fish: a command"
    [ "$(fishes 'mallorn info --tenso')" = --tensors ] || fail "fish: an option"
    [ "$(fishes 'mallorn profile expl')" = explain ] || fail "fish: an action"
fi
if command -v zsh >/dev/null; then
    mkdir -p "$work/site" && cp "$work/zsh" "$work/site/_mallorn"
    zsh -f -c "fpath=('$work/site' \$fpath); autoload -Uz compinit; compinit -D -u 2>/dev/null
        [ \"\$_comps[mallorn]\" = _mallorn ] && autoload +X _mallorn" || fail "zsh: takes the completion"
fi

exit $bad
