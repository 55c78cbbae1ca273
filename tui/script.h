/*
 * Keys from a text instead of a terminal, for tests and screenshots. A line is keys in
 * script notation separated by blanks ("j j <Enter>"), '"text" typed as it stands, a
 * comment after '#', or a directive:
 *
 *     @size ROWS COLS    @theme NAME       @glyphs ascii|block|braille
 *     @depth mono|8|16|256|rgb             @wait          (until no job runs)
 *     @screen FILE       (.txt or .svg)    @expect TEXT   (must be on the screen)
 *     @hurry KEYS        (jobs are not waited for)
 */
#ifndef MLR_TUI_SCRIPT_H
#define MLR_TUI_SCRIPT_H

#include "tui/app_core.h"

/* Runs a script. A failure has the line as its offset and says what was wrong. */
mlr_status mlr_script_run(mlr_app *app, const char *text, mlr_err *err);

/* The screen as text; NULL where memory is short. `*taken` bytes came from app->alloc. */
char *mlr_script_text(mlr_app *app, size_t *taken);

/* The screen as text followed by the roles of each line, in runs: for golden files. */
char *mlr_script_golden(mlr_app *app, size_t *taken);

/* Waits for the running job and takes what it brought. */
void mlr_script_settle(mlr_app *app);

#endif
