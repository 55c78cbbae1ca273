/*
 * `mallorn patch` as a child process: its meters are read from its progress lines, so that
 * what they show is the memory of an applier and not of this program. Nothing here blocks.
 */
#ifndef MLR_TUI_PATCH_RUN_H
#define MLR_TUI_PATCH_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "apply/base/alloc.h"
#include "apply/base/status.h"
#include "tui/model_pair.h"

enum { MLR_RUN_SAMPLES = 1024, MLR_RUN_LINE = 4096 };

/* Parts of a run whose times are kept: checking the base, applying, making it durable. */
enum { MLR_RUN_PHASES = 3 };

/* What to run. */
typedef struct mlr_run_wish {
    const char *program; /* NULL: this one */
    char base[MLR_PATH_BYTES], patch[MLR_PATH_BYTES], out[MLR_PATH_BYTES];
    uint64_t ceiling; /* most memory in bytes; 0: none */
    bool replace;     /* an output that exists */
} mlr_run_wish;

/* The last progress line. */
typedef struct mlr_run_at {
    char phase[12], strategy[24];
    double elapsed, left; /* seconds; left < 0: unknown */
    uint64_t rss, data;   /* resident; private writable, which a ceiling limits */
    uint64_t base_done, base_total, new_done, new_total, patch_done;
    uint64_t record, records, block, blocks;
    uint64_t arena, lanes, fixed, input, record_bytes, state, glue, dict, lane;
} mlr_run_at;

typedef struct mlr_run_sample {
    float elapsed, in_rate, out_rate; /* seconds, bytes per second */
    uint64_t rss, data, base_done, new_done, patch_done;
    uint32_t record;
    uint8_t phase; /* first letter */
} mlr_run_sample;

typedef enum mlr_run_state {
    MLR_RUN_NONE,
    MLR_RUN_RUNNING,
    MLR_RUN_PAUSED,
    MLR_RUN_DONE,    /* proven and in place */
    MLR_RUN_REFUSED, /* the ceiling is too low: `smallest` works */
    MLR_RUN_FAILED,  /* `message` says why */
    MLR_RUN_STOPPED  /* by a signal or on request */
} mlr_run_state;

typedef struct mlr_patch_run {
    mlr_run_wish wish;
    mlr_run_state state;
    pid_t pid; /* 0: none */
    int out_fd, err_fd;
    bool stopping;
    char line[MLR_RUN_LINE], report[MLR_RUN_LINE];
    size_t line_n, report_n;
    mlr_run_at at;
    bool has_at; /* some line with meters has come */
    mlr_run_sample sample[MLR_RUN_SAMPLES];
    size_t samples;
    unsigned every, skipped; /* lines a sample stands for; passed over since the last */
    double phase_s[MLR_RUN_PHASES]; /* spent in each */
    uint64_t peak_rss, peak_data;
    char peak_in[24]; /* the strategy at the peak */
    char message[256];
    uint64_t smallest; /* ceiling that works, where it was refused; 0: unknown */
    int exit_code, by_signal;
    double seconds;
    uint64_t new_bytes, arena;
} mlr_patch_run;

/* Starts it; the fields of the last run are forgotten. */
mlr_status mlr_run_start(mlr_patch_run *r, const mlr_run_wish *wish, mlr_err *err);

/* Reads what has come; whether the child lives. */
bool mlr_run_poll(mlr_patch_run *r);

void mlr_run_pause(mlr_patch_run *r, bool paused);

/* Asks it to end; it takes its partial output away itself. */
void mlr_run_stop(mlr_patch_run *r);

/* Ends it for good and waits. */
void mlr_run_release(mlr_patch_run *r);

/* The command line, quoted for a shell. */
char *mlr_run_command(const mlr_run_wish *w, char *to, size_t room);

/* Writes the samples and the verdict as JSON (mallorn.trace/1). */
mlr_status mlr_run_trace(const mlr_patch_run *r, const char *path, mlr_err *err);

/* Takes one progress line; false where it is none. */
bool mlr_run_line(mlr_patch_run *r, const char *line, size_t n);

#endif
