#include "tui/pick_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/app_core.h"

static void put_quoted(FILE *out, mlr_str s)
{
    fputc('"', out);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            fputc('\\', out);
            fputc(c, out);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(out, "\\x%02x", c);
        } else {
            fputc(c, out);
        }
    }
    fputc('"', out);
}

static void put_rule(const mlr_app *app, FILE *out, mlr_pick pick)
{
    const mlr_choices *c = &app->desk.choices;
    bool aware = pick.strategy == MLR_NEURAL;
    const char *dict = app->desk.dict[0] == '\0' ? "" : ", dictionary: true";
    fprintf(out, "  - name: \"%s %u\"\n    match:\n      names:\n",
            mlr_strategy_word(pick.strategy), pick.level);
    for (size_t i = 0; i < c->rows && i < app->session.rows.count; i++) {
        if (mlr_pick_equal(c->pick[i], pick)) {
            fputs("        - ", out);
            put_quoted(out, app->session.rows.row[i].name);
            fputc('\n', out);
        }
    }
    if (aware) {
        fprintf(out, "    use: {neural: true, level: %u%s}\n", pick.level, dict);
    } else {
        fprintf(out, "    use: {strategy: %s, level: %u%s}\n",
                mlr_strategy_word(pick.strategy), pick.level, dict);
    }
}

static void put_budgets(FILE *out, const mlr_budgets *b)
{
    if (b->size == 0 && b->memory == 0 && b->decode_ms == 0) {
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

static void put_profile(const mlr_app *app, FILE *out)
{
    const mlr_choices *c = &app->desk.choices;
    bool used[23][MLR_STRATEGY_LIMIT + 2] = {{false}};
    bool begun = false;
    for (size_t i = 0; i < c->rows; i++) {
        used[c->pick[i].level][c->pick[i].strategy + 2] = c->pick[i].level != 0;
    }
    const char *dict = app->desk.dict;
    fputs("# choices made in the terminal interface\nversion: 1\n", out);
    if (dict[0] != '\0') {
        fputs("dictionary: ", out);
        put_quoted(out, (mlr_str){dict, strlen(dict)});
        fputc('\n', out);
    }
    fprintf(out, "defaults: {strategy: auto, level: %d%s}\n", MLR_DESK_LEVEL,
            dict[0] == '\0' ? "" : ", dictionary: true");
    put_budgets(out, &app->desk.budgets);
    for (int level = 1; level <= 22; level++) {
        for (int id = MLR_NEURAL; id < MLR_STRATEGY_LIMIT; id++) {
            mlr_pick pick = {.strategy = (int16_t)id, .level = (uint8_t)level};
            if (used[level][id + 2]) {
                fputs(begun ? "" : "rules: # the first that matches wins\n", out);
                begun = true;
                put_rule(app, out, pick);
            }
        }
    }
}

char *mlr_pick_profile(const mlr_app *app, size_t *taken)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (out == NULL) {
        return NULL;
    }
    put_profile(app, out);
    char *copy = fclose(out) == 0 ? mlr_take(app->alloc, n + 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, text, n + 1);
        *taken = n + 1;
    }
    free(text);
    return copy;
}
