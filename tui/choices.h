/*
 * What the user decided, tensor by tensor and as rules, and every step that led there: undo
 * and redo without limit. Knows rows by number and rules as text; nothing here measures or
 * saves.
 */
#ifndef MLR_TUI_CHOICES_H
#define MLR_TUI_CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/alloc.h"
#include "apply/base/status.h"

/* One decision; level 0: none, the rule of the whole patch holds. */
typedef struct mlr_pick {
    int16_t strategy;     /* an id, MLR_AUTO or MLR_NEURAL */
    uint8_t level;        /* 1 to 22 */
    uint8_t dict;         /* 1: with the dictionary */
    uint32_t block_bytes; /* most new bytes a block holds; 0: the device's */
} mlr_pick;

static inline bool mlr_pick_equal(mlr_pick a, mlr_pick b)
{
    return a.strategy == b.strategy && a.level == b.level && a.dict == b.dict &&
           a.block_bytes == b.block_bytes;
}

typedef struct mlr_pick_change {
    uint32_t row;
    mlr_pick before, after;
} mlr_pick_change;

/* What one key did. */
typedef struct mlr_step {
    size_t first, count; /* of the changes */
    size_t text_before, text_after;
    char label[56]; /* "mix 19 for 3 tensors" */
} mlr_step;

/* The rules as YAML; NULL: there are none. */
typedef struct mlr_rules_text {
    char *bytes; /* NUL-terminated */
    size_t n;
} mlr_rules_text;

typedef struct mlr_choices {
    const mlr_allocator *alloc; /* borrowed */
    mlr_pick *pick;             /* by row */
    size_t rows, picked;        /* rows; those with a decision */
    mlr_pick_change *change;
    size_t change_count, change_room;
    mlr_step *step;
    size_t step_count, step_room;
    size_t done;          /* steps in force: undo lowers it, redo raises it */
    mlr_rules_text *text; /* [0]: before the first step */
    size_t text_count, text_room, text_now;
    bool lost; /* memory was short: a step is missing */
} mlr_choices;

mlr_status mlr_choices_init(mlr_choices *c, size_t rows, const mlr_allocator *alloc,
                            mlr_err *err);
void mlr_choices_release(mlr_choices *c); /* safe on zeroed choices */

/* Opens a step: what was undone before can no longer be redone. */
void mlr_choices_begin(mlr_choices *c, const char *label);
/* One decision of the open step; one that changes nothing is left out. */
void mlr_choices_set(mlr_choices *c, uint32_t row, mlr_pick pick);
/* The rules from now on: part of the open step. The text is copied. */
void mlr_choices_set_text(mlr_choices *c, const char *bytes, size_t n);
/* The rules before any step; only while there is none. */
bool mlr_choices_begin_text(mlr_choices *c, const char *bytes, size_t n);
/* The rules now, and as they were after `steps` steps. */
const mlr_rules_text *mlr_choices_text(const mlr_choices *c);
const mlr_rules_text *mlr_choices_text_at(const mlr_choices *c, size_t steps);
/* The picks as they were, or will be, after `steps` steps; `to` has room for all rows. */
void mlr_choices_at(const mlr_choices *c, size_t steps, mlr_pick *to);
/* The step, or NULL where it changed nothing (it is dropped then). */
const mlr_step *mlr_choices_end(mlr_choices *c);

/* The step that was taken back or done again; NULL: there is none. */
const mlr_step *mlr_choices_undo(mlr_choices *c);
const mlr_step *mlr_choices_redo(mlr_choices *c);

#endif
