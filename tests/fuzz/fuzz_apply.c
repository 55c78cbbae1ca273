/*
 * The applier on a patch from outside, against a small model that stands here. Checks are
 * made right first, so that damage reaches what they protect. Whatever comes is refused or
 * gives files whose digests match; the sanitizers see to the rest.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apply/apply.h"
#include "apply/host/inflate_zstd.h"
#include "apply/patch_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NUMBERS = 8192, MOST_ARENA = 16 << 20, MOST_OUTPUT = 1 << 20 };

static const char json[] =
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1024],\"data_offsets\":[0,4096]},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[1024],\"data_offsets\":[4096,8192]}}";

/* The base: a SafeTensors file of two tensors. */
static size_t make_base(uint8_t *to)
{
    size_t n = sizeof json - 1;
    memset(to, 0, 8);
    to[0] = (uint8_t)n;
    memcpy(to + 8, json, n);
    for (size_t i = 0; i < NUMBERS; i++) {
        to[8 + n + i] = (uint8_t)(i % 4 == 3 ? 60 + i % 3 : (i * i * 7) >> 5);
    }
    return 8 + n + NUMBERS;
}

typedef struct bytes {
    const uint8_t *data;
    size_t n, at;
} bytes;

static mlr_status read_base(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    const bytes *b = ctx;
    if (off > b->n || n > b->n - off) {
        return mlr_fail(err, MLR_E_INTERNAL, off, "reads inside the base");
    }
    memcpy(dst, b->data + off, n);
    return MLR_OK;
}

static mlr_status read_patch(void *ctx, void *dst, size_t n, size_t *got, mlr_err *err)
{
    bytes *b = ctx;
    (void)err;
    *got = n < b->n - b->at ? n : b->n - b->at;
    memcpy(dst, b->data + b->at, *got);
    b->at += *got;
    return MLR_OK;
}

static mlr_status on_open(void *ctx, uint32_t index, const mlr_patch_member *m,
                          mlr_err *err)
{
    (void)ctx, (void)index, (void)m, (void)err;
    return MLR_OK;
}

static mlr_status on_write(void *ctx, const void *src, size_t n, mlr_err *err)
{
    uint64_t *total = ctx;
    (void)src;
    *total += n;
    return *total <= MOST_OUTPUT ? MLR_OK
                                 : mlr_fail(err, MLR_E_NO_SPACE, *total, "a little output");
}

static mlr_status on_close(void *ctx, uint32_t index, mlr_err *err)
{
    (void)ctx, (void)index, (void)err;
    return MLR_OK;
}

static void seal_header(uint8_t *p, size_t n)
{
    size_t covered =
        n < MLR_PATCH_PREFIX ? n : MLR_PATCH_PREFIX + (size_t)mlr_load32(p + 8);
    if (n >= MLR_PATCH_PREFIX && covered + 8 <= n) {
        mlr_store64(p + covered, mlr_xxh64_of(p, covered));
    }
}

static void seal_chunks(uint8_t *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t start = at++, size = 0;
        for (unsigned shift = 0; at < n && shift < 28; shift += 7) {
            size |= (size_t)(p[at] & 0x7f) << shift;
            if ((p[at++] & 0x80) == 0) {
                break;
            }
        }
        if (size > n - at || n - at - size < MLR_CHUNK_CHECK) {
            return;
        }
        mlr_xxh64 hash;
        mlr_xxh64_begin(&hash);
        mlr_xxh64_add(&hash, p + start, 1);
        mlr_xxh64_add(&hash, p + at, size);
        mlr_store32(p + at + size, (uint32_t)mlr_xxh64_end(&hash));
        at += size + MLR_CHUNK_CHECK;
    }
}

static void apply(uint8_t *patch, size_t n)
{
    mlr_err err = {0};
    mlr_patch_header h;
    mlr_apply_need need;
    mlr_inflater inflater = mlr_inflate_zstd();
    seal_header(patch, n);
    if (mlr_patch_header_read(&h, patch, n, &err) != MLR_OK || h.base_count != 1 ||
        mlr_apply_need_of(&h, &inflater, 1, &need, &err) != MLR_OK ||
        need.arena_bytes > MOST_ARENA) {
        return;
    }
    seal_chunks(patch + h.header_bytes, n - h.header_bytes);
    static uint8_t base_bytes[8 + sizeof json + NUMBERS];
    bytes base = {.data = base_bytes, .n = make_base(base_bytes)};
    bytes rest = {.data = patch + h.header_bytes, .n = n - h.header_bytes};
    mlr_source source = {.ctx = &base, .size = base.n, .read_at = read_base};
    const mlr_source *const sources[] = {&source};
    mlr_stream stream = {.ctx = &rest, .read = read_patch};
    uint64_t total = 0;
    mlr_target target = {
        .ctx = &total, .open = on_open, .write = on_write, .close = on_close};
    mlr_apply_io io = {
        .patch = &stream, .base = sources, .target = &target, .inflater = &inflater};
    uint8_t *arena = malloc((size_t)need.arena_bytes);
    mlr_apply *a = NULL;
    if (arena != NULL &&
        mlr_apply_begin(&a, arena, (size_t)need.arena_bytes, 1, &h, &io, &err) == MLR_OK) {
        mlr_apply_run(a, NULL, &err);
    }
    if (err.status == MLR_E_INTERNAL ||
        (a != NULL && err.status == MLR_OK && total != h.new_bytes)) {
        abort();
    }
    free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *own = malloc(size + 1);
    if (own != NULL && size > 0) {
        memcpy(own, data, size);
        apply(own, size);
    }
    free(own);
    return 0;
}
