/* Training a dictionary from the open pair, as a job of its own. */
#ifndef MLR_TUI_DICT_TRAINER_H
#define MLR_TUI_DICT_TRAINER_H

#include "tui/cli/dict_job.h"
#include "tui/job.h"
#include "tui/model_pair.h"

typedef struct mlr_trainer {
    const mlr_allocator *alloc; /* borrowed, thread-safe */
    mlr_job job;
    mlr_cli cli;
    char old_path[MLR_PATH_BYTES], new_path[MLR_PATH_BYTES], out[1024];
    bool replace;       /* a file that exists */
    uint64_t bytes;     /* of the dictionary, where it was written */
    char sentence[512]; /* how it failed */
} mlr_trainer;

void mlr_trainer_init(mlr_trainer *t, const mlr_allocator *alloc, int wake_fd);
void mlr_trainer_release(mlr_trainer *t); /* cancels and joins */

/* Paths and `replace` are set before. */
mlr_status mlr_trainer_start(mlr_trainer *t, mlr_err *err);

static inline bool mlr_trainer_runs(mlr_trainer *t)
{
    return mlr_job_state_of(&t->job) != MLR_JOB_IDLE;
}

/* Whether it ended just now; `*status` says how. */
bool mlr_trainer_poll(mlr_trainer *t, mlr_status *status);

#endif
