#include "tui/rules_edit.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tui/app_core.h"
#include "tui/cli/profile_edit.h"
#include "tui/cli/profile_file.h"
#include "tui/cli/profile_init.h"
#include "tui/cli/profile_rules.h"

static const char beginning[] = "# rules for `mallorn diff --profile`\nversion: 1\n";

/* One edit of the text as it is now. */
typedef struct edit {
    mlr_app *app;
    mlr_pool pool;
    mlr_rules_edit e;
    mlr_err err;
} edit;

static void begin_text(edit *x, const mlr_app *app)
{
    const mlr_rules_text *t = mlr_desk_rules(app);
    *x = (edit){0};
    mlr_pool_init(&x->pool, app->alloc);
    x->e = (mlr_rules_edit){.text = t->bytes, .n = t->n, .pool = &x->pool};
    if (t->bytes == NULL || t->n == 0) {
        x->e.text = beginning;
        x->e.n = sizeof beginning - 1;
    }
}

static bool begin(edit *x, mlr_app *app)
{
    begin_text(x, app);
    x->app = app;
    if (app->desk.book.bad) {
        mlr_app_say(app, MLR_ROLE_ERROR,
                    "the rules have a mistake: F mends it, E opens your editor");
        mlr_pool_release(&x->pool);
        return false;
    }
    return true;
}

static bool end(edit *x, const char *label)
{
    bool good = x->err.status == MLR_OK;
    if (good) {
        mlr_desk_set_rules(x->app, x->e.text, x->e.n, label);
    } else {
        mlr_app_say(x->app, MLR_ROLE_ERROR,
                    "rules in brackets cannot be changed here: write each on lines of its "
                    "own, begun by '-'");
    }
    mlr_pool_release(&x->pool);
    return good;
}

/* The result of one edit is what the next one starts from. */
static void go_on(edit *x)
{
    x->e.text = x->e.out;
    x->e.n = x->e.out_n;
}

static void set(edit *x, const char *path, const char *value)
{
    char *out = NULL;
    size_t n = 0;
    if (x->err.status == MLR_OK && mlr_yaml_set(x->e.text, x->e.n, path, value, &x->pool,
                                                &out, &n, &x->err) == MLR_OK) {
        x->e.text = out;
        x->e.n = n;
    }
}

/* --- what a rule asks for ---------------------------------------------------------------
 */

static const mlr_setting *setting_of(const mlr_app *app, size_t rule)
{
    static const mlr_setting nothing;
    const mlr_rule_book *b = &app->desk.book;
    if (!b->there) {
        return &nothing;
    }
    const mlr_profile *p = &b->doc.profile;
    return rule < p->rule_count ? &p->rules[rule].then : &p->defaults;
}

mlr_pick mlr_rule_used(const mlr_app *app, size_t rule)
{
    mlr_choice c = {.strategy = MLR_AUTO, .level = MLR_DESK_LEVEL};
    mlr_setting_apply(setting_of(app, MLR_DEFAULTS), &c);
    mlr_setting_apply(setting_of(app, rule), &c);
    return (mlr_pick){.strategy = c.strategy,
                      .level = c.level,
                      .dict = c.dict,
                      .block_bytes = c.block_bytes};
}

static void set_in(edit *x, size_t rule, const char *key, const char *value)
{
    char path[64];
    if (rule == MLR_DEFAULTS) {
        snprintf(path, sizeof path, "defaults.%s", key);
    } else {
        snprintf(path, sizeof path, "rules[%zu].use.%s", rule, key);
    }
    set(x, path, value);
}

/* "neural: true" stands only beside "strategy: auto". */
static void set_strategy(edit *x, size_t rule, int16_t strategy, const mlr_setting *now)
{
    bool neural = now->has_strategy && now->choice.strategy == MLR_NEURAL;
    if (strategy == MLR_NEURAL) {
        set_in(x, rule, "strategy", "auto");
        set_in(x, rule, "neural", "true");
        return;
    }
    if (neural) {
        set_in(x, rule, "neural", "false");
    }
    set_in(x, rule, "strategy", mlr_strategy_word(strategy));
}

void mlr_rule_use(mlr_app *app, size_t rule, mlr_pick pick)
{
    edit x;
    char text[24];
    char label[56];
    const mlr_setting *s = setting_of(app, rule);
    mlr_pick now = mlr_rule_used(app, rule);
    if (!begin(&x, app)) {
        return;
    }
    if (pick.strategy != now.strategy) {
        set_strategy(&x, rule, pick.strategy, s);
    }
    if (pick.level != now.level) {
        snprintf(text, sizeof text, "%u", pick.level);
        set_in(&x, rule, "level", text);
    }
    if (pick.dict != now.dict) {
        set_in(&x, rule, "dictionary", pick.dict != 0 ? "true" : "false");
    }
    if (pick.block_bytes != now.block_bytes) {
        uint32_t block = pick.block_bytes == 0 ? 1U << 20 : pick.block_bytes;
        snprintf(text, sizeof text, "%uKiB", block >> 10);
        set_in(&x, rule, "block", text);
    }
    if (rule == MLR_DEFAULTS) {
        snprintf(label, sizeof label, "%s %u by default", mlr_strategy_word(pick.strategy),
                 pick.level);
    } else {
        snprintf(label, sizeof label, "%s %u in r%zu", mlr_strategy_word(pick.strategy),
                 pick.level, rule + 1);
    }
    (void)end(&x, label);
}

/* --- the list ---------------------------------------------------------------------------
 */

void mlr_rule_toggle(mlr_app *app, size_t rule)
{
    edit x;
    char path[40];
    char label[48];
    const mlr_rule_book *b = &app->desk.book;
    if (rule >= b->rules || !begin(&x, app)) {
        return;
    }
    bool off = b->doc.profile.rules[rule].off;
    snprintf(path, sizeof path, "rules[%zu].enabled", rule);
    snprintf(label, sizeof label, "r%zu switched %s", rule + 1, off ? "on" : "off");
    set(&x, path, off ? "true" : "false");
    (void)end(&x, label);
}

void mlr_rule_remove(mlr_app *app, size_t rule)
{
    edit x;
    char label[48];
    if (rule >= app->desk.book.rules || !begin(&x, app)) {
        return;
    }
    if (mlr_rules_remove(&x.e, rule, &x.err) == MLR_OK) {
        go_on(&x);
    }
    snprintf(label, sizeof label, "r%zu removed", rule + 1);
    (void)end(&x, label);
}

bool mlr_rule_swap(mlr_app *app, size_t rule)
{
    edit x;
    char label[56];
    if (rule + 1 >= app->desk.book.rules || !begin(&x, app)) {
        return false;
    }
    if (mlr_rules_swap(&x.e, rule, &x.err) == MLR_OK) {
        go_on(&x);
    }
    snprintf(label, sizeof label, "r%zu above r%zu", rule + 2, rule + 1);
    return end(&x, label);
}

char *mlr_rules_with(const mlr_app *app, const char *more, size_t n,
                     const mlr_setting *defaults, size_t *taken)
{
    edit x;
    char text[24];
    char *copy = NULL;
    if (app->desk.book.bad) {
        return NULL;
    }
    begin_text(&x, app);
    if (more != NULL && mlr_rules_insert(&x.e, 0, more, n, &x.err) == MLR_OK) {
        go_on(&x);
    }
    if (defaults != NULL && defaults->has_strategy) {
        set_strategy(&x, MLR_DEFAULTS, defaults->choice.strategy,
                     setting_of(app, MLR_DEFAULTS));
    }
    if (defaults != NULL && defaults->has_level) {
        snprintf(text, sizeof text, "%u", defaults->choice.level);
        set_in(&x, MLR_DEFAULTS, "level", text);
    }
    copy = x.err.status == MLR_OK ? mlr_take(app->alloc, x.e.n + 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, x.e.text, x.e.n);
        copy[x.e.n] = '\0';
        *taken = x.e.n + 1;
    }
    mlr_pool_release(&x.pool);
    return copy;
}

void mlr_rule_add(mlr_app *app, size_t at, const char *pattern)
{
    edit x;
    char *text = NULL;
    size_t n = 0;
    FILE *f = begin(&x, app) ? open_memstream(&text, &n) : NULL;
    if (f == NULL) {
        return;
    }
    fputs("version: 1\nrules:\n  - match: {names: ", f);
    mlr_yaml_quote(f, pattern, strlen(pattern));
    fprintf(f, "}\n    use: {strategy: auto, level: %d}\n", MLR_DESK_LEVEL);
    if (fclose(f) == 0 && mlr_rules_insert(&x.e, at, text, n, &x.err) == MLR_OK) {
        go_on(&x);
    }
    (void)end(&x, "a new rule");
    free(text);
}

void mlr_rules_set_dict(mlr_app *app, const char *path)
{
    edit x;
    char *text = NULL;
    size_t n = 0;
    FILE *f = begin(&x, app) ? open_memstream(&text, &n) : NULL;
    if (f == NULL) {
        return;
    }
    mlr_yaml_quote(f, path, strlen(path));
    if (fclose(f) == 0) {
        set(&x, "dictionary", text);
    }
    (void)end(&x, "a dictionary");
    free(text);
}

/* --- mending ----------------------------------------------------------------------------
 */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_' || c == '.';
}

void mlr_rules_fix(mlr_app *app, const mlr_rule_problem *p)
{
    const mlr_rules_text *t = mlr_desk_rules(app);
    char text[96];
    if (p->fix[0] == '\0' || t->bytes == NULL) {
        mlr_app_say(app, MLR_ROLE_DIM,
                    "nothing can be mended by one key; E opens your editor");
        return;
    }
    const char *at = t->bytes;
    for (uint32_t line = 1; line < p->line && at != NULL; line++) {
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    for (uint32_t column = 1; at != NULL && column < p->column && *at != '\0'; column++) {
        at++;
        while (((unsigned char)*at & 0xc0) == 0x80) {
            at++;
        }
    }
    if (at == NULL) {
        return;
    }
    at += *at == '"' || *at == '\'';
    const char *stop = at;
    while (is_word(*stop)) {
        stop++;
    }
    size_t n = strlen(p->fix);
    size_t room = t->n + n + 1;
    char *fixed = mlr_take(app->alloc, room);
    if (fixed != NULL) {
        size_t head = (size_t)(at - t->bytes);
        memcpy(fixed, t->bytes, head);
        memcpy(fixed + head, p->fix, n);
        memcpy(fixed + head + n, stop, t->n - (size_t)(stop - t->bytes));
        size_t all = t->n - (size_t)(stop - at) + n;
        snprintf(text, sizeof text, "mended: %.40s", p->fix);
        mlr_desk_set_rules(app, fixed, all, text);
        mlr_give(app->alloc, fixed, room);
    }
}

/* --- the user's editor ------------------------------------------------------------------
 */

void mlr_editor_words(const char *path, char *word[5])
{
    static char shell[] = "/bin/sh";
    static char flag[] = "-c";
    static char command[] = "eval \"exec ${VISUAL:-${EDITOR:-vi}} \\\"\\$0\\\"\"";
    word[0] = shell;
    word[1] = flag;
    word[2] = command;
    word[3] = (char *)(uintptr_t)path; /* argv of exec is not const, but is not written */
    word[4] = NULL;
}

extern char **environ;

int mlr_editor_run(const char *path)
{
    char *word[5];
    pid_t pid = 0;
    int status = -1;
    mlr_editor_words(path, word);
    if (posix_spawn(&pid, word[0], NULL, NULL, word, environ) != 0) {
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What an editor finds where there are no rules yet: what the pair shows. */
static void write_first(const mlr_app *app, FILE *f)
{
    const mlr_rules_text *t = mlr_desk_rules(app);
    const mlr_matching *m = app->desk.book.matching;
    if (t->bytes != NULL && t->n > 0) {
        (void)fwrite(t->bytes, 1, t->n, f);
    } else if (m != NULL && m->new_model != NULL) {
        mlr_profile_print_first(f, m);
    } else {
        fputs(beginning, f);
    }
}

void mlr_rules_open_editor(mlr_app *app)
{
    const char *folder = getenv("TMPDIR");
    mlr_desk *d = &app->desk;
    app->edit_copy = d->profile[0] == '\0' || mlr_desk_rules_unsaved(app);
    if (!app->edit_copy) {
        snprintf(app->edit_path, sizeof app->edit_path, "%s", d->profile);
        app->wishes.edit = app->edit_path;
        return;
    }
    snprintf(app->edit_path, sizeof app->edit_path, "%.900s/mallorn-rules-XXXXXX.yaml",
             folder == NULL || folder[0] == '\0' ? "/tmp" : folder);
    int fd = mkstemps(app->edit_path, 5);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (f == NULL) {
        mlr_app_say(app, MLR_ROLE_ERROR, "no file to edit can be made: %.150s",
                    app->edit_path);
        return;
    }
    write_first(app, f);
    if (fclose(f) == 0) {
        app->wishes.edit = app->edit_path;
    }
}

void mlr_rules_edited(mlr_app *app, int status)
{
    mlr_cli cli = {.alloc = app->alloc};
    mlr_err err = {0};
    mlr_pool pool;
    char *bytes = NULL;
    size_t n = 0;
    mlr_pool_init(&pool, app->alloc);
    if (status != 0) {
        mlr_app_say(app, MLR_ROLE_WARNING,
                    status == 127
                        ? "no editor was found: set EDITOR; the rules are as they were"
                        : "the editor failed; the rules are as they were");
    } else if (!app->edit_copy) {
        (void)mlr_desk_load_rules(app, app->edit_path);
    } else if (mlr_yaml_load(app->edit_path, &cli, &pool, &bytes, &n, &err) == MLR_OK) {
        mlr_desk_set_rules(app, bytes, n, "rules edited");
    } else {
        mlr_app_say_err(app, &err);
    }
    if (app->edit_copy) {
        (void)unlink(app->edit_path);
    }
    mlr_pool_release(&pool);
}
