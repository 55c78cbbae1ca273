#include "formats/flatbuf.h"

#include "apply/base/checked.h"
#include "apply/base/cursor.h"
#include "formats/limits.h"

enum { VISITS_FREE = 1024, OFFSET_BYTES = 4, VTABLE_HEAD = 4 };

void mlr_fb_init(mlr_fb *fb, mlr_window *window, uint64_t size, mlr_err *err)
{
    uint64_t limit = VISITS_FREE + size / 4;
    *fb = (mlr_fb){.window = window, .err = err, .size = size, .limit = limit};
    if (limit > MLR_MAX_FLATBUF_TABLES) {
        fb->limit = MLR_MAX_FLATBUF_TABLES;
    }
    fb->element_limit = limit;
}

static bool ok(const mlr_fb *fb)
{
    return fb->err->status == MLR_OK;
}

static bool fail(mlr_fb *fb, uint64_t at, const char *rule)
{
    mlr_fail(fb->err, MLR_E_FORMAT, at, rule);
    return false;
}

/* Fails at `at`, which is what points to `off`, unless the bytes are in the buffer. */
static bool inside(mlr_fb *fb, uint64_t off, uint64_t n, uint64_t at, const char *rule)
{
    if (!ok(fb)) {
        return false;
    }
    if (!mlr_inside(off, n, fb->size)) {
        mlr_fail(fb->err, MLR_E_TRUNCATED, at, rule);
        return false;
    }
    return true;
}

/* Little-endian number of up to eight bytes that are proven to be there. */
static uint64_t load(mlr_fb *fb, uint64_t off, unsigned width)
{
    if (!ok(fb)) {
        return 0;
    }
    const uint8_t *p =
        mlr_window_at(fb->window, off, width, "bytes of the buffer", fb->err);
    uint64_t v = 0;
    for (unsigned i = 0; p != NULL && i < width; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

/* What the offset at `at` points to: forward, and never at itself. */
static uint64_t follow(mlr_fb *fb, uint64_t at)
{
    uint64_t step = load(fb, at, OFFSET_BYTES);
    if (!ok(fb)) {
        return 0;
    }
    if (step == 0 || step > INT32_MAX) {
        fail(fb, at, "offset forward, below 2 GiB");
        return 0;
    }
    return at + step;
}

static bool read_vtable(mlr_fb *fb, mlr_fb_table *t)
{
    t->vtable_bytes = (uint16_t)load(fb, t->vtable, 2);
    t->bytes = (uint16_t)load(fb, t->vtable + 2, 2);
    if (!ok(fb)) {
        return false;
    }
    if (t->vtable_bytes < VTABLE_HEAD || t->vtable_bytes % 2 != 0) {
        return fail(fb, t->vtable, "vtable of an even size, at least 4");
    }
    if (t->bytes < OFFSET_BYTES) {
        return fail(fb, t->vtable + 2, "table that holds its vtable offset");
    }
    return inside(fb, t->vtable, t->vtable_bytes, t->vtable, "vtable inside the buffer") &&
           inside(fb, t->at, t->bytes, t->at, "table inside the buffer");
}

/* `at` names the offset that led here. */
static bool open_table(mlr_fb *fb, uint64_t off, uint64_t at, mlr_fb_table *t)
{
    *t = (mlr_fb_table){.at = off};
    if (!inside(fb, off, OFFSET_BYTES, at, "table inside the buffer")) {
        return false;
    }
    if (++fb->visits > fb->limit) {
        mlr_fail_limit(fb->err, at, "visits of tables", fb->visits, fb->limit);
        return false;
    }
    int64_t back = (int32_t)(uint32_t)load(fb, off, OFFSET_BYTES);
    int64_t vtable = (int64_t)off - back;
    if (!ok(fb)) {
        return false;
    }
    if (vtable < 0) {
        return fail(fb, off, "vtable inside the buffer");
    }
    t->vtable = (uint64_t)vtable;
    if (t->vtable % 2 != 0) {
        return fail(fb, off, "vtable at an even offset");
    }
    return inside(fb, t->vtable, VTABLE_HEAD, off, "vtable inside the buffer") &&
           read_vtable(fb, t);
}

bool mlr_fb_root(mlr_fb *fb, mlr_fb_table *root)
{
    *root = (mlr_fb_table){0};
    if (!inside(fb, 0, OFFSET_BYTES, 0, "root offset inside the buffer")) {
        return false;
    }
    uint64_t off = follow(fb, 0);
    return ok(fb) && open_table(fb, off, 0, root);
}

uint64_t mlr_fb_where(mlr_fb *fb, const mlr_fb_table *t, unsigned field, uint64_t width)
{
    uint64_t entry = VTABLE_HEAD + 2 * (uint64_t)field;
    if (!ok(fb) || entry + 2 > t->vtable_bytes) {
        return 0;
    }
    uint64_t off = load(fb, t->vtable + entry, 2);
    if (off == 0) {
        return 0;
    }
    /* The first four bytes are the vtable offset; no field can be there. */
    if (off < OFFSET_BYTES || !mlr_inside(off, width, t->bytes)) {
        fail(fb, t->vtable + entry, "field inside its table");
        return 0;
    }
    return t->at + off;
}

static uint64_t number(mlr_fb *fb, const mlr_fb_table *t, unsigned field, unsigned width,
                       uint64_t absent)
{
    uint64_t at = mlr_fb_where(fb, t, field, width);
    return at == 0 ? absent : load(fb, at, width);
}

uint8_t mlr_fb_u8(mlr_fb *fb, const mlr_fb_table *t, unsigned field, uint8_t absent)
{
    return (uint8_t)number(fb, t, field, 1, absent);
}

uint32_t mlr_fb_u32(mlr_fb *fb, const mlr_fb_table *t, unsigned field, uint32_t absent)
{
    return (uint32_t)number(fb, t, field, 4, absent);
}

int32_t mlr_fb_i32(mlr_fb *fb, const mlr_fb_table *t, unsigned field, int32_t absent)
{
    return (int32_t)(uint32_t)number(fb, t, field, 4, (uint32_t)absent);
}

uint64_t mlr_fb_u64(mlr_fb *fb, const mlr_fb_table *t, unsigned field, uint64_t absent)
{
    return number(fb, t, field, 8, absent);
}

bool mlr_fb_child(mlr_fb *fb, const mlr_fb_table *t, unsigned field, mlr_fb_table *child)
{
    uint64_t at = mlr_fb_where(fb, t, field, OFFSET_BYTES);
    *child = (mlr_fb_table){0};
    if (at == 0) {
        return false;
    }
    uint64_t off = follow(fb, at);
    return ok(fb) && open_table(fb, off, at, child);
}

mlr_fb_vector mlr_fb_vec(mlr_fb *fb, const mlr_fb_table *t, unsigned field, uint64_t width)
{
    static const mlr_fb_vector none = {0};
    uint64_t at = mlr_fb_where(fb, t, field, OFFSET_BYTES);
    uint64_t off = at == 0 ? 0 : follow(fb, at);
    if (off == 0 || !inside(fb, off, OFFSET_BYTES, at, "vector inside the buffer")) {
        return none;
    }
    mlr_fb_vector v = {.at = off + OFFSET_BYTES,
                       .count = (uint32_t)load(fb, off, OFFSET_BYTES)};
    /* A count of 32 bits times a width of at most 8 cannot wrap. */
    if (!inside(fb, v.at, v.count * width, off, "vector inside the buffer")) {
        return none;
    }
    return v;
}

mlr_region mlr_fb_string(mlr_fb *fb, const mlr_fb_table *t, unsigned field)
{
    mlr_fb_vector v = mlr_fb_vec(fb, t, field, 1);
    mlr_region text = {.off = v.at, .len = v.count};
    if (v.at == 0 || !ok(fb)) {
        return (mlr_region){0};
    }
    if (!inside(fb, text.off + text.len, 1, v.at - OFFSET_BYTES,
                "string inside the buffer")) {
        return (mlr_region){0};
    }
    if (load(fb, text.off + text.len, 1) != 0) {
        fail(fb, text.off + text.len, "NUL after a string");
        return (mlr_region){0};
    }
    return text;
}

bool mlr_fb_item(mlr_fb *fb, const mlr_fb_vector *v, uint32_t i, mlr_fb_table *item)
{
    uint64_t at = v->at + (uint64_t)i * OFFSET_BYTES;
    *item = (mlr_fb_table){0};
    uint64_t off = follow(fb, at);
    return ok(fb) && open_table(fb, off, at, item);
}

int32_t mlr_fb_int(mlr_fb *fb, const mlr_fb_vector *v, uint32_t i)
{
    return (int32_t)(uint32_t)load(fb, v->at + (uint64_t)i * 4, 4);
}

bool mlr_fb_ints_within(mlr_fb *fb, const mlr_fb_vector *v, int32_t low, uint64_t limit,
                        const char *rule)
{
    fb->elements += v->count;
    if (ok(fb) && fb->elements > fb->element_limit) {
        mlr_fail_limit(fb->err, v->at, "visits of elements", fb->elements,
                       fb->element_limit);
    }
    for (uint32_t i = 0; i < v->count && ok(fb); i++) {
        int32_t e = mlr_fb_int(fb, v, i);
        if (ok(fb) && (e < low || (e >= 0 && (uint64_t)e >= limit))) {
            return fail(fb, v->at + (uint64_t)i * 4, rule);
        }
    }
    return ok(fb);
}
