/* `mallorn profile`: checks, shows, explains, begins and edits profiles. */
#include <stdlib.h>
#include <string.h>

#include "apply/host/printable.h"
#include "tui/cli/cmd.h"
#include "tui/cli/pair_job.h"
#include "tui/cli/profile_edit.h"
#include "tui/cli/profile_file.h"
#include "tui/cli/profile_init.h"
#include "tui/cli/table.h"
#include "tui/cli/text.h"

typedef struct profile_values {
    const char *out;
    bool json, force, single, all;
} profile_values;

static const mlr_opt profile_opts[] = {
    {.name = "output",
     .letter = 'o',
     .kind = MLR_OPT_FILE,
     .metavar = "FILE",
     .help = "Where 'init' writes; standard output where it is left out.",
     .field = offsetof(profile_values, out)},
    {.name = "force",
     .letter = 'f',
     .kind = MLR_OPT_FLAG,
     .help = "Let 'init' replace a file.",
     .field = offsetof(profile_values, force)},
    {.name = "all",
     .letter = 'a',
     .kind = MLR_OPT_FLAG,
     .help = "Let 'show' list tensors that did not change, too.",
     .field = offsetof(profile_values, all)},
    {.name = "single",
     .kind = MLR_OPT_FLAG,
     .help = "Open one shard alone instead of its whole set.",
     .field = offsetof(profile_values, single)},
    {.name = "json",
     .letter = 'j',
     .kind = MLR_OPT_FLAG,
     .help = "Print one JSON object (mallorn.profile/1).",
     .field = offsetof(profile_values, json)},
};

/* What every action works with. */
typedef struct action {
    mlr_cli *cli;
    const mlr_args *args;
    const profile_values *v;
    mlr_profile_doc doc;
    mlr_pair_job pair;
    mlr_err *err;
} action;

static const char *operand(const action *a, size_t i)
{
    return a->args->operand[i];
}

static mlr_status load_profile(action *a)
{
    return mlr_profile_load(&a->doc, operand(a, 1), a->cli, a->err);
}

static mlr_status open_pair(action *a, size_t first)
{
    const mlr_open_options open = {.single = a->v->single, .sys = a->cli->sys};
    return mlr_pair_job_begin(&a->pair, a->cli, operand(a, first), operand(a, first + 1),
                              &open, a->err);
}

static void begin_json(action *a, const char *what)
{
    mlr_json *j = &a->cli->json;
    mlr_json_init(j, a->cli->out);
    mlr_json_object(j, NULL);
    mlr_json_text(j, "schema", "mallorn.profile/1");
    mlr_json_text(j, "action", what);
    if (strcmp(what, "init") != 0) {
        mlr_json_text(j, "profile", operand(a, 1));
    }
}

/* --- check ------------------------------------------------------------------------------
 */

static size_t count_checks(const mlr_profile *p)
{
    size_t n = 0;
    for (unsigned i = 0; i < MLR_CHECK_COUNT; i++) {
        n += p->bound[i].set;
    }
    return n;
}

static void json_complaint(action *a)
{
    mlr_json *j = &a->cli->json;
    begin_json(a, "check");
    if (a->doc.at.line > 0) {
        mlr_json_object(j, "complaint");
        mlr_json_u64(j, "line", a->doc.at.line);
        mlr_json_u64(j, "column", a->doc.at.column);
        mlr_json_text(j, "message", a->doc.message);
        mlr_json_end(j);
    }
}

static mlr_status check(action *a)
{
    if (load_profile(a) != MLR_OK) {
        if (a->v->json) {
            json_complaint(a); /* the error follows and ends the object */
        }
        return a->err->status;
    }
    const mlr_profile *p = &a->doc.profile;
    if (!a->v->json) {
        char name[256];
        (void)mlr_printable(name, sizeof name, operand(a, 1), strlen(operand(a, 1)));
        fprintf(a->cli->out, "%s: a good profile of %zu rule%s and %zu gate%s\n", name,
                p->rule_count, p->rule_count == 1 ? "" : "s", count_checks(p),
                count_checks(p) == 1 ? "" : "s");
        return MLR_OK;
    }
    begin_json(a, "check");
    mlr_json_u64(&a->cli->json, "rules", p->rule_count);
    mlr_json_u64(&a->cli->json, "gates", count_checks(p));
    mlr_json_end(&a->cli->json);
    return MLR_OK;
}

/* --- show ------------------------------------------------------------------------------
 */

typedef struct shown {
    const action *a;
    const uint32_t *pair; /* listed pairings */
    mlr_choice fallback;
} shown;

static mlr_choice effective(const action *a, size_t pair)
{
    mlr_profile_chooser c = {.profile = &a->doc.profile,
                             .fallback = {.strategy = MLR_AUTO, .level = 3}};
    mlr_choice choice;
    (void)mlr_profile_choose(&c, &a->pair.matching, pair, &choice);
    return choice;
}

/* "rule 2, attention (line 14)". */
static void decider(const action *a, const mlr_choice *c, char *to, size_t room)
{
    if (c->by != MLR_CHOSEN_BY_RULE) {
        (void)snprintf(to, room, "defaults");
        return;
    }
    const mlr_rule *r = &a->doc.profile.rules[c->rule - 1];
    char label[64];
    (void)mlr_printable(label, sizeof label, r->label, strlen(r->label));
    (void)snprintf(to, room, "rule %u%s%s, line %u", c->rule, label[0] == '\0' ? "" : ", ",
                   label, r->line);
}

/* What is not coded by a choice at all. */
static const char *passes_by(const action *a, size_t pair)
{
    const mlr_matching *m = &a->pair.matching;
    uint32_t small = a->doc.profile.small_bytes;
    if (m->pairs[pair].change == MLR_CHANGE_SAME) {
        return "copied";
    }
    return m->new_model->tensors[pair].data.len < (small > 0 ? small : MLR_SMALL_TENSOR)
               ? "structure"
               : NULL;
}

static void show_row(void *ctx, size_t i, mlr_row *row)
{
    const shown *s = ctx;
    const action *a = s->a;
    const mlr_matching *m = &a->pair.matching;
    uint32_t pair = s->pair[i];
    const mlr_tensor *t = &m->new_model->tensors[pair];
    const mlr_choice c = effective(a, pair);
    const char *by = passes_by(a, pair);
    (void)mlr_printable(row->cell[0], MLR_TABLE_CELL, t->key.p, t->key.n);
    (void)snprintf(row->cell[1], MLR_TABLE_CELL, "%s", t->dtype->name);
    (void)mlr_text_size(row->cell[2], t->data.len);
    (void)snprintf(row->cell[3], MLR_TABLE_CELL, "%s",
                   by != NULL ? by : mlr_choice_name(&c));
    if (by == NULL) {
        (void)snprintf(row->cell[4], MLR_TABLE_CELL, "%u", c.level);
    }
    decider(a, &c, row->cell[5], MLR_TABLE_CELL);
}

static mlr_status list_pairs(action *a, uint32_t **list, size_t *count)
{
    const mlr_matching *m = &a->pair.matching;
    *list = mlr_pool_take(&a->pair.pool, (m->new_count + 1) * sizeof **list);
    if (*list == NULL) {
        return mlr_fail(a->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "list of tensors");
    }
    *count = 0;
    for (uint32_t i = 0; i < m->new_count; i++) {
        if (a->v->all || m->pairs[i].change != MLR_CHANGE_SAME) {
            (*list)[(*count)++] = i;
        }
    }
    return MLR_OK;
}

static void json_choice(mlr_json *j, const action *a, const mlr_choice *c)
{
    mlr_json_text(j, "strategy", c->strategy < 0 ? "auto" : mlr_choice_name(c));
    mlr_json_bool(j, "neural", c->strategy == MLR_NEURAL);
    mlr_json_u64(j, "level", c->level);
    mlr_json_bool(j, "dictionary", c->dict != 0);
    mlr_json_u64(j, "block", c->block_bytes);
    if (c->by == MLR_CHOSEN_BY_RULE) {
        const mlr_rule *r = &a->doc.profile.rules[c->rule - 1];
        mlr_json_u64(j, "rule", c->rule);
        mlr_json_text(j, "rule_name", r->label);
        mlr_json_u64(j, "rule_line", r->line);
    } else {
        mlr_json_null(j, "rule");
    }
}

static void json_show(action *a, const uint32_t *list, size_t count)
{
    mlr_json *j = &a->cli->json;
    const mlr_matching *m = &a->pair.matching;
    begin_json(a, "show");
    mlr_json_array(j, "tensors");
    for (size_t i = 0; i < count; i++) {
        const mlr_tensor *t = &m->new_model->tensors[list[i]];
        const mlr_choice c = effective(a, list[i]);
        mlr_json_object(j, NULL);
        mlr_json_str(j, "key", t->key.p, t->key.n);
        mlr_json_text(j, "dtype", t->dtype->name);
        mlr_json_u64(j, "bytes", t->data.len);
        mlr_json_text(j, "change", mlr_change_name(m->pairs[list[i]].change));
        mlr_json_text(j, "passes_by", passes_by(a, list[i]));
        json_choice(j, a, &c);
        mlr_json_end(j);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static mlr_status show(action *a)
{
    static const mlr_column columns[] = {
        {"Tensor", MLR_NAMES, MLR_STYLE_PLAIN}, {"Type", MLR_LEFT, MLR_STYLE_DIM},
        {"Size", MLR_RIGHT, MLR_STYLE_PLAIN},   {"Strategy", MLR_LEFT, MLR_STYLE_ACCENT},
        {"Level", MLR_RIGHT, MLR_STYLE_PLAIN},  {"Decided by", MLR_LEFT, MLR_STYLE_DIM}};
    uint32_t *list = NULL;
    size_t count = 0;
    if (load_profile(a) != MLR_OK || open_pair(a, 2) != MLR_OK ||
        list_pairs(a, &list, &count) != MLR_OK) {
        return a->err->status;
    }
    if (a->v->json) {
        json_show(a, list, count);
        return MLR_OK;
    }
    shown s = {.a = a, .pair = list};
    const mlr_table table = {.column = columns,
                             .columns = sizeof columns / sizeof columns[0],
                             .rows = count,
                             .max_width = mlr_table_limit(a->cli),
                             .row = show_row,
                             .ctx = &s};
    mlr_table_print(&table, a->cli);
    fprintf(a->cli->out, "%zu of %zu tensors; the others are copied\n", count,
            a->pair.matching.new_count);
    return MLR_OK;
}

/* --- explain ---------------------------------------------------------------------------
 */

static mlr_status find_tensor(action *a, uint32_t *pair)
{
    const mlr_model *m = a->pair.matching.new_model;
    const mlr_str name = {operand(a, 4), strlen(operand(a, 4))};
    const mlr_tensor *t = mlr_model_find(m, name);
    for (size_t i = 0; t == NULL && i < m->tensor_count; i++) {
        if (mlr_glob(name, m->tensors[i].key) || mlr_glob(name, m->tensors[i].name)) {
            t = &m->tensors[i];
        }
    }
    if (t == NULL) {
        char text[128];
        (void)mlr_printable(text, sizeof text, name.p, name.n);
        return mlr_cli_fail(a->cli, a->err, MLR_E_USAGE, "the new model has no tensor '%s'",
                            text);
    }
    *pair = (uint32_t)(t - m->tensors);
    return MLR_OK;
}

static void explain_text(action *a, uint32_t pair)
{
    const mlr_matching *m = &a->pair.matching;
    const mlr_profile *p = &a->doc.profile;
    const mlr_tensor *t = &m->new_model->tensors[pair];
    FILE *out = a->cli->out;
    char name[256], size[MLR_TEXT], by[128];
    (void)mlr_printable(name, sizeof name, t->key.p, t->key.n);
    fprintf(out, "%s  %s, %s, %s, %s\n", name, t->dtype->name,
            mlr_text_size(size, t->data.len),
            mlr_module_kind_name(mlr_module_kind_of(t->key)),
            mlr_change_name(m->pairs[pair].change));
    size_t last = mlr_profile_rule_of(p, m, pair);
    for (size_t i = 0; i < p->rule_count && i <= last; i++) {
        const char *fails = mlr_rule_fails(&p->rules[i], m, pair);
        char label[64];
        (void)mlr_printable(label, sizeof label, p->rules[i].label,
                            strlen(p->rules[i].label));
        fprintf(out, "  rule %zu%s%s, line %u: %s%s%s\n", i + 1,
                label[0] == '\0' ? "" : ", ", label, p->rules[i].line,
                fails == NULL ? "matches" : "fails by '", fails == NULL ? "" : fails,
                fails == NULL ? "" : "'");
    }
    const mlr_choice c = effective(a, pair);
    const char *passes = passes_by(a, pair);
    decider(a, &c, by, sizeof by);
    fprintf(out, "  so: %s, level %u, by %s\n", mlr_choice_name(&c), c.level, by);
    if (passes != NULL) {
        fprintf(out, "  but it needs no coding of its own: %s\n",
                strcmp(passes, "copied") == 0
                    ? "it did not change"
                    : "it is small and travels with the structure");
    }
}

static void explain_json(action *a, uint32_t pair)
{
    const mlr_matching *m = &a->pair.matching;
    const mlr_profile *p = &a->doc.profile;
    const mlr_tensor *t = &m->new_model->tensors[pair];
    const mlr_choice c = effective(a, pair);
    mlr_json *j = &a->cli->json;
    begin_json(a, "explain");
    mlr_json_str(j, "key", t->key.p, t->key.n);
    mlr_json_text(j, "kind", mlr_module_kind_name(mlr_module_kind_of(t->key)));
    mlr_json_text(j, "change", mlr_change_name(m->pairs[pair].change));
    mlr_json_text(j, "passes_by", passes_by(a, pair));
    json_choice(j, a, &c);
    mlr_json_array(j, "rules");
    size_t last = mlr_profile_rule_of(p, m, pair);
    for (size_t i = 0; i < p->rule_count && i <= last; i++) {
        const char *fails = mlr_rule_fails(&p->rules[i], m, pair);
        mlr_json_object(j, NULL);
        mlr_json_u64(j, "rule", i + 1);
        mlr_json_text(j, "name", p->rules[i].label);
        mlr_json_u64(j, "line", p->rules[i].line);
        mlr_json_bool(j, "matches", fails == NULL);
        mlr_json_text(j, "fails_by", fails);
        mlr_json_end(j);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static mlr_status explain(action *a)
{
    uint32_t pair = 0;
    if (load_profile(a) != MLR_OK || open_pair(a, 2) != MLR_OK ||
        find_tensor(a, &pair) != MLR_OK) {
        return a->err->status;
    }
    if (a->v->json) {
        explain_json(a, pair);
    } else {
        explain_text(a, pair);
    }
    return MLR_OK;
}

/* --- init, set -------------------------------------------------------------------------
 */

static mlr_status deliver(action *a, const char *text, size_t n)
{
    if (a->v->out == NULL) {
        (void)fwrite(text, 1, n, a->cli->out);
        return MLR_OK;
    }
    return mlr_text_publish(a->v->out, text, n,
                            a->v->force ? MLR_REPLACE_EXISTING : MLR_KEEP_EXISTING, a->cli,
                            a->err);
}

static mlr_status init(action *a)
{
    if (a->v->json) {
        return mlr_cli_fail(a->cli, a->err, MLR_E_USAGE, "'init' writes YAML, not JSON");
    }
    if (open_pair(a, 1) != MLR_OK) {
        return a->err->status;
    }
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (f == NULL) {
        return mlr_fail(a->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a profile");
    }
    mlr_profile_print_first(f, &a->pair.matching);
    if (fclose(f) == 0) {
        deliver(a, text, n);
    } else {
        mlr_fail(a->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a profile");
    }
    free(text);
    return a->err->status;
}

/* The edited text must be a good profile before it replaces the old one. */
static mlr_status set(action *a)
{
    char *text = NULL, *changed = NULL;
    size_t n = 0, changed_n = 0;
    mlr_pool *pool = &a->pair.pool;
    const char *path = operand(a, 1);
    mlr_pool_init(pool, a->cli->alloc);
    if (mlr_yaml_load(path, a->cli, pool, &text, &n, a->err) != MLR_OK) {
        return a->err->status;
    }
    if (mlr_yaml_set(text, n, operand(a, 2), operand(a, 3), pool, &changed, &changed_n,
                     a->err) != MLR_OK) {
        a->err->domain = MLR_IN_PROFILE;
        return a->err->status;
    }
    if (mlr_profile_read(&a->doc, changed, changed_n, a->cli->alloc, a->err) != MLR_OK) {
        mlr_profile_complain(&a->doc, path, a->cli, a->err);
        return a->err->status;
    }
    return mlr_text_publish(path, changed, changed_n, MLR_REPLACE_EXISTING, a->cli, a->err);
}

/* --- the command -----------------------------------------------------------------------
 */

static const struct {
    const char *name, *operands;
    size_t count;
    mlr_status (*run)(action *a);
} actions[] = {
    {"check", "PROFILE", 2, check},
    {"show", "PROFILE OLD NEW", 4, show},
    {"explain", "PROFILE OLD NEW TENSOR", 5, explain},
    {"init", "OLD NEW", 3, init},
    {"set", "PROFILE KEY VALUE", 4, set},
};

static const char *action_word(size_t i)
{
    return i < sizeof actions / sizeof actions[0] ? actions[i].name : NULL;
}

static mlr_status unknown_action(mlr_cli *cli, const char *word, mlr_err *err)
{
    char text[64];
    const char *near = NULL;
    for (size_t i = 0; action_word(i) != NULL; i++) {
        unsigned distance;
        near = mlr_opt_resembles(word, action_word(i), &distance) ? action_word(i) : near;
    }
    (void)mlr_printable(text, sizeof text, word, strlen(word));
    return mlr_cli_fail(cli, err, MLR_E_USAGE, "'profile' cannot '%s'%s%s%s", text,
                        near == NULL ? "; it takes check, show, explain, init or set"
                                     : "; did you mean '",
                        near == NULL ? "" : near, near == NULL ? "" : "'?");
}

static mlr_status run_profile(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    action a = {.cli = cli, .args = args, .v = args->values, .err = err};
    size_t i = 0;
    while (action_word(i) != NULL && strcmp(action_word(i), args->operand[0]) != 0) {
        i++;
    }
    if (action_word(i) == NULL) {
        return unknown_action(cli, args->operand[0], err);
    }
    if (args->count != actions[i].count) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE,
                            "the operands are: mallorn profile %s %s", actions[i].name,
                            actions[i].operands);
    }
    (void)actions[i].run(&a);
    mlr_pair_job_end(&a.pair, cli, err);
    mlr_profile_release(&a.doc);
    return err->status;
}

const mlr_cmd mlr_cmd_profile = {
    .name = "profile",
    .group = "Settle once, run everywhere",
    .summary = "Check, show, explain, begin and edit profiles.",
    .operands = "check|show|explain|init|set OPERAND...",
    .least = 1,
    .most = 5,
    .about =
        "A profile is a YAML file that settles how patches of one kind of model are made "
        "(rules), how large and slow they may be (budgets) and what must not change "
        "(gates). 'mallorn diff --profile' obeys it.\n\n"
        "'check PROFILE' reads it and complains with line and column. 'show PROFILE OLD "
        "NEW' prints what the profile means for each changed tensor and which rule "
        "decided. "
        "'explain PROFILE OLD NEW TENSOR' walks through the rules for one tensor. 'init "
        "OLD "
        "NEW' writes a first profile from what a pair shows. 'set PROFILE KEY VALUE' "
        "changes one value, such as budgets.patch-size or rules[0].use.level, and leaves "
        "comments and order alone.",
    .examples = "mallorn profile init old.gguf new.gguf -o model.yml\tBegin with what a "
                "pair shows\n"
                "mallorn profile check model.yml\tIs it right?\n"
                "mallorn profile show model.yml old.gguf new.gguf\tWhat it means, tensor "
                "by tensor\n"
                "mallorn profile set model.yml budgets.patch-size 40MiB\tChange one value",
    .schema = "mallorn.profile/1",
    .opt = profile_opts,
    .opts = sizeof profile_opts / sizeof profile_opts[0],
    .values_bytes = sizeof(profile_values),
    .run = run_profile,
};
