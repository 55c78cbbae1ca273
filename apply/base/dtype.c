#include "apply/base/dtype.h"

#include "apply/base/checked.h"

static const mlr_dtype table[MLR_DTYPE_LIMIT] = {
#define MLR_DTYPE(id_, sym, name_, cls_, bits_, items, bytes, exp_)                        \
    [id_] = {.name = name_,                                                                \
             .id = id_,                                                                    \
             .cls = cls_,                                                                  \
             .exp_bits = exp_,                                                             \
             .bits = bits_,                                                                \
             .block_items = items,                                                         \
             .block_bytes = bytes},
#include "apply/base/dtypes.def"
#undef MLR_DTYPE
};

const mlr_dtype *mlr_dtype_get(unsigned id)
{
    return id < MLR_DTYPE_LIMIT && table[id].name != NULL ? &table[id] : NULL;
}

static bool same_text(const char *name, const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && name[i] != '\0' && name[i] == p[i]) {
        i++;
    }
    return i == n && name[i] == '\0';
}

const mlr_dtype *mlr_dtype_named(const char *name, size_t n)
{
    for (unsigned id = 0; id < MLR_DTYPE_LIMIT; id++) {
        if (table[id].name != NULL && same_text(table[id].name, name, n)) {
            return &table[id];
        }
    }
    return NULL;
}

bool mlr_dtype_bytes(const mlr_dtype *t, uint64_t elements, uint64_t *out)
{
    uint64_t blocks = elements / t->block_items;
    uint64_t rest = elements % t->block_items;
    if (rest == 0) {
        return mlr_mul_u64(blocks, t->block_bytes, out);
    }
    if (t->cls == MLR_CLASS_BLOCK) {
        return false;
    }
    uint64_t whole = 0;
    uint64_t tail = (rest * t->bits + 7) / 8;
    return mlr_mul_u64(blocks, t->block_bytes, &whole) && mlr_add_u64(whole, tail, out);
}
