#include "codec/rans_write.h"

void mlr_rans_symbols(mlr_rans_symbol *s, const uint16_t *freq, unsigned tokens)
{
    uint32_t start = 0;
    for (unsigned t = 0; t < tokens; t++) {
        uint32_t f = freq[t];
        uint8_t shift = 0;
        while (f > 1U << shift) {
            shift++;
        }
        uint64_t inverse = f == 0 ? 0 : (((uint64_t)1 << (32 + shift)) + f - 1) / f;
        s[t] = (mlr_rans_symbol){.inverse = (uint32_t)inverse, /* its top bit is implied */
                                 .freq = (uint16_t)f,
                                 .start = (uint16_t)start,
                                 .shift = shift};
        start += f;
    }
}

size_t mlr_rans_encode(const mlr_rans_job *j, uint16_t *words, uint32_t *state)
{
    uint16_t *at = words + j->n;
    size_t mask = j->lanes - 1;
    for (unsigned i = 0; i < j->lanes; i++) {
        state[i] = MLR_RANS_FLOOR;
    }
    for (size_t i = j->n; i-- > 0;) {
        size_t table = j->context[i] & (MLR_RANS_TABLES - 1U);
        const mlr_rans_symbol *s = &j->symbols[table * j->stride + j->token[i]];
        uint32_t x = state[i & mask];
        bool full = (uint64_t)x >= (uint64_t)s->freq << 20;
        at[-1] = (uint16_t)x;
        at -= full;
        x = full ? x >> 16 : x;
        uint32_t q = (uint32_t)((((uint64_t)x * s->inverse >> 32) + x) >> s->shift);
        state[i & mask] = x + s->start + q * (MLR_RANS_SCALE - s->freq);
    }
    return (size_t)(words + j->n - at);
}
