#include "codec/tune_rules.h"

#include <string.h>

#include "analysis/sort.h"
#include "analysis/summary.h"

/* Tensors of one kind of module and one type. */
typedef struct group {
    uint8_t kind, dtype;
    mlr_choice choice; /* of most of its bytes */
    uint64_t bytes;
} group;

enum { MOST_GROUPS = 256, MOST_EXCEPTIONS = 400, MOST_RULES = 200 };

/* What may be lost by letting tensors follow their group: a part in so many. */
static const double LOSS = 1000;

typedef struct maker {
    mlr_profile *out;
    mlr_tune_plan *plan;
    const mlr_tune_table *t;
    const mlr_matching *m;
    mlr_goal goal;
    const mlr_tune_limits *limits;
    mlr_pool *pool;
    mlr_err *err;
    group groups[MOST_GROUPS];
    size_t group_count;
    uint16_t *group_of; /* by item */
    mlr_rule *rules;
} maker;

static bool take(maker *k, size_t n, size_t size, void *pointer)
{
    void *p = mlr_pool_take(k->pool, (n + 1) * size);
    memcpy(pointer, &p, sizeof p);
    if (p == NULL) {
        mlr_fail(k->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "rules of the tuner");
    }
    return p != NULL;
}

static const mlr_tensor *tensor_of(const maker *k, size_t item)
{
    return &k->m->new_model->tensors[k->t->items[item].pair];
}

static const mlr_tune_option *picked(const maker *k, size_t item)
{
    return &k->t->items[item].option[k->plan->pick[item]];
}

static bool same_choice(const mlr_choice *a, const mlr_choice *b)
{
    return a->strategy == b->strategy && a->level == b->level &&
           a->block_bytes == b->block_bytes;
}

/* --- groups ----------------------------------------------------------------------------
 */

static uint16_t find_group(maker *k, const mlr_tensor *t)
{
    uint8_t kind = (uint8_t)mlr_module_kind_of(t->key);
    size_t i = 0;
    while (i < k->group_count &&
           (k->groups[i].kind != kind || k->groups[i].dtype != t->dtype->id)) {
        i++;
    }
    if (i == k->group_count && i < MOST_GROUPS - 1) {
        k->groups[k->group_count++] = (group){.kind = kind, .dtype = t->dtype->id};
    }
    return (uint16_t)i;
}

/* Bytes of a group's items that were given the same choice as `item`. */
static uint64_t votes_for(const maker *k, size_t item)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < k->t->count; i++) {
        if (k->group_of[i] == k->group_of[item] &&
            same_choice(&picked(k, i)->choice, &picked(k, item)->choice)) {
            sum += k->t->items[i].new_bytes;
        }
    }
    return sum;
}

static bool make_groups(maker *k)
{
    uint64_t most[MOST_GROUPS] = {0};
    if (!take(k, k->t->count, sizeof *k->group_of, &k->group_of)) {
        return false;
    }
    for (size_t i = 0; i < k->t->count; i++) {
        k->group_of[i] = find_group(k, tensor_of(k, i));
        k->groups[k->group_of[i]].bytes += k->t->items[i].new_bytes;
    }
    for (size_t i = 0; i < k->t->count; i++) {
        group *g = &k->groups[k->group_of[i]];
        uint64_t bytes = most[k->group_of[i]] > g->bytes / 2 ? 0 : votes_for(k, i);
        if (bytes > most[k->group_of[i]]) {
            most[k->group_of[i]] = bytes;
            g->choice = picked(k, i)->choice;
        }
    }
    return true;
}

/* --- who follows the group -------------------------------------------------------------
 */

static int option_like(const mlr_tune_item *item, const mlr_choice *c)
{
    for (size_t i = 0; i < item->count; i++) {
        if (same_choice(&item->option[i].choice, c)) {
            return (int)i;
        }
    }
    return -1;
}

static double cost_of(const maker *k, const mlr_tune_option *o)
{
    return mlr_tune_cost(k->goal, o->bytes, o->us);
}

typedef struct regrets {
    const double *by_item;
} regrets;

static bool less_regret(const void *ctx, uint32_t a, uint32_t b)
{
    const regrets *r = ctx;
    return r->by_item[a] < r->by_item[b];
}

static bool still_fits(const maker *k, const mlr_tune_option *from,
                       const mlr_tune_option *to)
{
    uint64_t bytes = k->plan->bytes - from->bytes + to->bytes;
    uint64_t us = k->plan->us - from->us + to->us;
    bool bytes_good =
        k->limits->bytes == 0 || bytes <= k->limits->bytes || to->bytes <= from->bytes;
    bool us_good = k->limits->us == 0 || us <= k->limits->us || to->us <= from->us;
    return bytes_good && us_good;
}

/* An item deviates from its group. What it would cost to give in; -1 where nobody knows. */
static double regret_of(const maker *k, size_t item, int *option)
{
    const group *g = &k->groups[k->group_of[item]];
    *option = option_like(&k->t->items[item], &g->choice);
    return *option < 0 ? -1
                       : cost_of(k, &k->t->items[item].option[*option]) -
                             cost_of(k, picked(k, item));
}

/* Items give in, cheapest first, while all of it together costs next to nothing. */
static bool follow_groups(maker *k)
{
    double *regret;
    uint32_t *order, *spare;
    if (!take(k, k->t->count, sizeof *regret, &regret) ||
        !take(k, k->t->count, sizeof *order, &order) ||
        !take(k, k->t->count, sizeof *spare, &spare)) {
        return false;
    }
    size_t n = 0;
    for (uint32_t i = 0; i < k->t->count; i++) {
        int option;
        bool deviates =
            !same_choice(&picked(k, i)->choice, &k->groups[k->group_of[i]].choice);
        regret[i] = deviates ? regret_of(k, i, &option) : 0;
        if (deviates && regret[i] >= 0) {
            order[n++] = i;
        }
    }
    const regrets ctx = {regret};
    mlr_sort(order, spare, n, less_regret, &ctx);
    double room = mlr_tune_cost(k->goal, k->plan->bytes, k->plan->us) / LOSS;
    for (size_t i = 0; i < n && regret[order[i]] <= room; i++) {
        int option;
        (void)regret_of(k, order[i], &option);
        const mlr_tune_option *to = &k->t->items[order[i]].option[option];
        const mlr_tune_option *from = picked(k, order[i]);
        if (!still_fits(k, from, to)) {
            continue;
        }
        room -= regret[order[i]];
        k->plan->bytes = k->plan->bytes - from->bytes + to->bytes;
        k->plan->us = k->plan->us - from->us + to->us;
        k->plan->pick[order[i]] = (uint8_t)option;
    }
    return true;
}

/* --- exceptions ------------------------------------------------------------------------
 */

/* The name with '*' for the layer's number: what one tensor is called in every layer. */
static bool pattern_of(maker *k, mlr_str key, mlr_str *pattern)
{
    mlr_str layer;
    uint64_t number;
    *pattern = key;
    if (!mlr_layer_of(key, &layer, &number)) {
        return true;
    }
    size_t digits = 0;
    while (digits < layer.n && layer.p[layer.n - 1 - digits] >= '0' &&
           layer.p[layer.n - 1 - digits] <= '9') {
        digits++;
    }
    size_t head = layer.n - digits;
    char *text;
    if (!take(k, key.n + 2, 1, &text)) {
        return false;
    }
    memcpy(text, key.p, head);
    text[head] = '*';
    memcpy(text + head + 1, key.p + layer.n, key.n - layer.n);
    *pattern = (mlr_str){text, key.n - digits + 1};
    return true;
}

static bool deviates(const maker *k, size_t item)
{
    return !same_choice(&picked(k, item)->choice, &k->groups[k->group_of[item]].choice);
}

static mlr_rule *new_rule(maker *k, const char *label, const mlr_choice *choice)
{
    if (k->out->rule_count == MOST_RULES) {
        return NULL;
    }
    mlr_rule *r = &k->rules[k->out->rule_count++];
    *r = (mlr_rule){.label = label,
                    .then = {.choice = *choice, .has_strategy = true, .has_level = true}};
    r->then.has_block = choice->block_bytes > 0;
    return r;
}

/* "attention, layers apart": which group the exception leaves. */
static const char *label_of(maker *k, const group *g, const char *what)
{
    const char *kind = mlr_module_kind_name(g->kind), *type = mlr_dtype_get(g->dtype)->name;
    size_t a = strlen(kind), b = strlen(type), c = strlen(what);
    char *text;
    if (!take(k, a + b + c + 2, 1, &text)) {
        return "";
    }
    memcpy(text, kind, a);
    text[a] = ' ';
    memcpy(text + a + 1, type, b);
    memcpy(text + a + 1 + b, what, c);
    return text;
}

/* Adds a number to ascending ranges, which it may extend. */
static void add_layer(mlr_bounds *range, size_t *count, uint64_t number)
{
    for (size_t i = 0; i < *count; i++) {
        if (number >= range[i].least && number <= range[i].most) {
            return;
        }
    }
    if (*count > 0 && range[*count - 1].most + 1 == number) {
        range[*count - 1].most = number;
        return;
    }
    range[(*count)++] = (mlr_bounds){number, number};
}

static bool same_text(mlr_str a, mlr_str b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/*
 * One rule for the items that share the pattern and the choice of `item`: by the pattern
 * alone where every tensor it covers wants the same, else with the layers that do. Marks
 * what is covered as done.
 */
static bool add_exception(maker *k, size_t item, const mlr_str *patterns, uint8_t *done)
{
    const mlr_choice *choice = &picked(k, item)->choice;
    mlr_bounds *range;
    mlr_str *name;
    size_t ranges = 0;
    bool all = true;
    if (!take(k, k->t->count, sizeof *range, &range) || !take(k, 1, sizeof *name, &name)) {
        return false;
    }
    *name = patterns[item];
    for (size_t i = 0; i < k->t->count; i++) {
        mlr_str layer;
        uint64_t number;
        if (!mlr_glob(patterns[item], tensor_of(k, i)->key)) {
            continue;
        }
        if (!same_choice(&picked(k, i)->choice, choice)) {
            all = false;
        } else if (same_text(patterns[i], patterns[item])) {
            done[i] = 1;
            if (mlr_layer_of(tensor_of(k, i)->key, &layer, &number)) {
                add_layer(range, &ranges, number);
            }
        }
    }
    mlr_rule *r =
        new_rule(k, label_of(k, &k->groups[k->group_of[item]], ", apart"), choice);
    if (r != NULL) {
        r->when.names = (mlr_str_list){name, 1};
        r->when.layers = (mlr_bounds_list){all ? NULL : range, all ? 0 : ranges};
    }
    return true;
}

/* A rule whose patterns may join another's: same choice, and layers alike. */
static bool joins(const mlr_rule *a, const mlr_rule *b)
{
    return same_choice(&a->then.choice, &b->then.choice) && a->label[0] == b->label[0] &&
           strcmp(a->label, b->label) == 0 &&
           a->when.layers.count == b->when.layers.count &&
           (a->when.layers.count == 0 ||
            memcmp(a->when.layers.item, b->when.layers.item,
                   a->when.layers.count * sizeof *a->when.layers.item) == 0);
}

static bool join_rules(maker *k)
{
    size_t kept = 0;
    for (size_t i = 0; i < k->out->rule_count; i++) {
        size_t into = 0;
        while (into < kept && !joins(&k->rules[into], &k->rules[i])) {
            into++;
        }
        if (into == kept) {
            k->rules[kept++] = k->rules[i];
            continue;
        }
        mlr_str_list *names = &k->rules[into].when.names;
        mlr_str *more;
        if (!take(k, names->count + 1, sizeof *more, &more)) {
            return false;
        }
        memcpy(more, names->item, names->count * sizeof *more);
        more[names->count] = k->rules[i].when.names.item[0];
        *names = (mlr_str_list){more, names->count + 1};
    }
    k->out->rule_count = kept;
    return true;
}

static bool add_exceptions(maker *k)
{
    mlr_str *patterns;
    uint8_t *done;
    if (!take(k, k->t->count, sizeof *patterns, &patterns) ||
        !take(k, k->t->count, 1, &done)) {
        return false;
    }
    for (size_t i = 0; i < k->t->count; i++) {
        if (!pattern_of(k, tensor_of(k, i)->key, &patterns[i])) {
            return false;
        }
    }
    size_t made = 0;
    for (size_t i = 0; i < k->t->count && made < MOST_EXCEPTIONS; i++) {
        if (deviates(k, i) && !done[i]) {
            made++;
            if (!add_exception(k, i, patterns, done)) {
                return false;
            }
        }
    }
    return join_rules(k);
}

/* --- groups as rules -------------------------------------------------------------------
 */

/* The choice that most bytes of all groups were given. */
static const group *largest_choice(const maker *k)
{
    const group *best = &k->groups[0];
    uint64_t most = 0;
    for (size_t i = 0; i < k->group_count; i++) {
        uint64_t bytes = 0;
        for (size_t o = 0; o < k->group_count; o++) {
            bool same = same_choice(&k->groups[i].choice, &k->groups[o].choice);
            bytes += same ? k->groups[o].bytes : 0;
        }
        if (bytes > most) {
            most = bytes;
            best = &k->groups[i];
        }
    }
    return best;
}

/* Groups of one type and one choice share a rule; those that chose the default need none.
 */
static void add_groups(maker *k)
{
    bool done[MOST_GROUPS] = {0};
    for (size_t i = 0; i < k->group_count; i++) {
        const group *g = &k->groups[i];
        if (done[i] || same_choice(&g->choice, &k->out->defaults.choice)) {
            continue;
        }
        mlr_rule *r = new_rule(k, label_of(k, g, ""), &g->choice);
        if (r == NULL) {
            return;
        }
        r->when.has_dtypes = true;
        r->when.dtypes[g->dtype / 64] = (uint64_t)1 << g->dtype % 64;
        for (size_t o = i; o < k->group_count; o++) {
            const group *other = &k->groups[o];
            if (other->dtype == g->dtype && same_choice(&other->choice, &g->choice)) {
                r->when.kinds |= 1U << other->kind;
                done[o] = true;
            }
        }
    }
}

/* What the rules really choose becomes the plan. */
static void take_back(maker *k)
{
    mlr_profile_chooser c = {.profile = k->out};
    k->plan->bytes = k->t->fixed_bytes;
    k->plan->us = k->t->fixed_us;
    for (size_t i = 0; i < k->t->count; i++) {
        mlr_choice choice;
        (void)mlr_profile_choose(&c, k->m, k->t->items[i].pair, &choice);
        int option = option_like(&k->t->items[i], &choice);
        k->plan->pick[i] = option < 0 ? k->plan->pick[i] : (uint8_t)option;
        k->plan->bytes += picked(k, i)->bytes;
        k->plan->us += picked(k, i)->us;
    }
}

mlr_status mlr_tune_rules(mlr_profile *out, mlr_tune_plan *plan, const mlr_tune_table *t,
                          const mlr_matching *m, mlr_goal goal,
                          const mlr_tune_limits *limits, mlr_pool *pool, mlr_err *err)
{
    maker *k = mlr_pool_take(pool, sizeof *k);
    if (k == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "rules of the tuner");
    }
    *k = (maker){.out = out,
                 .plan = plan,
                 .t = t,
                 .m = m,
                 .goal = goal,
                 .limits = limits,
                 .pool = pool,
                 .err = err};
    out->rule_count = 0;
    if (t->count == 0 || !take(k, MOST_RULES, sizeof *k->rules, &k->rules) ||
        !make_groups(k) || !follow_groups(k) || !add_exceptions(k)) {
        return err->status;
    }
    out->defaults = (mlr_setting){
        .choice = largest_choice(k)->choice, .has_strategy = true, .has_level = true};
    add_groups(k);
    out->rules = k->rules;
    take_back(k);
    return err->status;
}
