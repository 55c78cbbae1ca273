#include "formats/ggml_types.h"

/* Numbers without an entry were removed: their dtype is 0, the opaque one. */
static const uint8_t dtype_of[] = {
    [0] = MLR_DTYPE_F32,     [1] = MLR_DTYPE_F16,      [2] = MLR_DTYPE_Q4_0,
    [3] = MLR_DTYPE_Q4_1,    [6] = MLR_DTYPE_Q5_0,     [7] = MLR_DTYPE_Q5_1,
    [8] = MLR_DTYPE_Q8_0,    [9] = MLR_DTYPE_Q8_1,     [10] = MLR_DTYPE_Q2_K,
    [11] = MLR_DTYPE_Q3_K,   [12] = MLR_DTYPE_Q4_K,    [13] = MLR_DTYPE_Q5_K,
    [14] = MLR_DTYPE_Q6_K,   [15] = MLR_DTYPE_Q8_K,    [16] = MLR_DTYPE_IQ2_XXS,
    [17] = MLR_DTYPE_IQ2_XS, [18] = MLR_DTYPE_IQ3_XXS, [19] = MLR_DTYPE_IQ1_S,
    [20] = MLR_DTYPE_IQ4_NL, [21] = MLR_DTYPE_IQ3_S,   [22] = MLR_DTYPE_IQ2_S,
    [23] = MLR_DTYPE_IQ4_XS, [24] = MLR_DTYPE_I8,      [25] = MLR_DTYPE_I16,
    [26] = MLR_DTYPE_I32,    [27] = MLR_DTYPE_I64,     [28] = MLR_DTYPE_F64,
    [29] = MLR_DTYPE_IQ1_M,  [30] = MLR_DTYPE_BF16,    [34] = MLR_DTYPE_TQ1_0,
    [35] = MLR_DTYPE_TQ2_0,  [39] = MLR_DTYPE_MXFP4,   [40] = MLR_DTYPE_NVFP4,
    [41] = MLR_DTYPE_Q1_0,   [42] = MLR_DTYPE_Q2_0,
};

mlr_ggml_standing mlr_ggml_type(uint32_t id, const mlr_dtype **out)
{
    *out = mlr_dtype_get(MLR_DTYPE_OPAQUE);
    if (id >= sizeof dtype_of) {
        return MLR_GGML_FUTURE;
    }
    if (dtype_of[id] == MLR_DTYPE_OPAQUE) {
        return MLR_GGML_REMOVED;
    }
    *out = mlr_dtype_get(dtype_of[id]);
    return MLR_GGML_KNOWN;
}
