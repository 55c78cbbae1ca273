#!/bin/sh
# Debian packages that building and testing need.
#   deps.sh ensure build|check [MODULE...]   silent when nothing is missing; else installs it,
#                                            or says what to run and fails
#   deps.sh install [MODULE...]              the same for everything, and may ask for a password
# The MODULEs are pkg-config names that the program is built from. clang, llvm, clang-format
# and cppcheck are for `make lint`, `make fuzz` and the bare-metal proof; no test needs them.
action=${1:-install}
[ $# -gt 0 ] && shift
what=check
if [ "$action" = ensure ]; then
    what=${1:-build}
    [ $# -gt 0 ] && shift
fi
modules=${*:-libzstd jansson yaml-0.1 ncursesw}
[ "$what" = check ] && modules="$modules cmocka libxxhash"

package_of() {
    case $1 in
    yaml-0.1) echo libyaml-dev ;;
    jansson) echo libjansson-dev ;;
    cmocka) echo libcmocka-dev ;;
    ncursesw) echo libncurses-dev ;;
    *) echo "$1-dev" ;;
    esac
}

missing=
compiler=${CC:-cc}
if ! command -v "$compiler" >/dev/null 2>&1; then
    case $compiler in
    clang*) missing="$missing clang libc6-dev" ;;
    *) missing="$missing gcc libc6-dev" ;;
    esac
elif ! echo '#include <stdio.h>' | "$compiler" -E - >/dev/null 2>&1; then
    missing="$missing libc6-dev"
fi
command -v pkg-config >/dev/null 2>&1 || missing="$missing pkg-config"
for module in $modules; do
    pkg-config --exists "$module" 2>/dev/null || missing="$missing $(package_of "$module")"
done
if [ -z "$missing" ]; then
    [ "$action" = ensure ] || echo "nothing is missing"
    exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
    echo "mallorn needs these packages, here by Debian's names:$missing" >&2
    exit 1
fi
run="apt-get install -y --no-install-recommends$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
    as_root=sudo
    if ! command -v sudo >/dev/null 2>&1; then
        echo "Packages are missing, and only root may install them. Please run:" >&2
        echo "    su -c 'apt-get update && $run'" >&2
        exit 1
    fi
    # Building asks nobody for a password; `make deps` may.
    if ! sudo -n true 2>/dev/null && ! { [ "$action" = install ] && [ -t 0 ]; }; then
        echo "Packages are missing, and this user may not install them. Please run:" >&2
        echo "    sudo apt-get update && sudo $run" >&2
        exit 1
    fi
fi
echo "installing:$missing"
# Through env, because sudo drops the environment.
apt="$as_root env DEBIAN_FRONTEND=noninteractive"
$apt apt-get update -qq >/dev/null || echo "the package lists could not be renewed" >&2
if ! $apt $run >/dev/null; then
    echo "could not install:$missing" >&2
    exit 1
fi
