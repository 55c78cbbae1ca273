/* What the file browser shows: recent pairs, the Hugging Face cache, a folder; and how its
 * lines are drawn. */
#ifndef MLR_TUI_OPEN_VIEW_H
#define MLR_TUI_OPEN_VIEW_H

#include "tui/app_core.h"
#include "tui/folder.h"
#include "tui/hub.h"
#include "tui/recent.h"
#include "tui/widget_table.h"

enum { MLR_HUB_FEW = 6 }; /* revisions shown until one asks for all */

typedef enum mlr_open_part {
    MLR_OPEN_RECENT,
    MLR_OPEN_HUB,
    MLR_OPEN_HUB_MORE, /* the line that shows all revisions, or few */
    MLR_OPEN_UP,       /* the folder above */
    MLR_OPEN_ENTRY
} mlr_open_part;

typedef struct mlr_open_spot {
    mlr_open_part part;
    size_t index; /* in its list */
} mlr_open_spot;

typedef struct mlr_open_view {
    mlr_folder folder;
    mlr_folder_wish wish;
    mlr_recent recent;
    mlr_hub hub;
    char home[1024]; /* shown as "~"; "": not known */
    bool hub_open;   /* every revision is listed */
    bool roomy;      /* blank lines between the parts */
    mlr_ui_table table;
    char old_path[MLR_PATH_BYTES]; /* "": not chosen yet */
} mlr_open_view;

size_t mlr_open_rows(const mlr_open_view *o);
mlr_open_spot mlr_open_at(const mlr_open_view *o, size_t row);

/* The row of the folder above; entries follow it. */
size_t mlr_open_folder_row(const mlr_open_view *o);

/* Lines that headings take before row `row` where the page begins at `top`. */
int mlr_open_headings(const mlr_open_view *o, size_t top, size_t row);

void mlr_open_draw(const mlr_open_view *o, mlr_pane body);

/* The row drawn in line `line` of the body; SIZE_MAX: none. */
size_t mlr_open_row_of_line(const mlr_open_view *o, int line);

#endif
