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

/* The common case in two steps, of which the first is one for vectors. */
static void tokens_of_16(const mlr_tokens_job *j, uint16_t *z)
{
    uint16_t flip = j->now->is_float ? 0xffff : 0;
    uint16_t sign = j->now->is_float || j->now->is_signed ? 0x8000 : 0;
    for (size_t i = 0; i < j->n; i++) {
        uint16_t x = mlr_load16(j->new_bytes + 2 * i);
        uint16_t turned = (uint16_t)(x ^ (((x >> 15 != 0 ? 0xffff : 0) & flip) | sign));
        uint16_t d = (uint16_t)(turned - mlr_load16(j->expected + 2 * i));
        uint16_t turn = j->context[i] >> 7 != 0 ? 0xffff : 0;
        d = (uint16_t)((d ^ turn) - turn);
        z[i] = (uint16_t)((d << 1) ^ (d >> 15 != 0 ? 0xffff : 0));
        j->token[i] = (uint8_t)(z[i] < MLR_TOKEN_DIRECT ? z[i] : 255);
    }
    for (size_t i = 0; i < j->n; i++) {
        if (j->token[i] == 255) {
            j->token[i] = (uint8_t)mlr_token_of(z[i], 2);
            if (j->raw != NULL) {
                put_raw(j->raw, z[i], mlr_token_bits(j->token[i], 2));
            }
        }
    }
}

void mlr_tokens_of(const mlr_tokens_job *j)
{
    uint16_t z[MLR_TOKENS_AT_ONCE];
    switch (j->now->bytes) {
    case 1:
        tokens_of(j, 1);
        break;
    case 2:
        tokens_of_16(j, z);
        break;
    case 4:
        tokens_of(j, 4);
        break;
    default:
        tokens_of(j, 8);
        break;
    }
}
