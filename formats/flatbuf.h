/*
 * Bounded reader of FlatBuffers: tables, vectors and strings at random places, each proven
 * to lie inside the buffer before it is believed. Offsets may share what they point at, so
 * it is visits that are counted, not tables.
 */
#ifndef MLR_FORMATS_FLATBUF_H
#define MLR_FORMATS_FLATBUF_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/model.h"
#include "formats/window.h"

typedef struct mlr_fb {
    mlr_window *window; /* borrowed */
    mlr_err *err;       /* borrowed, never NULL; the first failure freezes every read */
    uint64_t size;      /* of the buffer; what follows cannot be pointed at */
    uint64_t visits;    /* tables so far */
    uint64_t limit;     /* of visits */
    uint64_t elements, element_limit; /* the same for elements that are looked at */
} mlr_fb;

typedef struct mlr_fb_table {
    uint64_t at;           /* offset of the table */
    uint64_t vtable;       /* offset of its vtable */
    uint16_t vtable_bytes; /* 4 and two a field */
    uint16_t bytes;        /* of the table itself */
} mlr_fb_table;

typedef struct mlr_fb_vector {
    uint64_t at; /* offset of the first element */
    uint32_t count;
} mlr_fb_vector;

/*
 * A buffer over the first `size` bytes of the window's source. The number of visits it
 * allows follows from the size: tables that are not shared take at least eight bytes.
 */
void mlr_fb_init(mlr_fb *fb, mlr_window *window, uint64_t size, mlr_err *err);

/* Each reader returns false (0, an empty vector) on failure, with the error recorded. */
bool mlr_fb_root(mlr_fb *fb, mlr_fb_table *root);

/* Numbers: `absent` where the table does not have the field. */
uint8_t mlr_fb_u8(mlr_fb *fb, const mlr_fb_table *t, unsigned field, uint8_t absent);
uint32_t mlr_fb_u32(mlr_fb *fb, const mlr_fb_table *t, unsigned field, uint32_t absent);
int32_t mlr_fb_i32(mlr_fb *fb, const mlr_fb_table *t, unsigned field, int32_t absent);
uint64_t mlr_fb_u64(mlr_fb *fb, const mlr_fb_table *t, unsigned field, uint64_t absent);

/* Where the field stands, or 0 where it is absent. */
uint64_t mlr_fb_where(mlr_fb *fb, const mlr_fb_table *t, unsigned field, uint64_t width);

/* False with no error recorded where the field is absent. Counts as a visit. */
bool mlr_fb_child(mlr_fb *fb, const mlr_fb_table *t, unsigned field, mlr_fb_table *child);

/* An absent vector is an empty one with at = 0. Elements are `width` bytes. */
mlr_fb_vector mlr_fb_vec(mlr_fb *fb, const mlr_fb_table *t, unsigned field, uint64_t width);

/* A vector of bytes with a NUL after them; an absent one has off = 0. */
mlr_region mlr_fb_string(mlr_fb *fb, const mlr_fb_table *t, unsigned field);

/* Element i of a vector of tables or of numbers; i < count. */
bool mlr_fb_item(mlr_fb *fb, const mlr_fb_vector *v, uint32_t i, mlr_fb_table *item);
int32_t mlr_fb_int(mlr_fb *fb, const mlr_fb_vector *v, uint32_t i);

/*
 * Proves that every element of a vector of 32-bit numbers is in [low, limit). Elements are
 * counted like tables, because vectors can be shared as well.
 */
bool mlr_fb_ints_within(mlr_fb *fb, const mlr_fb_vector *v, int32_t low, uint64_t limit,
                        const char *rule);

#endif
