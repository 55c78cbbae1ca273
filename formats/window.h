/*
 * Bounded access to a source through a few cached windows, so that a parser never maps or
 * loads a whole file, and a walker that reads forward through it. As with mlr_cursor the
 * first failure is recorded and freezes every later read.
 */
#ifndef MLR_FORMATS_WINDOW_H
#define MLR_FORMATS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/alloc.h"
#include "apply/base/io.h"

enum { MLR_WINDOW_SLOTS = 8, MLR_WINDOW_BYTES = 64 << 10 };

typedef struct mlr_window {
    const mlr_source *source; /* borrowed */
    const mlr_allocator *alloc;
    uint8_t *memory; /* slots * bytes */
    uint64_t tick;
    size_t recent; /* slot of the last hit, tried first */
    struct {
        uint64_t off, used; /* file offset of the slot; tick of last use */
        size_t len;         /* 0: empty */
    } slot[MLR_WINDOW_SLOTS];
} mlr_window;

mlr_status mlr_window_init(mlr_window *w, const mlr_source *source,
                           const mlr_allocator *alloc, mlr_err *err);
void mlr_window_release(mlr_window *w); /* safe on a zeroed window */

/*
 * n <= MLR_WINDOW_BYTES / 2 bytes at `off`, or NULL with the error recorded. The bytes stay
 * valid until the next call on this window.
 */
const uint8_t *mlr_window_at(mlr_window *w, uint64_t off, size_t n, const char *rule,
                             mlr_err *err);

/* Reads [pos, end) forward. `end` is proven to lie inside the source by whoever sets it. */
typedef struct mlr_walk {
    mlr_window *window; /* borrowed */
    uint64_t pos, end;
    mlr_err *err; /* borrowed, never NULL */
    bool big_endian;
} mlr_walk;

static inline bool mlr_walk_ok(const mlr_walk *w)
{
    return w->err->status == MLR_OK;
}

/* Bytes in place (same limit and lifetime as mlr_window_at), or NULL. */
const uint8_t *mlr_walk_take(mlr_walk *w, size_t n, const char *rule);

uint8_t mlr_walk_u8(mlr_walk *w, const char *rule);
uint16_t mlr_walk_u16(mlr_walk *w, const char *rule);
uint32_t mlr_walk_u32(mlr_walk *w, const char *rule);
uint64_t mlr_walk_u64(mlr_walk *w, const char *rule);
uint64_t mlr_walk_varint(mlr_walk *w, const char *rule);

/* Moves past n bytes, which may be many. */
void mlr_walk_skip(mlr_walk *w, uint64_t n, const char *rule);

/* Copies n bytes of any number; false with the error recorded. */
bool mlr_walk_read(mlr_walk *w, void *to, size_t n, const char *rule);

/* Records `rule` as broken at byte `at`. */
mlr_status mlr_walk_fail(mlr_walk *w, uint64_t at, const char *rule);

#endif
