/* What other screens ask of the export. */
#ifndef MLR_TUI_SCREEN_EXPORT_H
#define MLR_TUI_SCREEN_EXPORT_H

#include "tui/app_core.h"

/* Exports the open pair again, for an applier of at most `ceiling` bytes, under a name of
   its own, and shows how it goes; false where it cannot start (the reason is said). */
bool mlr_export_fit(mlr_app *app, uint64_t ceiling);

#endif
