#include "codec/rans_write.h"

void mlr_rans_symbols(mlr_rans_symbol *s, const uint16_t *freq, unsigned tokens)
{
    uint32_t start = 0;
    for (unsigned t = 0; t < tokens; t++) {
        uint32_t f = freq[t];
        uint32_t shift = 0;
        if (f == 0) {
            s[t] = (mlr_rans_symbol){.rest = MLR_RANS_LACKING};
            continue;
        }
        while (f > 1U << shift) {
            shift++;
        }
        /* its top bit, 2^32, is implied */
        uint64_t inverse = (((uint64_t)1 << (32 + shift)) + f - 1) / f;
        s[t] = (mlr_rans_symbol){.inverse = (uint32_t)inverse,
                                 .rest = start | shift << 12 | (f - 1) << 16};
        start += f;
    }
}

size_t mlr_rans_encode(const mlr_rans_job *j, uint16_t *words,
                       uint32_t state[MLR_RANS_LANES])
{
    uint16_t *at = words + 8 + j->n;
    size_t mask = j->lanes - 1;
    uint32_t lacking = 0;
    for (unsigned i = 0; i < MLR_RANS_LANES; i++) {
        state[i] = MLR_RANS_FLOOR;
    }
    for (size_t i = j->n; i-- > 0;) {
        size_t table = j->context[i] & (MLR_RANS_TABLES - 1U);
        mlr_rans_symbol s = j->symbols[table * j->stride + j->token[i]];
        uint32_t x = state[i & mask];
        uint32_t freq = (s.rest >> 16 & (MLR_RANS_SCALE - 1)) + 1;
        bool full = x >> 20 >= freq;
        at[-1] = (uint16_t)x;
        at -= full;
        x = full ? x >> 16 : x;
        uint32_t q =
            (uint32_t)((((uint64_t)x * s.inverse >> 32) + x) >> (s.rest >> 12 & 15));
        state[i & mask] = x + (s.rest & (MLR_RANS_SCALE - 1)) + q * (MLR_RANS_SCALE - freq);
        lacking |= s.rest;
    }
    return (lacking & MLR_RANS_LACKING) != 0 ? SIZE_MAX : (size_t)(words + 8 + j->n - at);
}
