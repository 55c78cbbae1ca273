/* What the tree screen shows: the lines of the tree, what they stand for, how they look. */
#ifndef MLR_TUI_TREE_VIEW_H
#define MLR_TUI_TREE_VIEW_H

#include "analysis/meta_diff.h"
#include "tui/app_core.h"
#include "tui/module_tree.h"
#include "tui/widget_table.h"

typedef enum mlr_tree_kind {
    MLR_TREE_MODULE,
    MLR_TREE_FROZEN,  /* numbered neighbours that did not change; `last` is the last of them
                       */
    MLR_TREE_SECTION, /* index: section */
    MLR_TREE_META,
    MLR_TREE_TOKEN,
    MLR_TREE_NOTE /* a sentence that stands in for what is not known */
} mlr_tree_kind;

typedef enum mlr_tree_section {
    MLR_SECTION_META,
    MLR_SECTION_VOCABULARY,
    MLR_SECTION_GRAPH,
    MLR_SECTIONS
} mlr_tree_section;

typedef struct mlr_tree_item {
    uint32_t index, last; /* of a module: itself and the one whose part ends its label */
    uint16_t indent;
    uint8_t kind; /* mlr_tree_kind */
} mlr_tree_item;

typedef enum mlr_tree_sort {
    MLR_TREE_BY_NAME,
    MLR_TREE_BY_SIZE,
    MLR_TREE_BY_OUT,
    MLR_TREE_BY_CHANGED,
    MLR_TREE_SORTS
} mlr_tree_sort;

typedef struct mlr_tree {
    mlr_modules modules;
    uint8_t *open;       /* per module: 1 open, 2 its frozen run is open */
    size_t open_room;    /* bytes taken */
    uint64_t generation; /* of the session */
    size_t row_count;    /* of the rows it was made from */
    mlr_tree_item *item;
    size_t items, room;
    uint32_t *order; /* scratch: children of the modules above, to be sorted */
    size_t order_used, order_room;
    bool stale;
    bool section_open[MLR_SECTIONS];
    mlr_tree_sort sort;
    mlr_ui_table table;
    /* What a job finds out about the rest. */
    mlr_job job;
    mlr_pool pool;
    mlr_meta_diff meta;
    mlr_vocabulary_diff vocabulary;
    const mlr_model *old_model, *new_model;
    const mlr_allocator *alloc;
    bool compared, started;
    mlr_err err;
} mlr_tree;

const char *mlr_tree_sort_name(mlr_tree_sort sort);

/* Brings the lines up to date where rows, folds or the order have changed. */
void mlr_tree_refresh(mlr_app *app, mlr_tree *t);

/* Changes in a section: the lines below it. */
size_t mlr_tree_changes(const mlr_tree *t, mlr_tree_section s);

/* Lines below the list that show the change by depth. */
int mlr_tree_strip_rows(const mlr_tree *t, int rows);
void mlr_tree_draw(const mlr_app *app, const mlr_tree *t, mlr_pane body);

#endif
