#include "tests/support/apply_run.h"

#include <stdlib.h>
#include <string.h>

enum { GUARD = 64, POISON = 0xa5 };

typedef struct world {
    const apply_run *run;
    apply_outcome *o;
    mem_source base[APPLY_MEMBERS];
    const mlr_source *sources[APPLY_MEMBERS];
    mem_source done;
    mem_stream stream;
    size_t writes;
} world;

static mlr_status on_open(void *ctx, uint32_t index, const mlr_patch_member *m,
                          mlr_err *err)
{
    world *w = ctx;
    (void)m;
    bool in_order = index == w->o->opened && w->o->opened == w->o->closed;
    w->o->opened++;
    return in_order ? MLR_OK : mlr_fail(err, MLR_E_INTERNAL, index, "members in order");
}

static mlr_status on_write(void *ctx, const void *src, size_t n, mlr_err *err)
{
    world *w = ctx;
    if (++w->writes == w->run->refuse_write) {
        return mlr_fail(err, MLR_E_NO_SPACE, w->o->out.n, "room in the test's target");
    }
    return w->o->out.sink.write(w->o->out.sink.ctx, src, n, err);
}

static mlr_status on_close(void *ctx, uint32_t index, mlr_err *err)
{
    world *w = ctx;
    bool in_order = index == w->o->closed;
    w->o->closed++;
    return in_order ? MLR_OK : mlr_fail(err, MLR_E_INTERNAL, index, "members in order");
}

static void in_arena(world *w, uint8_t *arena, size_t n)
{
    const apply_run *r = w->run;
    apply_outcome *o = w->o;
    mlr_target target = {.ctx = w, .open = on_open, .write = on_write, .close = on_close};
    mlr_apply_io io = {.patch = &w->stream.stream,
                       .base = w->sources,
                       .target = &target,
                       .inflater = r->inflater,
                       .dicts = r->dicts,
                       .exec = r->exec,
                       .done = r->done != NULL ? &w->done.source : NULL};
    mlr_apply *a = NULL;
    unsigned lanes = r->lanes == 0 ? 1 : r->lanes;
    mlr_status status = mlr_apply_begin(&a, arena, n, lanes, &o->header, &io, &o->err);
    while (status == MLR_OK || status == MLR_MORE) {
        status = mlr_apply_step(a, &o->err);
        o->steps++;
        if (status == MLR_OK) {
            return;
        }
    }
}

static void with_arena(world *w)
{
    apply_outcome *o = w->o;
    size_t n = (size_t)o->need.arena_bytes - w->run->less;
    uint8_t *whole = malloc(n + 2 * GUARD + 1);
    if (whole == NULL) {
        abort();
    }
    memset(whole, POISON, n + 2 * GUARD + 1);
    /* As badly aligned as can be. */
    uint8_t *arena = whole + (GUARD - (uintptr_t)whole % GUARD) + 1;
    in_arena(w, arena, n);
    for (const uint8_t *p = whole; p < arena; p++) {
        o->overran |= *p != POISON;
    }
    for (const uint8_t *p = arena + n; p < whole + n + 2 * GUARD + 1; p++) {
        o->overran |= *p != POISON;
    }
    while (o->untouched < n && arena[n - 1 - o->untouched] == POISON) {
        o->untouched++;
    }
    free(whole);
}

void apply_run_do(const apply_run *r, apply_outcome *o)
{
    world w = {.run = r, .o = o};
    memset(o, 0, sizeof *o);
    mem_sink_init(&o->out);
    for (size_t i = 0; i < APPLY_MEMBERS; i++) {
        mem_source_init(&w.base[i], r->base[i], r->base_bytes[i]);
        w.sources[i] = &w.base[i].source;
    }
    mem_source_init(&w.done, r->done, r->done_bytes);
    if (mlr_patch_header_read(&o->header, r->patch, r->patch_bytes, &o->err) != MLR_OK ||
        mlr_apply_need_of(&o->header, r->inflater, r->lanes == 0 ? 1 : r->lanes, &o->need,
                          &o->err) != MLR_OK) {
        return;
    }
    if (o->header.base_count > APPLY_MEMBERS ||
        o->need.arena_bytes > (r->memory_limit > 0 ? r->memory_limit : 64u << 20)) {
        mlr_fail(&o->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory that the test allows");
        return;
    }
    mem_stream_init(&w.stream, r->patch + o->header.header_bytes,
                    r->patch_bytes - o->header.header_bytes);
    w.stream.most = r->most;
    with_arena(&w);
}

void apply_outcome_release(apply_outcome *o)
{
    mem_sink_release(&o->out);
}
