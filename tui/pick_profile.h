/*
 * Choices as a profile that `mallorn diff --profile` reads: one rule for each pick, with
 * the names of its tensors. The same choices give the same text, whatever their history.
 */
#ifndef MLR_TUI_PICK_PROFILE_H
#define MLR_TUI_PICK_PROFILE_H

#include "tui/screen.h"

/* A new text of `*taken` bytes from app->alloc, NUL-terminated; NULL where memory is short.
 */
char *mlr_pick_profile(const mlr_app *app, size_t *taken);

#endif
