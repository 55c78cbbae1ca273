/*
 * Bounded forward reader over bytes in memory. The first read that fails records the error
 * and freezes the cursor: later reads return 0 and do not move, so a parser reads a whole
 * record and tests mlr_cur_ok() once.
 */
#ifndef MLR_APPLY_BASE_CURSOR_H
#define MLR_APPLY_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/status.h"

typedef struct mlr_cursor {
    const uint8_t *base; /* borrowed */
    size_t size;
    size_t pos;
    uint64_t origin; /* file offset of base[0], added to every offset reported */
    mlr_err *err;    /* borrowed, never NULL */
} mlr_cursor;

static inline bool mlr_cur_ok(const mlr_cursor *c)
{
    return c->err->status == MLR_OK;
}

static inline size_t mlr_cur_left(const mlr_cursor *c)
{
    return c->size - c->pos;
}

static inline uint64_t mlr_cur_offset(const mlr_cursor *c)
{
    return c->origin + c->pos;
}

/* Returns n bytes in place and advances, or NULL. The view lives as long as `base`. */
const uint8_t *mlr_cur_take(mlr_cursor *c, size_t n, const char *rule);

uint8_t mlr_cur_u8(mlr_cursor *c, const char *rule);
uint16_t mlr_cur_u16(mlr_cursor *c, const char *rule);
uint32_t mlr_cur_u32(mlr_cursor *c, const char *rule);
uint64_t mlr_cur_u64(mlr_cursor *c, const char *rule);

/* Base-128 number, at most ten bytes and never above 64 bits. */
uint64_t mlr_cur_varint(mlr_cursor *c, const char *rule);

/* A varint that must not exceed `limit`. */
uint64_t mlr_cur_varint_to(mlr_cursor *c, uint64_t limit, const char *rule);

#ifdef MLR_NO_RULES
#define mlr_cur_take(c, n, rule)          (mlr_cur_take)(c, n, "")
#define mlr_cur_u8(c, rule)               (mlr_cur_u8)(c, "")
#define mlr_cur_u16(c, rule)              (mlr_cur_u16)(c, "")
#define mlr_cur_u32(c, rule)              (mlr_cur_u32)(c, "")
#define mlr_cur_u64(c, rule)              (mlr_cur_u64)(c, "")
#define mlr_cur_varint(c, rule)           (mlr_cur_varint)(c, "")
#define mlr_cur_varint_to(c, limit, rule) (mlr_cur_varint_to)(c, limit, "")
#endif

/* Loads from bytes already proven to be there. */
static inline uint16_t mlr_load16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t mlr_load32(const uint8_t *p)
{
    return (uint32_t)mlr_load16(p) | (uint32_t)mlr_load16(p + 2) << 16;
}

static inline uint64_t mlr_load64(const uint8_t *p)
{
    return (uint64_t)mlr_load32(p) | (uint64_t)mlr_load32(p + 4) << 32;
}

static inline void mlr_store16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void mlr_store32(uint8_t *p, uint32_t v)
{
    mlr_store16(p, (uint16_t)v);
    mlr_store16(p + 2, (uint16_t)(v >> 16));
}

static inline void mlr_store64(uint8_t *p, uint64_t v)
{
    mlr_store32(p, (uint32_t)v);
    mlr_store32(p + 4, (uint32_t)(v >> 32));
}

#endif
