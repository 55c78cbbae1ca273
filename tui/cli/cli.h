/*
 * What a command runs in: memory, streams, terminal facts. Everything a command touches
 * comes from here, so that tests run commands inside their own process.
 */
#ifndef MLR_TUI_CLI_CLI_H
#define MLR_TUI_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "apply/base/alloc.h"
#include "apply/base/exec.h"
#include "apply/base/status.h"
#include "apply/base/tick.h"
#include "apply/host/file.h"
#include "tui/cli/json_out.h"

enum { MLR_CLI_GRACE_MS = 60 };

typedef struct mlr_cli {
    const mlr_allocator *alloc;           /* never NULL */
    const mlr_exec *exec;                 /* NULL: serial */
    const mlr_tick *tick;                 /* NULL: cannot be cancelled */
    const mlr_sys *sys;                   /* NULL: POSIX */
    const char *(*env)(const char *name); /* NULL: an empty environment */
    FILE *out, *err;                      /* data; talk */
    unsigned width;                       /* columns of text output, at least 40 */
    bool utf8;                            /* the reader shows more than ASCII */
    bool out_tty, err_tty;
    bool out_colour, err_colour; /* set by mlr_cli_run() from --color and the environment */
    /* Runs the terminal interface on model paths; NULL where this build has none. */
    mlr_status (*open_ui)(struct mlr_cli *cli, const char *const *paths, size_t count,
                          mlr_err *err);

    /*
     * Called from a signal handler where a run that was asked to stop is still busy after
     * MLR_CLI_GRACE_MS: removes what must not stay behind, and nothing else; the process
     * ends right after it. Set while there is something to remove; NULL otherwise.
     */
    void (*volatile abandon)(void *ctx);
    void *volatile abandon_ctx;

    /* Owned by the run. */
    mlr_json json;     /* of commands that print JSON */
    int out_error;     /* errno of the first failed write to `out`, once noticed */
    char input[512];   /* name of the input an error is about, once it is kept */
    char message[512]; /* the whole sentence of an error, where mlr_err cannot carry it */
} mlr_cli;

typedef enum mlr_style {
    MLR_STYLE_PLAIN,
    MLR_STYLE_TITLE,
    MLR_STYLE_DIM,
    MLR_STYLE_ACCENT,
    MLR_STYLE_WARN,
    MLR_STYLE_BAD,
    MLR_STYLE_GOOD
} mlr_style;

/* Escape sequence of a style on standard output, and of its end; "" without colour. */
const char *mlr_cli_on(const mlr_cli *cli, mlr_style style);
const char *mlr_cli_off(const mlr_cli *cli, mlr_style style);

typedef enum mlr_colour_when {
    MLR_COLOUR_AUTO,
    MLR_COLOUR_ALWAYS,
    MLR_COLOUR_NEVER
} mlr_colour_when;

/* --color, then NO_COLOR, then CLICOLOR_FORCE, then whether a terminal is there. */
void mlr_cli_choose_colour(mlr_cli *cli, mlr_colour_when when);

/* Never NULL: "" where the variable is not set. */
const char *mlr_cli_env(const mlr_cli *cli, const char *name);

/*
 * Records a failure whose sentence has parts that mlr_err cannot carry, such as a
 * suggestion. The sentence ends without a full stop. Text from outside must be printable.
 */
mlr_status mlr_cli_fail(mlr_cli *cli, mlr_err *err, mlr_status status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Makes `err` independent of strings that are about to be released. */
void mlr_cli_keep_error(mlr_cli *cli, mlr_err *err);

/* Whether further output is pointless: the reader has gone or the disk is full. Long output
   asks now and then, so that the cause is still known. */
bool mlr_cli_output_lost(mlr_cli *cli);

#endif
