#include "analysis/blocks.h"

#include "analysis/block_decoders.h"

bool mlr_block_known(const mlr_dtype *t)
{
    return layouts[t->id].decode != NULL;
}

bool mlr_block_values(const mlr_dtype *t, const uint8_t *block, double *out)
{
    if (layouts[t->id].decode == NULL) {
        return false;
    }
    layouts[t->id].decode(block, out);
    return true;
}

unsigned mlr_block_scales(const mlr_dtype *t, mlr_byte_range out[2])
{
    const layout *l = &layouts[t->id];
    unsigned n = 0;
    while (n < 2 && l->scales[n].end != 0) {
        out[n] = l->scales[n];
        n++;
    }
    return n;
}

static void reverse(uint8_t *p, unsigned n)
{
    for (unsigned i = 0; i < n / 2; i++) {
        uint8_t keep = p[i];
        p[i] = p[n - 1 - i];
        p[n - 1 - i] = keep;
    }
}

void mlr_block_swap(const mlr_dtype *t, uint8_t *block)
{
    const layout *l = &layouts[t->id];
    if (l->scales[0].end == 0) {
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (l->wide[i] != NO) {
            reverse(block + (l->wide[i] & ~FOUR), (l->wide[i] & FOUR) != 0 ? 4 : 2);
        }
    }
}
