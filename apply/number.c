#include "apply/number.h"

static void describe_float(const mlr_dtype *t, mlr_number *n)
{
    n->mantissa = (uint8_t)(t->bits - 1 - t->exp_bits);
    n->exp_limit = (uint16_t)((1U << t->exp_bits) - 1);
    n->bias = (1 << (t->exp_bits - 1)) - 1;
    n->max_bits = (uint64_t)n->exp_limit << n->mantissa; /* infinity */
    if (t->id == MLR_DTYPE_F8_E4M3) {
        n->max_bits = 0x7e;
    } else if (t->id == MLR_DTYPE_F8_E4M3FNUZ || t->id == MLR_DTYPE_F8_E5M2FNUZ) {
        n->max_bits = 0x7f;
        n->bias++;
    }
}

bool mlr_number_of(const mlr_dtype *t, mlr_number *out)
{
    bool is_float = t->cls == MLR_CLASS_FLOAT;
    bool is_int = t->cls == MLR_CLASS_INT || t->cls == MLR_CLASS_UINT;
    unsigned bytes = t->block_bytes;
    if ((!is_float && !is_int) || t->block_items != 1 || t->bits != bytes * 8 ||
        (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8)) {
        return false;
    }
    *out = (mlr_number){.bytes = (uint8_t)bytes,
                        .is_float = is_float,
                        .is_signed = t->cls == MLR_CLASS_INT,
                        .mask = UINT64_MAX >> (64 - 8 * bytes),
                        .sign = (uint64_t)1 << (8 * bytes - 1)};
    if (is_float) {
        describe_float(t, out);
    }
    return true;
}
