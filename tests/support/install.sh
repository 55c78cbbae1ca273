#!/bin/sh
# install.sh copy|remove STAGE DESTDIR: copies the staged tree file by file, or removes those
# same files and the folders that are mallorn's own.
action=$1 stage=$2 dest=$3
cd "$stage" || exit 1
find . ! -type d | sed 's/^\.//' | sort | while read -r f; do
    case $action in
    remove)
        rm -f "$dest$f" ;;
    copy)
        mkdir -p "$dest${f%/*}" || exit 1
        if [ -L ".$f" ]; then
            cp -Pf ".$f" "$dest$f"
        elif [ -x ".$f" ]; then
            install -m755 ".$f" "$dest$f"
        else
            install -m644 ".$f" "$dest$f"
        fi || exit 1 ;;
    esac
done || exit 1
[ "$action" = copy ] || find . -depth -type d -path '*/mallorn*' | sed 's/^\.//' | while read -r d; do
    [ ! -d "$dest$d" ] || rmdir "$dest$d" 2>/dev/null || echo "kept, because it holds other files: $dest$d"
done
