/* What the parts of the desk share: knowing (desk.c), asking (desk_ask.c) and rules
   (desk_rules.c). */
#ifndef MLR_TUI_DESK_PARTS_H
#define MLR_TUI_DESK_PARTS_H

#include "tui/desk.h"

/* Writes what is known into one row. */
void mlr_desk_show_row(mlr_app *app, size_t row);

/* What is wanted now differs from what runs. */
void mlr_desk_hurry(mlr_app *app);

/* A row's pick with another strategy. */
mlr_pick mlr_desk_pick_at(const mlr_app *app, size_t row, int strategy);

/* Whether the menu of strategies is open; brings its figures up to date. */
bool mlr_desk_in_menu(const mlr_app *app);
bool mlr_desk_refresh_menu(mlr_app *app);

/* Blocks and strategies follow the memory there is: every forecast is made anew. */
void mlr_desk_change_device(mlr_app *app);
mlr_device mlr_desk_device(const mlr_desk *d);

/* The rules' text is another one. */
void mlr_desk_read_rules(mlr_app *app);
/* Goes on deciding by rules; whether there was something to do. */
bool mlr_desk_work_rules(mlr_app *app);
void mlr_desk_drop_rules(mlr_desk *d);

#endif
