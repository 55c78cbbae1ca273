#include "codec/delta.h"

#include <stdbool.h>
#include <string.h>

#include "apply/base/cursor.h"

enum {
    KEY = 8, /* bytes that two places must share to be compared at all */
    CANDIDATES =
        24,     /* places compared at each position: bounds the time on repetitive input */
    MARGIN = 8, /* bytes by which a new alignment must win over going on with the old one */
    LONG_ENOUGH = 4096
};

typedef struct finder {
    mlr_bytes_view old_bytes, new_bytes;
    uint32_t *head, *prev; /* hash chains over the old bytes; position + 1, 0 ends */
    unsigned bits;
    int (*found)(void *ctx, mlr_likeness like);
    void *ctx;
} finder;

static uint32_t key_of(const finder *f, const uint8_t *p)
{
    return (uint32_t)(mlr_load64(p) * 0x9e3779b97f4a7c15u >> (64 - f->bits));
}

static uint32_t common(const finder *f, uint32_t old_at, uint32_t new_at)
{
    const uint8_t *a = f->old_bytes.p + old_at, *b = f->new_bytes.p + new_at;
    uint32_t room = f->old_bytes.n - old_at;
    if (room > f->new_bytes.n - new_at) {
        room = f->new_bytes.n - new_at;
    }
    uint32_t n = 0;
    while (n < room && a[n] == b[n]) {
        n++;
    }
    return n;
}

/* The longest match at `new_at` among the candidates; 0 where there is none. */
static uint32_t search(const finder *f, uint32_t new_at, uint32_t *old_at)
{
    if (f->new_bytes.n - new_at < KEY) {
        return 0;
    }
    uint32_t best = 0;
    uint32_t at = f->head[key_of(f, f->new_bytes.p + new_at)];
    for (int i = 0; i < CANDIDATES && at != 0; i++) {
        uint32_t n = common(f, at - 1, new_at);
        if (n > best) {
            best = n;
            *old_at = at - 1;
        }
        if (n >= LONG_ENOUGH) {
            break;
        }
        at = f->prev[at - 1];
    }
    return best >= KEY ? best : 0;
}

/* Inserted from the end, so that chains begin with the lowest position: order matters in
   files, and of equal matches the first is the likely one. */
static void index_old(finder *f)
{
    if (f->old_bytes.n < KEY) {
        return;
    }
    for (uint32_t i = f->old_bytes.n - KEY + 1; i-- > 0;) {
        uint32_t k = key_of(f, f->old_bytes.p + i);
        f->prev[i] = f->head[k];
        f->head[k] = i + 1;
    }
}

/* An alignment: new byte i stands against old byte i + shift. */
static bool agrees(const finder *f, int64_t shift, uint32_t at)
{
    int64_t old_at = (int64_t)at + shift;
    return old_at >= 0 && old_at < (int64_t)f->old_bytes.n &&
           f->old_bytes.p[old_at] == f->new_bytes.p[at];
}

/* How far the alignment that starts at `from` holds, at most to `to`: the length at which
   agreeing bytes outnumber the others by most. */
static uint32_t reach_forward(const finder *f, int64_t shift, uint32_t from, uint32_t to)
{
    int64_t score = 0, best = 0;
    uint32_t len = 0;
    for (uint32_t i = from; i < to && (int64_t)i + shift < (int64_t)f->old_bytes.n; i++) {
        score += agrees(f, shift, i) ? 1 : -1;
        if (score > best) {
            best = score;
            len = i + 1 - from;
        }
    }
    return len;
}

static uint32_t reach_back(const finder *f, int64_t shift, uint32_t from, uint32_t least)
{
    int64_t score = 0, best = 0;
    uint32_t len = 0;
    for (uint32_t i = from; i > least && (int64_t)i + shift > 0; i--) {
        score += agrees(f, shift, i - 1) ? 1 : -1;
        if (score > best) {
            best = score;
            len = from - (i - 1);
        }
    }
    return len;
}

/* Where two stretches claim the same bytes: the split that keeps most agreeing bytes. */
static uint32_t best_split(const finder *f, int64_t left, int64_t right, uint32_t from,
                           uint32_t to)
{
    int64_t score = 0, best = 0;
    uint32_t split = from;
    for (uint32_t i = from; i < to; i++) {
        score += (agrees(f, left, i) ? 1 : 0) - (agrees(f, right, i) ? 1 : 0);
        if (score > best) {
            best = score;
            split = i + 1;
        }
    }
    return split;
}

/* Looks for the next place where another alignment is better. Returns its start, or the end
   of the new bytes. */
static uint32_t next_break(const finder *f, int64_t shift, uint32_t from, uint32_t *old_at)
{
    uint32_t counted = from; /* bytes up to here are in `kept` */
    int64_t kept = 0; /* bytes in [at, counted) that the present alignment has right */
    uint32_t at = from;
    while (at < f->new_bytes.n) {
        uint32_t len = search(f, at, old_at);
        for (; counted < at + len; counted++) {
            kept += agrees(f, shift, counted);
        }
        if (len > 0 && (int64_t)len == kept) {
            at += len; /* nothing better than going on */
            kept = 0;
            counted = at;
            continue;
        }
        if ((int64_t)len > kept + MARGIN) {
            return at;
        }
        if (counted > at) {
            kept -= agrees(f, shift, at);
        } else {
            counted = at + 1;
        }
        at++;
    }
    return f->new_bytes.n;
}

static bool emit(const finder *f, int64_t shift, uint32_t at, uint32_t len)
{
    if (len < KEY) {
        return true;
    }
    mlr_likeness like = {
        .new_at = at, .old_at = (uint32_t)((int64_t)at + shift), .len = len};
    return f->found(f->ctx, like) != 0;
}

/*
 * Goes from alignment to alignment; each is stretched both ways before it is reported. The
 * search goes on from where the last one ended, not from where its stretch begins: it must
 * come to an end.
 */
static bool scan(const finder *f)
{
    uint32_t n = f->new_bytes.n;
    uint32_t begin = 0; /* of the present stretch */
    uint32_t from = 0;  /* where the search goes on */
    int64_t shift = 0;
    while (begin < n) {
        uint32_t old_at = 0;
        uint32_t stop = next_break(f, shift, from, &old_at);
        int64_t next = (int64_t)old_at - (int64_t)stop;
        uint32_t end = begin + reach_forward(f, shift, begin, stop);
        uint32_t start = stop < n ? stop - reach_back(f, next, stop, begin) : n;
        if (start < end) {
            start = end = best_split(f, shift, next, start, end);
        }
        if (!emit(f, shift, begin, end - begin)) {
            return false;
        }
        if (stop >= n) {
            break;
        }
        begin = start;
        from = stop;
        shift = next;
    }
    return true;
}

mlr_status mlr_delta_find(mlr_bytes_view old_bytes, mlr_bytes_view new_bytes,
                          const mlr_allocator *alloc,
                          int (*found)(void *ctx, mlr_likeness like), void *ctx,
                          mlr_err *err)
{
    finder f = {.old_bytes = old_bytes,
                .new_bytes = new_bytes,
                .bits = 12,
                .found = found,
                .ctx = ctx};
    while (f.bits < 24 && (1u << f.bits) < old_bytes.n) {
        f.bits++;
    }
    size_t head_n = sizeof(uint32_t) << f.bits;
    size_t prev_n = ((size_t)old_bytes.n + 1) * sizeof(uint32_t);
    f.head = mlr_take(alloc, head_n);
    f.prev = mlr_take(alloc, prev_n);
    bool fine = f.head != NULL && f.prev != NULL;
    if (fine) {
        memset(f.head, 0, head_n);
        index_old(&f);
        fine = scan(&f);
    }
    mlr_give(alloc, f.head, head_n);
    mlr_give(alloc, f.prev, prev_n);
    return fine ? MLR_OK : mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "structure delta");
}
