#include "codec/lag.h"

#include <string.h>

#include "apply/neural.h"

enum { ELEMENTS = 32768, WORDS = ELEMENTS / 64, MOST_LAG = 4608 };

typedef struct flags {
    uint64_t bit[WORDS + 1]; /* whether each element changed; a word of zeros behind */
    uint64_t changed;
    unsigned n;
    uint8_t new_bytes[ELEMENTS * 8], old[ELEMENTS * 8];
} flags;

static void compare(flags *f, unsigned bytes)
{
    memset(f->bit, 0, sizeof f->bit);
    f->changed = 0;
    for (size_t i = 0; i < f->n; i++) {
        uint64_t other = memcmp(f->new_bytes + i * bytes, f->old + i * bytes, bytes) != 0;
        f->bit[i / 64] |= other << (i % 64);
        f->changed += other;
    }
}

/* Elements that changed where the one `lag` back did not, or the other way around. */
static uint64_t unlike(const flags *f, unsigned lag)
{
    uint64_t count = 0;
    unsigned skip = lag / 64, shift = lag % 64;
    size_t words = (f->n - lag) / 64; /* whole ones are enough to know */
    for (size_t i = 0; i < words; i++) {
        uint64_t later = f->bit[i + skip] >> shift;
        later |= shift == 0 ? 0 : f->bit[i + skip + 1] << (64 - shift);
        count += (uint64_t)__builtin_popcountll(later ^ f->bit[i]);
    }
    return count;
}

static unsigned best_lag(const flags *f)
{
    enum { CLEARLY = 16 }; /* less than chance by one part in */
    double share = (double)f->changed / f->n;
    double chance = 2 * share * (1 - share);
    double least = chance - chance / CLEARLY;
    unsigned best = 0;
    for (unsigned lag = MLR_NEURAL_CHUNK; lag <= MOST_LAG && lag <= f->n / 2; lag++) {
        double rate = (double)unlike(f, lag) / (double)((f->n - lag) / 64 * 64);
        if (rate < least) {
            least = rate;
            best = lag;
        }
    }
    return best;
}

mlr_status mlr_find_lag(const mlr_encoding *e, const mlr_view *v, uint64_t *lag,
                        mlr_err *err)
{
    const mlr_record *r = v->record;
    unsigned bytes = r->dtype->block_bytes;
    uint64_t n = r->new_bytes / bytes, in_block = r->block_new / bytes;
    n = n < in_block ? n : in_block;
    *lag = 0;
    if (n < 4 * MLR_NEURAL_CHUNK || bytes > 8) {
        return MLR_OK;
    }
    flags *f = mlr_take(e->alloc, sizeof *f);
    if (f == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                        "memory for encoding a tensor");
    }
    f->n = n < ELEMENTS ? (unsigned)n : ELEMENTS;
    mlr_status s = v->read(v->ctx, 0, (size_t)f->n * bytes, f->new_bytes, f->old, err);
    if (s == MLR_OK) {
        compare(f, bytes);
        *lag = best_lag(f);
    }
    mlr_give(e->alloc, f, sizeof *f);
    return s;
}
