#include "apply/base/xxh64.h"

#include "apply/base/cursor.h"
#include "apply/base/mem.h"

/* The constants, lanes and tail steps are those of the XXH64 specification, with seed 0. */
#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u
#define P4 0x85EBCA77C2B2AE63u
#define P5 0x27D4EB2F165667C5u

enum { STRIPE = 32 };

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static inline uint64_t mix_in(uint64_t lane, uint64_t word)
{
    return rotl(lane + word * P2, 31) * P1;
}

/* The four lanes live in registers over a whole run of stripes. */
static void absorb(uint64_t lane[4], const uint8_t *p, size_t stripes)
{
    uint64_t a = lane[0], b = lane[1], c = lane[2], d = lane[3];
    for (; stripes > 0; stripes--, p += STRIPE) {
        a = mix_in(a, mlr_load64(p));
        b = mix_in(b, mlr_load64(p + 8));
        c = mix_in(c, mlr_load64(p + 16));
        d = mix_in(d, mlr_load64(p + 24));
    }
    lane[0] = a;
    lane[1] = b;
    lane[2] = c;
    lane[3] = d;
}

static uint64_t join(const uint64_t lane[4])
{
    uint64_t h =
        rotl(lane[0], 1) + rotl(lane[1], 7) + rotl(lane[2], 12) + rotl(lane[3], 18);
    for (int i = 0; i < 4; i++) {
        h = (h ^ mix_in(0, lane[i])) * P1 + P4;
    }
    return h;
}

static uint64_t finish(uint64_t h, const uint8_t *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8) {
        h = rotl(h ^ mix_in(0, mlr_load64(p)), 27) * P1 + P4;
    }
    if (n >= 4) {
        h = rotl(h ^ mlr_load32(p) * P1, 23) * P2 + P3;
        n -= 4;
        p += 4;
    }
    for (; n > 0; n--, p++) {
        h = rotl(h ^ *p * P5, 11) * P1;
    }
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

void mlr_xxh64_begin(mlr_xxh64 *h)
{
    *h = (mlr_xxh64){.lane = {P1 + P2, P2, 0, 0 - P1}};
}

void mlr_xxh64_add(mlr_xxh64 *h, const void *data, size_t n)
{
    if (n == 0) {
        return;
    }
    const uint8_t *p = data;
    size_t waiting = (size_t)(h->total % STRIPE);
    h->total += n;
    if (waiting > 0) {
        size_t room = STRIPE - waiting;
        size_t take = n < room ? n : room;
        memcpy(h->stripe + waiting, p, take);
        if (take < room) {
            return;
        }
        absorb(h->lane, h->stripe, 1);
        p += take;
        n -= take;
    }
    absorb(h->lane, p, n / STRIPE);
    memcpy(h->stripe, p + n / STRIPE * STRIPE, n % STRIPE);
}

uint64_t mlr_xxh64_end(const mlr_xxh64 *h)
{
    uint64_t start = h->total >= STRIPE ? join(h->lane) : P5;
    return finish(start + h->total, h->stripe, (size_t)(h->total % STRIPE));
}

uint64_t mlr_xxh64_of(const void *data, size_t n)
{
    mlr_xxh64 h;
    mlr_xxh64_begin(&h);
    mlr_xxh64_add(&h, data, n);
    return mlr_xxh64_end(&h);
}
