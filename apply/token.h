/*
 * Residuals as tokens: zigzag values below 32 are tokens themselves; larger ones are coded
 * by their highest bits, and the rest follow as raw bits.
 */
#ifndef MLR_APPLY_TOKEN_H
#define MLR_APPLY_TOKEN_H

#include <stdint.h>

#include "apply/number.h"

enum { MLR_TOKEN_DIRECT = 32, MLR_TOKEN_DIRECT_LOG = 5, MLR_TOKEN_LIMIT = 160 };

/* Bits below the highest one that belong to the token. */
static inline unsigned mlr_token_fine(unsigned bytes)
{
    return bytes == 8 ? 1 : 2;
}

/* Number of tokens that elements of this width can need; at most MLR_TOKEN_LIMIT. */
static inline unsigned mlr_token_count(unsigned bytes)
{
    return MLR_TOKEN_DIRECT + ((bytes * 8 - MLR_TOKEN_DIRECT_LOG) << mlr_token_fine(bytes));
}

static inline unsigned mlr_token_of(uint64_t z, unsigned fine)
{
    if (z < MLR_TOKEN_DIRECT) {
        return (unsigned)z;
    }
    unsigned top = mlr_log2_u64(z);
    unsigned next = (unsigned)(z >> (top - fine)) & ((1U << fine) - 1);
    return MLR_TOKEN_DIRECT + ((top - MLR_TOKEN_DIRECT_LOG) << fine) + next;
}

/* Raw bits that follow a token. */
static inline unsigned mlr_token_bits(unsigned token, unsigned fine)
{
    return token < MLR_TOKEN_DIRECT
               ? 0
               : MLR_TOKEN_DIRECT_LOG + ((token - MLR_TOKEN_DIRECT) >> fine) - fine;
}

/* The smallest value a token stands for; raw bits are added to it. */
static inline uint64_t mlr_token_base(unsigned token, unsigned fine)
{
    if (token < MLR_TOKEN_DIRECT) {
        return token;
    }
    unsigned next = (token - MLR_TOKEN_DIRECT) & ((1U << fine) - 1);
    return (uint64_t)((1U << fine) + next) << mlr_token_bits(token, fine);
}

#endif
