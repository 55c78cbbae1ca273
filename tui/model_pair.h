/* The pair of models being looked at, and their table of rows. */
#ifndef MLR_TUI_MODEL_PAIR_H
#define MLR_TUI_MODEL_PAIR_H

#include "formats/model.h"
#include "formats/open.h"
#include "tui/rows.h"

enum { MLR_PATH_BYTES = 4097 };

typedef struct mlr_ui_session {
    const mlr_allocator *alloc;
    char old_path[MLR_PATH_BYTES], new_path[MLR_PATH_BYTES]; /* "": nothing is open */
    mlr_opened *old_opened, *new_opened;    /* owned; NULL for models of tests */
    const mlr_model *old_model, *new_model; /* borrowed; NULL: nothing is open */
    mlr_ui_rows rows;
    uint64_t generation; /* grows with every other pair */
} mlr_ui_session;

/* What the worker hands over when both models are open. */
typedef struct mlr_opened_pair {
    char old_path[MLR_PATH_BYTES], new_path[MLR_PATH_BYTES];
    mlr_opened *old_opened, *new_opened;
    mlr_ui_rows rows;
} mlr_opened_pair;

/* Opens two models and pairs their tensors; p's paths are set. On failure it holds nothing.
 */
mlr_status mlr_pair_open(mlr_opened_pair *p, const mlr_allocator *alloc, mlr_err *err);
void mlr_pair_release(mlr_opened_pair *p);

void mlr_session_init(mlr_ui_session *s, const mlr_allocator *alloc);
void mlr_session_release(mlr_ui_session *s);

/* Takes what `p` holds and leaves it empty. */
void mlr_session_adopt(mlr_ui_session *s, mlr_opened_pair *p);

/* Models that live elsewhere (tests, screenshots); the names are copied. */
mlr_status mlr_session_show(mlr_ui_session *s, const mlr_model *old_model,
                            const char *old_name, const mlr_model *new_model,
                            const char *new_name, mlr_err *err);

/* The last part of a path. */
const char *mlr_path_leaf(const char *path);

#endif
