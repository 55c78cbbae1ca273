/*
 * The steps of one pair's choices as a file in the XDG state folder, appended to as they
 * happen: after a kill they are read back, undo included. A last entry that was cut off is
 * ignored.
 */
#ifndef MLR_TUI_CHOICE_LOG_H
#define MLR_TUI_CHOICE_LOG_H

#include "tui/choices.h"
#include "tui/rows.h"

typedef struct mlr_budgets {
    uint64_t size, memory; /* most bytes; 0: no budget */
    uint64_t decode_ms;    /* most time to decode; 0: no budget */
} mlr_budgets;

typedef struct mlr_choice_log {
    const mlr_allocator *alloc; /* borrowed */
    char path[1200];            /* "": nothing is kept */
    bool broken;                /* a write failed: later steps are not kept */
    bool begun;                 /* the file has its first lines */
    char profile[1024];         /* read back: where the rules live; "": nowhere yet */
} mlr_choice_log;

/* `folder` NULL: nothing is kept. The file's name comes from both absolute paths. */
void mlr_choice_log_open(mlr_choice_log *l, const char *folder, const char *old_path,
                         const char *new_path, const mlr_allocator *alloc);

/* Replays the file: the number of steps in force afterwards. Names that are in no row are
   left out. */
size_t mlr_choice_log_replay(mlr_choice_log *l, mlr_choices *c, mlr_budgets *b,
                             const mlr_ui_rows *rows);

/* Each appends one entry; false where it could not be kept. */
bool mlr_choice_log_step(mlr_choice_log *l, const mlr_choices *c, const mlr_step *s,
                         const mlr_ui_rows *rows);
bool mlr_choice_log_word(mlr_choice_log *l, const char *word); /* "undo", "redo" */
bool mlr_choice_log_budgets(mlr_choice_log *l, const mlr_budgets *b);

/* The file that the rules came from, or go to. */
bool mlr_choice_log_profile(mlr_choice_log *l, const char *path);

/* "auto", "neural", or a strategy's name; "-" for no pick. */
const char *mlr_strategy_word(int strategy);

#endif
