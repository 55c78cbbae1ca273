/*
 * How far a long command is: a bar on a terminal, or JSON lines (mallorn.progress/1) for
 * programs. Both go to standard error, at most ten times a second.
 */
#ifndef MLR_TUI_CLI_PROGRESS_H
#define MLR_TUI_CLI_PROGRESS_H

#include "apply/apply.h"
#include "tui/cli/cli.h"

typedef enum mlr_progress_when {
    MLR_PROGRESS_AUTO, /* a bar where there is a terminal that can take it */
    MLR_PROGRESS_BAR,
    MLR_PROGRESS_JSON,
    MLR_PROGRESS_NONE
} mlr_progress_when;

/* For the option of every command that has one. */
#define MLR_PROGRESS_CHOICES "auto|bar|json|none"
#define MLR_PROGRESS_HELP                                                                  \
    "Show progress on standard error: a bar, JSON lines, or none; auto means a bar on "    \
    "a terminal."

typedef struct mlr_progress {
    mlr_cli *cli;
    mlr_progress_when how; /* never AUTO after begin */
    mlr_tick tick;     /* for library calls: reports `phase`, cancels as cli->tick does */
    const char *phase; /* literal, set by the caller between calls */
    double start, phase_start, last;
    const char *last_phase;
    uint64_t phase_from; /* of the phase: done when it began */
    bool shown;          /* a bar stands on the line */
    char tensor[96];     /* printable; "" where none is known */
} mlr_progress;

/* `quiet` wins over everything but JSON that was asked for. Must not move. */
void mlr_progress_begin(mlr_progress *p, mlr_cli *cli, mlr_progress_when when, bool quiet);

/* Names what is worked on. */
void mlr_progress_tensor(mlr_progress *p, const char *name, size_t n);

/* Where an applier stands. */
void mlr_progress_apply(mlr_progress *p, const mlr_apply_at *at, uint64_t records,
                        const mlr_apply_need *need);

/* Takes the bar away; the last JSON line says "done" or "failed". */
void mlr_progress_end(mlr_progress *p, bool done);

#endif
