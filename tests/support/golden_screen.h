/*
 * A screen compared with a file under tests/golden/screens. MLR_GOLDEN=write rewrites the
 * files; MLR_GOLDEN=svg draws pictures into build/screens.
 */
#ifndef MLR_TESTS_SUPPORT_GOLDEN_SCREEN_H
#define MLR_TESTS_SUPPORT_GOLDEN_SCREEN_H

#include "tui/app_core.h"

void golden_screen(mlr_app *app, const char *name);

/* At 40x12, 80x24 and 140x45, each with and without colour and block glyphs. */
void golden_screen_sizes(mlr_app *app, const char *name);

#endif
