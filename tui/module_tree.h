/* The tensors of a pair as a tree of modules, folded from the parts of their names, and the
   change of each numbered layer. Sums follow the rows. */
#ifndef MLR_TUI_MODULE_TREE_H
#define MLR_TUI_MODULE_TREE_H

#include "tui/rows.h"

enum { MLR_TREE_DEPTH = 24, MLR_TREE_LAYERS = 512 };

typedef struct mlr_module {
    uint32_t row;        /* of the leaf, or the first one below */
    uint32_t begin, end; /* of the own part in that row's name */
    uint32_t parent;     /* of the root: itself */
    uint32_t next;       /* index behind the last module below */
    uint16_t depth;      /* of the root: 0 */
    bool leaf, numbered; /* the part is a number */
    uint32_t tensors, same, changed;
    uint64_t bytes;
    double elements, changed_elements; /* of rows whose change is known */
    double out;                        /* bytes in the patch, where known */
    uint8_t out_state;                 /* mlr_fact_state */
} mlr_module;

typedef struct mlr_layer_change {
    double elements, changed, bytes, out;
    bool known;
} mlr_layer_change;

typedef struct mlr_modules {
    const mlr_allocator *alloc; /* borrowed */
    mlr_module *module;         /* in order: a module's children follow it */
    size_t count;
    mlr_layer_change layer[MLR_TREE_LAYERS];
    size_t layers;
    uint64_t generation; /* of the rows the sums were made from */
} mlr_modules;

/* Safe on zeroed or released modules; old ones are released first. */
mlr_status mlr_modules_make(mlr_modules *m, const mlr_ui_rows *rows,
                            const mlr_allocator *alloc, mlr_err *err);

/* Sums anew where rows have changed. */
void mlr_modules_sum(mlr_modules *m, const mlr_ui_rows *rows);
void mlr_modules_release(mlr_modules *m);

/* Whether nothing below it changed. */
static inline bool mlr_module_frozen(const mlr_module *m)
{
    return m->tensors > 0 && m->same == m->tensors;
}

#endif
