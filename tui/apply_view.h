/* What the apply screen shows: the run, the runs before it, and the patch's own facts. */
#ifndef MLR_TUI_APPLY_VIEW_H
#define MLR_TUI_APPLY_VIEW_H

#include "codec/patch_index.h"
#include "tui/app_core.h"
#include "tui/patch_run.h"

enum { MLR_APPLY_RUNS = 6, MLR_APPLY_MEMBERS = 4 };

typedef enum mlr_apply_field {
    MLR_FIELD_BASE,
    MLR_FIELD_PATCH,
    MLR_FIELD_OUT,
    MLR_FIELD_CEILING,
    MLR_FIELD_REPLACE,
    MLR_FIELD_RUN,
    MLR_FIELDS
} mlr_apply_field;

/* A run that is over, for comparing. */
typedef struct mlr_past_run {
    unsigned number;
    mlr_run_state state;
    uint64_t ceiling, peak_data, peak_rss, arena, lanes, new_bytes, smallest;
    double seconds;
} mlr_past_run;

/* What the patch's header says. */
typedef struct mlr_patch_facts {
    bool known;
    char why[160]; /* it is not known, or "" */
    char target[256];
    char digest[MLR_APPLY_MEMBERS][65]; /* SHA-256 of the new files */
    uint32_t members;
    uint64_t records, new_bytes, size, need; /* need: arena of one lane */
} mlr_patch_facts;

typedef struct mlr_apply_view {
    mlr_run_wish wish;
    mlr_patch_facts facts;
    char facts_of[MLR_PATH_BYTES]; /* the patch they were read from */
    mlr_pool names_pool;
    mlr_index names; /* of the same patch */
    mlr_patch_run run;
    unsigned number;                   /* of the run; 0: none yet */
    mlr_past_run past[MLR_APPLY_RUNS]; /* newest first */
    size_t pasts;
    size_t field;
    bool form;        /* the fields are shown instead of the meters */
    bool out_is_ours; /* made by a run of this screen, or still the suggestion */
    bool fitting;     /* an export for this ceiling was started: its patch is taken */
} mlr_apply_view;

void mlr_patch_facts_read(mlr_patch_facts *f, const char *path, const mlr_allocator *alloc);

/* Names of the tensors behind each record; none where the patch has no index. */
void mlr_patch_names_read(mlr_index *index, const char *path, mlr_pool *pool);

/* The first tensor of a record (from 1) and how many more it holds; empty: not known. */
mlr_str mlr_apply_tensor(const mlr_apply_view *a, uint64_t record, size_t *more);

void mlr_apply_draw_runs(const mlr_apply_view *a, mlr_pane v);
void mlr_apply_draw_form(const mlr_apply_view *a, mlr_pane v);
void mlr_apply_draw_run(const mlr_apply_view *a, mlr_pane v);

#endif
