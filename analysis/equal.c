#include "analysis/equal.h"

#include "analysis/fetch.h"
#include "apply/base/mem.h"
#include "apply/base/xxh64.h"

enum { BATCH = 64, SAMPLES = 4 };

const mlr_source *mlr_tensor_source(const mlr_model *m, const mlr_tensor *t)
{
    return m->members[t->member].source;
}

/* One window of one question. */
typedef struct window {
    mlr_equal *of;
    uint64_t off;
    size_t n;
    bool differs;
    mlr_err err;
} window;

typedef struct batch {
    window windows[BATCH];
    size_t count;
    uint8_t *room; /* two windows a lane */
} batch;

static void compare_window(void *arg, size_t i, unsigned lane)
{
    batch *b = arg;
    window *w = &b->windows[i];
    uint8_t *room = b->room + (size_t)lane * 2 * MLR_EQUAL_WINDOW;
    const uint8_t *p = mlr_fetch(w->of->a, w->of->a_off + w->off, w->n, room, &w->err);
    if (p == NULL) {
        return;
    }
    const uint8_t *q =
        mlr_fetch(w->of->b, w->of->b_off + w->off, w->n, room + MLR_EQUAL_WINDOW, &w->err);
    w->differs = q != NULL && memcmp(p, q, w->n) != 0;
}

/* Where the next window starts. */
typedef struct place {
    size_t item;
    uint64_t off;
} place;

static void fill_batch(batch *b, mlr_equal *list, size_t count, place *at)
{
    b->count = 0;
    while (b->count < BATCH && at->item < count) {
        mlr_equal *e = &list[at->item];
        if (e->differs || at->off >= e->bytes) {
            at->item++;
            at->off = 0;
            continue;
        }
        uint64_t left = e->bytes - at->off;
        size_t n = left < MLR_EQUAL_WINDOW ? (size_t)left : MLR_EQUAL_WINDOW;
        b->windows[b->count++] = (window){.of = e, .off = at->off, .n = n};
        at->off += n;
    }
}

static mlr_status take_answers(batch *b, uint64_t *done, mlr_err *err)
{
    for (size_t i = 0; i < b->count; i++) {
        window *w = &b->windows[i];
        if (w->err.status != MLR_OK) {
            if (err != NULL && err->status == MLR_OK) {
                *err = w->err;
            }
            return w->err.status;
        }
        w->of->differs |= w->differs;
        *done += 2 * (uint64_t)w->n;
    }
    return MLR_OK;
}

/* Questions before the place are answered. */
static void close_questions(mlr_equal *list, size_t *closed, size_t until)
{
    while (*closed < until) {
        list[(*closed)++].compared = true;
    }
}

mlr_status mlr_equal_run(mlr_equal *list, size_t count, const mlr_work *work,
                         uint64_t *done, uint64_t total, mlr_err *err)
{
    size_t lanes = mlr_exec_lanes(work->exec);
    size_t room_bytes = lanes * 2 * MLR_EQUAL_WINDOW;
    mlr_status status = MLR_OK;
    uint8_t *room = mlr_take(work->alloc, room_bytes);
    batch *b = mlr_take(work->alloc, sizeof *b);
    if (room == NULL || b == NULL) {
        status = mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for windows");
        goto out;
    }
    b->room = room;
    place at = {0, 0};
    size_t closed = 0;
    for (fill_batch(b, list, count, &at); b->count > 0; fill_batch(b, list, count, &at)) {
        if (!mlr_keep_going(work->tick, *done, total)) {
            status = mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "stopped on request");
            goto out;
        }
        mlr_exec_run(work->exec, compare_window, b, b->count);
        status = take_answers(b, done, err);
        if (status != MLR_OK) {
            goto out;
        }
        close_questions(list, &closed, at.item);
    }
    close_questions(list, &closed, count);
out:
    mlr_give(work->alloc, b, sizeof *b);
    mlr_give(work->alloc, room, room_bytes);
    return status;
}

mlr_status mlr_signature(const mlr_model *m, const mlr_tensor *t, uint8_t *room,
                         uint64_t *out, mlr_err *err)
{
    mlr_xxh64 h;
    mlr_xxh64_begin(&h);
    uint64_t len = t->data.len;
    mlr_xxh64_add(&h, &len, sizeof len);
    size_t n = len < MLR_SIGNATURE_ROOM ? (size_t)len : MLR_SIGNATURE_ROOM;
    unsigned samples = n == len ? (n == 0 ? 0 : 1) : SAMPLES;
    for (unsigned i = 0; i < samples; i++) {
        uint64_t off = (len - n) / SAMPLES * i;
        off = i == SAMPLES - 1 ? len - n : off;
        const uint8_t *p =
            mlr_fetch(mlr_tensor_source(m, t), t->data.off + off, n, room, err);
        if (p == NULL) {
            return err == NULL ? MLR_E_IO : err->status;
        }
        mlr_xxh64_add(&h, p, n);
    }
    *out = mlr_xxh64_end(&h);
    return MLR_OK;
}
