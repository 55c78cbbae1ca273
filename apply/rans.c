#include "apply/rans.h"

#include "apply/base/cursor.h"

bool mlr_rans_begin(mlr_rans *r, const uint8_t *states)
{
    bool ok = true;
    for (unsigned i = 0; i < r->lanes; i++) {
        r->state[i] = mlr_load32(states + 4 * i);
        ok = ok && r->state[i] >= MLR_RANS_FLOOR;
    }
    return ok;
}

bool mlr_rans_ended(const mlr_rans *r)
{
    bool ok = r->next == r->word_count;
    for (unsigned i = 0; i < r->lanes; i++) {
        ok = ok && r->state[i] == MLR_RANS_FLOOR;
    }
    return ok;
}

uint32_t mlr_rans_widen(uint32_t *wide, uint32_t token, uint32_t freq)
{
    for (uint32_t i = 0; i < freq; i++) {
        wide[i] = token | i << 8 | (freq - 1) << 20;
    }
    return freq;
}

static uint32_t refill(mlr_rans *r, uint32_t x)
{
    if (x >= MLR_RANS_FLOOR) {
        return x;
    }
    uint32_t word = r->next < r->word_count ? mlr_load16(r->words + 2 * r->next) : 0;
    r->next++;
    return x << 16 | word;
}

static uint8_t decode_narrow(mlr_rans *r, uint32_t *state, unsigned table)
{
    const uint16_t *start = r->tables->narrow + (size_t)table * (r->tables->tokens + 1);
    uint32_t slot = *state & (MLR_RANS_SCALE - 1);
    unsigned low = 0;
    unsigned high = r->tables->tokens;
    while (high - low > 1) {
        unsigned mid = (low + high) / 2;
        if (start[mid] <= slot) {
            low = mid;
        } else {
            high = mid;
        }
    }
    uint32_t freq = (uint32_t)start[low + 1] - start[low];
    *state = refill(r, freq * (*state >> MLR_RANS_BITS) + slot - start[low]);
    return (uint8_t)low;
}

void mlr_rans_decode(mlr_rans *r, const uint8_t *context, uint8_t *token, size_t n)
{
    const uint32_t *wide = r->tables->wide;
    size_t mask = r->lanes - 1;
    for (size_t i = 0; i < n; i++) {
        unsigned table = context[i] & (MLR_RANS_TABLES - 1U);
        uint32_t *state = &r->state[i & mask];
        if (wide == NULL) {
            token[i] = decode_narrow(r, state, table);
            continue;
        }
        uint32_t x = *state;
        uint32_t entry = wide[(size_t)table << MLR_RANS_BITS | (x & (MLR_RANS_SCALE - 1))];
        token[i] = (uint8_t)entry;
        x = ((entry >> 20) + 1) * (x >> MLR_RANS_BITS) +
            (entry >> 8 & (MLR_RANS_SCALE - 1));
        *state = refill(r, x);
    }
}
