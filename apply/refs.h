/*
 * Where the old bytes of a record come from: a list of copies from the base and of gaps,
 * whose lengths add up to the record's old bytes. Lists stay in their stored form and are
 * walked in step with the blocks, so that they cost no memory beyond the record itself.
 */
#ifndef MLR_APPLY_REFS_H
#define MLR_APPLY_REFS_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/cursor.h"
#include "apply/base/io.h"

typedef struct mlr_refs {
    const uint8_t *bytes; /* stored list; borrowed */
    size_t size;
    uint64_t count, total; /* entries; sum of their lengths */
    uint32_t members;      /* base members */
} mlr_refs;

/*
 * Reads a list at the cursor and proves that every copy lies inside its base member.
 * base_size[i] is the size of the i-th of `members` base members.
 */
mlr_status mlr_refs_read(mlr_refs *r, mlr_cursor *c, const uint64_t *base_size,
                         uint32_t members);

/* A position in the list. Copying it by value marks a place to read from later. */
typedef struct mlr_refs_at {
    size_t pos;        /* of the next entry's bytes */
    uint64_t left;     /* of the current entry */
    uint64_t off;      /* next old byte of the current entry, where it is a copy */
    uint64_t last_end; /* end of the last copy, from which the next offset is told */
    uint32_t member;
    uint32_t gap; /* 1: the current entry is a gap */
} mlr_refs_at;

/*
 * Moves `at` (zeroed at the start) past n old bytes. With `to` not NULL it also fills n
 * bytes: copies are read from base[member], gaps are zero. The list was proven by
 * mlr_refs_read().
 */
mlr_status mlr_refs_gather(const mlr_refs *r, mlr_refs_at *at,
                           const mlr_source *const *base, uint8_t *to, uint64_t n,
                           mlr_err *err);

/* The next piece of at most `most` bytes: false at the end. For inspection. */
typedef struct mlr_ref_piece {
    uint64_t off, len;
    uint32_t member;
    uint32_t gap;
} mlr_ref_piece;
int mlr_refs_next(const mlr_refs *r, mlr_refs_at *at, uint64_t most, mlr_ref_piece *out);

#endif
