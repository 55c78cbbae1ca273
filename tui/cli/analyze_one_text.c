/* `mallorn analyze --tensor` for people. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "apply/host/printable.h"
#include "codec/price.h"
#include "tui/cli/analyze.h"
#include "tui/cli/table.h"
#include "tui/cli/text.h"

enum { BAR = 14, HISTOGRAM_ROWS = 14 };

typedef struct view {
    const mlr_analyze *a;
    const mlr_analyze_one *one;
    size_t rows;
    unsigned order[MLR_ANALYZE_STRATEGIES]; /* of strategies, smallest first */
    int first, step; /* of the histogram: exponent, exponents a row */
    uint64_t largest[3];
} view;

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

static void heading(mlr_cli *cli, const char *title, const char *note)
{
    fprintf(cli->out, "\n%s%s%s%s%s%s%s\n", mlr_cli_on(cli, MLR_STYLE_TITLE), title,
            mlr_cli_off(cli, MLR_STYLE_TITLE), note[0] == '\0' ? "" : "  ",
            mlr_cli_on(cli, MLR_STYLE_DIM), note, mlr_cli_off(cli, MLR_STYLE_DIM));
}

static void label(mlr_cli *cli, const char *name)
{
    fprintf(cli->out, "  %s%-12s%s ", mlr_cli_on(cli, MLR_STYLE_DIM), name,
            mlr_cli_off(cli, MLR_STYLE_DIM));
}

/* --- who it is --------------------------------------------------------------------------
 */

static void print_side(mlr_cli *cli, const char *name, const mlr_tensor *t)
{
    char shape[80], size[MLR_TEXT];
    if (t == NULL) {
        return;
    }
    label(cli, name);
    (void)mlr_text_shape(shape, sizeof shape, t->dim, t->rank);
    fprintf(cli->out, "%s %s, %s\n", t->dtype->name, shape,
            mlr_text_size(size, t->data.len));
}

static void print_identity(const mlr_analyze *a, const mlr_analyze_one *one)
{
    mlr_cli *cli = a->cli;
    char key[512];
    mlr_pair p = mlr_diff_pair(&a->diff, one->pair);
    const mlr_pairing *q = &a->diff.matching.pairs[one->pair];
    mlr_str name = mlr_analyze_key(a, one->pair);
    (void)mlr_printable(key, sizeof key, name.p, name.n);
    fprintf(cli->out, "%s%s%s\n", mlr_cli_on(cli, MLR_STYLE_TITLE), key,
            mlr_cli_off(cli, MLR_STYLE_TITLE));
    label(cli, "Change");
    fprintf(cli->out, "%s", mlr_change_name(q->change));
    uint16_t flags = q->flags & (uint16_t)~MLR_PAIR_COMPARED;
    for (const char *f; (f = mlr_pair_flag_next(&flags)) != NULL;) {
        fprintf(cli->out, ", %s", f);
    }
    fprintf(cli->out, "; paired by %s\n", mlr_paired_by_name(q->by));
    if (p.old_tensor != NULL && (q->flags & MLR_PAIR_RENAMED) != 0) {
        (void)mlr_printable(key, sizeof key, p.old_tensor->key.p, p.old_tensor->key.n);
        label(cli, "Old name");
        fprintf(cli->out, "%s\n", key);
    }
    print_side(cli, "Old", p.old_tensor);
    print_side(cli, "New", p.new_tensor);
}

/* --- statistics -------------------------------------------------------------------------
 */

static void put_real(char *cell, double v)
{
    (void)snprintf(cell, MLR_TABLE_CELL, "%.4g", v);
}

/* The rows that old, new and delta have in common. */
static void value_row(void *ctx, size_t i, mlr_row *row)
{
    static const char *const name[] = {"mean", "deviation", "min", "max", "L1", "L2"};
    const mlr_measure *m = &((const view *)ctx)->one->measure;
    const mlr_side *s[2] = {&m->old_side, &m->new_side};
    (void)snprintf(row->cell[0], MLR_TABLE_CELL, "%s", name[i]);
    for (size_t k = 0; k < 2; k++) {
        const double v[] = {s[k]->mean, s[k]->deviation, s[k]->min,
                            s[k]->max,  s[k]->l1,        s[k]->l2};
        if ((m->have & (k == 0 ? MLR_HAVE_OLD : MLR_HAVE_NEW)) != 0) {
            put_real(row->cell[1 + k], v[i]);
        }
    }
    const mlr_delta *d = &m->delta;
    const double v[] = {d->mean, d->deviation, d->min, d->max, d->l1, d->l2};
    if ((m->have & MLR_HAVE_PAIR) != 0) {
        put_real(row->cell[3], v[i]);
    }
}

static void print_values(view *v)
{
    static const mlr_column column[] = {{"Values", MLR_LEFT, MLR_STYLE_DIM},
                                        {"Old", MLR_RIGHT, MLR_STYLE_PLAIN},
                                        {"New", MLR_RIGHT, MLR_STYLE_PLAIN},
                                        {"Change", MLR_RIGHT, MLR_STYLE_ACCENT}};
    if ((v->one->measure.have & MLR_HAVE_NUMBERS) != 0) {
        putc('\n', v->a->cli->out);
        v->rows = 6;
        print_table(v, column, 4, value_row);
    }
}

static void print_delta(const view *v)
{
    const mlr_measure *m = &v->one->measure;
    mlr_cli *cli = v->a->cli;
    char x[MLR_TEXT], y[MLR_TEXT], z[MLR_TEXT];
    label(cli, "Changed");
    fprintf(cli->out, "%s of %s elements (%s)", mlr_text_exact(x, m->changed_elements),
            mlr_text_exact(y, m->elements),
            mlr_text_share(z, m->changed_elements, m->elements));
    if (m->changed_bytes > 0) {
        fprintf(cli->out, ", %s bytes", mlr_text_exact(x, m->changed_bytes));
    }
    putc('\n', cli->out);
    if ((m->have & MLR_HAVE_NUMBERS) == 0 || m->changed_elements == 0) {
        return;
    }
    const mlr_delta *d = &m->delta;
    label(cli, "Relative");
    fprintf(cli->out, "L1 %.3e, L2 %.3e, RMSE %.3e, SNR %.1f dB\n", d->l1_relative,
            d->l2_relative, d->rmse, d->snr_db);
    label(cli, "Alike");
    fprintf(cli->out, "cosine %.6f, correlation %.6f, best factor %.6g\n", d->cosine,
            d->correlation, d->scale);
    label(cli, "Most");
    fprintf(cli->out, "%.4g at element %s; %s sign flips\n", d->most,
            mlr_text_exact(x, d->most_index), mlr_text_exact(y, d->sign_flips));
}

static void print_oddities(const view *v)
{
    const mlr_side *o = &v->one->measure.old_side, *n = &v->one->measure.new_side;
    if (o->nan + o->infinite + o->denormal + n->nan + n->infinite + n->denormal == 0) {
        return;
    }
    label(v->a->cli, "Unusual");
    fprintf(v->a->cli->out,
            "NaN %" PRIu64 " -> %" PRIu64 ", infinite %" PRIu64 " -> %" PRIu64
            ", denormal %" PRIu64 " -> %" PRIu64 "\n",
            o->nan, n->nan, o->infinite, n->infinite, o->denormal, n->denormal);
}

static void print_bits(const view *v)
{
    const mlr_measure *m = &v->one->measure;
    const mlr_entropies *e = &m->bits;
    mlr_cli *cli = v->a->cli;
    if ((m->have & MLR_HAVE_BITS) == 0) {
        return;
    }
    label(cli, "Entropy");
    fprintf(cli->out, "new %.2f of %u bits", e->of_new, e->symbol_bits);
    if ((m->have & MLR_HAVE_PAIR_BITS) != 0) {
        fprintf(cli->out, ", delta %.2f, XOR %.2f", e->of_delta, e->of_xor);
    }
    if (e->exponent > 0) {
        fprintf(cli->out, "; sign %.2f, exponent %.2f, mantissa %.2f", e->sign, e->exponent,
                e->mantissa);
    }
    putc('\n', cli->out);
    if ((m->have & MLR_HAVE_PAIR_BITS) != 0 && e->planes > 1) {
        label(cli, "Byte planes");
        for (unsigned i = e->planes; i-- > 0;) {
            fprintf(cli->out, "%s%.2f", i + 1 == e->planes ? "XOR, high to low: " : ", ",
                    e->plane_xor[i]);
        }
        putc('\n', cli->out);
    }
    if ((m->have & MLR_HAVE_ULPS) != 0 && m->ulps.max > 0) {
        label(cli, "Steps moved");
        fprintf(cli->out,
                "median %" PRIu64 ", 90%% %" PRIu64 ", 99%% %" PRIu64 ", most %" PRIu64
                " (of the type's own steps)\n",
                m->ulps.p50, m->ulps.p90, m->ulps.p99, m->ulps.max);
    }
    if ((m->have & MLR_HAVE_BLOCKS) != 0) {
        const mlr_blocks_changed *b = &m->blocks;
        label(cli, "Blocks");
        fprintf(cli->out,
                "%" PRIu64 " same, %" PRIu64 " other scale, %" PRIu64
                " other codes, %" PRIu64 " both\n",
                b->same, b->scales_only, b->codes_only, b->both);
    }
}

static void print_rank(const view *v)
{
    const mlr_low_rank *r = &v->one->low_rank;
    if (r->ranks == 0) {
        return;
    }
    label(v->a->cli, "Low rank");
    for (uint32_t k = 1; k <= r->ranks; k *= 4) {
        fprintf(v->a->cli->out, "%s%" PRIu32 ": %.1f%%", k > 1 ? ", " : "rank ", k,
                100 * r->energy[k]);
    }
    fprintf(v->a->cli->out, " of the change%s\n", r->whole ? "" : " (sampled)");
}

/* --- histogram --------------------------------------------------------------------------
 */

static const mlr_log_histogram *histogram(const view *v, size_t i)
{
    const mlr_detail *d = v->one->detail;
    const mlr_log_histogram *const h[] = {&d->old_values, &d->new_values, &d->delta_values};
    return h[i];
}

static uint64_t count_in(const view *v, size_t which, size_t row)
{
    const mlr_log_histogram *h = histogram(v, which);
    uint64_t n = 0;
    for (int k = 0; k < v->step; k++) {
        int bin = v->first + (int)row * v->step + k;
        n += bin < MLR_LOG_BINS ? h->positive[bin] + h->negative[bin] : 0;
    }
    return n;
}

static void histogram_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    int from = v->first + (int)i * v->step - MLR_LOG_BIAS;
    (void)snprintf(row->cell[0], MLR_TABLE_CELL, "2^%d", from);
    for (size_t k = 0; k < 3; k++) {
        uint64_t n = count_in(v, k, i);
        (void)mlr_text_bar(row->cell[1 + k], MLR_TABLE_CELL, n, v->largest[k], BAR,
                           v->a->cli->utf8);
        if (n > 0 && row->cell[1 + k][0] == '\0') {
            (void)snprintf(row->cell[1 + k], MLR_TABLE_CELL, ".");
        }
    }
}

static void print_histogram(view *v)
{
    const mlr_column column[] = {{"|value| >=", MLR_RIGHT, MLR_STYLE_DIM},
                                 {"Old", MLR_LEFT, MLR_STYLE_PLAIN},
                                 {"New", MLR_LEFT, MLR_STYLE_PLAIN},
                                 {"Change", MLR_LEFT, MLR_STYLE_ACCENT}};
    int first = MLR_LOG_BINS, last = -1;
    for (int i = 0; i < MLR_LOG_BINS; i++) {
        for (size_t k = 0; k < 3; k++) {
            const mlr_log_histogram *h = histogram(v, k);
            if (h->positive[i] + h->negative[i] > 0) {
                first = i < first ? i : first;
                last = i;
            }
        }
    }
    if (last < 0) {
        return;
    }
    v->first = first;
    v->step = (last - first) / HISTOGRAM_ROWS + 1;
    v->rows = (size_t)((last - first) / v->step + 1);
    memset(v->largest, 0, sizeof v->largest);
    for (size_t i = 0; i < v->rows; i++) {
        for (size_t k = 0; k < 3; k++) {
            uint64_t n = count_in(v, k, i);
            v->largest[k] = n > v->largest[k] ? n : v->largest[k];
        }
    }
    heading(v->a->cli, "Magnitudes",
            "how many values lie from one power of two to the next");
    print_table(v, column, 4, histogram_row);
}

/* --- strategies -------------------------------------------------------------------------
 */

static void rank_strategies(view *v)
{
    const mlr_analyze_one *one = v->one;
    v->rows = 0;
    for (unsigned i = 0; i < one->strategies; i++) {
        const mlr_prediction *p = &one->strategy[i].at[one->at];
        if (!one->strategy[i].suits || !p->fits) {
            continue;
        }
        size_t at = v->rows++;
        for (; at > 0 && one->strategy[v->order[at - 1]].at[one->at].bytes > p->bytes;
             at--) {
            v->order[at] = v->order[at - 1];
        }
        v->order[at] = i;
    }
}

static void put_speed(char *cell, double bytes_s)
{
    double mb = bytes_s / 1e6;
    (void)snprintf(cell, MLR_TABLE_CELL, mb == 0 ? "-" : mb < 10 ? "%.1f" : "%.0f", mb);
}

static void strategy_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    const mlr_analyze_one *one = v->one;
    const mlr_analyze_strategy *s = &one->strategy[v->order[i]];
    double whole = (double)mlr_analyze_tensor(v->a, one->pair)->data.len;
    bool best = one->best == (int)v->order[i];
    (void)snprintf(row->cell[0], MLR_TABLE_CELL, "%s%s", mlr_decoder_get(s->id)->name,
                   best ? " *" : "");
    for (unsigned k = 0; k < one->levels; k++) {
        const mlr_prediction *p = &s->at[k];
        if (p->fits && p->bytes > 0) {
            (void)snprintf(row->cell[1 + k], MLR_TABLE_CELL, "%.2f",
                           whole / (double)p->bytes);
        }
    }
    const mlr_prediction *p = &s->at[one->at];
    size_t c = 1 + one->levels;
    if (p->exact) {
        (void)snprintf(row->cell[c], MLR_TABLE_CELL, "exact");
    } else {
        (void)snprintf(row->cell[c], MLR_TABLE_CELL, "%s%.1f%%",
                       v->a->cli->utf8 ? "±" : "+-", 100 * p->error);
    }
    put_speed(row->cell[c + 1], p->encode_bytes_s);
    put_speed(row->cell[c + 2], p->decode_bytes_s);
    (void)mlr_text_size(row->cell[c + 3], p->memory);
    (void)snprintf(row->cell[c + 4], MLR_TABLE_CELL, "%s", p->lossless ? "yes" : "NO");
}

static void print_strategies(view *v)
{
    const mlr_analyze_one *one = v->one;
    char title[MLR_ANALYZE_LEVELS][16], note[120];
    mlr_column column[MLR_TABLE_COLUMNS] = {{"Strategy", MLR_LEFT, MLR_STYLE_ACCENT}};
    size_t n = 1;
    for (unsigned k = 0; k < one->levels; k++) {
        (void)snprintf(title[k], sizeof title[k], "L%u", one->level[k]);
        column[n++] = (mlr_column){title[k], MLR_RIGHT,
                                   k == one->at ? MLR_STYLE_GOOD : MLR_STYLE_PLAIN};
    }
    column[n++] = (mlr_column){"Error", MLR_RIGHT, MLR_STYLE_DIM};
    column[n++] = (mlr_column){"Enc MB/s", MLR_RIGHT, MLR_STYLE_PLAIN};
    column[n++] = (mlr_column){"Dec MB/s", MLR_RIGHT, MLR_STYLE_PLAIN};
    column[n++] = (mlr_column){"Memory", MLR_RIGHT, MLR_STYLE_PLAIN};
    column[n++] = (mlr_column){"Lossless", MLR_LEFT, MLR_STYLE_GOOD};
    (void)snprintf(note, sizeof note,
                   "times smaller by level; error, speed, memory at level %u",
                   one->level[one->at]);
    rank_strategies(v);
    heading(v->a->cli, "Strategies", note);
    print_table(v, column, n, strategy_row);
}

/* Who applies fastest, and what that costs in bytes. */
static void print_fastest(const view *v)
{
    const mlr_analyze_one *one = v->one;
    mlr_cli *cli = v->a->cli;
    const mlr_analyze_strategy *fast = &one->strategy[one->fastest];
    const mlr_analyze_strategy *best = &one->strategy[one->best];
    char size[MLR_TEXT];
    if (fast == best) {
        fprintf(cli->out, "  and applied fastest, at about %u MB/s\n",
                mlr_price_speed(best->id));
        return;
    }
    double more = (double)fast->at[one->at].bytes / (double)best->at[one->at].bytes - 1;
    fprintf(cli->out,
            "  Fastest      %s, %s (+%.0f%%): applied at about %u MB/s, %s at %u\n",
            mlr_decoder_get(fast->id)->name, mlr_text_size(size, fast->at[one->at].bytes),
            100 * more, mlr_price_speed(fast->id), mlr_decoder_get(best->id)->name,
            mlr_price_speed(best->id));
}

static void print_losers(const view *v)
{
    const mlr_analyze_one *one = v->one;
    mlr_cli *cli = v->a->cli;
    char reason[MLR_ANALYZE_REASON], size[MLR_TEXT];
    if (one->best < 0) {
        if (one->max_memory > 0) {
            fprintf(cli->out, "\n  No strategy needs so little as %s of memory.\n",
                    mlr_text_size(size, one->max_memory));
        }
        return;
    }
    const mlr_analyze_strategy *best = &one->strategy[one->best];
    fprintf(cli->out,
            "\n  %sRecommended%s  %s%s%s, %s at level %u; every byte tried came "
            "back\n",
            mlr_cli_on(cli, MLR_STYLE_TITLE), mlr_cli_off(cli, MLR_STYLE_TITLE),
            mlr_cli_on(cli, MLR_STYLE_GOOD), mlr_decoder_get(best->id)->name,
            mlr_cli_off(cli, MLR_STYLE_GOOD), mlr_text_size(size, best->at[one->at].bytes),
            one->level[one->at]);
    print_fastest(v);
    for (size_t i = 0; i < v->rows; i++) {
        const mlr_analyze_strategy *s = &one->strategy[v->order[i]];
        if (s == best) {
            continue;
        }
        fprintf(cli->out, "  %snot%s %-13s %s\n", mlr_cli_on(cli, MLR_STYLE_DIM),
                mlr_cli_off(cli, MLR_STYLE_DIM), mlr_decoder_get(s->id)->name,
                mlr_analyze_reason(one, s, reason));
    }
    size_t unsuited = 0;
    for (unsigned i = 0; i < one->strategies; i++) {
        const mlr_analyze_strategy *s = &one->strategy[i];
        if (!s->suits || !s->at[one->at].fits) {
            fprintf(cli->out, "%s%s", unsuited++ == 0 ? "  not for this tensor: " : ", ",
                    mlr_decoder_get(s->id)->name);
        }
    }
    if (unsuited > 0) {
        putc('\n', cli->out);
    }
}

static void print_thumb(const view *v)
{
    const mlr_analyze_one *one = v->one;
    const mlr_rule_of_thumb *t = &one->thumb;
    mlr_cli *cli = v->a->cli;
    heading(cli, "Rule of thumb",
            "statistics and thresholds; shown for comparison, never followed");
    fprintf(cli->out,
            "  unchanged %.1f%%, range %.2g, deviation %.2g, entropy %.0f%% of all bits\n",
            100 * t->unchanged, t->range, t->deviation, 100 * t->entropy);
    fprintf(cli->out, "  says %s%s%s: %s is %.3g (bound %.3g)\n",
            mlr_cli_on(cli, MLR_STYLE_ACCENT), mlr_decoder_get(t->strategy)->name,
            mlr_cli_off(cli, MLR_STYLE_ACCENT), t->rule, t->figure, t->bound);
    if (one->best < 0 || one->thumb_at < 0) {
        return;
    }
    const mlr_prediction *a = &one->strategy[one->thumb_at].at[one->at];
    const mlr_prediction *b = &one->strategy[one->best].at[one->at];
    if (!one->strategy[one->thumb_at].suits || !a->fits) {
        fprintf(cli->out, "  which does not work for this tensor\n");
    } else if (one->thumb_at == one->best) {
        fprintf(cli->out, "  which is what measuring says as well\n");
    } else {
        fprintf(cli->out, "  which would be %.0f%% larger than what measuring found\n",
                100 * ((double)a->bytes / (double)b->bytes - 1));
    }
}

static void print_hints(const view *v)
{
    mlr_cli *cli = v->a->cli;
    for (unsigned i = 0; i < v->one->hints; i++) {
        const mlr_hint *h = &v->one->hint[i];
        label(cli, "Hint");
        fprintf(cli->out, "%s%s%s: %.4g is the %s\n", mlr_cli_on(cli, MLR_STYLE_WARN),
                mlr_hint_name(h->kind), mlr_cli_off(cli, MLR_STYLE_WARN), h->figure,
                mlr_hint_figure(h->kind));
    }
}

void mlr_analyze_print_one(mlr_analyze *a, const mlr_analyze_one *one)
{
    view v = {.a = a, .one = one};
    print_identity(a, one);
    if ((one->measure.have & MLR_HAVE_PAIR) != 0) {
        print_delta(&v);
    }
    print_bits(&v);
    print_oddities(&v);
    print_rank(&v);
    print_hints(&v);
    print_values(&v);
    print_histogram(&v);
    if (one->strategies > 0) {
        print_strategies(&v);
        print_losers(&v);
        print_thumb(&v);
    } else if (one->tip[0] != '\0') {
        heading(a->cli, "Strategies", one->tip);
    }
}
