#include "tui/pick_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/profile.h"
#include "tui/app_core.h"
#include "tui/cli/profile_init.h"

/* The picks that are in use, in an order that does not depend on history. */
typedef struct maker {
    const mlr_app *app;
    FILE *out;
    mlr_pick *pick;
    size_t picks;
    uint32_t *row; /* of one pick */
    size_t rows;
} maker;

enum { PATTERN = 256, MOST_PATTERNS = 64 };

static int compare_picks(const void *pa, const void *pb)
{
    const mlr_pick *a = pa;
    const mlr_pick *b = pb;
    int by_level = a->level - b->level;
    int by_strategy = a->strategy - b->strategy;
    int by_dict = a->dict - b->dict;
    int by_block = (a->block_bytes > b->block_bytes) - (a->block_bytes < b->block_bytes);
    return by_level != 0      ? by_level
           : by_strategy != 0 ? by_strategy
           : by_dict != 0     ? by_dict
                              : by_block;
}

static void list_picks(maker *m)
{
    const mlr_choices *c = &m->app->desk.choices;
    for (size_t i = 0; i < c->rows && i < m->app->session.rows.count; i++) {
        if (c->pick[i].level != 0) {
            m->pick[m->picks++] = c->pick[i];
        }
    }
    qsort(m->pick, m->picks, sizeof *m->pick, compare_picks);
    size_t kept = 0;
    for (size_t i = 0; i < m->picks; i++) {
        if (kept == 0 || !mlr_pick_equal(m->pick[kept - 1], m->pick[i])) {
            m->pick[kept++] = m->pick[i];
        }
    }
    m->picks = kept;
}

/* --- names ------------------------------------------------------------------------------
 */

/* "model.layers.*.mlp.up_proj.weight": numbers between dots become stars; false where there
   is none, or the name would not fit or holds a star itself. */
static bool make_pattern(mlr_str name, char *to)
{
    size_t n = 0;
    bool any = false;
    for (size_t i = 0; i < name.n;) {
        size_t digits = 0;
        bool begins = i == 0 || name.p[i - 1] == '.';
        while (begins && i + digits < name.n && name.p[i + digits] >= '0' &&
               name.p[i + digits] <= '9') {
            digits++;
        }
        bool number = digits > 0 && (i + digits == name.n || name.p[i + digits] == '.');
        if (n + 1 >= PATTERN || name.p[i] == '*' || name.p[i] == '?') {
            return false;
        }
        any = any || number;
        to[n++] = number ? '*' : name.p[i];
        i += number ? digits : 1;
    }
    to[n] = '\0';
    return any;
}

/* Whether a pattern means only rows that have this pick, or whose pick does not matter. */
static bool means_only(const maker *m, const char *pattern, mlr_pick pick, size_t *hits)
{
    const mlr_app *app = m->app;
    mlr_str p = {pattern, strlen(pattern)};
    *hits = 0;
    for (size_t i = 0; i < app->session.rows.count; i++) {
        const mlr_ui_row *r = &app->session.rows.row[i];
        if (!mlr_row_travels(r) || !mlr_glob(p, r->name)) {
            continue;
        }
        if (!mlr_pick_equal(app->desk.choices.pick[i], pick)) {
            return false;
        }
        (*hits)++;
    }
    return true;
}

static void put_name(const maker *m, const char *p, size_t n)
{
    fputs("        - ", m->out);
    mlr_yaml_quote(m->out, p, n);
    fputc('\n', m->out);
}

/* Patterns for groups of layers, names for what is left. */
static void put_names(maker *m, mlr_pick pick)
{
    const mlr_app *app = m->app;
    char pattern[PATTERN];
    size_t patterns = 0;
    m->rows = 0;
    for (size_t i = 0; i < app->desk.choices.rows && i < app->session.rows.count; i++) {
        if (mlr_pick_equal(app->desk.choices.pick[i], pick)) {
            m->row[m->rows++] = (uint32_t)i;
        }
    }
    for (size_t i = 0; i < m->rows; i++) {
        size_t hits = 0;
        if (m->row[i] == UINT32_MAX) {
            continue;
        }
        mlr_str name = app->session.rows.row[m->row[i]].name;
        if (patterns == MOST_PATTERNS || !make_pattern(name, pattern) ||
            !means_only(m, pattern, pick, &hits) || hits < 2) {
            put_name(m, name.p, name.n);
            continue;
        }
        put_name(m, pattern, strlen(pattern));
        patterns++;
        mlr_str p = {pattern, strlen(pattern)};
        for (size_t k = i; k < m->rows; k++) {
            if (m->row[k] != UINT32_MAX &&
                mlr_glob(p, app->session.rows.row[m->row[k]].name)) {
                m->row[k] = UINT32_MAX; /* the pattern means it */
            }
        }
    }
}

/* --- rules ------------------------------------------------------------------------------
 */

static void put_rule(maker *m, mlr_pick pick)
{
    fprintf(m->out, "  - name: \"%s %u by hand\"\n    match:\n      names:\n",
            mlr_strategy_word(pick.strategy), pick.level);
    put_names(m, pick);
    if (pick.strategy == MLR_NEURAL) {
        fprintf(m->out, "    use: {neural: true, level: %u", pick.level);
    } else {
        fprintf(m->out, "    use: {strategy: %s, level: %u",
                mlr_strategy_word(pick.strategy), pick.level);
    }
    fputs(pick.dict != 0 ? ", dictionary: true" : "", m->out);
    if (pick.block_bytes != 0) {
        fprintf(m->out, ", block: %u", pick.block_bytes);
    }
    fputs("}\n", m->out);
}

static void put_budgets(FILE *out, const mlr_budgets *b)
{
    if (b->size == 0 && b->memory == 0) {
        return;
    }
    fputs("budgets:\n", out);
    if (b->size > 0) {
        fprintf(out, "  patch-size: %llu\n", (unsigned long long)b->size);
    }
    if (b->memory > 0) {
        fprintf(out, "  apply-memory: %llu\n", (unsigned long long)b->memory);
    }
}

static void put_profile(maker *m)
{
    fprintf(m->out,
            "# choices made in the terminal interface\nversion: 1\n"
            "defaults: {strategy: auto, level: %d}\n",
            MLR_DESK_LEVEL);
    put_budgets(m->out, &m->app->desk.budgets);
    fputs(m->picks > 0 ? "rules: # the first that matches wins\n" : "", m->out);
    for (size_t i = 0; i < m->picks; i++) {
        put_rule(m, m->pick[i]);
    }
}

char *mlr_pick_profile(const mlr_app *app, size_t *taken)
{
    char *text = NULL;
    size_t n = 0;
    size_t rows = app->desk.choices.rows + 1;
    maker m = {.app = app};
    m.pick = mlr_take(app->alloc, rows * sizeof *m.pick);
    m.row = mlr_take(app->alloc, rows * sizeof *m.row);
    m.out = open_memstream(&text, &n);
    char *copy = NULL;
    if (m.out != NULL && m.pick != NULL && m.row != NULL) {
        list_picks(&m);
        put_profile(&m);
        copy = fflush(m.out) == 0 ? mlr_take(app->alloc, n + 1) : NULL;
    }
    if (copy != NULL) {
        memcpy(copy, text, n + 1);
        *taken = n + 1;
    }
    if (m.out != NULL) {
        (void)fclose(m.out);
    }
    free(text);
    mlr_give(app->alloc, m.pick, rows * sizeof *m.pick);
    mlr_give(app->alloc, m.row, rows * sizeof *m.row);
    return copy;
}
