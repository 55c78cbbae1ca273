#include "apply/residual.h"

#include "apply/token.h"

static uint64_t wide_take(mlr_rawbits *b, unsigned n)
{
    if (n <= 56) {
        return mlr_rawbits_take(b, n);
    }
    uint64_t low = mlr_rawbits_take(b, 32);
    return low | mlr_rawbits_take(b, n - 32) << 32;
}

static inline void add_all(const mlr_residual *r, unsigned bytes)
{
    unsigned fine = mlr_token_fine(bytes);
    for (size_t i = 0; i < r->n; i++) {
        uint64_t z = r->token[i];
        if (z >= MLR_TOKEN_DIRECT) {
            unsigned token = r->token[i];
            z = mlr_token_base(token, fine) |
                wide_take(r->raw, mlr_token_bits(token, fine));
        }
        uint64_t d = mlr_unzigzag(z);
        uint64_t turn = 0 - (uint64_t)(r->context[i] >> 7);
        uint64_t at = mlr_number_load(r->expected + i * bytes, bytes) + ((d ^ turn) - turn);
        mlr_number_store(r->out + i * bytes, bytes,
                         mlr_from_ordered(r->now, at & r->now->mask));
    }
}

void mlr_residual_add(const mlr_residual *r)
{
    switch (r->now->bytes) {
    case 1:
        add_all(r, 1);
        break;
    case 2:
        add_all(r, 2);
        break;
    case 4:
        add_all(r, 4);
        break;
    default:
        add_all(r, 8);
        break;
    }
}
