/* `mallorn analyze` for people: the models as a whole. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "apply/host/printable.h"
#include "formats/format.h"
#include "tui/cli/analyze.h"
#include "tui/cli/meta_text.h"
#include "tui/cli/table.h"
#include "tui/cli/text.h"

enum {
    BAR = 8,
    TOP_MODULES = 12,
    TOP_LAYERS = 12,
    TOP_TENSORS = 10,
    TOP_METAS = 10,
    TOP_TOKENS = 3
};

/* One table being printed. */
typedef struct view {
    const mlr_analyze *a;
    const mlr_analyze_groups *groups;
    uint64_t largest; /* of what the bars show */
    size_t rows;
} view;

static void heading(mlr_cli *cli, const char *title, const char *note)
{
    fprintf(cli->out, "\n%s%s%s%s%s%s%s\n", mlr_cli_on(cli, MLR_STYLE_TITLE), title,
            mlr_cli_off(cli, MLR_STYLE_TITLE), note[0] == '\0' ? "" : "  ",
            mlr_cli_on(cli, MLR_STYLE_DIM), note, mlr_cli_off(cli, MLR_STYLE_DIM));
}

static void put_real(char *cell, double v)
{
    (void)snprintf(cell, MLR_TABLE_CELL, v == 0 ? "-" : "%.1e", v);
}

static void put_ratio(char *cell, uint64_t size, uint64_t patch)
{
    double ratio = patch > 0 ? (double)size / (double)patch : 0;
    if (ratio > 0) {
        ratio = ratio > 9999 ? 9999 : ratio;
        (void)snprintf(cell, MLR_TABLE_CELL,
                       ratio < 100    ? "%.2fx"
                       : ratio < 9999 ? "%.0fx"
                                      : ">%.0fx",
                       ratio);
    }
}

static void print_table(view *v, const mlr_column *column, size_t columns,
                        void (*row)(void *ctx, size_t i, mlr_row *row))
{
    mlr_cli *cli = v->a->cli;
    const mlr_table t = {.column = column,
                         .columns = columns,
                         .rows = v->rows,
                         .indent = 2,
                         .max_width = cli->width,
                         .row = row,
                         .ctx = v};
    mlr_table_print(&t, cli);
}

/* --- totals -----------------------------------------------------------------------------
 */

static void label(mlr_cli *cli, const char *name)
{
    fprintf(cli->out, "  %s%-10s%s ", mlr_cli_on(cli, MLR_STYLE_DIM), name,
            mlr_cli_off(cli, MLR_STYLE_DIM));
}

static void print_path(const mlr_analyze *a, const char *name, const char *path,
                       uint64_t bytes)
{
    mlr_cli *cli = a->cli;
    char text[512], size[MLR_TEXT];
    (void)mlr_printable(text, sizeof text, path, strlen(path));
    mlr_text_elide(text, sizeof text, cli->width - 26, cli->utf8);
    label(cli, name);
    fprintf(cli->out, "%s%s%s  %s\n", mlr_cli_on(cli, MLR_STYLE_TITLE), text,
            mlr_cli_off(cli, MLR_STYLE_TITLE), mlr_text_size(size, bytes));
}

static void print_pair(const mlr_analyze *a)
{
    const mlr_model *m = a->diff.matching.new_model;
    print_path(a, "Old", a->old_path, a->summary.all.old_bytes);
    print_path(a, "New", a->new_path, a->summary.all.new_bytes);
    label(a->cli, "Format");
    fprintf(a->cli->out, "%s\n", m->members[0].format->title);
}

static void print_changes(const mlr_analyze *a)
{
    const mlr_tally *t = &a->summary.all;
    mlr_cli *cli = a->cli;
    char x[MLR_TEXT], y[MLR_TEXT], z[MLR_TEXT];
    label(cli, "Tensors");
    fprintf(cli->out,
            "%" PRIu64 " changed, %" PRIu64 " same, %" PRIu64 " added, %" PRIu64
            " removed\n",
            t->tensors[MLR_CHANGE_CHANGED], t->tensors[MLR_CHANGE_SAME],
            t->tensors[MLR_CHANGE_ADDED], t->tensors[MLR_CHANGE_REMOVED]);
    if (t->renamed + t->moved + t->resized + t->retyped + t->tied > 0) {
        label(cli, "");
        fprintf(cli->out,
                "%" PRIu64 " renamed, %" PRIu64 " moved, %" PRIu64 " resized, %" PRIu64
                " retyped, %" PRIu64 " tied\n",
                t->renamed, t->moved, t->resized, t->retyped, t->tied);
    }
    label(cli, "Unchanged");
    fprintf(cli->out, "%s in tensors that did not change (%s)\n",
            mlr_text_size(x, t->same_bytes),
            mlr_text_share(y, t->same_bytes, t->new_bytes));
    if (t->elements > 0) {
        label(cli, "Elements");
        fprintf(cli->out, "%s of %s compared ones changed (%s)\n",
                mlr_text_count(x, t->changed_elements), mlr_text_count(y, t->elements),
                mlr_text_share(z, t->changed_elements, t->elements));
    }
    double relative = mlr_analyze_relative(t->delta_square, t->old_square);
    if (relative > 0) {
        label(cli, "Change");
        fprintf(cli->out, "norm of the change %.2e of the old weights' norm\n", relative);
    }
}

static void print_patch(const mlr_analyze *a)
{
    mlr_cli *cli = a->cli;
    char x[MLR_TEXT], y[MLR_TEXT];
    if (!a->predicted) {
        return;
    }
    uint64_t all = a->total.bytes + a->structure_bytes;
    double ratio = all > 0 ? (double)a->plan.new_bytes / (double)all : 0;
    label(cli, "Patch");
    fprintf(cli->out, "%s%s%s%s at level %" PRIu64 ": %s%.2fx%s smaller than the new model",
            mlr_cli_on(cli, MLR_STYLE_ACCENT), a->total.exact ? "" : "~",
            mlr_text_size(x, all), mlr_cli_off(cli, MLR_STYLE_ACCENT), a->wish->level,
            mlr_cli_on(cli, MLR_STYLE_GOOD), ratio, mlr_cli_off(cli, MLR_STYLE_GOOD));
    double off = a->total.error * (double)a->total.bytes / (double)(all > 0 ? all : 1);
    if (!a->total.exact) {
        fprintf(cli->out, ", %s%.2f%%", cli->utf8 ? "±" : "+-", 100 * off);
    }
    putc('\n', cli->out);
    label(cli, "");
    fprintf(cli->out, "of it %s structure; applying takes %s of memory\n",
            mlr_text_size(x, a->structure_bytes), mlr_text_size(y, a->total.memory));
}

/* --- modules and layers -----------------------------------------------------------------
 */

static uint64_t bytes_shown(const mlr_analyze *a, const mlr_analyze_group *g)
{
    return a->predicted ? g->patch_bytes : g->new_bytes;
}

static void fill_group(const view *v, const mlr_analyze_group *g, mlr_row *row)
{
    (void)mlr_text_share(row->cell[1], g->changed_elements, g->elements);
    put_real(row->cell[2], mlr_analyze_relative(g->delta_square, g->old_square));
    if (!v->a->predicted) {
        (void)mlr_text_size(row->cell[3], g->new_bytes);
        (void)mlr_text_exact(row->cell[4], g->tensors);
        return;
    }
    put_ratio(row->cell[3], g->new_bytes, g->patch_bytes);
    (void)mlr_text_size(row->cell[4], g->patch_bytes);
    (void)mlr_text_bar(row->cell[5], MLR_TABLE_CELL, g->patch_bytes, v->largest, BAR,
                       v->a->cli->utf8);
}

static void group_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    const mlr_analyze_group *g = &v->groups->item[i];
    if (i + 1 < v->rows || v->rows == v->groups->count) {
        (void)mlr_printable(row->cell[0], MLR_TABLE_CELL, g->name.p, g->name.n);
        fill_group(v, g, row);
        return;
    }
    mlr_analyze_group rest = {0};
    for (size_t k = i; k < v->groups->count; k++) {
        g = &v->groups->item[k];
        rest.tensors += g->tensors;
        rest.changed_elements += g->changed_elements;
        rest.elements += g->elements;
        rest.delta_square += g->delta_square;
        rest.old_square += g->old_square;
        rest.new_bytes += g->new_bytes;
        rest.patch_bytes += g->patch_bytes;
    }
    (void)snprintf(row->cell[0], MLR_TABLE_CELL, "(%zu more)", v->groups->count - i);
    fill_group(v, &rest, row);
}

static void print_groups(const mlr_analyze *a, const char *title,
                         const mlr_analyze_groups *groups, size_t most)
{
    const char *third = a->predicted ? "Ratio" : "Size";
    const char *fourth = a->predicted ? "Patch" : "Tensors";
    const mlr_column column[] = {
        {title, MLR_NAMES, MLR_STYLE_ACCENT},     {"Changed", MLR_RIGHT, MLR_STYLE_PLAIN},
        {"Relative", MLR_RIGHT, MLR_STYLE_PLAIN}, {third, MLR_RIGHT, MLR_STYLE_PLAIN},
        {fourth, MLR_RIGHT, MLR_STYLE_PLAIN},     {"", MLR_LEFT, MLR_STYLE_GOOD}};
    view v = {.a = a, .groups = groups};
    if (groups->count == 0) {
        return;
    }
    v.rows = groups->count <= most ? groups->count : most;
    for (size_t i = 0; i < groups->count; i++) {
        uint64_t n = bytes_shown(a, &groups->item[i]);
        v.largest = n > v.largest ? n : v.largest;
    }
    putc('\n', a->cli->out);
    print_table(&v, column, a->predicted ? 6 : 5, group_row);
}

/* --- tensors ----------------------------------------------------------------------------
 */

static void tensor_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    const mlr_analyze *a = v->a;
    uint32_t pair = a->order[i];
    const mlr_pairing *q = &a->diff.matching.pairs[pair];
    const mlr_tensor *t = mlr_analyze_tensor(a, pair);
    const mlr_measure *m = a->diff.measures[pair];
    (void)mlr_printable(row->cell[0], MLR_TABLE_CELL, t->key.p, t->key.n);
    if (m != NULL && (m->have & MLR_HAVE_PAIR) != 0) {
        (void)mlr_text_share(row->cell[1], m->changed_elements, m->elements);
    } else {
        (void)snprintf(row->cell[1], MLR_TABLE_CELL, "%s", mlr_change_name(q->change));
    }
    if (!a->predicted) {
        put_real(row->cell[2], m == NULL ? 0 : m->delta.l2_relative);
        (void)mlr_text_size(row->cell[3], t->data.len);
        (void)snprintf(row->cell[4], MLR_TABLE_CELL, "%s", t->dtype->name);
        return;
    }
    const mlr_prediction *p = &a->prediction[pair];
    (void)snprintf(row->cell[2], MLR_TABLE_CELL, "%s",
                   p->bytes == 0 ? "-" : mlr_decoder_get(p->strategy)->name);
    put_ratio(row->cell[3], t->data.len, p->bytes);
    (void)mlr_text_size(row->cell[4], p->bytes);
    if (!p->exact) {
        (void)snprintf(row->cell[5], MLR_TABLE_CELL, "%s%.1f%%", a->cli->utf8 ? "±" : "+-",
                       100 * p->error);
    }
}

static bool worth_a_row(const mlr_analyze *a, uint32_t pair)
{
    return a->diff.matching.pairs[pair].change != MLR_CHANGE_SAME;
}

static void print_tensors(const mlr_analyze *a)
{
    static const mlr_column with[] = {
        {"Tensor", MLR_NAMES, MLR_STYLE_ACCENT}, {"Changed", MLR_RIGHT, MLR_STYLE_PLAIN},
        {"Strategy", MLR_LEFT, MLR_STYLE_PLAIN}, {"Ratio", MLR_RIGHT, MLR_STYLE_PLAIN},
        {"Patch", MLR_RIGHT, MLR_STYLE_PLAIN},   {"Error", MLR_RIGHT, MLR_STYLE_DIM}};
    static const mlr_column without[] = {{"Tensor", MLR_NAMES, MLR_STYLE_ACCENT},
                                         {"Changed", MLR_RIGHT, MLR_STYLE_PLAIN},
                                         {"Relative", MLR_RIGHT, MLR_STYLE_PLAIN},
                                         {"Size", MLR_RIGHT, MLR_STYLE_PLAIN},
                                         {"Type", MLR_LEFT, MLR_STYLE_PLAIN}};
    view v = {.a = a};
    size_t n = a->diff.matching.count, worthy = 0;
    for (size_t i = 0; i < n; i++) {
        worthy += worth_a_row(a, a->order[i]);
    }
    while (v.rows < n && v.rows < TOP_TENSORS && worth_a_row(a, a->order[v.rows])) {
        v.rows++;
    }
    if (v.rows == 0) {
        return;
    }
    putc('\n', a->cli->out);
    bool sampled = a->predicted && !a->total.exact;
    print_table(&v, a->predicted ? with : without, sampled ? 6 : 5, tensor_row);
    if (worthy > v.rows) {
        fprintf(a->cli->out, "  %s(%zu more; --csv lists all, -t NAME shows one)%s\n",
                mlr_cli_on(a->cli, MLR_STYLE_DIM), worthy - v.rows,
                mlr_cli_off(a->cli, MLR_STYLE_DIM));
    }
}

/* --- hints ------------------------------------------------------------------------------
 */

static void print_hint(const mlr_analyze *a, const mlr_analyze_hint *h)
{
    mlr_cli *cli = a->cli;
    char size[MLR_TEXT], key[160];
    fprintf(cli->out, "  %s%-17s%s", mlr_cli_on(cli, MLR_STYLE_WARN),
            mlr_hint_name(h->hint.kind), mlr_cli_off(cli, MLR_STYLE_WARN));
    bool counts = h->hint.kind == MLR_HINT_FROZEN_LAYERS ||
                  h->hint.kind == MLR_HINT_GROWN ||
                  h->hint.kind == MLR_HINT_GROWN_VOCABULARY;
    if (counts && h->hint.of > 0) {
        fprintf(cli->out, "%.0f of %" PRIu64 " %s", h->hint.figure, h->hint.of,
                mlr_hint_figure(h->hint.kind));
    } else {
        fprintf(cli->out, "%.4g: %s", h->hint.figure, mlr_hint_figure(h->hint.kind));
    }
    putc('\n', cli->out);
    if (h->pair == MLR_NO_TENSOR) {
        return;
    }
    int used = fprintf(cli->out, "%19sin %" PRIu64 " tensor%s, %s; ", "", h->tensors,
                       h->tensors == 1 ? "" : "s", mlr_text_size(size, h->bytes));
    if (h->hint.rank > 0) {
        used += fprintf(cli->out, "rank %" PRIu32 "; ", h->hint.rank);
    }
    if (h->hint.factor != 0) {
        used += fprintf(cli->out, "factor %.4g; ", h->hint.factor);
    }
    mlr_str name = mlr_analyze_key(a, h->pair);
    (void)mlr_printable(key, sizeof key, name.p, name.n);
    unsigned left = cli->width > (unsigned)used ? cli->width - (unsigned)used : 0;
    mlr_text_elide_name(key, sizeof key, left > 12 ? left : 12, cli->utf8);
    fprintf(cli->out, "%s\n", key);
}

static void print_hints(const mlr_analyze *a)
{
    if (a->hints == 0) {
        return;
    }
    heading(a->cli, "Hints", "");
    for (size_t i = 0; i < a->hints; i++) {
        print_hint(a, &a->hint[i]);
    }
}

/* --- what is no tensor ------------------------------------------------------------------
 */

static const mlr_meta_change *meta_at(const mlr_analyze *a, size_t want)
{
    for (size_t i = 0, n = 0; i < a->meta.count; i++) {
        if (a->meta.changes[i].change != MLR_CHANGE_SAME && n++ == want) {
            return &a->meta.changes[i];
        }
    }
    return NULL;
}

static void meta_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    const mlr_meta_change *c = meta_at(v->a, i);
    const mlr_meta *m = c->new_meta != NULL ? c->new_meta : c->old_meta;
    (void)mlr_printable(row->cell[0], MLR_TABLE_CELL, m->key.p, m->key.n);
    if (c->old_meta != NULL) {
        mlr_meta_text(c->old_meta, row->cell[1], 60);
        mlr_text_elide(row->cell[1], MLR_TABLE_CELL, 20, v->a->cli->utf8);
    }
    (void)snprintf(row->cell[2], MLR_TABLE_CELL, "%s",
                   c->change == MLR_CHANGE_CHANGED ? "->" : mlr_change_name(c->change));
    if (c->new_meta != NULL) {
        mlr_meta_text(c->new_meta, row->cell[3], 60);
        mlr_text_elide(row->cell[3], MLR_TABLE_CELL, 20, v->a->cli->utf8);
    }
}

static void print_metas(const mlr_analyze *a)
{
    static const mlr_column column[] = {{"", MLR_NAMES, MLR_STYLE_ACCENT},
                                        {"", MLR_LEFT, MLR_STYLE_PLAIN},
                                        {"", MLR_LEFT, MLR_STYLE_DIM},
                                        {"", MLR_LEFT, MLR_STYLE_PLAIN}};
    size_t changed = a->meta.count - a->meta.counts[MLR_CHANGE_SAME];
    view v = {.a = a, .rows = changed < TOP_METAS ? changed : TOP_METAS};
    if (changed == 0) {
        return;
    }
    char note[80];
    (void)snprintf(note, sizeof note, "%zu changed, %zu added, %zu removed, %zu same",
                   a->meta.counts[MLR_CHANGE_CHANGED], a->meta.counts[MLR_CHANGE_ADDED],
                   a->meta.counts[MLR_CHANGE_REMOVED], a->meta.counts[MLR_CHANGE_SAME]);
    heading(a->cli, "Metadata and graph", note);
    print_table(&v, column, 4, meta_row);
    if (changed > v.rows) {
        fprintf(a->cli->out, "  %s(%zu more)%s\n", mlr_cli_on(a->cli, MLR_STYLE_DIM),
                changed - v.rows, mlr_cli_off(a->cli, MLR_STYLE_DIM));
    }
}

static void print_tokens(const mlr_analyze *a, bool added, const char *what)
{
    mlr_cli *cli = a->cli;
    size_t shown = 0;
    for (size_t i = 0; i < a->vocabulary.count && shown < TOP_TOKENS; i++) {
        const mlr_token_change *c = &a->vocabulary.changes[i];
        bool is_added = c->old_id == MLR_NO_TOKEN, is_removed = c->new_id == MLR_NO_TOKEN;
        if (added ? !is_added : !is_removed) {
            continue;
        }
        char text[40];
        (void)mlr_printable(text, sizeof text, c->text.p, c->text.n);
        mlr_text_elide(text, sizeof text, 20, cli->utf8);
        fprintf(cli->out, "%s%s", shown == 0 ? what : ", ", text);
        shown++;
    }
    if (shown > 0) {
        putc('\n', cli->out);
    }
}

static void print_vocabulary(const mlr_analyze *a)
{
    const mlr_vocabulary_diff *v = &a->vocabulary;
    char note[120];
    if (!v->known || v->added + v->removed + v->moved == 0) {
        return;
    }
    (void)snprintf(note, sizeof note,
                   "%" PRIu64 " -> %" PRIu64 " tokens: %" PRIu64 " added, %" PRIu64
                   " removed, %" PRIu64 " moved",
                   v->old_count, v->new_count, v->added, v->removed, v->moved);
    heading(a->cli, "Vocabulary", note);
    print_tokens(a, true, "  added    ");
    print_tokens(a, false, "  removed  ");
}

void mlr_analyze_print_text(mlr_analyze *a)
{
    print_pair(a);
    print_changes(a);
    print_patch(a);
    print_groups(a, "Module", &a->modules, TOP_MODULES);
    print_groups(a, "Layer", &a->layers, TOP_LAYERS);
    print_tensors(a);
    print_hints(a);
    print_metas(a);
    print_vocabulary(a);
}
