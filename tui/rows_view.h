/* Which rows a table shows and in what order: filter, sort and groups over mlr_ui_rows. */
#ifndef MLR_TUI_ROWS_VIEW_H
#define MLR_TUI_ROWS_VIEW_H

#include "tui/filter.h"
#include "tui/rows.h"

typedef enum mlr_ui_sort {
    MLR_SORT_FILE, /* as the tensors stand in the file */
    MLR_SORT_KIND,
    MLR_SORT_NAME,
    MLR_SORT_DTYPE,
    MLR_SORT_SHAPE, /* by elements */
    MLR_SORT_SIZE,
    MLR_SORT_CHANGED,
    MLR_SORT_COSINE,
    MLR_SORT_ENTROPY,
    MLR_SORT_STRATEGY,
    MLR_SORT_BY,
    MLR_SORT_LEVEL,
    MLR_SORT_DICTIONARY,
    MLR_SORT_RATIO,
    MLR_SORT_ERROR,
    MLR_SORT_OUT,
    MLR_SORT_COUNT
} mlr_ui_sort;

/* "out", as status lines and menus name it. */
const char *mlr_sort_name(mlr_ui_sort sort);

typedef enum mlr_grouping {
    MLR_GROUP_NONE,
    MLR_GROUP_MODULE,
    MLR_GROUP_DTYPE,
    MLR_GROUP_STRATEGY,
    MLR_GROUP_COUNT
} mlr_grouping;

const char *mlr_grouping_name(mlr_grouping grouping);

/* The module of a tensor: up to its numbered part, or all but the last part. */
size_t mlr_module_bytes(mlr_str name);

typedef struct mlr_row_group {
    const char *label; /* borrowed from a row */
    uint32_t label_bytes;
    mlr_totals totals;
} mlr_row_group;

enum { MLR_MAX_GROUPS = 4096 };

typedef struct mlr_rows_view {
    const mlr_allocator *alloc;
    uint32_t *entry; /* row index, or group index with the top bit set */
    size_t count, room;
    mlr_row_group *group;
    size_t group_count;
    mlr_totals all, shown; /* over every row, over those the filter shows */
    mlr_filter filter;
    mlr_ui_sort sort;
    mlr_grouping grouping;
    bool reverse;
    uint64_t generation; /* of the rows it was made from */
    bool stale;          /* settings changed since */
} mlr_rows_view;

void mlr_rows_view_init(mlr_rows_view *v, const mlr_allocator *alloc);
void mlr_rows_view_release(mlr_rows_view *v);

/* Brings the view up to date where rows or settings changed. The old order stays where
   memory is short. */
mlr_status mlr_rows_view_make(mlr_rows_view *v, const mlr_ui_rows *rows, mlr_err *err);

static inline bool mlr_entry_is_group(uint32_t entry)
{
    return (entry & 0x80000000U) != 0;
}

static inline uint32_t mlr_entry_index(uint32_t entry)
{
    return entry & 0x7fffffffU;
}

#endif
