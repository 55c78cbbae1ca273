#include "analysis/cells.h"

#include <math.h>

#include "analysis/measure_kernels.h"
#include "analysis/numeric.h"
#include "analysis/overlay.h"
#include "apply/base/mem.h"

enum { RUN = 2048, ROOM = RUN * 8 + 512, SIDES = 2 };

typedef struct lane {
    uint8_t room[SIDES][ROOM];
    double v[SIDES][RUN];
    uint8_t changed[RUN];
} lane;

typedef struct job {
    mlr_overlay view;
    mlr_cells_window w;
    mlr_cell *out;
    lane *lanes;
    mlr_err *errs; /* one a row of cells */
    bool numbers;
} job;

/* Which elements differ: by bytes where every element has its own, else by value. */
static void flag(const job *j, lane *l, const uint8_t *src[SIDES], size_t n)
{
    const mlr_dtype *t = j->view.side[1].dtype;
    bool plain = j->view.side[0].dtype == t && t->block_items == 1;
    for (size_t i = 0; i < n; i++) {
        double o = l->v[0][i], v = l->v[1][i];
        if (plain) {
            l->changed[i] = memcmp(src[0] + i * t->block_bytes, src[1] + i * t->block_bytes,
                                   t->block_bytes) != 0;
        } else if (j->numbers) {
            l->changed[i] = !(o == v) && (o == o || v == v);
        } else {
            size_t at = i / t->block_items * t->block_bytes;
            l->changed[i] = memcmp(src[0] + at, src[1] + at, t->block_bytes) != 0;
        }
    }
}

/* Elements [first, first + n), which begin and end at whole blocks or with the tensor. */
static bool load(const job *j, lane *l, uint64_t first, size_t n, mlr_err *err)
{
    const uint8_t *src[SIDES];
    for (unsigned side = 0; side < SIDES; side++) {
        src[side] = mlr_overlay_read(&j->view, side, first, n, l->room[side], err);
        if (src[side] == NULL) {
            return false;
        }
        memset(l->v[side], 0, n * sizeof(double));
        if (j->numbers) {
            (void)mlr_to_f64(j->view.side[side].dtype, src[side], n, l->v[side], false);
        }
    }
    flag(j, l, src, n);
    return true;
}

static void add_element(mlr_cell *c, const lane *l, size_t i)
{
    double d = fabs(l->v[1][i] - l->v[0][i]);
    if (c->elements == 0) {
        c->old_value = l->v[0][i];
        c->new_value = l->v[1][i];
    }
    c->elements++;
    c->changed += l->changed[i];
    if (d < (double)INFINITY) {
        c->sum += d;
        c->most = d > c->most ? d : c->most;
    }
}

static bool add_row(const job *j, lane *l, uint64_t row, mlr_cell *cells, mlr_err *err)
{
    const mlr_overlay *v = &j->view;
    uint64_t begin = row * v->cols + j->w.col, end = begin + j->w.cols;
    for (uint64_t at = begin - begin % v->align; at < end;) {
        uint64_t stop = end + v->align - 1;
        stop -= stop % v->align;
        stop = stop > v->elements ? v->elements : stop;
        size_t n = stop - at < RUN ? (size_t)(stop - at) : RUN;
        if (!load(j, l, at, n, err)) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            if (at + i >= begin && at + i < end) {
                uint64_t col = at + i - begin;
                add_element(&cells[col * j->w.cell_cols / j->w.cols], l, i);
            }
        }
        at += n;
    }
    return true;
}

static void fill_row(void *arg, size_t r, unsigned lane_index)
{
    job *j = arg;
    mlr_cell *cells = j->out + r * j->w.cell_cols;
    /* the first row i with i * cell_rows / rows == r is r * rows / cell_rows, rounded up */
    uint64_t begin = (r * j->w.rows + j->w.cell_rows - 1) / j->w.cell_rows;
    uint64_t end = ((r + 1) * j->w.rows + j->w.cell_rows - 1) / j->w.cell_rows;
    for (uint64_t i = begin; i < end; i++) {
        if (!add_row(j, &j->lanes[lane_index], j->w.row + i, cells, &j->errs[r])) {
            return;
        }
    }
}

static void cut(uint64_t *first, uint64_t *count, uint64_t size)
{
    *first = *first < size ? *first : size;
    *count = *count < size - *first ? *count : size - *first;
}

static mlr_status first_error(const job *j, mlr_err *err)
{
    for (uint32_t r = 0; r < j->w.cell_rows; r++) {
        if (j->errs[r].status != MLR_OK) {
            if (err != NULL && err->status == MLR_OK) {
                *err = j->errs[r];
            }
            return j->errs[r].status;
        }
    }
    return MLR_OK;
}

mlr_status mlr_measure_cells(mlr_cell *out, const mlr_cells_window *window,
                             const mlr_pair *pair, const mlr_work *work, mlr_err *err)
{
    job j = {.w = *window, .out = out};
    mlr_overlay_of(&j.view, pair);
    if (!j.view.comparable) {
        return mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET, "a pair that can be compared");
    }
    memset(out, 0, (size_t)window->cell_rows * window->cell_cols * sizeof *out);
    cut(&j.w.row, &j.w.rows, j.view.rows);
    cut(&j.w.col, &j.w.cols, j.view.cols);
    if (j.w.rows == 0 || j.w.cols == 0 || j.w.cell_rows == 0 || j.w.cell_cols == 0) {
        return MLR_OK;
    }
    j.numbers =
        mlr_numeric_known(j.view.side[0].dtype) && mlr_numeric_known(j.view.side[1].dtype);
    mlr_pool pool;
    mlr_pool_init(&pool, work->alloc);
    j.lanes = mlr_pool_take(&pool, mlr_exec_lanes(work->exec) * sizeof *j.lanes);
    j.errs = mlr_pool_take(&pool, j.w.cell_rows * sizeof *j.errs);
    mlr_status status = MLR_E_NO_MEMORY;
    if (j.lanes == NULL || j.errs == NULL) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a window");
    } else {
        mlr_exec_run(work->exec, fill_row, &j, j.w.cell_rows);
        status = first_error(&j, err);
    }
    mlr_pool_release(&pool);
    return status;
}
