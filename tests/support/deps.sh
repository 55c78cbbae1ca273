#!/bin/sh
# Debian packages that building and testing need.
#   ensure    quietly succeeds when nothing is missing; otherwise installs
#   install   installs what is missing, saying first what that is
need_tools='pkg-config:pkg-config clang:clang llvm-nm-14:llvm-14'
need_headers='libzstd:libzstd-dev libxxhash:libxxhash-dev jansson:libjansson-dev
    yaml-0.1:libyaml-dev ncursesw:libncurses-dev cmocka:libcmocka-dev'

missing=
for pair in $need_tools; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
for pair in $need_headers; do
    pkg-config --exists "${pair%%:*}" 2>/dev/null || missing="$missing ${pair##*:}"
done
if [ -z "$missing" ]; then
    [ "$1" = ensure ] || echo "nothing is missing"
    exit 0
fi

command -v apt-get >/dev/null 2>&1 || {
    echo "mallorn needs these packages (Debian's names):$missing" >&2
    exit 1
}
run="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    sudo=
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    sudo=sudo
else
    echo "Packages are missing and this user may not install them. Please run as root:" >&2
    echo "    $run" >&2
    exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq >/dev/null 2>&1
$sudo $run >/dev/null || { echo "could not install:$missing" >&2; exit 1; }
