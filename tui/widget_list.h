/*
 * A list narrowed by typing: help, palette, sort menu and the like are one widget over
 * different items. Items match when every word typed occurs in their text.
 */
#ifndef MLR_TUI_WIDGET_LIST_H
#define MLR_TUI_WIDGET_LIST_H

#include "tui/grid.h"
#include "tui/keys.h"
#include "tui/widget_prompt.h"

enum { MLR_LIST_ITEMS = 256 };

typedef struct mlr_item {
    const char *heading; /* shown where it differs from the item above; NULL: none */
    const char *label;   /* borrowed as long as the list */
    const char *detail;
    char keys[32];
    int value; /* what choosing it means */
} mlr_item;

typedef struct mlr_list {
    mlr_item item[MLR_LIST_ITEMS];
    size_t count;
    const char *none;               /* shown where nothing matches; NULL: that alone */
    uint16_t shown[MLR_LIST_ITEMS]; /* items that match */
    size_t shown_count, cursor;
    mlr_prompt prompt;
} mlr_list;

typedef enum mlr_list_result {
    MLR_LIST_NONE,
    MLR_LIST_MOVED, /* the cursor is on another item */
    MLR_LIST_CHOSEN,
    MLR_LIST_CLOSED
} mlr_list_result;

void mlr_list_begin(mlr_list *l);
void mlr_list_add(mlr_list *l, const mlr_item *item);

/* Call once all items are added. */
void mlr_list_ready(mlr_list *l);

/* The item under the cursor, or NULL where none matches. */
const mlr_item *mlr_list_at(const mlr_list *l);
void mlr_list_select(mlr_list *l, int value);
mlr_list_result mlr_list_key(mlr_list *l, mlr_key key);

/* Column widths that items want: labels with their keys, and details. */
void mlr_list_widths(const mlr_list *l, int *label, int *detail);

void mlr_list_draw(const mlr_list *l, mlr_pane v);

#endif
