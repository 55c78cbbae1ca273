#include "analysis/diff.h"

#include "apply/base/mem.h"

enum { SMALL_BYTES = 1 << 20, BATCH = 32 };

static const size_t KEEP_BYTES = (size_t)64 << 20;

mlr_pair mlr_diff_pair(const mlr_diff *d, size_t index)
{
    const mlr_pairing *p = &d->matching.pairs[index];
    const mlr_model *o = d->matching.old_model, *n = d->matching.new_model;
    return (mlr_pair){
        .old_model = o,
        .new_model = n,
        .old_tensor = p->old_tensor == MLR_NO_TENSOR ? NULL : &o->tensors[p->old_tensor],
        .new_tensor = p->new_tensor == MLR_NO_TENSOR ? NULL : &n->tensors[p->new_tensor]};
}

mlr_status mlr_diff_begin(mlr_diff *d, const mlr_model *old_model,
                          const mlr_model *new_model, const mlr_match_options *match,
                          mlr_pool *pool, mlr_err *err)
{
    *d = (mlr_diff){.pool = pool};
    mlr_status status =
        mlr_match_headers(&d->matching, old_model, new_model, match, pool, err);
    if (status != MLR_OK) {
        return status;
    }
    d->measures = mlr_pool_take(pool, d->matching.count * sizeof *d->measures);
    if (d->measures == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the differences");
    }
    return MLR_OK;
}

/* --- the queue ---------------------------------------------------------------------------
 */

/* One tensor of a batch. */
typedef struct item {
    size_t index;
    mlr_measure measure;
    mlr_err err;
} item;

typedef struct queue {
    mlr_diff *d;
    const mlr_diff_options *options;
    const mlr_work *work;
    mlr_work inner; /* the same with a tick that counts over all tensors */
    mlr_tick tick;
    mlr_measure_options how;
    mlr_detail **detail; /* one for each place of a batch, or NULL */
    item *items;         /* BATCH */
    uint64_t done, total;
    size_t kept; /* bytes */
} queue;

static bool inner_tick(void *ctx, uint64_t done, uint64_t total)
{
    queue *q = ctx;
    (void)total;
    return mlr_keep_going(q->work->tick, q->done + done, q->total);
}

static uint64_t bytes_of(const mlr_diff *d, size_t index)
{
    mlr_pair p = mlr_diff_pair(d, index);
    uint64_t n = p.old_tensor == NULL ? 0 : p.old_tensor->data.len;
    return n + (p.new_tensor == NULL ? 0 : p.new_tensor->data.len);
}

static bool wanted(const queue *q, size_t index)
{
    return q->options->same_too || q->d->matching.pairs[index].change != MLR_CHANGE_SAME;
}

static mlr_status measure_one(const queue *q, item *it, mlr_detail *detail,
                              const mlr_work *work)
{
    mlr_pair pair = mlr_diff_pair(q->d, it->index);
    return mlr_measure_pair(&it->measure, detail, &pair, &q->how, work, &it->err);
}

static void measure_small(void *arg, size_t i, unsigned lane)
{
    queue *q = arg;
    mlr_work alone = {.alloc = q->work->alloc};
    (void)lane;
    (void)measure_one(q, &q->items[i], q->detail == NULL ? NULL : q->detail[i], &alone);
}

static void keep(queue *q, const item *it)
{
    size_t limit = q->options->keep_bytes == 0 ? KEEP_BYTES : q->options->keep_bytes;
    if (q->kept + sizeof it->measure > limit) {
        return;
    }
    mlr_measure *copy = mlr_pool_take(q->d->pool, sizeof *copy);
    if (copy != NULL) { /* without it the figures are only published */
        *copy = it->measure;
        q->d->measures[it->index] = copy;
        q->kept += sizeof *copy;
    }
}

static mlr_status publish(queue *q, const item *it, const mlr_detail *detail, mlr_err *err)
{
    if (it->err.status != MLR_OK) {
        if (err != NULL && err->status == MLR_OK) {
            *err = it->err;
        }
        mlr_pair pair = mlr_diff_pair(q->d, it->index);
        const mlr_tensor *t = pair.new_tensor != NULL ? pair.new_tensor : pair.old_tensor;
        mlr_err_about(err, t->key.p, t->key.n);
        return it->err.status;
    }
    keep(q, it);
    q->d->measured++;
    q->done += bytes_of(q->d, it->index);
    const mlr_diff_watch *watch = q->options->watch;
    if (watch != NULL && watch->measured != NULL) {
        watch->measured(watch->ctx, q->d, it->index, &it->measure, detail);
    }
    return MLR_OK;
}

/* Small tensors run side by side, a large one alone with its blocks side by side. Fills
   the batch from `*next` on. */
static size_t fill_batch(queue *q, size_t *next)
{
    size_t n = 0;
    while (*next < q->d->matching.count && n < BATCH) {
        bool large = bytes_of(q->d, *next) > SMALL_BYTES;
        if (wanted(q, *next)) {
            if (large && n > 0) {
                break;
            }
            q->items[n++] = (item){.index = *next};
        }
        ++*next;
        if (large && n > 0) {
            break;
        }
    }
    return n;
}

static mlr_status run_batch(queue *q, size_t n, mlr_err *err)
{
    if (!mlr_keep_going(q->work->tick, q->done, q->total)) {
        return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "stopped on request");
    }
    if (n == 1) {
        (void)measure_one(q, &q->items[0], q->detail == NULL ? NULL : q->detail[0],
                          &q->inner);
    } else {
        mlr_exec_run(q->work->exec, measure_small, q, n);
    }
    for (size_t i = 0; i < n; i++) {
        mlr_status status =
            publish(q, &q->items[i], q->detail == NULL ? NULL : q->detail[i], err);
        if (status != MLR_OK) {
            return status;
        }
    }
    return MLR_OK;
}

static bool open_queue(queue *q, mlr_pool *scratch)
{
    q->items = mlr_pool_take(scratch, BATCH * sizeof *q->items);
    if (q->items == NULL) {
        return false;
    }
    if (!q->options->detail) {
        return true;
    }
    q->detail = mlr_pool_take(scratch, BATCH * sizeof(mlr_detail *));
    for (size_t i = 0; q->detail != NULL && i < BATCH; i++) {
        q->detail[i] = mlr_pool_take(scratch, sizeof(mlr_detail));
        if (q->detail[i] == NULL) {
            return false;
        }
    }
    return q->detail != NULL;
}

static mlr_status measure_all(queue *q, mlr_err *err)
{
    for (size_t i = 0; i < q->d->matching.count; i++) {
        if (wanted(q, i)) {
            q->total += bytes_of(q->d, i);
            q->d->to_measure++;
        }
    }
    size_t next = 0;
    for (size_t n = fill_batch(q, &next); n > 0; n = fill_batch(q, &next)) {
        mlr_status status = run_batch(q, n, err);
        if (status != MLR_OK) {
            return status;
        }
    }
    return MLR_OK;
}

mlr_status mlr_diff_compare(mlr_diff *d, const mlr_diff_options *options,
                            const mlr_work *work, mlr_err *err)
{
    mlr_status status = mlr_match_contents(&d->matching, options->match, work, err);
    if (status != MLR_OK) {
        return status;
    }
    if (options->watch != NULL && options->watch->matched != NULL) {
        options->watch->matched(options->watch->ctx, d);
    }
    mlr_pool scratch;
    mlr_pool_init(&scratch, work->alloc);
    queue q = {.d = d,
               .options = options,
               .work = work,
               .inner = *work,
               .how = {.depth = options->depth, .kernels = options->kernels}};
    q.tick = (mlr_tick){.ctx = &q, .keep_going = inner_tick};
    q.inner.tick = &q.tick;
    d->measured = d->to_measure = 0;
    status = open_queue(&q, &scratch)
                 ? measure_all(&q, err)
                 : mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for measuring");
    mlr_pool_release(&scratch);
    return status;
}
