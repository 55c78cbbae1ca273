/* What the export screen shows: the form, and how the export goes. */
#ifndef MLR_TUI_EXPORT_VIEW_H
#define MLR_TUI_EXPORT_VIEW_H

#include "tui/app_core.h"
#include "tui/dict_trainer.h"

typedef enum mlr_export_field {
    MLR_EXPORT_F_PATCH,
    MLR_EXPORT_F_PROFILE,
    MLR_EXPORT_F_REPORT,
    MLR_EXPORT_F_DICT,
    MLR_EXPORT_F_REPLACE,
    MLR_EXPORT_F_MEMORY,
    MLR_EXPORT_F_THREADS,
    MLR_EXPORT_F_START,
    MLR_EXPORT_F_DRY,
    MLR_EXPORT_F_COUNT
} mlr_export_field;

enum { MLR_EXPORT_MISSES = 64 };

typedef struct mlr_export_view {
    mlr_export_wish wish;
    size_t cursor;
    mlr_trainer trainer;
    uint32_t miss[MLR_EXPORT_MISSES]; /* rows, largest miss first */
    size_t misses;
} mlr_export_view;

void mlr_export_draw(const mlr_app *app, const mlr_export_view *x, mlr_pane body);

#endif
