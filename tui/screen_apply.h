/* What other screens may ask of the apply screen. */
#ifndef MLR_TUI_SCREEN_APPLY_H
#define MLR_TUI_SCREEN_APPLY_H

#include "tui/screen.h"

/* Suggests what to apply, once the screen was opened; a run is left alone. */
void mlr_apply_suggest(mlr_app *app, const char *base, const char *patch);

#endif
