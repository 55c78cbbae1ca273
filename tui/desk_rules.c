/* Rules on the desk: reading, changing, pinning, saving. What they decide is rule_book.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/dict.h"
#include "apply/host/file.h"
#include "apply/host/host_kernels.h"
#include "apply/patch_format.h"
#include "tui/app_core.h"
#include "tui/cli/diff_job.h"
#include "tui/cli/profile_edit.h"
#include "tui/cli/profile_file.h"
#include "tui/cli/profile_rules.h"
#include "tui/desk_parts.h"
#include "tui/pick_profile.h"

const mlr_rules_text *mlr_desk_rules(const mlr_app *app)
{
    return mlr_choices_text(&app->desk.choices);
}

bool mlr_desk_rules_unsaved(const mlr_app *app)
{
    const mlr_desk *d = &app->desk;
    return mlr_desk_rules(app)->bytes != NULL &&
           (d->profile[0] == '\0' || d->saved_text != d->choices.text_now);
}

mlr_device mlr_desk_device(const mlr_desk *d)
{
    const mlr_device *own = d->book.there ? d->book.doc.profile.device : NULL;
    return mlr_diff_device(own, d->budgets.memory);
}

/* --- the dictionary ---------------------------------------------------------------------
 */

static void drop_dict(mlr_desk *d)
{
    mlr_give(d->alloc, d->dict, d->dict_taken);
    d->dict = NULL;
    d->dict_bytes = d->dict_taken = 0;
    d->dict_path[0] = '\0';
}

void mlr_desk_drop_rules(mlr_desk *d)
{
    drop_dict(d);
    mlr_rule_book_release(&d->book);
}

static void load_dict(mlr_app *app, const char *path)
{
    mlr_desk *d = &app->desk;
    mlr_file f = {0};
    mlr_err err = {0};
    mlr_dict view = {0};
    drop_dict(d);
    if (mlr_file_open(&f, path, NULL, &err) == MLR_OK && f.source.size <= MLR_MAX_DICT) {
        size_t n = (size_t)f.source.size;
        uint8_t *bytes = mlr_take(d->alloc, n + 1);
        if (bytes != NULL && f.source.read_at(f.source.ctx, 0, bytes, n, &err) == MLR_OK &&
            mlr_dict_view(&view, bytes, n, mlr_host_kernels()->sha256, &err) == MLR_OK) {
            d->dict = bytes;
            d->dict_taken = n + 1;
            memmove(bytes, view.bytes, view.size);
            d->dict_bytes = view.size;
            snprintf(d->dict_path, sizeof d->dict_path, "%s", path);
        } else {
            mlr_give(d->alloc, bytes, n + 1);
        }
    }
    mlr_file_close(&f);
    if (d->dict == NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING,
                    "the dictionary %.120s cannot be read: forecasts leave it out", path);
    }
}

/* --- what the text means ----------------------------------------------------------------
 */

static void obey_bounds(mlr_desk *d)
{
    const mlr_bound *b = d->book.doc.profile.bound;
    if (b[MLR_CHECK_PATCH_SIZE].set) {
        d->budgets.size = b[MLR_CHECK_PATCH_SIZE].most;
    }
    if (b[MLR_CHECK_MEMORY].set) {
        d->budgets.memory = b[MLR_CHECK_MEMORY].most;
    }
    if (b[MLR_CHECK_TIME].set) {
        d->budgets.decode_ms = (b[MLR_CHECK_TIME].most + 999) / 1000;
    }
}

static bool same_device(const mlr_device *a, const mlr_device *b)
{
    return a->memory_bytes == b->memory_bytes && a->block_bytes == b->block_bytes &&
           a->no_zstd == b->no_zstd;
}

/* Forecasts rest on the device and on the dictionary. */
static void follow_means(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    const char *path = d->book.there ? d->book.doc.profile.dict_path : NULL;
    path = path == NULL ? "" : path;
    bool other_dict = strcmp(path, d->dict_path) != 0;
    mlr_device device = mlr_desk_device(d);
    bool other = d->outlook != NULL && !same_device(&device, &d->outlook->device);
    if (!other_dict && !other) {
        return;
    }
    mlr_job_cancel(&d->job);
    (void)mlr_job_join(&d->job);
    if (other_dict && path[0] == '\0') {
        drop_dict(d);
    } else if (other_dict) {
        load_dict(app, path);
    }
    mlr_desk_change_device(app);
}

static void settle(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    mlr_rule_book_count(&d->book, &app->session.rows, d->choices.pick);
    d->first_at = 0;
    d->refined = false;
    mlr_desk_show(app);
}

bool mlr_desk_work_rules(mlr_app *app)
{
    mlr_rule_book *b = &app->desk.book;
    if (!mlr_rule_book_work(b, &app->session.rows)) {
        return false;
    }
    if (b->at == b->rows) {
        settle(app);
    }
    return true;
}

void mlr_desk_read_rules(mlr_app *app)
{
    enum { SLICES = 4 }; /* small profiles are done at once, others a slice a frame */
    mlr_desk *d = &app->desk;
    mlr_rule_book_read(&d->book, mlr_desk_rules(app), app->session.rows.count);
    if (d->book.there && !d->book.bad) {
        obey_bounds(d);
    }
    follow_means(app);
    bool more = true;
    for (int i = 0; i < SLICES && more; i++) {
        more = mlr_desk_work_rules(app);
    }
    if (!d->book.there) {
        mlr_desk_show(app);
    }
}

/* --- changing ---------------------------------------------------------------------------
 */

void mlr_desk_set_rules(mlr_app *app, const char *bytes, size_t n, const char *label)
{
    if (app->desk.choices.pick == NULL || n > MLR_YAML_MAX_BYTES) {
        mlr_app_say(app, MLR_ROLE_ERROR, "a profile has at most 256 KiB");
        return;
    }
    mlr_desk_step_begin(app, label);
    mlr_choices_set_text(&app->desk.choices, bytes, n);
    mlr_desk_step_end(app);
}

static void take_back_picks(mlr_app *app)
{
    for (size_t i = 0; i < app->desk.choices.rows; i++) {
        mlr_choices_set(&app->desk.choices, (uint32_t)i, (mlr_pick){0});
    }
}

void mlr_desk_pin(mlr_app *app)
{
    mlr_desk *d = &app->desk;
    char label[56];
    size_t taken = 0;
    size_t picked = d->choices.picked;
    if (picked == 0) {
        mlr_app_say(app, MLR_ROLE_DIM, "nothing is decided by hand: e, < and > do that");
        return;
    }
    if (d->book.bad) {
        mlr_app_say(app, MLR_ROLE_ERROR, "the rules have a mistake: mend that first");
        return;
    }
    char *text = mlr_desk_profile(app, &taken);
    if (text == NULL) {
        mlr_app_say(app, MLR_ROLE_ERROR,
                    "rules in brackets cannot take more: write them as lines that begin "
                    "with '-'");
        return;
    }
    snprintf(label, sizeof label, "pin %zu choice%s as rules", picked,
             picked == 1 ? "" : "s");
    mlr_desk_step_begin(app, label);
    mlr_choices_set_text(&d->choices, text, taken - 1);
    take_back_picks(app);
    mlr_desk_step_end(app);
    mlr_give(app->alloc, text, taken);
}

/* --- writing ----------------------------------------------------------------------------
 */

/* A budget that the text does not hold yet. */
static void set_bound(mlr_rules_edit *e, const char *path, uint64_t most, const char *unit)
{
    mlr_err err = {0};
    char value[32];
    char *out = NULL;
    size_t n = 0;
    snprintf(value, sizeof value, "%llu%s", (unsigned long long)most, unit);
    if (most > 0 &&
        mlr_yaml_set(e->text, e->n, path, value, e->pool, &out, &n, &err) == MLR_OK) {
        e->text = out;
        e->n = n;
    }
}

char *mlr_desk_profile(const mlr_app *app, size_t *taken)
{
    const mlr_desk *d = &app->desk;
    const mlr_rules_text *t = mlr_desk_rules(app);
    const mlr_bound *b = d->book.doc.profile.bound;
    size_t pins_taken = 0;
    char *pins = mlr_pick_profile(app, &pins_taken);
    if (t->bytes == NULL || t->n == 0 || pins == NULL) {
        *taken = pins_taken;
        return pins;
    }
    mlr_pool pool;
    mlr_pool_init(&pool, app->alloc);
    mlr_err err = {0};
    mlr_rules_edit e = {.text = t->bytes, .n = t->n, .pool = &pool};
    if (d->choices.picked > 0 &&
        mlr_rules_insert(&e, 0, pins, pins_taken - 1, &err) == MLR_OK) {
        e.text = e.out;
        e.n = e.out_n;
    }
    mlr_give(app->alloc, pins, pins_taken);
    set_bound(&e, "budgets.patch-size",
              b[MLR_CHECK_PATCH_SIZE].most == d->budgets.size ? 0 : d->budgets.size, "");
    set_bound(&e, "budgets.apply-memory",
              b[MLR_CHECK_MEMORY].most == d->budgets.memory ? 0 : d->budgets.memory, "");
    char *copy = err.status == MLR_OK ? mlr_take(app->alloc, e.n + 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, e.text, e.n);
        copy[e.n] = '\0';
        *taken = e.n + 1;
    }
    mlr_pool_release(&pool);
    return copy;
}

bool mlr_desk_save_rules(mlr_app *app, const char *path)
{
    mlr_desk *d = &app->desk;
    const mlr_rules_text *t = mlr_desk_rules(app);
    mlr_cli cli = {.alloc = app->alloc};
    mlr_err err = {0};
    if (t->bytes == NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING, "there are no rules to save yet");
        return false;
    }
    if (mlr_text_publish(path, t->bytes, t->n, MLR_REPLACE_EXISTING, &cli, &err) !=
        MLR_OK) {
        mlr_app_say_err(app, &err);
        return false;
    }
    if (path != d->profile) {
        snprintf(d->profile, sizeof d->profile, "%s", path);
    }
    d->saved_text = d->choices.text_now;
    (void)mlr_choice_log_profile(&d->log, d->profile);
    mlr_app_say(app, MLR_ROLE_OK, "rules saved to %.200s", d->profile);
    return true;
}

bool mlr_desk_load_rules(mlr_app *app, const char *path)
{
    mlr_desk *d = &app->desk;
    mlr_cli cli = {.alloc = app->alloc};
    mlr_err err = {0};
    mlr_pool pool;
    char *bytes = NULL;
    size_t n = 0;
    mlr_pool_init(&pool, app->alloc);
    if (strlen(path) >= sizeof d->profile ||
        mlr_yaml_load(path, &cli, &pool, &bytes, &n, &err) != MLR_OK) {
        mlr_app_say_err(app, &err);
        mlr_pool_release(&pool);
        return false;
    }
    const mlr_rules_text *now = mlr_desk_rules(app);
    bool same = now->bytes != NULL && now->n == n && memcmp(now->bytes, bytes, n) == 0;
    memmove(d->profile, path, strlen(path) + 1);
    if (now->bytes == NULL && mlr_choices_begin_text(&d->choices, bytes, n)) {
        mlr_desk_read_rules(app);
    } else if (!same) {
        mlr_desk_set_rules(app, bytes, n, "rules read from their file");
    }
    d->saved_text = d->choices.text_now;
    (void)mlr_choice_log_profile(&d->log, d->profile);
    mlr_pool_release(&pool);
    return true;
}

bool mlr_desk_picks_at(const mlr_app *app, size_t steps, mlr_pick *to)
{
    const mlr_desk *d = &app->desk;
    const mlr_rules_text *t = mlr_choices_text_at(&d->choices, steps);
    mlr_profile_doc doc = {0};
    mlr_err err = {0};
    if (d->choices.pick == NULL) {
        return false;
    }
    mlr_choices_at(&d->choices, steps, to);
    if (t->bytes == NULL) {
        return true;
    }
    if (d->book.matching == NULL) {
        return false;
    }
    if (mlr_profile_read(&doc, t->bytes, t->n, app->alloc, &err) == MLR_OK) {
        for (size_t i = 0; i < d->travelling; i++) {
            size_t row = d->by_size[i];
            if (to[row].level == 0 && row < d->book.matching->count) {
                to[row] = mlr_rule_book_pick(&doc.profile, d->book.matching, row, NULL);
            }
        }
    }
    mlr_profile_release(&doc);
    return true;
}
