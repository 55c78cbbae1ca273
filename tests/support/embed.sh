#!/bin/sh
# embed.sh FILES.yaml...: writes the C table of the themes that are compiled in.
echo '#include "tui/theme_data.h"'
for f in "$@"; do
    name=theme_$(basename "$f" .yaml | tr -c "a-z0-9\n" _)
    echo "static const unsigned char $name[] = {"
    od -An -v -tu1 "$f" | sed 's/  */,/g; s/^,//; s/$/,/'
    echo '};'
done
echo 'const mlr_theme_file mlr_theme_data[] = {'
for f in "$@"; do
    name=$(basename "$f" .yaml)
    id=theme_$(printf "%s" "$name" | tr -c "a-z0-9" _)
    echo "    {\"$name\", $id, sizeof $id},"
done
echo '    {0, 0, 0}};'
