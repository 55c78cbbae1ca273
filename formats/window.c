#include "formats/window.h"

#include "apply/base/checked.h"
#include "apply/base/cursor.h"
#include "apply/base/mem.h"

/* A window starts at a multiple of this, so any take of at most this much fits in it. */
enum { WINDOW_STEP = MLR_WINDOW_BYTES / 2 };

mlr_status mlr_window_init(mlr_window *w, const mlr_source *source,
                           const mlr_allocator *alloc, mlr_err *err)
{
    (void)err;
    *w = (mlr_window){.source = source, .alloc = alloc};
    return MLR_OK;
}

void mlr_window_release(mlr_window *w)
{
    if (w->memory != NULL) {
        mlr_give(w->alloc, w->memory, (size_t)MLR_WINDOW_SLOTS * MLR_WINDOW_BYTES);
    }
    *w = (mlr_window){0};
}

static size_t oldest_slot(const mlr_window *w)
{
    size_t oldest = 0;
    for (size_t i = 1; i < MLR_WINDOW_SLOTS; i++) {
        if (w->slot[i].used < w->slot[oldest].used) {
            oldest = i;
        }
    }
    return oldest;
}

/* Memory is taken at the first need: sources that offer a view never need it. */
static bool have_memory(mlr_window *w, mlr_err *err)
{
    if (w->memory == NULL) {
        w->memory = mlr_take(w->alloc, (size_t)MLR_WINDOW_SLOTS * MLR_WINDOW_BYTES);
    }
    if (w->memory == NULL) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for reading windows");
    }
    return w->memory != NULL;
}

static const uint8_t *fill(mlr_window *w, uint64_t off, mlr_err *err)
{
    if (!have_memory(w, err)) {
        return NULL;
    }
    size_t i = oldest_slot(w);
    uint8_t *bytes = w->memory + i * MLR_WINDOW_BYTES;
    uint64_t start = off - off % WINDOW_STEP;
    uint64_t left = w->source->size - start;
    size_t len = left < MLR_WINDOW_BYTES ? (size_t)left : MLR_WINDOW_BYTES;
    w->slot[i].len = 0;
    mlr_status status = w->source->read_at(w->source->ctx, start, bytes, len, err);
    if (status != MLR_OK) {
        mlr_fail(err, status, start, "readable file");
        return NULL;
    }
    w->slot[i].off = start;
    w->slot[i].len = len;
    w->slot[i].used = ++w->tick;
    w->recent = i;
    return bytes + (off - start);
}

/* The bytes, where slot `i` holds them all. */
static const uint8_t *in_slot(const mlr_window *w, size_t i, uint64_t off, size_t n)
{
    uint64_t start = w->slot[i].off;
    if (off < start || off - start > w->slot[i].len || n > w->slot[i].len - (off - start)) {
        return NULL;
    }
    return w->memory + i * MLR_WINDOW_BYTES + (off - start);
}

const uint8_t *mlr_window_at(mlr_window *w, uint64_t off, size_t n, const char *rule,
                             mlr_err *err)
{
    if (n > WINDOW_STEP) {
        mlr_fail(err, MLR_E_INTERNAL, off, "take of at most half a window");
        return NULL;
    }
    if (!mlr_inside(off, n, w->source->size)) {
        mlr_fail(err, MLR_E_TRUNCATED, off, rule);
        return NULL;
    }
    if (n == 0) {
        return (const uint8_t *)"";
    }
    const uint8_t *seen =
        w->source->view == NULL ? NULL : w->source->view(w->source->ctx, off, n);
    if (seen != NULL) {
        return seen;
    }
    for (size_t k = 0; k < MLR_WINDOW_SLOTS; k++) {
        size_t i = (w->recent + k) % MLR_WINDOW_SLOTS;
        const uint8_t *p = in_slot(w, i, off, n);
        if (p != NULL) {
            w->recent = i;
            w->slot[i].used = ++w->tick;
            return p;
        }
    }
    return fill(w, off, err);
}

const uint8_t *mlr_walk_take(mlr_walk *w, size_t n, const char *rule)
{
    if (!mlr_walk_ok(w)) {
        return NULL;
    }
    if (n > w->end - w->pos) {
        mlr_fail(w->err, MLR_E_TRUNCATED, w->pos, rule);
        return NULL;
    }
    const uint8_t *p = mlr_window_at(w->window, w->pos, n, rule, w->err);
    if (p != NULL) {
        w->pos += n;
    }
    return p;
}

uint8_t mlr_walk_u8(mlr_walk *w, const char *rule)
{
    const uint8_t *p = mlr_walk_take(w, 1, rule);
    return p == NULL ? 0 : p[0];
}

uint16_t mlr_walk_u16(mlr_walk *w, const char *rule)
{
    const uint8_t *p = mlr_walk_take(w, 2, rule);
    if (p == NULL) {
        return 0;
    }
    uint16_t v = mlr_load16(p);
    return w->big_endian ? (uint16_t)((v & 0xffu) << 8 | v >> 8) : v;
}

static uint32_t swap32(uint32_t v)
{
    return v << 24 | (v & 0xff00) << 8 | (v >> 8 & 0xff00) | v >> 24;
}

uint32_t mlr_walk_u32(mlr_walk *w, const char *rule)
{
    const uint8_t *p = mlr_walk_take(w, 4, rule);
    if (p == NULL) {
        return 0;
    }
    return w->big_endian ? swap32(mlr_load32(p)) : mlr_load32(p);
}

uint64_t mlr_walk_u64(mlr_walk *w, const char *rule)
{
    const uint8_t *p = mlr_walk_take(w, 8, rule);
    if (p == NULL) {
        return 0;
    }
    if (w->big_endian) {
        return (uint64_t)swap32(mlr_load32(p)) << 32 | swap32(mlr_load32(p + 4));
    }
    return mlr_load64(p);
}

uint64_t mlr_walk_varint(mlr_walk *w, const char *rule)
{
    uint64_t at = w->pos;
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = mlr_walk_u8(w, rule);
        if (!mlr_walk_ok(w)) {
            return 0;
        }
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    mlr_fail(w->err, MLR_E_FORMAT, at, "number of at most ten bytes and 64 bits");
    return 0;
}

void mlr_walk_skip(mlr_walk *w, uint64_t n, const char *rule)
{
    if (!mlr_walk_ok(w)) {
        return;
    }
    if (n > w->end - w->pos) {
        mlr_fail(w->err, MLR_E_TRUNCATED, w->pos, rule);
        return;
    }
    w->pos += n;
}

bool mlr_walk_read(mlr_walk *w, void *to, size_t n, const char *rule)
{
    if (mlr_walk_ok(w) && n > w->end - w->pos) {
        mlr_fail(w->err, MLR_E_TRUNCATED, w->pos, rule);
    }
    uint8_t *at = to;
    while (n > 0 && mlr_walk_ok(w)) {
        size_t part = n < WINDOW_STEP ? n : WINDOW_STEP;
        const uint8_t *p = mlr_walk_take(w, part, rule);
        if (p != NULL) {
            memcpy(at, p, part);
            at += part;
            n -= part;
        }
    }
    return mlr_walk_ok(w);
}

mlr_status mlr_walk_fail(mlr_walk *w, uint64_t at, const char *rule)
{
    return mlr_fail(w->err, MLR_E_FORMAT, at, rule);
}
