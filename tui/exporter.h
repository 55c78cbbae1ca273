/*
 * The export of a patch as a job: what `mallorn diff` does, under the choices of the desk,
 * with what was predicted kept beside what came out. Everything it needs is copied at the
 * start, so that the user may go on choosing, or open another pair.
 */
#ifndef MLR_TUI_EXPORTER_H
#define MLR_TUI_EXPORTER_H

#include <stdatomic.h>

#include "apply/host/threads.h"
#include "tui/choices.h"
#include "tui/cli/diff_job.h"
#include "tui/cli/profile_yaml.h"
#include "tui/job.h"
#include "tui/model_pair.h"

enum { MLR_EXPORT_PATH = 1024 };

typedef struct mlr_export_wish {
    char patch[MLR_EXPORT_PATH];
    char profile[MLR_EXPORT_PATH]; /* the choices as rules; "": none */
    char report[MLR_EXPORT_PATH];  /* ".md": Markdown, else JSON; "": none */
    bool replace;                  /* files that exist */
    bool dry_run;                  /* encode and prove, write nothing */
    uint64_t max_memory;           /* of the applier; 0: no limit */
    unsigned threads;              /* 0: one per processor */
} mlr_export_wish;

/* One tensor: what was promised and what it took. */
typedef struct mlr_exported {
    mlr_str name; /* in the exporter's pool */
    uint64_t bytes, actual;
    double predicted, error; /* error relative; predicted below 0: there was none */
    mlr_pick pick;           /* level 0: auto */
    uint8_t strategy, level; /* as stored */
    bool made;
} mlr_exported;

typedef enum mlr_export_state {
    MLR_EXPORT_NONE, /* nothing ran yet */
    MLR_EXPORT_RUNNING,
    MLR_EXPORT_DONE,
    MLR_EXPORT_CANCELLED,
    MLR_EXPORT_FAILED
} mlr_export_state;

typedef struct mlr_exporter {
    const mlr_allocator *alloc; /* borrowed, thread-safe */
    mlr_job job;
    mlr_export_state state;
    mlr_export_wish wish;
    char old_path[MLR_PATH_BYTES], new_path[MLR_PATH_BYTES];
    mlr_pool pool;
    mlr_exported *item; /* by row; `made` fields are the UI thread's */
    mlr_exported *own;  /* the job's copy, for the report */
    size_t count, made, to_make;
    char *profile_text; /* every choice as rules; taken from `alloc` */
    size_t profile_taken;
    bool plain;   /* one pick for all, no rules: as options on the command line */
    mlr_pick all; /* that pick */
    mlr_profile_doc doc;
    mlr_profile_chooser chooser;
    double predicted, predicted_error; /* bytes of the whole patch */
    uint64_t actual;                   /* of the records made so far */
    double predicted_made;             /* of the same records */
    mlr_cli cli;
    mlr_threads *threads;
    mlr_progress progress;
    mlr_tick tick;
    atomic_bool encoding; /* else: still matching */
    atomic_bool paused;
    uint64_t paused_at, paused_ms; /* since when; how long in all before */
    bool was_encoding;
    uint64_t encode_ms; /* when encoding began */
    uint64_t ended_ms;
    uint32_t last; /* row made last */
    mlr_diff_result result;
    char failure[512]; /* a sentence, where it failed */
} mlr_exporter;

void mlr_exporter_init(mlr_exporter *e, const mlr_allocator *alloc, int wake_fd);

/* Cancels, joins, releases. */
void mlr_exporter_release(mlr_exporter *e);

/* What will be exported: call before start, then set items, wish and profile_text. */
mlr_status mlr_exporter_prepare(mlr_exporter *e, size_t count, mlr_err *err);
mlr_status mlr_exporter_start(mlr_exporter *e, uint64_t now_ms, mlr_err *err);

/* Holds the work where it is, or lets it go on; cancelling works either way. */
void mlr_exporter_pause(mlr_exporter *e, bool paused, uint64_t now_ms);

/* Milliseconds spent on encoding, pauses left out. */
uint64_t mlr_exporter_spent(const mlr_exporter *e, uint64_t now_ms);

/* Takes news; whether it moves or ended just now. */
bool mlr_exporter_poll(mlr_exporter *e, uint64_t now_ms);

/* Rows made, largest miss (in bytes) first; at most `room`. Returns how many. */
size_t mlr_exporter_misses(const mlr_exporter *e, uint32_t *rows, size_t room);

/* How many of the rows made lie within a share of their prediction, and how many had one.
 */
size_t mlr_exporter_within(const mlr_exporter *e, double share, size_t *of);

#endif
