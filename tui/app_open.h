/* How the app opens a pair: the parts that its own loop and its end call. */
#ifndef MLR_TUI_APP_OPEN_H
#define MLR_TUI_APP_OPEN_H

#include "tui/app_core.h"

/* Forgets a pair that was on its way. */
void mlr_app_drop_opening(mlr_app *app);

/* Ends what the screens do with the models. */
void mlr_app_halt(mlr_app *app);

/* Reads the open pair again. */
void mlr_app_reload(mlr_app *app);

/* Takes what reading or analysing brought; whether there was something to do. */
bool mlr_app_poll_job(mlr_app *app);

#endif
