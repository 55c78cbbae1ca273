#include "apply/block_layout.h"

/* The last word of each field is for readers. */
#define F16(at, what)                                                                      \
    {                                                                                      \
        at, 2,                                                                             \
        {                                                                                  \
            2, MLR_LANE_FLOAT                                                              \
        }                                                                                  \
    }
#define F32(at, what)                                                                      \
    {                                                                                      \
        at, 4,                                                                             \
        {                                                                                  \
            4, MLR_LANE_FLOAT                                                              \
        }                                                                                  \
    }
#define F8(at, n, what)                                                                    \
    {                                                                                      \
        at, n,                                                                             \
        {                                                                                  \
            1, MLR_LANE_FLOAT                                                              \
        }                                                                                  \
    }
#define BYTES(at, n, what)                                                                 \
    {                                                                                      \
        at, n,                                                                             \
        {                                                                                  \
            1, MLR_LANE_INT                                                                \
        }                                                                                  \
    }
#define I16(at, n, what)                                                                   \
    {                                                                                      \
        at, n,                                                                             \
        {                                                                                  \
            2, MLR_LANE_INT                                                                \
        }                                                                                  \
    }
#define NIBBLES(at, n, what)                                                               \
    {                                                                                      \
        at, n,                                                                             \
        {                                                                                  \
            1, MLR_LANE_NIBBLE                                                             \
        }                                                                                  \
    }
#define CRUMBS(at, n, what)                                                                \
    {                                                                                      \
        at, n,                                                                             \
        {                                                                                  \
            1, MLR_LANE_CRUMB                                                              \
        }                                                                                  \
    }

/* Bit masks are bytes: their difference is best taken by exclusive or. */
static const mlr_block_layout table[] = {
    {MLR_DTYPE_Q4_0, 2, {F16(0, scale), NIBBLES(2, 16, codes)}},
    {MLR_DTYPE_Q4_1, 3, {F16(0, scale), F16(2, min), NIBBLES(4, 16, codes)}},
    {MLR_DTYPE_Q5_0, 3, {F16(0, scale), BYTES(2, 4, high), NIBBLES(6, 16, low)}},
    {MLR_DTYPE_Q5_1,
     4,
     {F16(0, scale), F16(2, min), BYTES(4, 4, high), NIBBLES(8, 16, low)}},
    {MLR_DTYPE_Q8_0, 2, {F16(0, scale), BYTES(2, 32, codes)}},
    {MLR_DTYPE_Q8_1, 3, {F16(0, scale), F16(2, sum), BYTES(4, 32, codes)}},
    {MLR_DTYPE_Q2_K,
     4,
     {NIBBLES(0, 16, scales), CRUMBS(16, 64, codes), F16(80, scale), F16(82, min)}},
    {MLR_DTYPE_Q3_K,
     4,
     {BYTES(0, 32, high), CRUMBS(32, 64, low), BYTES(96, 12, scales), F16(108, scale)}},
    {MLR_DTYPE_Q4_K,
     4,
     {F16(0, scale), F16(2, min), BYTES(4, 12, scales), NIBBLES(16, 128, codes)}},
    {MLR_DTYPE_Q5_K,
     5,
     {F16(0, scale), F16(2, min), BYTES(4, 12, scales), BYTES(16, 32, high),
      NIBBLES(48, 128, low)}},
    {MLR_DTYPE_Q6_K,
     4,
     {NIBBLES(0, 128, low), CRUMBS(128, 64, high), BYTES(192, 16, scales),
      F16(208, scale)}},
    {MLR_DTYPE_Q8_K, 3, {F32(0, scale), BYTES(4, 256, codes), I16(260, 32, sums)}},
    {MLR_DTYPE_IQ2_XXS, 2, {F16(0, scale), BYTES(2, 64, codes)}},
    {MLR_DTYPE_IQ2_XS, 3, {F16(0, scale), BYTES(2, 64, codes), NIBBLES(66, 8, scales)}},
    {MLR_DTYPE_IQ3_XXS, 3, {F16(0, scale), BYTES(2, 64, codes), BYTES(66, 32, signs)}},
    {MLR_DTYPE_IQ1_S, 3, {F16(0, scale), BYTES(2, 32, codes), I16(34, 16, high)}},
    {MLR_DTYPE_IQ4_NL, 2, {F16(0, scale), NIBBLES(2, 16, codes)}},
    {MLR_DTYPE_IQ3_S,
     5,
     {F16(0, scale), BYTES(2, 64, codes), BYTES(66, 8, high), BYTES(74, 32, signs),
      NIBBLES(106, 4, scales)}},
    {MLR_DTYPE_IQ2_S,
     5,
     {F16(0, scale), BYTES(2, 32, codes), BYTES(34, 32, signs), CRUMBS(66, 8, high),
      NIBBLES(74, 8, scales)}},
    {MLR_DTYPE_IQ4_XS,
     4,
     {F16(0, scale), CRUMBS(2, 2, scales_high), NIBBLES(4, 4, scales_low),
      NIBBLES(8, 128, codes)}},
    {MLR_DTYPE_IQ1_M, 3, {BYTES(0, 32, codes), NIBBLES(32, 16, high), I16(48, 8, scales)}},
    {MLR_DTYPE_TQ1_0, 3, {BYTES(0, 48, codes), BYTES(48, 4, last_codes), F16(52, scale)}},
    {MLR_DTYPE_TQ2_0, 2, {CRUMBS(0, 64, codes), F16(64, scale)}},
    {MLR_DTYPE_MXFP4, 2, {BYTES(0, 1, scale), NIBBLES(1, 16, codes)}},
    {MLR_DTYPE_NVFP4, 2, {F8(0, 4, scales), NIBBLES(4, 32, codes)}},
    {MLR_DTYPE_Q1_0, 2, {F16(0, scale), BYTES(2, 16, signs)}},
    {MLR_DTYPE_Q2_0, 2, {F16(0, scale), CRUMBS(2, 16, codes)}},
};

const mlr_block_layout *mlr_block_layout_of(const mlr_dtype *t)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].dtype == t->id) {
            return &table[i];
        }
    }
    return NULL;
}

void mlr_field_split_of(const mlr_dtype *t, size_t n, mlr_field_split *split)
{
    *split = (mlr_field_split){.layout = mlr_block_layout_of(t),
                               .blocks = n / t->block_bytes,
                               .rest = n % t->block_bytes};
    for (unsigned i = 0; i < split->layout->count; i++) {
        const mlr_field *f = &split->layout->field[i];
        for (unsigned j = 0; j < f->lane.width; j++) {
            split->size[split->streams++] = split->blocks * (f->bytes / f->lane.width);
        }
    }
    split->size[split->streams - 1] += split->rest;
}
