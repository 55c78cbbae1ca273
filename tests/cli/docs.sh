# Every example of the README, the documents and the manual pages runs.
[ -x "$MALLORN" ] || { echo "MALLORN must name the program"; exit 1; }
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 0; }
exec python3 tests/cli/docs.py
