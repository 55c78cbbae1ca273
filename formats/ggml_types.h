/* The tensor types of ggml by the numbers that GGUF files store. */
#ifndef MLR_FORMATS_GGML_TYPES_H
#define MLR_FORMATS_GGML_TYPES_H

#include <stdint.h>

#include "apply/base/dtype.h"

typedef enum mlr_ggml_standing {
    MLR_GGML_KNOWN,
    MLR_GGML_REMOVED, /* once had a layout that no reader supports any more */
    MLR_GGML_FUTURE   /* above all numbers known here */
} mlr_ggml_standing;

/* `*out` is the opaque type where the number is not known. */
mlr_ggml_standing mlr_ggml_type(uint32_t id, const mlr_dtype **out);

#endif
