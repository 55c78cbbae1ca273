/* How the Rules screen looks; nothing here changes anything. */
#include <stdio.h>
#include <string.h>

#include "apply/host/printable.h"
#include "tui/cell_text.h"
#include "tui/rules_view.h"

enum { NARROW = 70, WIDE = 120, TEXT_COLS = 62, TEXT_NARROW = 46 };
enum { LEAST_PROBLEMS = 4, BESIDE_PROBLEM = 16 /* frame, mark and place */ };

mlr_rules_places mlr_rules_place(const mlr_app *app, const mlr_rules_view *v, mlr_pane body)
{
    mlr_rules_places p;
    mlr_pane none = mlr_pane_part(body, 0, 0, 0, 0);
    p.text = p.matches = p.problems = none;
    if (body.cols < NARROW || body.rows < 12) { /* one pane at a time */
        *(v->pane == MLR_RULES_TEXT       ? &p.text
          : v->pane == MLR_RULES_PROBLEMS ? &p.problems
                                          : &p.matches) = body;
        return p;
    }
    int left = body.cols >= WIDE ? TEXT_COLS : TEXT_NARROW;
    int problems = 2;
    for (size_t i = 0; i < app->desk.book.problems; i++) {
        const mlr_rule_problem *q = &app->desk.book.problem[i];
        int width = mlr_text_width(q->text, strlen(q->text)) + BESIDE_PROBLEM;
        problems += 1 + width / (body.cols - left);
    }
    int most = body.rows / 3;
    problems = problems > most             ? most
               : problems < LEAST_PROBLEMS ? LEAST_PROBLEMS
                                           : problems;
    p.text = mlr_pane_part(body, 0, 0, body.rows, left);
    p.matches = mlr_pane_part(body, 0, left, body.rows - problems, body.cols - left);
    p.problems =
        mlr_pane_part(body, body.rows - problems, left, problems, body.cols - left);
    return p;
}

/* --- the text ---------------------------------------------------------------------------
 */

/* One line of YAML: keys, values and comments apart. */
static void put_yaml(mlr_pane v, int row, int col, const char *line, size_t n)
{
    char text[512];
    size_t used = mlr_printable(text, sizeof text, line, n);
    size_t at = 0;
    bool quoted = false;
    mlr_role role = MLR_ROLE_TEXT;
    size_t colon = strcspn(text, ":");
    size_t key_from = strspn(text, " -");
    bool has_key = colon < used && (text[colon + 1] == ' ' || text[colon + 1] == '\0') &&
                   text[key_from] != '#' && text[key_from] != '"';
    while (at < used) {
        char c = text[at];
        bool comment = c == '#' && !quoted && (at == 0 || text[at - 1] == ' ');
        quoted = (c == '"') != quoted;
        if (comment) {
            mlr_put_n(v, row, col, MLR_ROLE_DIM, text + at, used - at);
            return;
        }
        const char *p = text + at;
        (void)mlr_cp_next(&p, text + used);
        size_t step = (size_t)(p - (text + at));
        role = at < key_from           ? MLR_ROLE_FRAME
               : has_key && at < colon ? MLR_ROLE_KEY
                                       : MLR_ROLE_TEXT;
        col = mlr_put_n(v, row, col, role, text + at, step);
        at += step;
    }
}

/* What stands at a line's right end: the number of the rule that begins there. */
static size_t rule_at_line(const mlr_app *app, size_t line)
{
    const mlr_rule_book *b = &app->desk.book;
    for (size_t i = 0; b->there && !b->bad && i < b->rules; i++) {
        if (b->doc.profile.rules[i].line == line) {
            return i;
        }
    }
    return SIZE_MAX;
}

static const mlr_rule_problem *problem_at_line(const mlr_app *app, size_t line)
{
    const mlr_rule_book *b = &app->desk.book;
    for (size_t i = 0; i < b->problems; i++) {
        if (b->problem[i].line == line) {
            return &b->problem[i];
        }
    }
    return NULL;
}

typedef struct text_look {
    const mlr_app *app;
    const mlr_rules_view *view;
    size_t first, last; /* lines of the rule under the cursor */
    int gutter;
} text_look;

static void draw_line(const text_look *l, mlr_pane v, int row, size_t number,
                      const char *line, size_t n)
{
    char text[24];
    const mlr_rule_problem *p = problem_at_line(l->app, number);
    bool here = number >= l->first && number <= l->last && l->first > 0;
    size_t rule = rule_at_line(l->app, number);
    snprintf(text, sizeof text, "%zu", number);
    mlr_put_right(v, row, l->gutter, here ? MLR_ROLE_STRONG : MLR_ROLE_DIM, text);
    if (p != NULL) {
        mlr_put(v, row, l->gutter, p->error ? MLR_ROLE_ERROR : MLR_ROLE_WARNING,
                p->error ? "✗" : "!");
    } else if (here) {
        mlr_put_glyph(v, row, l->gutter, MLR_ROLE_STRONG,
                      number == l->first ? MLR_G_CURSOR : MLR_G_V_LINE);
    }
    mlr_pane in = mlr_pane_part(v, row, l->gutter + 2, 1, v.cols - l->gutter - 2);
    put_yaml(in, 0, 0, line, n);
    if (mlr_text_width(line, n) > in.cols) {
        mlr_put_glyph(in, 0, in.cols - 1, MLR_ROLE_DIM, MLR_G_ELLIPSIS);
    }
    if (rule != SIZE_MAX) {
        const mlr_rule_facts *f = &l->app->desk.book.facts[rule];
        bool off = l->app->desk.book.doc.profile.rules[rule].off;
        char hits[40];
        snprintf(hits, sizeof hits, off ? "r%zu off" : "r%zu %zu hit%s", rule + 1, f->hits,
                 f->hits == 1 ? "" : "s");
        int width = (int)strlen(hits);
        int used = mlr_text_width(line, n);
        if (used + width + 3 <= in.cols) {
            mlr_put_right(in, 0, in.cols - 1, here ? MLR_ROLE_STRONG : MLR_ROLE_BY_RULE,
                          hits);
        }
    }
    if (p != NULL && p->column > 0) {
        mlr_pane mark = in;
        mark.attr |= MLR_UNDERLINE;
        mlr_paint(mark, 0, (int)p->column - 1, 8, MLR_ROLE_ERROR);
    }
}

static void draw_nothing(const mlr_app *app, mlr_pane v)
{
    size_t picked = app->desk.choices.picked;
    static const char *const lines[] = {
        "No rules yet. They say once how tensors",
        "are stored, for this pair and the next.",
        "",
    };
    static const struct {
        const char *key, *text;
    } ways[] = {{"4", "auto-tune writes them for you"},
                {"P", "pins what you chose by hand"},
                {"i", "writes one for the tensor you were on"},
                {"o", "reads a profile"},
                {"E", "begins one in your editor"}};
    int row = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        mlr_put(v, row++, 1, MLR_ROLE_TEXT, lines[i]);
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        mlr_put(v, row, 2, MLR_ROLE_KEY, ways[i].key);
        int at = mlr_put(v, row++, 5, MLR_ROLE_TEXT, ways[i].text);
        if (i == 1) {
            mlr_putf(v, row - 1, at + 1, MLR_ROLE_DIM, "(%zu now)", picked);
        }
    }
}

static void draw_text(const mlr_app *app, const mlr_rules_view *view, mlr_pane box)
{
    char title[160];
    const mlr_rules_text *t = mlr_desk_rules(app);
    const char *path = app->desk.profile;
    mlr_elide_middle(title, sizeof title, path[0] == '\0' ? "Rules" : path,
                     path[0] == '\0' ? 5 : strlen(path), box.cols - 20);
    mlr_pane v = mlr_frame(box, title,
                           t->bytes == NULL               ? ""
                           : !mlr_desk_rules_unsaved(app) ? "saved"
                           : path[0] == '\0'              ? "not in a file yet"
                                                          : "not saved");
    if (v.rows <= 0 || v.cols <= 0) {
        return;
    }
    if (t->bytes == NULL || t->n == 0) {
        draw_nothing(app, v);
        return;
    }
    text_look l = {app, view, 0, 0, view->lines > 999 ? 5 : 3};
    mlr_rules_span(app, view->cursor, &l.first, &l.last);
    const char *p = t->bytes;
    for (size_t number = 1; *p != '\0'; number++) {
        size_t n = strcspn(p, "\n");
        if (number > view->text_top) {
            int row = (int)(number - view->text_top) - 1;
            if (row >= v.rows) {
                break;
            }
            draw_line(&l, v, row, number, p, n);
        }
        p += n + (p[n] == '\n');
    }
    if (view->pane == MLR_RULES_TEXT) {
        mlr_cursor_at(v, 0, l.gutter + 2);
    }
}

/* --- what rules decide ------------------------------------------------------------------
 */

/* Columns of the table; 0: not shown. */
typedef struct columns {
    int match, match_cols, use, hits, shadowed, out, was, change;
} columns;

static columns lay_out(int cols)
{
    columns c = {0};
    c.change = cols;
    c.was = cols - 8;
    c.out = c.was - 7;
    if (cols < 56) {
        c.hits = c.out - 6;
        return c;
    }
    c.shadowed = c.out - 7;
    c.hits = c.shadowed - 9;
    c.match = 7;
    int room = c.hits - 6 - c.match - 1;
    int use = room >= 34 ? 18 : 0;
    c.match_cols = room - use - (use > 0);
    c.use = use > 0 ? c.match + c.match_cols + 1 : 0;
    return c;
}

static void put_sum(mlr_pane v, int row, int end, const mlr_desk_sums *s)
{
    char text[16];
    if (s->to_predict == 0) {
        mlr_put_right(v, row, end, MLR_ROLE_DIM, "-");
    } else if (s->predicted == 0) {
        mlr_put_right(v, row, end, MLR_ROLE_ESTIMATE, "…");
    } else {
        mlr_fmt_bytes(text, sizeof text, (uint64_t)s->bytes);
        mlr_put_right(v, row, end,
                      s->predicted < s->to_predict ? MLR_ROLE_ESTIMATE : MLR_ROLE_TEXT,
                      text);
    }
}

static void put_change(mlr_pane v, int row, int end, const mlr_desk_sums *now,
                       const mlr_desk_sums *was)
{
    char text[16];
    bool whole = now->predicted == now->to_predict && was->predicted == was->to_predict;
    if (!whole || now->to_predict == 0 || was->bytes <= 0) {
        return;
    }
    double share = now->bytes / was->bytes - 1;
    bool same = share > -0.0005 && share < 0.0005;
    snprintf(text, sizeof text, same ? "=" : "%+.1f%%", share * 100);
    mlr_put_right(v, row, end,
                  same        ? MLR_ROLE_DIM
                  : share < 0 ? MLR_ROLE_OK
                              : MLR_ROLE_WARNING,
                  text);
}

static void put_count(mlr_pane v, int row, int end, mlr_role role, size_t n)
{
    char text[24];
    mlr_fmt_count(text, sizeof text, n);
    mlr_put_right(v, row, end, role, text);
}

static void put_words(mlr_pane v, int row, const columns *c, const char *match,
                      const char *use)
{
    char text[128];
    if (c->match > 0) {
        mlr_elide_middle(text, sizeof text, match, strlen(match), c->match_cols);
        mlr_put(v, row, c->match, MLR_ROLE_TEXT, text);
    }
    if (c->use > 0) {
        mlr_elide_middle(text, sizeof text, use, strlen(use), 18);
        mlr_put(v, row, c->use, MLR_ROLE_TEXT, text);
    }
}

static void draw_rule(const mlr_app *app, mlr_pane v, int row, size_t i, const columns *c)
{
    const mlr_rule_book *b = &app->desk.book;
    const mlr_rule *r = &b->doc.profile.rules[i];
    const mlr_rule_facts *f = &b->facts[i];
    char match[160];
    char use[64];
    char number[24];
    snprintf(number, sizeof number, "r%zu", i + 1);
    mlr_put(v, row, 2, r->off ? MLR_ROLE_DIM : MLR_ROLE_BY_RULE, number);
    put_words(v, row, c, mlr_rule_match_text(r, match, sizeof match),
              mlr_setting_text(&r->then, use, sizeof use));
    if (r->off) {
        mlr_put_right(v, row, c->hits, MLR_ROLE_DIM, "off");
        return;
    }
    put_count(v, row, c->hits, f->hits == 0 ? MLR_ROLE_WARNING : MLR_ROLE_TEXT, f->hits);
    if (c->shadowed > 0 && f->shadowed > 0) {
        put_count(v, row, c->shadowed, MLR_ROLE_WARNING, f->shadowed);
    }
}

static void draw_behind(const mlr_app *app, const mlr_rules_view *view, mlr_pane v, int row,
                        size_t kind, const columns *c)
{
    static const char *const names[] = {"else", "you", "same"};
    static const char *const words[] = {"(no rule matches)", "(chosen by hand)",
                                        "(unchanged: copied)"};
    static const mlr_role roles[] = {MLR_ROLE_BY_AUTO, MLR_ROLE_BY_YOU, MLR_ROLE_DIM};
    const mlr_rule_book *b = &app->desk.book;
    char use[64] = "auto 3";
    size_t line = b->rules + kind;
    size_t n = kind == MLR_RULES_SAME ? view->same
               : line < view->sums    ? view->now[line].to_predict
                                      : 0;
    if (b->there && kind == MLR_RULES_DEFAULT) {
        (void)mlr_setting_text(&b->doc.profile.defaults, use, sizeof use);
    }
    mlr_put(v, row, 2, roles[kind], names[kind]);
    put_words(v, row, c, words[kind], kind == MLR_RULES_DEFAULT ? use : "");
    put_count(v, row, c->hits, MLR_ROLE_TEXT, n);
}

static void draw_row(const mlr_app *app, const mlr_rules_view *view, mlr_pane v, int row,
                     size_t line)
{
    columns c = lay_out(v.cols);
    size_t rules = app->desk.book.rules;
    if (line == view->cursor) {
        bool here = view->pane == MLR_RULES_MATCHES;
        mlr_pane over = here ? mlr_pane_over(v, MLR_ROLE_SELECTION) : v;
        mlr_fill(mlr_pane_part(over, row, 0, 1, v.cols), MLR_ROLE_TEXT);
        mlr_put_glyph(over, row, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
        if (here) {
            mlr_cursor_at(v, row, 2);
        }
        v = over;
    }
    if (line < rules) {
        draw_rule(app, v, row, line, &c);
    } else {
        draw_behind(app, view, v, row, line - rules, &c);
    }
    bool off = line < rules && app->desk.book.doc.profile.rules[line].off;
    if (line < view->sums && line != rules + MLR_RULES_SAME && !off) {
        put_sum(v, row, c.out, &view->now[line]);
        put_sum(v, row, c.was, &view->was[line]);
        put_change(v, row, c.change, &view->now[line], &view->was[line]);
    }
}

static void draw_header(const mlr_app *app, mlr_pane v)
{
    columns c = lay_out(v.cols);
    if (c.match > 0) {
        mlr_put(v, 0, 2, MLR_ROLE_HEADER, "rule");
        mlr_put(v, 0, c.match, MLR_ROLE_HEADER, "matches");
    }
    if (c.use > 0) {
        mlr_put(v, 0, c.use, MLR_ROLE_HEADER, "uses");
    }
    mlr_put_right(v, 0, c.hits, MLR_ROLE_HEADER, "hits");
    if (c.shadowed > 0) {
        mlr_put_right(v, 0, c.shadowed, MLR_ROLE_HEADER, "shadowed");
    }
    mlr_put_right(v, 0, c.out, MLR_ROLE_HEADER, "out");
    mlr_put_right(v, 0, c.was, MLR_ROLE_HEADER,
                  app->desk.choices.done > 0 ? "was" : "auto");
    mlr_put_right(v, 0, c.change, MLR_ROLE_HEADER, "change");
}

static bool belongs(const mlr_app *app, const mlr_rules_view *view, size_t row)
{
    const mlr_desk *d = &app->desk;
    size_t rules = d->book.rules;
    const mlr_ui_row *r = &app->session.rows.row[row];
    bool by_hand = row < d->choices.rows && d->choices.pick[row].level != 0;
    if (view->cursor == rules + MLR_RULES_SAME) {
        return r->kind == MLR_ROW_SAME;
    }
    if (!mlr_row_travels(r)) {
        return false;
    }
    if (view->cursor == rules + MLR_RULES_YOU) {
        return by_hand;
    }
    size_t rule = d->book.rule != NULL && row < d->book.rows ? d->book.rule[row] : 0;
    return !by_hand && rule == (view->cursor < rules ? view->cursor + 1 : 0);
}

/* The first tensors of the line under the cursor. */
static void draw_names(const mlr_app *app, const mlr_rules_view *view, mlr_pane v)
{
    int row = 0;
    size_t more = 0;
    for (size_t i = 0; i < app->session.rows.count; i++) {
        if (!belongs(app, view, i)) {
            continue;
        }
        if (row + 1 >= v.rows) {
            more++;
            continue;
        }
        char name[256];
        char bytes[16];
        const mlr_ui_row *r = &app->session.rows.row[i];
        mlr_elide_name(name, sizeof name, r->name.p, r->name.n, v.cols - 9);
        mlr_put(v, row, 2, MLR_ROLE_TEXT, name);
        if (r->out.state != MLR_FACT_UNKNOWN) {
            mlr_put_right(v, row, v.cols, MLR_ROLE_DIM,
                          mlr_fmt_bytes(bytes, sizeof bytes, (uint64_t)r->out.value));
        }
        row++;
    }
    if (row == 0) {
        mlr_put(v, 0, 2, MLR_ROLE_DIM, "no tensor");
    } else if (more > 0) {
        mlr_putf(v, row, 2, MLR_ROLE_DIM, "and %zu more; Enter shows all", more);
    }
}

static void draw_matches(const mlr_app *app, const mlr_rules_view *view, mlr_pane box)
{
    bool deciding = app->desk.book.there && app->desk.book.at < app->desk.book.rows;
    mlr_pane v = mlr_frame(box, "Matches",
                           app->desk.travelling == 0 ? "once compared"
                           : deciding                ? "deciding"
                                                     : "live");
    if (v.rows <= 0 || v.cols <= 0) {
        return;
    }
    size_t lines = mlr_rules_lines(app);
    int names = v.rows >= (int)lines + 6 ? v.rows - (int)lines - 3 : v.rows >= 14 ? 4 : 0;
    size_t page = v.rows - 1 - (names > 0 ? names + 1 : 0) > 0
                      ? (size_t)(v.rows - 1 - (names > 0 ? names + 1 : 0))
                      : 1;
    size_t top = view->cursor >= page ? view->cursor - page + 1 : 0;
    draw_header(app, v);
    for (size_t i = top; i < lines && i - top < page; i++) {
        draw_row(app, view, v, 1 + (int)(i - top), i);
    }
    if (names > 0) {
        char title[160] = "Chosen by hand";
        int row = v.rows - names - 1;
        size_t rules = app->desk.book.rules;
        if (view->cursor < rules) {
            const mlr_profile *p = &app->desk.book.doc.profile;
            char name[64];
            char use[64];
            snprintf(title, sizeof title, "%s: %s",
                     mlr_rule_name(p, view->cursor, name, sizeof name),
                     mlr_setting_text(&p->rules[view->cursor].then, use, sizeof use));
        } else if (view->cursor != rules + MLR_RULES_YOU) {
            snprintf(title, sizeof title, "%s",
                     view->cursor == rules + MLR_RULES_SAME ? "Unchanged"
                                                            : "No rule matches");
        }
        char fit[200];
        mlr_elide_middle(fit, sizeof fit, title, strlen(title), v.cols - 2);
        mlr_put(v, row, 2, MLR_ROLE_GROUP, fit);
        draw_names(app, view, mlr_pane_part(v, row + 1, 0, names, v.cols));
    }
}

/* --- what is wrong ----------------------------------------------------------------------
 */

/* A sentence over several lines; returns how many. */
static int put_wrapped(mlr_pane v, int row, int col, mlr_role role, const char *text)
{
    int lines = 0;
    int cols = v.cols - col;
    while (*text != '\0' && row + lines < v.rows && cols > 8) {
        char part[400];
        mlr_text_cut(part, sizeof part, text, cols);
        size_t n = strlen(part);
        if (text[n] != '\0') {
            size_t back = n;
            while (back > 0 && part[back - 1] != ' ') {
                back--;
            }
            n = back > 8 ? back : n;
        }
        mlr_put_n(v, row + lines, col, role, text, n);
        text += n;
        lines++;
    }
    return lines;
}

static void draw_problems(const mlr_app *app, const mlr_rules_view *view, mlr_pane box)
{
    const mlr_rule_book *b = &app->desk.book;
    size_t errors = 0;
    char note[48];
    for (size_t i = 0; i < b->problems; i++) {
        errors += b->problem[i].error;
    }
    snprintf(note, sizeof note,
             errors > 0        ? "blocks export"
             : b->problems > 0 ? "n next"
                               : "");
    mlr_pane v = mlr_frame(box, "Problems", note);
    if (b->problems == 0 && v.rows > 0) {
        bool any = mlr_desk_rules(app)->bytes != NULL;
        mlr_put(v, 0, 1, any ? MLR_ROLE_OK : MLR_ROLE_DIM,
                any ? "✓ every rule is understood" : "none");
        return;
    }
    int row = 0;
    for (size_t i = view->problem; i < b->problems && row < v.rows; i++) {
        const mlr_rule_problem *p = &b->problem[i];
        char text[400];
        char at[32] = "";
        bool here = view->pane == MLR_RULES_PROBLEMS && i == view->problem;
        if (p->line > 0 && p->column > 0) {
            snprintf(at, sizeof at, "%u:%u ", p->line, p->column);
        } else if (p->line > 0) {
            snprintf(at, sizeof at, "line %u: ", p->line);
        }
        snprintf(text, sizeof text, "%s%s%s%s", at, p->text,
                 p->fix[0] == '\0' ? "" : "  F: ", p->fix);
        if (here) {
            mlr_put_glyph(v, row, 0, MLR_ROLE_STRONG, MLR_G_CURSOR);
            mlr_cursor_at(v, row, 2);
        }
        mlr_put(v, row, 1, p->error ? MLR_ROLE_ERROR : MLR_ROLE_WARNING,
                p->error ? "✗" : "!");
        row += put_wrapped(v, row, 3, here ? MLR_ROLE_STRONG : MLR_ROLE_TEXT, text);
    }
}

void mlr_rules_draw(const mlr_app *app, const mlr_rules_view *v, mlr_pane body)
{
    mlr_rules_places p = mlr_rules_place(app, v, body);
    if (p.text.rows > 0) {
        draw_text(app, v, p.text);
    }
    if (p.matches.rows > 0) {
        draw_matches(app, v, p.matches);
    }
    if (p.problems.rows > 0) {
        draw_problems(app, v, p.problems);
    }
}
