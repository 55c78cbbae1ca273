#include "codec/tokens.h"

#include "apply/token.h"

static void put_raw(mlr_rawbits_out *raw, uint64_t z, unsigned n)
{
    uint64_t v = z & (((uint64_t)1 << n) - 1);
    if (n > 56) {
        mlr_rawbits_put(raw, v & UINT32_MAX, 32);
        mlr_rawbits_put(raw, v >> 32, n - 32);
        return;
    }
    mlr_rawbits_put(raw, v, n);
}

static inline void tokens_of(const mlr_tokens_job *j, unsigned bytes)
{
    unsigned fine = mlr_token_fine(bytes);
    for (size_t i = 0; i < j->n; i++) {
        uint64_t is = mlr_to_ordered(j->now, mlr_number_load(j->new_bytes + i * bytes, bytes));
        uint64_t d = is - mlr_number_load(j->expected + i * bytes, bytes);
        uint64_t turn = 0 - (uint64_t)(j->context[i] >> 7);
        uint64_t z = mlr_zigzag(j->now, ((d ^ turn) - turn) & j->now->mask);
        unsigned token = mlr_token_of(z, fine);
        j->token[i] = (uint8_t)token;
        if (token >= MLR_TOKEN_DIRECT && j->raw != NULL) {
            put_raw(j->raw, z, mlr_token_bits(token, fine));
        }
    }
}

void mlr_tokens_of(const mlr_tokens_job *j)
{
    switch (j->now->bytes) {
    case 1:
        tokens_of(j, 1);
        break;
    case 2:
        tokens_of(j, 2);
        break;
    case 4:
        tokens_of(j, 4);
        break;
    default:
        tokens_of(j, 8);
        break;
    }
}
