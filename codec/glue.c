#include "codec/glue.h"

#include <stdbool.h>
#include <string.h>

#include "apply/base/checked.h"
#include "codec/delta.h"

enum { MOST_BYTES = 1 << 30 };

/* Structure bytes of the old model in a row, and where each stretch of them stands. */
typedef struct image {
    mlr_buf bytes, pieces; /* pieces: array of `piece` */
} image;

typedef struct piece {
    uint32_t at; /* in the image */
    uint32_t member;
    uint64_t off; /* in the member */
} piece;

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "structure bytes");
}

static mlr_status load(mlr_buf *to, const mlr_source *s, mlr_region r, mlr_err *err)
{
    if (r.len > MOST_BYTES || to->size + r.len > MOST_BYTES) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "structure bytes of a model",
                              to->size + r.len, MOST_BYTES);
    }
    uint8_t *at = mlr_buf_extend(to, (size_t)r.len);
    return at == NULL ? no_memory(err) : s->read_at(s->ctx, r.off, at, (size_t)r.len, err);
}

static mlr_status load_old(image *img, const mlr_model *m, uint32_t small_bytes,
                           mlr_err *err)
{
    for (uint32_t i = 0; i < m->member_count && err->status == MLR_OK; i++) {
        const mlr_member *member = &m->members[i];
        for (size_t k = 0; k < member->span_count && err->status == MLR_OK; k++) {
            const mlr_span *s = &m->spans[member->first_span + k];
            if (s->tensor != MLR_NO_TENSOR && s->bytes.len >= small_bytes) {
                continue;
            }
            piece p = {.at = (uint32_t)img->bytes.size, .member = i, .off = s->bytes.off};
            mlr_buf_add(&img->pieces, &p, sizeof p);
            load(&img->bytes, member->source, s->bytes, err);
        }
    }
    return img->pieces.failed ? no_memory(err) : err->status;
}

/* --- from likenesses to references ------------------------------------------------------
 */

typedef struct builder {
    const image *old;
    mlr_buf *refs;
    uint32_t covered; /* new bytes that have a reference or a gap */
} builder;

static void add_ref(builder *b, mlr_ref ref)
{
    size_t n = b->refs->size / sizeof ref;
    mlr_ref *last = n == 0 ? NULL : (mlr_ref *)(void *)b->refs->data + n - 1;
    if (last != NULL && last->gap == ref.gap && last->member == ref.member &&
        (ref.gap || last->off + last->len == ref.off)) {
        last->len += ref.len;
        return;
    }
    mlr_buf_add(b->refs, &ref, sizeof ref);
}

static void add_gap(builder *b, uint32_t to)
{
    if (to > b->covered) {
        add_ref(b, (mlr_ref){.gap = 1, .len = to - b->covered});
        b->covered = to;
    }
}

/* The piece that holds byte `at` of the old image. */
static size_t find_piece(const image *img, uint32_t at)
{
    const piece *p = (const piece *)(const void *)img->pieces.data;
    size_t low = 0, high = img->pieces.size / sizeof *p;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (p[middle].at <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* A likeness may run over several pieces of the image, which stand apart in the files. */
static int add_likeness(void *ctx, mlr_likeness like)
{
    builder *b = ctx;
    const piece *p = (const piece *)(const void *)b->old->pieces.data;
    size_t count = b->old->pieces.size / sizeof *p;
    add_gap(b, like.new_at);
    size_t i = find_piece(b->old, like.old_at);
    while (like.len > 0) {
        uint32_t end = i + 1 < count ? p[i + 1].at : (uint32_t)b->old->bytes.size;
        uint32_t room = end - like.old_at;
        uint32_t n = like.len < room ? like.len : room;
        if (n > 0) {
            add_ref(b, (mlr_ref){.member = p[i].member,
                                 .off = p[i].off + (like.old_at - p[i].at),
                                 .len = n});
        }
        like.old_at += n;
        like.len -= n;
        b->covered += n;
        i++;
    }
    return !b->refs->failed;
}

static mlr_status match(mlr_glue *g, const image *old, const mlr_allocator *alloc,
                        mlr_err *err)
{
    builder b = {.old = old, .refs = &g->refs_memory};
    mlr_bytes_view o = {.p = old->bytes.data, .n = (uint32_t)old->bytes.size};
    mlr_bytes_view n = {.p = g->bytes, .n = g->size};
    if (o.n > 0 && n.n > 0 &&
        mlr_delta_find(o, n, alloc, add_likeness, &b, err) != MLR_OK) {
        return err->status;
    }
    add_gap(&b, g->size);
    if (g->refs_memory.failed) {
        return no_memory(err);
    }
    g->refs = (const mlr_ref *)(const void *)g->refs_memory.data;
    g->ref_count = g->refs_memory.size / sizeof *g->refs;
    return MLR_OK;
}

static mlr_status read_bytes(void *ctx, uint64_t off, void *to, size_t n, mlr_err *err)
{
    const mlr_glue *g = ctx;
    if (!mlr_inside(off, n, g->size)) {
        return mlr_fail(err, MLR_E_INTERNAL, off, "structure bytes in memory");
    }
    memcpy(to, g->bytes + off, n);
    return MLR_OK;
}

mlr_status mlr_glue_make(mlr_glue *g, const mlr_plan *plan, const mlr_allocator *alloc,
                         mlr_err *err)
{
    *g = (mlr_glue){0};
    mlr_buf_init(&g->bytes_memory, alloc);
    mlr_buf_init(&g->refs_memory, alloc);
    image old = {0};
    mlr_buf_init(&old.bytes, alloc);
    mlr_buf_init(&old.pieces, alloc);
    const mlr_matching *m = plan->matching;
    for (size_t i = 0; i < plan->glue_count && err->status == MLR_OK; i++) {
        const mlr_plan_glue *p = &plan->glue[i];
        load(&g->bytes_memory, m->new_model->members[p->member].source, p->bytes, err);
    }
    g->bytes = g->bytes_memory.data;
    g->size = (uint32_t)g->bytes_memory.size;
    g->source = (mlr_source){.ctx = g, .size = g->size, .read_at = read_bytes};
    if (err->status == MLR_OK &&
        load_old(&old, m->old_model, plan->small_bytes, err) == MLR_OK) {
        match(g, &old, alloc, err);
    }
    mlr_buf_release(&old.bytes);
    mlr_buf_release(&old.pieces);
    return err->status;
}

void mlr_glue_refs(const mlr_glue *g, uint64_t at, uint64_t n, mlr_buf *out)
{
    uint64_t begin = 0;
    size_t start = out->size;
    bool copies = false;
    for (size_t i = 0; i < g->ref_count && begin < at + n; begin += g->refs[i++].len) {
        uint64_t end = begin + g->refs[i].len;
        if (end <= at) {
            continue;
        }
        mlr_ref ref = g->refs[i];
        uint64_t skip = at > begin ? at - begin : 0;
        uint64_t stop = end < at + n ? end : at + n;
        ref.off += ref.gap ? 0 : skip;
        ref.len = stop - (begin + skip);
        copies = copies || !ref.gap;
        mlr_buf_add(out, &ref, sizeof ref);
    }
    if (!copies) {
        out->size = start;
    }
}

void mlr_glue_release(mlr_glue *g)
{
    mlr_buf_release(&g->bytes_memory);
    mlr_buf_release(&g->refs_memory);
    *g = (mlr_glue){0};
}
