/* Any bytes, parsed as ONNX: fails with a reason, or tiles. */
#include "tests/support/parse_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse_or_abort(data, size, &mlr_format_onnx);
    return 0;
}
