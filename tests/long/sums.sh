# Sums stay right, and the same for any number of threads, over ELEMENTS elements (a thousand
# million unless told). Nothing is written to disk.
MLR_SUMS=${ELEMENTS:-1000000000} "${MALLORN%/*}/tests/analysis/test_sums" || exit 1
