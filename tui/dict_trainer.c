#include "tui/dict_trainer.h"

#include <stdio.h>
#include <stdlib.h>

#include "apply/host/err_text.h"
#include "apply/host/file.h"

void mlr_trainer_init(mlr_trainer *t, const mlr_allocator *alloc, int wake_fd)
{
    *t = (mlr_trainer){.alloc = alloc};
    t->job.wake_fd = wake_fd;
}

void mlr_trainer_release(mlr_trainer *t)
{
    mlr_job_cancel(&t->job);
    (void)mlr_job_join(&t->job);
}

static mlr_status publish(mlr_trainer *t, const mlr_buf *file, mlr_err *err)
{
    mlr_out_file out = {0};
    mlr_overwrite how = t->replace ? MLR_REPLACE_EXISTING : MLR_KEEP_EXISTING;
    mlr_status s = mlr_out_open(&out, t->out, file->size, how, NULL, err);
    s = s == MLR_OK ? out.sink.write(out.sink.ctx, file->data, file->size, err) : s;
    s = s == MLR_OK ? mlr_out_publish(&out, err) : s;
    mlr_out_discard(&out);
    t->bytes = file->size;
    return s;
}

static const char *environment(const char *name)
{
    return getenv(name);
}

static mlr_status work(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err)
{
    mlr_trainer *t = arg;
    const char *const versions[] = {t->old_path, t->new_path};
    mlr_buf file;
    (void)job;
    t->cli = (mlr_cli){.alloc = t->alloc, .tick = tick, .width = 80, .env = environment};
    mlr_buf_init(&file, t->alloc);
    if (mlr_dict_job(&t->cli, versions, 2, MLR_DICT_BYTES, &file, err) == MLR_OK) {
        (void)publish(t, &file, err);
    }
    mlr_buf_release(&file);
    return err->status;
}

mlr_status mlr_trainer_start(mlr_trainer *t, mlr_err *err)
{
    t->bytes = 0;
    t->sentence[0] = '\0';
    return mlr_job_start(&t->job, "training a dictionary", work, t, err);
}

bool mlr_trainer_poll(mlr_trainer *t, mlr_status *status)
{
    if (mlr_job_state_of(&t->job) != MLR_JOB_ENDED) {
        return false;
    }
    *status = mlr_job_join(&t->job);
    if (t->cli.message[0] != '\0') {
        snprintf(t->sentence, sizeof t->sentence, "%s", t->cli.message);
    } else if (*status != MLR_OK) {
        (void)mlr_err_text(&t->job.err, t->sentence, sizeof t->sentence);
    }
    return true;
}
