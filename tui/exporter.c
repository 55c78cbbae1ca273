#include "tui/exporter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "apply/host/err_text.h"
#include "tui/choice_log.h"
#include "tui/desk.h"
#include "tui/export_report.h"

typedef struct made_note {
    mlr_note note;
    const mlr_allocator *alloc;
    uint32_t row;
    uint64_t bytes;
    uint8_t strategy, level;
} made_note;

static void release_made(mlr_note *note)
{
    made_note *n = (made_note *)note;
    mlr_give(n->alloc, n, sizeof *n);
}

void mlr_exporter_init(mlr_exporter *e, const mlr_allocator *alloc, int wake_fd)
{
    memset(e, 0, sizeof *e);
    e->alloc = alloc;
    e->job.wake_fd = wake_fd;
    mlr_pool_init(&e->pool, alloc);
}

static void drop_profile(mlr_exporter *e)
{
    mlr_give(e->alloc, e->profile_text, e->profile_taken);
    e->profile_text = NULL;
    e->profile_taken = 0;
}

void mlr_exporter_release(mlr_exporter *e)
{
    mlr_job_cancel(&e->job);
    (void)mlr_job_join(&e->job);
    mlr_job_drop_notes(&e->job);
    mlr_threads_stop(e->threads);
    e->threads = NULL;
    drop_profile(e);
    mlr_pool_release(&e->pool);
}

mlr_status mlr_exporter_prepare(mlr_exporter *e, size_t count, mlr_err *err)
{
    if (mlr_job_state_of(&e->job) != MLR_JOB_IDLE) {
        return mlr_fail(err, MLR_E_BUSY, MLR_NO_OFFSET, "one export at a time");
    }
    drop_profile(e);
    mlr_pool_release(&e->pool);
    mlr_pool_init(&e->pool, e->alloc);
    e->count = 0;
    e->item = mlr_pool_take(&e->pool, (count + 1) * sizeof *e->item);
    e->own = mlr_pool_take(&e->pool, (count + 1) * sizeof *e->own);
    if (e->item == NULL || e->own == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the export");
    }
    memset(e->item, 0, (count + 1) * sizeof *e->item);
    e->count = count;
    e->state = MLR_EXPORT_NONE;
    return MLR_OK;
}

/* --- the job ----------------------------------------------------------------------------
 */

/* The choices as `mallorn diff` would be told them: options, or a profile. */
static mlr_status obey(mlr_exporter *e, mlr_diff_wish *wish, mlr_err *err)
{
    wish->plan.choice = (mlr_choice){.strategy = MLR_AUTO, .level = MLR_DESK_LEVEL};
    if (e->plain) {
        wish->plan.choice = (mlr_choice){.strategy = e->all.strategy,
                                         .level = e->all.level,
                                         .block_bytes = e->all.block_bytes};
        return MLR_OK;
    }
    if (mlr_profile_read(&e->doc, e->profile_text, e->profile_taken - 1, e->alloc, err) !=
        MLR_OK) {
        return err->status;
    }
    const mlr_profile *p = &e->doc.profile;
    e->chooser = (mlr_profile_chooser){.profile = p, .fallback = wish->plan.choice};
    wish->plan.choose = mlr_profile_choose;
    wish->plan.ctx = &e->chooser;
    wish->device = p->device;
    wish->dict_path = p->dict_path;
    wish->embed_dict = p->embed_dict;
    return MLR_OK;
}

static void on_made(void *ctx, const mlr_made_record *r)
{
    mlr_exporter *e = ctx;
    uint32_t row = r->plan->pair;
    if (row >= e->count || r->plan->copy) {
        return;
    }
    mlr_exported *x = &e->own[row];
    if (!x->made) {
        x->strategy = r->strategy;
        x->level = r->level;
    }
    x->made = true;
    x->actual += r->stored_bytes;
    made_note *n = mlr_take(e->alloc, sizeof *n);
    if (n != NULL) {
        *n = (made_note){.note = {.release = release_made},
                         .alloc = e->alloc,
                         .row = row,
                         .bytes = r->stored_bytes,
                         .strategy = x->strategy,
                         .level = x->level};
        mlr_job_post(&e->job, &n->note);
    }
}

static bool keep_going(void *ctx, uint64_t done, uint64_t total)
{
    mlr_exporter *e = ctx;
    atomic_store_explicit(&e->encoding, strcmp(e->progress.phase, "encode") == 0,
                          memory_order_relaxed);
    atomic_store_explicit(&e->job.total, total, memory_order_relaxed);
    atomic_store_explicit(&e->job.done, done, memory_order_relaxed);
    while (atomic_load_explicit(&e->paused, memory_order_relaxed) &&
           !atomic_load_explicit(&e->job.cancel, memory_order_relaxed)) {
        (void)nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    return !atomic_load_explicit(&e->job.cancel, memory_order_relaxed);
}

static mlr_status write_profile(const mlr_exporter *e, mlr_err *err)
{
    mlr_out_file f = {0};
    size_t n = e->profile_taken - 1;
    mlr_overwrite how = e->wish.replace ? MLR_REPLACE_EXISTING : MLR_KEEP_EXISTING;
    mlr_status s = mlr_out_open(&f, e->wish.profile, n, how, NULL, err);
    s = s == MLR_OK ? f.sink.write(f.sink.ctx, e->profile_text, n, err) : s;
    s = s == MLR_OK ? mlr_out_publish(&f, err) : s;
    mlr_out_discard(&f);
    return s;
}

static mlr_status work(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err)
{
    mlr_exporter *e = arg;
    (void)job;
    (void)tick; /* ours tells the phases apart as well */
    e->tick = (mlr_tick){e, keep_going};
    e->cli = (mlr_cli){.alloc = e->alloc, .tick = &e->tick, .width = 80};
    if (e->wish.threads != 1) {
        mlr_err quiet = {0}; /* without threads it only takes longer */
        (void)mlr_threads_start(&e->threads, e->wish.threads, e->alloc, &quiet);
        e->cli.exec = e->threads == NULL ? NULL : mlr_threads_exec(e->threads);
    }
    mlr_progress_begin(&e->progress, &e->cli, MLR_PROGRESS_NONE, true);
    mlr_diff_wish wish = {.old_path = e->old_path,
                          .new_path = e->new_path,
                          .out_path = e->wish.dry_run ? NULL : e->wish.patch,
                          .overwrite =
                              e->wish.replace ? MLR_REPLACE_EXISTING : MLR_KEEP_EXISTING,
                          .max_memory = e->wish.max_memory,
                          .tick = &e->tick,
                          .progress = &e->progress,
                          .made = on_made,
                          .made_ctx = e};
    if (obey(e, &wish, err) == MLR_OK) {
        mlr_diff_write(&e->cli, &wish, &e->result, err);
    }
    mlr_profile_release(&e->doc);
    mlr_threads_stop(e->threads);
    e->threads = NULL;
    if (err->status == MLR_OK && e->wish.profile[0] != '\0' && !e->wish.dry_run) {
        (void)write_profile(e, err);
    }
    if (err->status == MLR_OK && e->wish.report[0] != '\0' && !e->wish.dry_run) {
        (void)mlr_export_report_write(e, err);
    }
    return err->status;
}

mlr_status mlr_exporter_start(mlr_exporter *e, uint64_t now_ms, mlr_err *err)
{
    e->made = 0;
    e->to_make = 0;
    e->actual = 0;
    e->predicted_made = 0;
    e->was_encoding = false;
    e->failure[0] = '\0';
    e->last = UINT32_MAX;
    e->result = (mlr_diff_result){0};
    atomic_store(&e->encoding, false);
    atomic_store(&e->paused, false);
    e->paused_ms = 0;
    memcpy(e->own, e->item, e->count * sizeof *e->own);
    for (size_t i = 0; i < e->count; i++) {
        e->to_make += e->item[i].predicted > 0;
    }
    e->job.started_ms = now_ms;
    mlr_status s =
        mlr_job_start(&e->job, e->wish.dry_run ? "dry run" : "exporting", work, e, err);
    e->state = s == MLR_OK ? MLR_EXPORT_RUNNING : MLR_EXPORT_FAILED;
    return s;
}

/* --- the UI's side ----------------------------------------------------------------------
 */

static void take_made(mlr_exporter *e, const made_note *n)
{
    mlr_exported *x = &e->item[n->row];
    if (!x->made) {
        e->made++;
        e->predicted_made += x->predicted > 0 ? x->predicted : 0;
    }
    x->made = true;
    x->actual += n->bytes;
    x->strategy = n->strategy;
    x->level = n->level;
    e->actual += n->bytes;
    e->last = n->row;
}

void mlr_exporter_pause(mlr_exporter *e, bool paused, uint64_t now_ms)
{
    if (e->state != MLR_EXPORT_RUNNING || atomic_load(&e->paused) == paused) {
        return;
    }
    if (paused) {
        e->paused_at = now_ms;
    } else {
        e->paused_ms += now_ms - e->paused_at;
    }
    atomic_store(&e->paused, paused);
}

uint64_t mlr_exporter_spent(const mlr_exporter *e, uint64_t now_ms)
{
    if (!e->was_encoding) {
        return 0;
    }
    uint64_t held = e->paused_ms;
    if (atomic_load_explicit(&e->paused, memory_order_relaxed)) {
        held += now_ms - e->paused_at;
    }
    uint64_t all = now_ms - e->encode_ms;
    return all > held ? all - held : 0;
}

static void finish(mlr_exporter *e, uint64_t now_ms)
{
    mlr_status s = mlr_job_join(&e->job);
    e->ended_ms = now_ms;
    atomic_store(&e->paused, false);
    e->state = s == MLR_OK            ? MLR_EXPORT_DONE
               : s == MLR_E_CANCELLED ? MLR_EXPORT_CANCELLED
                                      : MLR_EXPORT_FAILED;
    if (e->cli.message[0] != '\0') {
        snprintf(e->failure, sizeof e->failure, "%s", e->cli.message);
    } else if (e->state == MLR_EXPORT_FAILED) {
        (void)mlr_err_text(&e->job.err, e->failure, sizeof e->failure);
    }
}

bool mlr_exporter_poll(mlr_exporter *e, uint64_t now_ms)
{
    mlr_job_state state = mlr_job_state_of(&e->job);
    bool news = !atomic_load(&e->paused); /* held, it only moves to its end */
    if (state == MLR_JOB_IDLE) {
        return false;
    }
    for (mlr_note *n = mlr_job_collect(&e->job); n != NULL; news = true) {
        mlr_note *next = n->next;
        take_made(e, (const made_note *)n);
        n->release(n);
        n = next;
    }
    bool encoding = atomic_load_explicit(&e->encoding, memory_order_relaxed);
    if (encoding && !e->was_encoding) {
        e->was_encoding = true;
        e->encode_ms = now_ms;
    }
    if (state == MLR_JOB_ENDED) {
        finish(e, now_ms);
        news = true;
    }
    return news || atomic_load(&e->job.cancel);
}

static double miss_of(const mlr_exported *x)
{
    bool comparable = x->made && x->predicted >= 0;
    return comparable ? fabs((double)x->actual - x->predicted) : -1;
}

size_t mlr_exporter_misses(const mlr_exporter *e, uint32_t *rows, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < e->count; i++) {
        double m = miss_of(&e->item[i]);
        if (m < 0 || (n == room && (room == 0 || m <= miss_of(&e->item[rows[n - 1]])))) {
            continue;
        }
        size_t at = n < room ? n++ : n - 1;
        for (; at > 0 && miss_of(&e->item[rows[at - 1]]) < m; at--) {
            rows[at] = rows[at - 1];
        }
        rows[at] = (uint32_t)i;
    }
    return n;
}

size_t mlr_exporter_within(const mlr_exporter *e, double share, size_t *of)
{
    size_t n = 0;
    *of = 0;
    for (size_t i = 0; i < e->count; i++) {
        const mlr_exported *x = &e->item[i];
        double m = miss_of(x);
        *of += m >= 0;
        n += m >= 0 && m <= share * x->predicted;
    }
    return n;
}
