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
        uint64_t is =
            mlr_to_ordered(j->now, mlr_number_load(j->new_bytes + i * bytes, bytes));
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

/* Zigzag values of 16-bit elements, and tokens where the value is one; a loop for vectors.
 */
static void values_of_16(const mlr_tokens_job *j, uint16_t *restrict z)
{
    const uint8_t *restrict is = j->new_bytes;
    const uint8_t *restrict expected = j->expected;
    const uint8_t *restrict context = j->context;
    uint8_t *restrict token = j->token;
    size_t n = j->n;
    uint16_t flip = j->now->is_float ? 0x7fff : 0;
    uint16_t sign = j->now->is_float || j->now->is_signed ? 0x8000 : 0;
    for (size_t i = 0; i < n; i++) {
        uint16_t x = mlr_load16(is + 2 * i);
        uint16_t negative = (uint16_t)(0 - (x >> 15));
        uint16_t d =
            (uint16_t)((x ^ ((negative & flip) | sign)) - mlr_load16(expected + 2 * i));
        uint16_t turn = (uint16_t)(0 - (context[i] >> 7));
        d = (uint16_t)((d ^ turn) - turn);
        z[i] = (uint16_t)((d << 1) ^ (0 - (d >> 15)));
        token[i] = (uint8_t)(z[i] < MLR_TOKEN_DIRECT ? z[i] : 255);
    }
}

static inline void finish_one(const mlr_tokens_job *j, mlr_rawbits_out *raw, uint64_t z,
                              size_t i)
{
    unsigned token = mlr_token_of(z, 2);
    unsigned bits = mlr_token_bits(token, 2);
    j->token[i] = (uint8_t)token;
    if (j->raw != NULL) {
        mlr_rawbits_put(raw, z & ((1U << bits) - 1), bits);
    }
}

/* The common case in two steps, of which the second only visits large values. */
static void tokens_of_16(const mlr_tokens_job *j, uint16_t *z)
{
    mlr_rawbits_out raw = {0};
    size_t i = 0;
    if (j->raw != NULL) {
        raw = *j->raw;
    }
    if (j->values16 != NULL && j->now->is_float) {
        j->values16(&(mlr_values16){.new_bytes = j->new_bytes,
                                    .expected = j->expected,
                                    .context = j->context,
                                    .n = j->n,
                                    .z = z,
                                    .token = j->token});
    } else {
        values_of_16(j, z);
    }
    for (; i + 8 <= j->n; i += 8) {
        uint64_t large = mlr_load64(j->token + i) & 0x8080808080808080U;
        for (; large != 0; large &= large - 1) {
            size_t k = i + mlr_log2_u64(large & (0 - large)) / 8;
            finish_one(j, &raw, z[k], k);
        }
    }
    for (; i < j->n; i++) {
        if (j->token[i] == 255) {
            finish_one(j, &raw, z[i], i);
        }
    }
    if (j->raw != NULL) {
        *j->raw = raw;
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
