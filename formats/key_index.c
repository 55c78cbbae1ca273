#include "formats/key_index.h"

#include <sys/random.h>

#include "apply/base/cursor.h"

enum { FIRST_SLOTS = 64 };

void mlr_key_index_init(mlr_key_index *x)
{
    *x = (mlr_key_index){0};
    if (getrandom(x->seed, sizeof x->seed, GRND_NONBLOCK) != (ssize_t)sizeof x->seed) {
        /* Early in a boot only: then where the system put us is all we know. */
        x->seed[0] = (uint64_t)(uintptr_t)x;
        x->seed[1] = (uint64_t)(uintptr_t)&x;
    }
}

static uint64_t rotate(uint64_t v, unsigned by)
{
    return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3, the variant for hash tables. */
uint32_t mlr_key_tag(const mlr_key_index *x, mlr_str key)
{
    uint64_t v[4] = {x->seed[0] ^ 0x736f6d6570736575u, x->seed[1] ^ 0x646f72616e646f6du,
                     x->seed[0] ^ 0x6c7967656e657261u, x->seed[1] ^ 0x7465646279746573u};
    const uint8_t *p = (const uint8_t *)key.p;
    size_t whole = key.n & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        sip_absorb(v, mlr_load64(p + i));
    }
    uint8_t last[8] = {0};
    for (size_t i = whole; i < key.n; i++) {
        last[i - whole] = p[i];
    }
    last[7] = (uint8_t)key.n;
    sip_absorb(v, mlr_load64(last));
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) {
        sip_round(v);
    }
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

uint32_t mlr_key_find(const mlr_key_index *x, uint32_t tag, mlr_str key, mlr_key_same same,
                      const void *table)
{
    if (x->slot == NULL) {
        return MLR_NO_TENSOR;
    }
    for (uint32_t i = tag & x->mask; x->slot[i].row != 0; i = (i + 1) & x->mask) {
        if (x->slot[i].tag == tag && same(table, x->slot[i].row - 1, key)) {
            return x->slot[i].row - 1;
        }
    }
    return MLR_NO_TENSOR;
}

static void place(mlr_key_index *x, uint32_t tag, uint32_t row)
{
    uint32_t i = tag & x->mask;
    while (x->slot[i].row != 0) {
        i = (i + 1) & x->mask;
    }
    x->slot[i] = (mlr_key_slot){.tag = tag, .row = row + 1};
}

/*
 * Rows move to the larger table in the order of their insertion, not of their slots: then
 * the newest row always ends its run of slots, and taking it back leaves no hole.
 */
static bool grow(mlr_key_index *x, mlr_pool *pool)
{
    uint32_t slots = x->slot == NULL ? FIRST_SLOTS : (x->mask + 1) * 2;
    mlr_key_slot *larger = mlr_pool_take(pool, (size_t)slots * sizeof *larger);
    uint32_t *tags = mlr_pool_take(pool, ((size_t)x->count + 1) * sizeof *tags);
    if (larger == NULL || tags == NULL) {
        return false;
    }
    for (uint32_t i = 0; x->slot != NULL && i <= x->mask; i++) {
        if (x->slot[i].row != 0) {
            tags[x->slot[i].row - 1] = x->slot[i].tag;
        }
    }
    x->slot = larger;
    x->mask = slots - 1;
    for (uint32_t row = 0; row < x->count; row++) {
        place(x, tags[row], row);
    }
    return true;
}

bool mlr_key_insert(mlr_key_index *x, uint32_t tag, mlr_pool *pool)
{
    if ((x->slot == NULL || x->count >= x->mask / 2) && !grow(x, pool)) {
        return false;
    }
    place(x, tag, x->count++);
    return true;
}

void mlr_key_remove_last(mlr_key_index *x, uint32_t tag)
{
    uint32_t i = tag & x->mask;
    while (x->slot[i].row != x->count) {
        i = (i + 1) & x->mask;
    }
    x->slot[i] = (mlr_key_slot){0};
    x->count--;
}
