/* Histogram, statistics and forecasts of one tensor. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tui/cell_text.h"
#include "tui/detail_view.h"

/* --- statistics -------------------------------------------------------------------------
 */

typedef struct lines {
    mlr_number_line *line;
    size_t n;
    mlr_role role;
} lines;

__attribute__((format(printf, 3, 4))) static void add(lines *l, const char *label,
                                                      const char *fmt, ...)
{
    if (l->n == MLR_DETAIL_LINES) {
        return;
    }
    mlr_number_line *at = &l->line[l->n++];
    va_list args;
    va_start(args, fmt);
    snprintf(at->label, sizeof at->label, "%s", label);
    vsnprintf(at->value, sizeof at->value, fmt, args);
    va_end(args);
    at->role = l->role;
}

void mlr_detail_hint(const mlr_hint *h, char *to, size_t room)
{
    const char *figure = mlr_hint_figure(h->kind);
    const char *rank = strstr(figure, "`rank`");
    if (rank != NULL) {
        snprintf(to, room, "%s: %.4g, %.*srank %u (bound %g)", mlr_hint_name(h->kind),
                 h->figure, (int)(rank - figure), figure, h->rank, h->bound);
    } else if (h->kind == MLR_HINT_SCALED) {
        snprintf(to, room, "%s: %.4g, %s; factor %.6g (bound %g)", mlr_hint_name(h->kind),
                 h->figure, figure, h->factor, h->bound);
    } else {
        snprintf(to, room, "%s: %.4g, %s (bound %g)", mlr_hint_name(h->kind), h->figure,
                 figure, h->bound);
    }
}

static void add_hints(lines *l, const mlr_study_facts *f)
{
    l->role = MLR_ROLE_MESSAGE;
    for (unsigned i = 0; i < f->hints; i++) {
        char text[96];
        mlr_detail_hint(&f->hint[i], text, sizeof text);
        add(l, "hint", "%s", text);
    }
    l->role = MLR_ROLE_TEXT;
}

static void add_changed(lines *l, const mlr_measure *m)
{
    char a[32];
    double share = m->elements > 0 ? (double)m->changed_elements / (double)m->elements : 0;
    add(l, "changed elements", "%.4g %%  %s%s", 100 * share,
        mlr_fmt_count(a, sizeof a, m->changed_elements),
        m->changed_exact ? "" : " at most");
    add(l, "elements compared", "%s", mlr_fmt_count(a, sizeof a, m->elements));
    if (m->changed_bytes > 0 && m->bytes > 0) {
        add(l, "changed bytes", "%.4g %%  %s",
            100 * (double)m->changed_bytes / (double)m->bytes,
            mlr_fmt_count(a, sizeof a, m->changed_bytes));
    }
}

static void add_blocks(lines *l, const mlr_blocks_changed *b)
{
    double n = b->blocks > 0 ? (double)b->blocks / 100 : 1;
    char a[32];
    add(l, "blocks", "%s  same %.3g %%", mlr_fmt_count(a, sizeof a, b->blocks),
        (double)b->same / n);
    add(l, "  scales only", "%.4g %%", (double)b->scales_only / n);
    add(l, "  codes only", "%.4g %%", (double)b->codes_only / n);
    add(l, "  scales and codes", "%.4g %%", (double)b->both / n);
}

static void add_delta(lines *l, const mlr_measure *m, uint64_t cols)
{
    const mlr_delta *d = &m->delta;
    add(l, "L2 relative |Δ|/|old|", "%.4g", d->l2_relative);
    if (cols > 1 && d->most > 0) {
        add(l, "max |Δ|", "%.4g  at [%llu, %llu]", d->most,
            (unsigned long long)(d->most_index / cols),
            (unsigned long long)(d->most_index % cols));
    } else {
        add(l, "max |Δ|", "%.4g  at %llu", d->most, (unsigned long long)d->most_index);
    }
    add(l, "cosine", "%.8g", d->cosine);
    add(l, "mean Δ ± deviation", "%.3g ± %.3g", d->mean, d->deviation);
    add(l, "RMSE", "%.4g", d->rmse);
    add(l, "SNR", "%.4g dB", d->snr_db);
    add(l, "correlation", "%.8g", d->correlation);
    add(l, "sign flips", "%.3g %%",
        d->elements > 0 ? 100 * (double)d->sign_flips / (double)d->elements : 0);
    add(l, "best factor new/old", "%.8g  rest %.3g", d->scale, d->scale_rest);
    add(l, "Δ min … max", "%.4g … %.4g", d->min, d->max);
    add(l, "L1 relative", "%.4g", d->l1_relative);
}

static void add_bits(lines *l, const mlr_measure *m)
{
    const mlr_entropies *b = &m->bits;
    if ((m->have & MLR_HAVE_PAIR_BITS) != 0) {
        add(l, "entropy new | Δ | xor", "%.2f | %.2f | %.2f of %u bits", b->of_new,
            b->of_delta, b->of_xor, b->symbol_bits);
        for (unsigned i = 0; i < b->planes && b->planes > 1; i++) {
            char label[28];
            snprintf(label, sizeof label, "  byte %u new | Δ | xor", i);
            add(l, label, "%.2f | %.2f | %.2f of 8 bits", b->plane_new[i],
                b->plane_delta[i], b->plane_xor[i]);
        }
    } else if ((m->have & MLR_HAVE_BITS) != 0) {
        add(l, "entropy new", "%.2f of %u bits", b->of_new, b->symbol_bits);
    }
    if ((m->have & MLR_HAVE_BITS) != 0 && b->exponent + b->mantissa > 0) {
        add(l, "sign | exp | mantissa", "%.2f | %.2f | %.2f bits", b->sign, b->exponent,
            b->mantissa);
    }
}

static void add_ulps(lines *l, const mlr_ulps *u)
{
    add(l, "ulp p50 p90 p99 max", "%llu %llu %llu %llu", (unsigned long long)u->p50,
        (unsigned long long)u->p90, (unsigned long long)u->p99, (unsigned long long)u->max);
}

static void add_side(lines *l, const char *name, const mlr_side *s)
{
    char label[28];
    snprintf(label, sizeof label, "%s mean ± deviation", name);
    add(l, label, "%.4g ± %.4g", s->mean, s->deviation);
    snprintf(label, sizeof label, "%s min … max", name);
    add(l, label, "%.5g … %.5g", s->min, s->max);
    snprintf(label, sizeof label, "%s L2 norm", name);
    add(l, label, "%.6g  range %.3g dB", s->l2, s->dynamic_range_db);
}

static void add_sides(lines *l, const mlr_measure *m)
{
    const mlr_side *o = &m->old_side;
    const mlr_side *n = &m->new_side;
    add(l, "NaN | Inf", "%llu → %llu | %llu → %llu", (unsigned long long)o->nan,
        (unsigned long long)n->nan, (unsigned long long)o->infinite,
        (unsigned long long)n->infinite);
    add(l, "zero | denormal", "%llu → %llu | %llu → %llu", (unsigned long long)o->zero,
        (unsigned long long)n->zero, (unsigned long long)o->denormal,
        (unsigned long long)n->denormal);
    if ((m->have & MLR_HAVE_OLD) != 0) {
        add_side(l, "old", o);
    }
    if ((m->have & MLR_HAVE_NEW) != 0) {
        add_side(l, "new", n);
    }
}

static void add_top(lines *l, const char *label, const mlr_line *line, uint32_t n)
{
    char text[96] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < n && i < 5 && line[i].changed > 0; i++) {
        int k = snprintf(text + used, sizeof text - used, "%llu ",
                         (unsigned long long)line[i].first);
        used += k > 0 ? (size_t)k : 0;
    }
    if (used > 0) {
        add(l, label, "%s", text);
    }
}

size_t mlr_detail_numbers(const mlr_study *s, mlr_number_line line[MLR_DETAIL_LINES])
{
    const mlr_study_facts *f = &s->facts;
    const mlr_measure *m = &f->measure;
    lines l = {line, 0, MLR_ROLE_TEXT};
    bool pair = (m->have & MLR_HAVE_PAIR) != 0;
    if (pair) {
        add_changed(&l, m);
    }
    add_hints(&l, f);
    if ((m->have & MLR_HAVE_BLOCKS) != 0 && pair) {
        add_blocks(&l, &m->blocks);
    }
    if (pair && (m->have & MLR_HAVE_NUMBERS) != 0) {
        add_delta(&l, m, f->detail.cols);
    }
    add_bits(&l, m);
    if ((m->have & MLR_HAVE_ULPS) != 0) {
        add_ulps(&l, &m->ulps);
    }
    if (pair && (m->have & MLR_HAVE_CAST) != 0 && m->elements > 0) {
        add(&l, "equal to old, rounded", "%.4g %%",
            100 * (double)m->cast_exact / (double)m->elements);
    }
    if ((m->have & MLR_HAVE_SIDES) != 0) {
        add_sides(&l, m);
    }
    if (pair) {
        add_top(&l, "most changed rows", f->detail.top_row, f->detail.top_rows);
        add_top(&l, "most changed columns", f->detail.top_col, f->detail.top_cols);
    }
    return l.n;
}

static const char *focus_title(bool focused, const char *title, char *to, size_t room)
{
    snprintf(to, room, "%s%s", focused ? "▸ " : "", title);
    return to;
}

static void draw_unmeasured(const mlr_detail_view *d, mlr_pane in)
{
    char fit[160];
    if (d->study.err.status != MLR_OK) {
        mlr_text_cut(fit, sizeof fit,
                     d->study.err.rule == NULL ? "failed" : d->study.err.rule, in.cols - 2);
        mlr_put(in, 0, 1, MLR_ROLE_ERROR, fit);
    } else {
        mlr_put(in, 0, 1, MLR_ROLE_DIM, "measuring…");
    }
}

/* In two columns where there is room, else one behind the other. */
static void draw_number(mlr_pane in, int row, const mlr_number_line *line)
{
    char fit[160];
    mlr_text_cut(fit, sizeof fit, line->label, in.cols - 2);
    int at = mlr_put(in, row, 1, MLR_ROLE_DIM, fit) + 1;
    if (in.cols >= 44 && strcmp(line->label, "hint") != 0) {
        at = 25;
    }
    if (at < in.cols) {
        mlr_text_cut(fit, sizeof fit, line->value, in.cols - at);
        mlr_put(in, row, at, line->role, fit);
    }
}

void mlr_detail_draw_numbers(const mlr_detail_view *d, mlr_pane v, bool focused)
{
    mlr_number_line line[MLR_DETAIL_LINES];
    char title[48];
    mlr_pane in =
        mlr_frame(v, focus_title(focused, "Statistics", title, sizeof title), NULL);
    if (!d->study.measured) {
        draw_unmeasured(d, in);
        return;
    }
    size_t n = mlr_detail_numbers(&d->study, line);
    for (int i = 0; i < in.rows && d->numbers.top + (size_t)i < n; i++) {
        draw_number(in, i, &line[d->numbers.top + (size_t)i]);
    }
    if (focused) {
        mlr_cursor_at(in, 0, 0);
    }
}

/* --- histogram --------------------------------------------------------------------------
 */

typedef struct bins {
    double old_bin[MLR_LOG_BINS], new_bin[MLR_LOG_BINS], delta_bin[MLR_LOG_BINS];
    double most;
    size_t first, n; /* bins in use */
    int step;        /* powers of two that one column holds */
} bins;

static void fill_bins(bins *b, const mlr_detail *d, int cols)
{
    size_t last = 0;
    memset(b, 0, sizeof *b);
    b->first = MLR_LOG_BINS;
    for (size_t i = 0; i < MLR_LOG_BINS; i++) {
        uint64_t any = d->old_values.positive[i] | d->old_values.negative[i] |
                       d->new_values.positive[i] | d->new_values.negative[i] |
                       d->delta_values.positive[i] | d->delta_values.negative[i];
        if (any != 0) {
            b->first = i < b->first ? i : b->first;
            last = i;
        }
    }
    if (b->first == MLR_LOG_BINS) {
        return;
    }
    size_t span = last - b->first + 1;
    b->step = (int)((span + (size_t)cols - 1) / (size_t)cols);
    for (size_t i = b->first; i <= last; i++) {
        size_t at = (i - b->first) / (size_t)b->step;
        b->old_bin[at] += (double)(d->old_values.positive[i] + d->old_values.negative[i]);
        b->new_bin[at] += (double)(d->new_values.positive[i] + d->new_values.negative[i]);
        b->delta_bin[at] +=
            (double)(d->delta_values.positive[i] + d->delta_values.negative[i]);
        b->n = at + 1;
    }
}

static void scale_bins(bins *b, double *bin, bool log_scale)
{
    for (size_t i = 0; i < b->n; i++) {
        bin[i] = log_scale ? log10(1 + bin[i]) : bin[i];
        b->most = bin[i] > b->most ? bin[i] : b->most;
    }
}

/* Spreads each bin over `width` columns. */
static void draw_bins(mlr_pane v, const bins *b, const double *bin, int width,
                      mlr_role role)
{
    double wide[MLR_LOG_BINS * 4];
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        for (int k = 0; k < width && n < sizeof wide / sizeof *wide; k++) {
            wide[n++] = k + 1 < width || width == 1 ? bin[i] : 0;
        }
    }
    mlr_columns(v, wide, n, b->most, role);
}

static void draw_axis(mlr_pane v, int row, int col, const bins *b, int width)
{
    int until = 0;
    int apart = width >= 3 ? 2 : 4; /* powers of two between labels */
    for (size_t i = 0; i < b->n; i++) {
        int e = (int)b->first + (int)i * b->step - MLR_LOG_BIAS;
        int at = col + (int)i * width;
        if (at < until || (e % apart != 0 && b->step == 1)) {
            continue;
        }
        until = mlr_putf(v, row, at, MLR_ROLE_DIM, "%d", e) + 1;
    }
}

static void draw_strips(const bins *b, mlr_pane in, int width)
{
    static const char *const names[] = {"o", "n", "Δ"};
    static const mlr_role roles[] = {MLR_ROLE_HIST_OLD, MLR_ROLE_HIST_NEW,
                                     MLR_ROLE_HIST_DELTA};
    const double *bin[] = {b->old_bin, b->new_bin, b->delta_bin};
    int each = (in.rows - 1) / 3;
    for (int i = 0; i < 3 && each > 0; i++) {
        mlr_put(in, i * each + each - 1, 1, MLR_ROLE_DIM, names[i]);
        draw_bins(mlr_pane_part(in, i * each, 3, each, in.cols - 4), b, bin[i], width,
                  roles[i]);
    }
    draw_axis(in, each * 3, 3, b, width);
}

/* New as columns, the difference shaded behind them, old as dots at its height. */
static void draw_overlay(const bins *b, mlr_pane in, int width)
{
    mlr_pane plot = mlr_pane_part(in, 1, 3, in.rows - 2, in.cols - 4);
    for (size_t i = 0; i < b->n; i++) {
        int high = (int)(b->delta_bin[i] / b->most * plot.rows + 0.5);
        for (int r = 0; r < high; r++) {
            for (int k = 0; k + 1 < width || k == 0; k++) {
                mlr_put_glyph(plot, plot.rows - 1 - r, (int)i * width + k,
                              MLR_ROLE_HIST_DELTA, MLR_G_SHADE_2);
            }
        }
    }
    draw_bins(plot, b, b->new_bin, width, MLR_ROLE_HIST_NEW);
    for (size_t i = 0; i < b->n; i++) {
        int high = (int)(b->old_bin[i] / b->most * plot.rows);
        high = high >= plot.rows ? plot.rows - 1 : high;
        for (int k = 0; b->old_bin[i] > 0 && (k + 1 < width || k == 0); k++) {
            mlr_put_glyph(plot, plot.rows - 1 - high, (int)i * width + k, MLR_ROLE_HIST_OLD,
                          MLR_G_BULLET);
        }
    }
    int at = mlr_put(in, 0, 3, MLR_ROLE_HIST_OLD, "•• ");
    at = mlr_put(in, 0, at, MLR_ROLE_DIM, "old") + 2;
    at = mlr_put(in, 0, at, MLR_ROLE_HIST_NEW, "██ ");
    at = mlr_put(in, 0, at, MLR_ROLE_DIM, "new") + 2;
    at = mlr_put(in, 0, at, MLR_ROLE_HIST_DELTA, "▒▒ ");
    mlr_put(in, 0, at, MLR_ROLE_DIM, "Δ");
    draw_axis(in, in.rows - 1, 3, b, width);
}

void mlr_detail_draw_histogram(const mlr_detail_view *d, mlr_pane v, bool focused)
{
    char title[48];
    bins b;
    mlr_pane in =
        mlr_frame(v, focus_title(focused, "Magnitudes, log2", title, sizeof title),
                  d->log_scale ? "log counts" : "linear");
    if (focused) {
        mlr_cursor_at(in, 0, 0);
    }
    if (!d->study.measured) {
        draw_unmeasured(d, in);
        return;
    }
    fill_bins(&b, &d->study.facts.detail, in.cols - 4 > 1 ? in.cols - 4 : 1);
    scale_bins(&b, b.old_bin, d->log_scale);
    scale_bins(&b, b.new_bin, d->log_scale);
    scale_bins(&b, b.delta_bin, d->log_scale);
    if (b.n == 0 || b.most <= 0) {
        mlr_put(in, 0, 1, MLR_ROLE_DIM, "no values are known for this element type");
        return;
    }
    int width = (in.cols - 4) / (int)b.n;
    width = width > 4 ? 4 : width < 1 ? 1 : width;
    bool overlay = (in.cols >= 70 && in.rows >= 9) != d->turned;
    if (overlay && in.rows >= 4) {
        draw_overlay(&b, in, width);
    } else {
        draw_strips(&b, in, width);
    }
}

/* --- forecasts --------------------------------------------------------------------------
 */

static const char *verdict(const mlr_detail_view *d, size_t i)
{
    const mlr_study *s = &d->study;
    const mlr_study_forecast *f = &s->forecast[i];
    if (d->pick.level == f->level && d->pick.strategy == f->strategy) {
        return "chosen";
    }
    if (f->verdict == MLR_STUDY_TOO_LARGE) {
        return "does not suit";
    }
    if (f->verdict == MLR_STUDY_FAILED) {
        return "failed";
    }
    return i == 0 ? "smallest" : mlr_study_dominated(s, i) ? "dominated" : "";
}

static void put_rate(mlr_pane v, int row, int end, double bytes_s)
{
    char text[16];
    if (bytes_s > 0) {
        snprintf(text, sizeof text, bytes_s < 10e6 ? "%.1f" : "%.0f", bytes_s / 1e6);
        mlr_put_right(v, row, end, MLR_ROLE_TEXT, text);
    }
}

typedef struct forecast_columns {
    int level, ratio, error, out, encode, decode, memory, verdict; /* right ends; 0: none */
} forecast_columns;

static forecast_columns columns_at(int cols)
{
    if (cols >= 90) {
        return (forecast_columns){19, 27, 36, 45, 56, 67, 76, 78};
    }
    if (cols >= 62) {
        return (forecast_columns){18, 24, 31, 38, 43, 49, 55, 57};
    }
    return (forecast_columns){16, 22, 0, 29, 0, 35, 41, 0};
}

static void draw_forecast_head(mlr_pane v, const forecast_columns *c)
{
    mlr_put(v, 0, 2, MLR_ROLE_HEADER, "strategy");
    mlr_put_right(v, 0, c->level, MLR_ROLE_HEADER, "lv");
    mlr_put_right(v, 0, c->ratio, MLR_ROLE_HEADER, "ratio");
    mlr_put_right(v, 0, c->out, MLR_ROLE_HEADER, "out");
    mlr_put_right(v, 0, c->memory, MLR_ROLE_HEADER, "RAM");
    bool wide = c->encode > 50;
    mlr_put_right(v, 0, c->decode, MLR_ROLE_HEADER, wide ? "dec MB/s" : "dec");
    if (c->error > 0) {
        mlr_put_right(v, 0, c->error, MLR_ROLE_HEADER, "±");
        mlr_put_right(v, 0, c->encode, MLR_ROLE_HEADER, wide ? "enc MB/s" : "enc");
        mlr_put(v, 0, c->verdict, MLR_ROLE_HEADER, "verdict");
    }
}

static void draw_figures(mlr_pane v, int row, const mlr_prediction *p, uint64_t bytes,
                         const forecast_columns *c)
{
    char text[24];
    char size[16];
    snprintf(text, sizeof text, "%.2f",
             p->bytes > 0 ? (double)bytes / (double)p->bytes : 0);
    mlr_put_right(v, row, c->ratio, MLR_ROLE_TEXT, text);
    mlr_fmt_bytes(size, sizeof size, p->bytes);
    snprintf(text, sizeof text, "%s%s", size, p->exact ? " " : "~");
    mlr_put_right(v, row, c->out + 1, p->exact ? MLR_ROLE_TEXT : MLR_ROLE_ESTIMATE, text);
    mlr_put_right(v, row, c->memory, MLR_ROLE_TEXT,
                  mlr_fmt_bytes(size, sizeof size, p->memory));
    put_rate(v, row, c->decode, p->decode_bytes_s);
    if (c->error > 0) {
        snprintf(text, sizeof text, p->exact ? "exact" : "%.1f%%", 100 * p->error);
        mlr_put_right(v, row, c->error, p->exact ? MLR_ROLE_OK : MLR_ROLE_ESTIMATE, text);
        put_rate(v, row, c->encode, p->encode_bytes_s);
    }
}

static void draw_forecast(const mlr_detail_view *d, mlr_pane in, int row, size_t i,
                          bool here)
{
    const mlr_study *s = &d->study;
    const mlr_study_forecast *f = &s->forecast[i];
    forecast_columns c = columns_at(in.cols);
    mlr_pane v = here ? mlr_pane_over(in, MLR_ROLE_SELECTION) : in;
    const mlr_decoder *decoder = mlr_decoder_get(f->strategy);
    char text[32];
    if (here) {
        mlr_fill(mlr_pane_part(v, row, 0, 1, v.cols), MLR_ROLE_TEXT);
        mlr_put_glyph(v, row, 0, MLR_ROLE_TEXT, MLR_G_CURSOR);
        mlr_cursor_at(in, row, 0);
    }
    bool fits = f->verdict == MLR_STUDY_FITS;
    mlr_role role = i == 0 && fits ? MLR_ROLE_OK : fits ? MLR_ROLE_TEXT : MLR_ROLE_DIM;
    if (i == 0 && fits) {
        mlr_put_glyph(v, row, 1, MLR_ROLE_OK, MLR_G_STAR);
    }
    mlr_put(v, row, 2, role, decoder == NULL ? "?" : decoder->name);
    snprintf(text, sizeof text, "%u", f->level);
    mlr_put_right(v, row, c.level, role, text);
    if (!fits) {
        mlr_put(v, row, c.level + 2, MLR_ROLE_DIM, verdict(d, i));
        return;
    }
    const mlr_tensor *t = s->pair.new_tensor;
    draw_figures(v, row, &f->p, t == NULL ? 0 : t->data.len, &c);
    if (c.verdict > 0) {
        mlr_put(v, row, c.verdict, role, verdict(d, i));
    }
}

void mlr_detail_draw_forecasts(const mlr_detail_view *d, mlr_pane v, bool focused)
{
    const mlr_study *s = &d->study;
    char title[48];
    mlr_pane in = mlr_frame(v, focus_title(focused, "Forecast", title, sizeof title),
                            s->runs == MLR_STUDY_FORECAST ? "trying…"
                            : v.cols > 60                 ? "sampled; X exact"
                                                          : NULL);
    forecast_columns c = columns_at(in.cols);
    if (s->forecasts == 0) {
        const char *why = s->no_forecast != NULL ? s->no_forecast
                          : s->matching == NULL  ? "waits for the analysis"
                          : s->forecast_done     ? "nothing suits this tensor"
                                                 : "trying strategies…";
        char fit[96];
        mlr_text_cut(fit, sizeof fit, why, in.cols - 2);
        mlr_put(in, 0, 1, MLR_ROLE_DIM, fit);
        return;
    }
    draw_forecast_head(in, &c);
    for (int i = 0; i + 1 < in.rows && d->forecasts.top + (size_t)i < s->forecasts; i++) {
        size_t at = d->forecasts.top + (size_t)i;
        draw_forecast(d, in, i + 1, at, focused && at == d->forecasts.cursor);
    }
}
