/* What the two halves of the desk share: knowing (desk.c) and asking (desk_ask.c). */
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
void mlr_desk_refresh_menu(mlr_app *app);

#endif
