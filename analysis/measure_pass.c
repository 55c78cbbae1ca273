#include "analysis/measure_pass.h"

#include "analysis/blocks.h"
#include "analysis/numeric.h"
#include "apply/base/mem.h"

/* --- planning ----------------------------------------------------------------------------
 */

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

static uint64_t at_least_one(uint64_t a)
{
    return a == 0 ? 1 : a;
}

static void plan_chunks(mlr_pass *p)
{
    const mlr_overlay *v = &p->view;
    p->pieces_per_row = 1;
    if (v->elements == 0) {
        p->chunks = 0;
        return;
    }
    if (v->cols <= MLR_CHUNK) {
        p->chunk_elements = MLR_CHUNK / v->cols * v->cols;
        p->chunks = ceil_div(v->elements, p->chunk_elements);
        return;
    }
    p->chunk_elements = MLR_CHUNK;
    p->pieces_per_row = ceil_div(v->cols, MLR_CHUNK);
    p->chunks = v->rows * p->pieces_per_row;
}

static void plan_places(mlr_pass *p)
{
    const mlr_overlay *v = &p->view;
    p->grid_rows = v->rows < MLR_GRID ? (uint32_t)v->rows : MLR_GRID;
    p->grid_cols = v->cols < MLR_GRID ? (uint32_t)v->cols : MLR_GRID;
    for (uint32_t i = 0; i <= p->grid_cols && p->grid_cols > 0; i++) {
        /* i * cols / grid_cols, rounded up, without leaving 64 bits */
        p->col_bound[i] =
            v->cols / p->grid_cols * i + ceil_div(v->cols % p->grid_cols * i, p->grid_cols);
    }
    uint64_t narrow = at_least_one(ceil_div(16, at_least_one(v->cols)));
    uint64_t many = at_least_one(ceil_div(v->rows, MLR_MOST_LINES));
    p->row_group = narrow > many ? narrow : many;
    p->col_group = at_least_one(ceil_div(v->cols, MLR_MOST_COLUMNS));
}

static bool is_float(const mlr_dtype *t)
{
    return t->cls == MLR_CLASS_FLOAT;
}

/* Every code of one byte with its value, packed ones too: the first element of a group has
   the lowest bits, so a code can stand there alone. */
static void plan_values(mlr_pass *p, unsigned side)
{
    const mlr_dtype *t = p->view.side[side].dtype;
    p->by_table[side] =
        t->cls != MLR_CLASS_BLOCK && mlr_numeric_known(t) && mlr_code_bytes(t) == 1;
    for (unsigned code = 0; p->by_table[side] && code < 1u << mlr_code_bits(t); code++) {
        uint8_t bytes[3] = {(uint8_t)code, 0, 0};
        (void)mlr_to_f64(t, bytes, 1, &p->value[side][code], false);
    }
}

void mlr_pass_plan(mlr_pass *p, const mlr_measure_options *options, bool detail)
{
    const mlr_overlay_side *o = &p->view.side[0], *n = &p->view.side[1];
    const mlr_dtype *mine = p->pair || p->alone == 1 ? n->dtype : o->dtype;
    p->full = options->depth == MLR_DEPTH_FULL;
    p->values = detail;
    p->places = detail && p->pair && p->full;
    p->codes = !p->pair || o->dtype == n->dtype;
    p->numbers = mlr_numeric_known(mine) && (!p->pair || mlr_numeric_known(o->dtype));
    p->bytes = mine->cls == MLR_CLASS_BLOCK || mine->cls == MLR_CLASS_OPAQUE;
    p->bits = p->pair && p->codes && mine->cls != MLR_CLASS_BLOCK;
    p->tables = p->codes && !p->bytes && mlr_code_bytes(mine) <= 2;
    p->cast = p->pair && !p->codes && is_float(o->dtype) && is_float(n->dtype);
    p->kind = mlr_code_kind_of(mine);
    for (unsigned side = 0; side < MLR_SIDES; side++) {
        if (p->pair || side == p->alone) {
            plan_values(p, side);
        }
    }
    plan_chunks(p);
    plan_places(p);
}

static void chunk_range(const mlr_pass *p, uint64_t index, mlr_part *part)
{
    const mlr_overlay *v = &p->view;
    uint64_t end = v->elements;
    if (p->pieces_per_row == 1) {
        part->first = index * p->chunk_elements;
    } else {
        uint64_t row = index / p->pieces_per_row;
        part->first = row * v->cols + index % p->pieces_per_row * p->chunk_elements;
        end = (row + 1) * v->cols;
    }
    uint64_t left = end - part->first;
    part->elements = left < p->chunk_elements ? left : p->chunk_elements;
}

/* --- places ------------------------------------------------------------------------------
 */

/* i * cells / n without leaving 64 bits, for i < n and few cells. */
static uint32_t cell_of(uint64_t i, uint64_t n, uint32_t cells)
{
    if (n <= UINT64_MAX / MLR_GRID) {
        return (uint32_t)(i * cells / n);
    }
    return (uint32_t)(i / (n / cells + 1));
}

static void open_places(const mlr_pass *p, mlr_part *part)
{
    const mlr_overlay *v = &p->view;
    uint64_t first_row = part->first / v->cols;
    uint64_t last_row = (part->first + part->elements - 1) / v->cols;
    part->grid_first = cell_of(first_row, v->rows, p->grid_rows);
    part->grid_end = cell_of(last_row, v->rows, p->grid_rows) + 1;
    part->line_first = first_row / p->row_group;
    part->lines = (uint32_t)(last_row / p->row_group - part->line_first + 1);
    size_t cells = (size_t)(part->grid_end - part->grid_first) * MLR_GRID;
    memset(part->grid_changed[part->grid_first], 0, cells * sizeof(uint64_t));
    memset(part->grid_sum[part->grid_first], 0, cells * sizeof(double));
    memset(part->line_changed, 0, part->lines * sizeof *part->line_changed);
    memset(part->line_sum, 0, part->lines * sizeof *part->line_sum);
}

static void count_columns(const mlr_pass *p, mlr_pass_lane *lane, uint64_t col,
                          const uint8_t *f, size_t n)
{
    if (p->col_group == 1) {
        p->kernels->columns(lane->columns + col, f, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        lane->columns[(col + i) / p->col_group] += f[i];
    }
}

/* Cells of one row, from column `col` on. */
static void spread_row(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part, uint64_t row,
                       uint64_t col, size_t at, size_t n)
{
    uint32_t r = cell_of(row, p->view.rows, p->grid_rows);
    uint32_t c = cell_of(col, p->view.cols, p->grid_cols);
    size_t line = (size_t)(row / p->row_group - part->line_first);
    count_columns(p, lane, col, lane->flags + at, n);
    while (n > 0) {
        uint64_t room = p->col_bound[c + 1] - col;
        size_t some = n < room ? n : (size_t)room;
        uint64_t changed = 0;
        double sum = p->kernels->cell(lane->flags + at, lane->d + at, some, &changed);
        part->grid_changed[r][c] += changed;
        part->grid_sum[r][c] += sum;
        part->line_changed[line] += changed;
        part->line_sum[line] += sum;
        col += some;
        at += some;
        n -= some;
        c++;
    }
}

static void spread(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part, uint64_t first,
                   size_t count)
{
    uint64_t row = first / p->view.cols, col = first % p->view.cols;
    for (size_t at = 0; at < count;) {
        uint64_t room = p->view.cols - col;
        size_t some = count - at < room ? count - at : (size_t)room;
        spread_row(p, lane, part, row, col, at, some);
        at += some;
        row++;
        col = 0;
    }
}

/* --- pieces ------------------------------------------------------------------------------
 */

/* A piece of a chunk: where its bytes are on each side. */
typedef struct piece {
    const uint8_t *src[MLR_SIDES];
    uint64_t first; /* element of the view */
    size_t count;
    bool widened; /* the lane's values hold this piece */
} piece;

static const uint8_t *codes_of(const mlr_pass *p, mlr_pass_lane *lane, const piece *w,
                               unsigned side);

static void widen(const mlr_pass *p, mlr_pass_lane *lane, piece *w, unsigned side)
{
    const mlr_dtype *t = p->view.side[side].dtype;
    if (p->kernels->widen(t, w->src[side], w->count, lane->v[side])) {
        return;
    }
    if (p->by_table[side]) {
        const uint8_t *code = codes_of(p, lane, w, side);
        for (size_t i = 0; i < w->count; i++) {
            lane->v[side][i] = p->value[side][code[i]];
        }
        return;
    }
    (void)mlr_to_f64(t, w->src[side], w->count, lane->v[side], false);
}

static void widen_pair(const mlr_pass *p, mlr_pass_lane *lane, piece *w)
{
    if (!w->widened) {
        widen(p, lane, w, 0);
        widen(p, lane, w, 1);
        w->widened = true;
    }
}

/* Elements of a piece as codes: in place, or unpacked. */
static const uint8_t *codes_of(const mlr_pass *p, mlr_pass_lane *lane, const piece *w,
                               unsigned side)
{
    const mlr_dtype *t = p->view.side[side].dtype;
    if (t->cls != MLR_CLASS_PACKED) {
        return w->src[side];
    }
    mlr_to_codes(t, w->src[side], w->count, lane->code[side], false);
    return lane->code[side];
}

static size_t piece_bytes(const mlr_pass *p, const piece *w, unsigned side)
{
    uint64_t bytes = 0;
    (void)mlr_dtype_bytes(p->view.side[side].dtype, w->count, &bytes);
    return (size_t)bytes;
}

static size_t flag_blocks(const mlr_pass *p, mlr_pass_lane *lane, const piece *w)
{
    const mlr_dtype *t = p->view.side[1].dtype;
    size_t changed = 0;
    for (size_t i = 0; i < w->count; i += t->block_items) {
        size_t at = i / t->block_items * t->block_bytes;
        bool differs = memcmp(w->src[0] + at, w->src[1] + at, t->block_bytes) != 0;
        memset(lane->flags + i, differs, t->block_items);
        changed += differs ? t->block_items : 0;
    }
    return changed;
}

/* Sets the flags of a piece and returns how many there are. */
static size_t flag_piece(const mlr_pass *p, mlr_pass_lane *lane, piece *w)
{
    if (p->bits) {
        return p->kernels->flags(p->kind.width, codes_of(p, lane, w, 0),
                                 codes_of(p, lane, w, 1), w->count, lane->flags);
    }
    if (!p->numbers) {
        return flag_blocks(p, lane, w);
    }
    widen_pair(p, lane, w);
    return p->kernels->differ(lane->v[0], lane->v[1], w->count, lane->flags);
}

static void compare_piece(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part, piece *w,
                          size_t *changed)
{
    uint64_t differ[2] = {0, 0};
    bool plain = p->bits && p->view.side[1].dtype->cls != MLR_CLASS_PACKED;
    if (plain && !p->full) {
        p->kernels->compare(p->kind.width, w->src[0], w->src[1], w->count, differ);
        *changed = (size_t)differ[0];
    } else {
        *changed = flag_piece(p, lane, w);
    }
    if (plain && p->full && *changed > 0) {
        uint64_t again[2] = {0, 0};
        p->kernels->compare(p->kind.width, w->src[0], w->src[1], w->count, again);
        differ[1] = again[1];
    } else if (!plain && p->codes) {
        uint64_t bytes[2] = {0, 0};
        p->kernels->compare(1, w->src[0], w->src[1], piece_bytes(p, w, 1), bytes);
        differ[1] = bytes[1];
    }
    part->differ[0] += *changed;
    part->differ[1] += differ[1];
}

/* The first element whose |delta| is `most`. */
static uint64_t find_most(const mlr_pass *p, mlr_pass_lane *lane, piece *w, double most)
{
    widen_pair(p, lane, w);
    for (size_t i = 0; i < w->count; i++) {
        double d = lane->v[1][i] - lane->v[0][i];
        if (d == most || d == -most) {
            return w->first + i;
        }
    }
    return w->first;
}

static void take_extremes(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part, piece *w)
{
    double min = part->sums.min[0], max = part->sums.max[0];
    for (unsigned k = 1; k < MLR_LANES; k++) {
        min = part->sums.min[k] < min ? part->sums.min[k] : min;
        max = part->sums.max[k] > max ? part->sums.max[k] : max;
    }
    part->min = min < part->min ? min : part->min;
    part->max = max > part->max ? max : part->max;
    double most = -min > max ? -min : max;
    if (most > part->most) {
        part->most = most;
        part->most_index = find_most(p, lane, w, most);
    }
}

static void sum_piece(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part, piece *w)
{
    const mlr_sums fresh = mlr_sums_start();
    memcpy(part->sums.min, fresh.min, sizeof fresh.min);
    memcpy(part->sums.max, fresh.max, sizeof fresh.max);
    bool direct = p->codes && p->kernels->sums_of(&part->sums, p->view.side[0].dtype->id,
                                                  w->src[0], w->src[1], w->count);
    if (!direct) {
        widen_pair(p, lane, w);
        p->kernels->sums(&part->sums, lane->v[0], lane->v[1], w->count);
    }
    take_extremes(p, lane, part, w);
}

/* Marks pairs with a NaN; NULL where there is none. */
static const uint8_t *nan_pairs(const mlr_pass *p, mlr_pass_lane *lane, const piece *w)
{
    size_t found = 0;
    if (!p->numbers || p->bytes) {
        return NULL;
    }
    for (size_t i = 0; i < w->count; i++) {
        bool nan = lane->v[0][i] != lane->v[0][i] || lane->v[1][i] != lane->v[1][i];
        lane->skip[i] = nan;
        found += nan;
    }
    return found > 0 ? lane->skip : NULL;
}

static void count_casts(const mlr_pass *p, const mlr_pass_lane *lane, mlr_part *part,
                        const piece *w)
{
    const mlr_dtype *t = p->view.side[1].dtype;
    uint32_t code = 0;
    if (!mlr_from_f64(t, 0, &code)) {
        return;
    }
    for (size_t i = 0; i < w->count; i++) {
        double o = lane->v[0][i], n = lane->v[1][i], cast = 0;
        (void)mlr_from_f64(t, o, &code);
        uint8_t bytes[4] = {(uint8_t)code, (uint8_t)(code >> 8), (uint8_t)(code >> 16),
                            (uint8_t)(code >> 24)};
        (void)mlr_to_f64(t, bytes, 1, &cast, false);
        part->cast_exact += cast == n || (o != o && n != n);
    }
}

static void count_blocks(const mlr_pass *p, mlr_part *part, const piece *w)
{
    const mlr_dtype *t = p->view.side[1].dtype;
    mlr_byte_range scale[2];
    unsigned ranges = mlr_block_scales(t, scale);
    for (size_t at = 0; at < w->count / t->block_items * t->block_bytes;
         at += t->block_bytes) {
        const uint8_t *o = w->src[0] + at, *n = w->src[1] + at;
        size_t done = 0;
        bool scales = false, codes = false;
        for (unsigned i = 0; i < ranges; i++) {
            codes |= memcmp(o + done, n + done, scale[i].begin - done) != 0;
            scales |= memcmp(o + scale[i].begin, n + scale[i].begin,
                             (size_t)(scale[i].end - scale[i].begin)) != 0;
            done = scale[i].end;
        }
        codes |= memcmp(o + done, n + done, t->block_bytes - done) != 0;
        part->blocks.blocks++;
        part->blocks.same += !scales && !codes;
        part->blocks.scales_only += scales && !codes;
        part->blocks.codes_only += !scales && codes;
        part->blocks.both += scales && codes;
    }
}

/* Lists the places of the flags that are set. */
static size_t list_moved(mlr_pass_lane *lane, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        lane->moved[n] = (uint16_t)i;
        n += lane->flags[i];
    }
    return n;
}

static void count_deltas(const mlr_pass *p, mlr_pass_lane *lane, piece *w, size_t moved,
                         bool few)
{
    uint32_t *table = lane->tables + MLR_T_DELTA_VALUE;
    if (!p->values) {
        return;
    }
    if (!p->numbers || moved == 0) {
        memset(lane->d, 0, w->count * sizeof *lane->d);
        table[0] += p->numbers ? (uint32_t)w->count : 0;
        return;
    }
    widen_pair(p, lane, w);
    p->kernels->delta(lane->v[0], lane->v[1], w->count, lane->d);
    if (!few) {
        mlr_count_values(table, lane->d, w->count);
        return;
    }
    table[0] += (uint32_t)(w->count - moved);
    for (size_t i = 0; i < moved; i++) {
        mlr_count_values(table, &lane->d[lane->moved[i]], 1);
    }
}

static void count_codes(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part, piece *w,
                        size_t moved, bool few)
{
    bool odd = p->numbers && part->sums.finite != w->first + w->count - part->first;
    if (odd) {
        widen_pair(p, lane, w);
    }
    mlr_codes c = {.o = codes_of(p, lane, w, 0),
                   .n = codes_of(p, lane, w, 1),
                   .count = p->bytes ? piece_bytes(p, w, 1) : w->count,
                   .skip = odd ? nan_pairs(p, lane, w) : NULL,
                   .moved = few && p->bits ? lane->moved : NULL,
                   .moved_count = moved};
    mlr_count_pair(lane->tables, &p->kind, &c, &part->largest);
    if (p->view.side[1].dtype->cls == MLR_CLASS_BLOCK) {
        count_blocks(p, part, w);
    }
}

/* Everything a pair is measured for beyond sums and flags. */
static void count_pair(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part, piece *w,
                       size_t changed)
{
    bool few = changed < w->count / 4;
    if (few) {
        (void)list_moved(lane, w->count);
    }
    count_deltas(p, lane, w, changed, few);
    if (p->places && changed > 0) {
        spread(p, lane, part, w->first, w->count);
    }
    if (p->cast) {
        widen_pair(p, lane, w);
        count_casts(p, lane, part, w);
    }
    if (p->codes) {
        count_codes(p, lane, part, w, changed, few);
    }
}

/* Counts and extremes of a side whose type is too wide for a table. */
static void count_side(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part,
                       const piece *w, unsigned side)
{
    static const unsigned place[MLR_SIDES] = {MLR_T_OLD_VALUE, MLR_T_NEW_VALUE};
    double least = mlr_least_normal(p->view.side[side].dtype);
    p->kernels->side(&part->side[side], lane->v[side], w->count, least);
    if (p->values) {
        mlr_count_values(lane->tables + place[side], lane->v[side], w->count);
    }
}

static void measure_both(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part, piece *w)
{
    size_t changed = 0;
    compare_piece(p, lane, part, w, &changed);
    if (p->numbers) {
        sum_piece(p, lane, part, w);
    }
    if (!p->full) {
        return;
    }
    count_pair(p, lane, part, w, changed);
    if (p->numbers && p->codes && !p->tables) {
        widen_pair(p, lane, w);
        count_side(p, lane, part, w, 0);
        count_side(p, lane, part, w, 1);
    }
}

static void measure_alone(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part, piece *w)
{
    size_t codes = p->bytes ? piece_bytes(p, w, p->alone) : w->count;
    mlr_count_new(lane->tables, &p->kind, codes_of(p, lane, w, p->alone), codes);
    if (p->numbers && !p->tables) {
        widen(p, lane, w, p->alone);
        count_side(p, lane, part, w, p->alone);
    }
}

/* --- chunks ------------------------------------------------------------------------------
 */

static void open_part(const mlr_pass *p, mlr_part *part, uint64_t index)
{
    part->err = (mlr_err){.status = MLR_OK};
    part->sums = mlr_sums_start();
    part->min = part->sums.min[0];
    part->max = part->sums.max[0];
    part->most = 0;
    part->most_index = 0;
    part->differ[0] = part->differ[1] = 0;
    part->cast_exact = 0;
    part->blocks = (mlr_blocks_changed){.blocks = 0};
    part->side[0] = part->side[1] = mlr_side_sums_start();
    part->largest = 0;
    part->lines = 0;
    part->grid_first = part->grid_end = 0;
    chunk_range(p, index, part);
    if (p->places) {
        open_places(p, part);
    }
}

static bool fetch_sides(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part,
                        const uint8_t *src[MLR_SIDES])
{
    for (unsigned side = 0; side < MLR_SIDES; side++) {
        src[side] = NULL;
        if (!p->pair && side != p->alone) {
            continue;
        }
        src[side] = mlr_overlay_read(&p->view, side, part->first, (size_t)part->elements,
                                     lane->room[side], &part->err);
        if (src[side] == NULL) {
            return false;
        }
    }
    return true;
}

void mlr_pass_chunk(const mlr_pass *p, mlr_pass_lane *lane, mlr_part *part, uint64_t index)
{
    const uint8_t *src[MLR_SIDES];
    open_part(p, part, index);
    if (!fetch_sides(p, lane, part, src)) {
        return;
    }
    for (uint64_t at = 0; at < part->elements; at += MLR_PIECE) {
        uint64_t left = part->elements - at;
        piece w = {.first = part->first + at,
                   .count = left < MLR_PIECE ? (size_t)left : MLR_PIECE};
        for (unsigned side = 0; side < MLR_SIDES; side++) {
            if (src[side] != NULL) {
                w.src[side] =
                    src[side] + mlr_overlay_bytes(&p->view.side[side], (size_t)at);
            }
        }
        if (p->pair) {
            measure_both(p, lane, part, &w);
        } else {
            measure_alone(p, lane, part, &w);
        }
    }
}
