# Scalar and vector loops of the rANS decoder agree on SYMBOLS random symbols (10^8 unless told).
test=$(dirname "$MALLORN")/tests/host/test_neural_loops
"$test" "${SYMBOLS:-100000000}" >/dev/null 2>&1 || { echo "FAIL: $test"; exit 1; }
echo "  ok    ${SYMBOLS:-100000000} random symbols, scalar and vector loops alike"
