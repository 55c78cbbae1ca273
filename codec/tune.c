#include "codec/tune.h"

#include <string.h>

/* Minimise the sum of values while the sum of weights stays within a limit. Both are
   figures of an option: cost, bytes or microseconds. */
typedef struct knapsack {
    const mlr_tune_table *t;
    mlr_goal goal;
    bool value_is_bytes;  /* else the goal's cost */
    bool weight_is_bytes; /* else microseconds */
    uint64_t limit;       /* of the items alone */
    mlr_pool *pool;
} knapsack;

enum {
    EXACT_ITEMS = 256, /* up to here a table over weights finds the best */
    BUCKETS = 8192,
    LAMBDA_STEPS = 80,
    MOST_SWAPS = 2000
};

const char *mlr_goal_name(mlr_goal goal)
{
    static const char *const names[] = {"size", "balanced", "speed"};
    return names[goal];
}

double mlr_tune_cost(mlr_goal goal, uint64_t bytes, uint64_t us)
{
    static const double bytes_a_us[] = {[MLR_GOAL_SIZE] = 1e-6, /* time breaks ties */
                                        [MLR_GOAL_BALANCED] = 12.5,
                                        [MLR_GOAL_SPEED] = 125};
    return (double)bytes + bytes_a_us[goal] * (double)us;
}

static double value_of(const knapsack *k, const mlr_tune_option *o)
{
    return k->value_is_bytes ? (double)o->bytes + 1e-6 * (double)o->us
                             : mlr_tune_cost(k->goal, o->bytes, o->us);
}

static uint64_t weight_of(const knapsack *k, const mlr_tune_option *o)
{
    return k->weight_is_bytes ? o->bytes : o->us;
}

static void sum_up(const mlr_tune_table *t, mlr_tune_plan *p)
{
    p->bytes = t->fixed_bytes;
    p->us = t->fixed_us;
    for (size_t i = 0; i < t->count; i++) {
        p->bytes += t->items[i].option[p->pick[i]].bytes;
        p->us += t->items[i].option[p->pick[i]].us;
    }
}

static uint64_t weight_of_plan(const knapsack *k, const uint8_t *pick)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < k->t->count; i++) {
        sum += weight_of(k, &k->t->items[i].option[pick[i]]);
    }
    return sum;
}

static double value_of_plan(const knapsack *k, const uint8_t *pick)
{
    double sum = 0;
    for (size_t i = 0; i < k->t->count; i++) {
        sum += value_of(k, &k->t->items[i].option[pick[i]]);
    }
    return sum;
}

/* The best of every item alone at a price for weight; the first of equals. */
static void pick_at(const knapsack *k, double lambda, uint8_t *pick)
{
    for (size_t i = 0; i < k->t->count; i++) {
        const mlr_tune_item *item = &k->t->items[i];
        double best = 0;
        for (size_t o = 0; o < item->count; o++) {
            double cost = value_of(k, &item->option[o]) +
                          lambda * (double)weight_of(k, &item->option[o]);
            if (o == 0 || cost < best) {
                best = cost;
                pick[i] = (uint8_t)o;
            }
        }
    }
}

static void pick_lightest(const knapsack *k, uint8_t *pick)
{
    for (size_t i = 0; i < k->t->count; i++) {
        const mlr_tune_item *item = &k->t->items[i];
        pick[i] = 0;
        for (size_t o = 1; o < item->count; o++) {
            uint64_t w = weight_of(k, &item->option[o]);
            uint64_t least = weight_of(k, &item->option[pick[i]]);
            bool better = w == least && value_of(k, &item->option[o]) <
                                            value_of(k, &item->option[pick[i]]);
            pick[i] = w < least || better ? (uint8_t)o : pick[i];
        }
    }
}

/* --- by a price ------------------------------------------------------------------------
 */

/* Uses what room is left: one better option at a time, the one that gains most. */
static void fill_room(const knapsack *k, uint8_t *pick)
{
    uint64_t used = weight_of_plan(k, pick);
    for (unsigned swaps = 0; swaps < MOST_SWAPS; swaps++) {
        size_t at = SIZE_MAX, to = 0;
        double most = 0;
        for (size_t i = 0; i < k->t->count; i++) {
            const mlr_tune_item *item = &k->t->items[i];
            const mlr_tune_option *now = &item->option[pick[i]];
            for (size_t o = 0; o < item->count; o++) {
                double gain = value_of(k, now) - value_of(k, &item->option[o]);
                uint64_t rest = used - weight_of(k, now);
                if (gain > most && rest + weight_of(k, &item->option[o]) <= k->limit) {
                    most = gain;
                    at = i;
                    to = o;
                }
            }
        }
        if (at == SIZE_MAX) {
            return;
        }
        used -= weight_of(k, &k->t->items[at].option[pick[at]]);
        pick[at] = (uint8_t)to;
        used += weight_of(k, &k->t->items[at].option[to]);
    }
}

/* The lowest price at which the plan is light enough. False where none is. */
static bool solve_by_price(const knapsack *k, uint8_t *pick)
{
    double low = 0, high = 1e-9;
    pick_lightest(k, pick);
    if (weight_of_plan(k, pick) > k->limit) {
        return false;
    }
    for (unsigned i = 0; i < 120; i++, high *= 2) {
        pick_at(k, high, pick);
        if (weight_of_plan(k, pick) <= k->limit) {
            break;
        }
        low = high;
    }
    for (unsigned i = 0; i < LAMBDA_STEPS; i++) {
        double mid = (low + high) / 2;
        pick_at(k, mid, pick);
        *(weight_of_plan(k, pick) <= k->limit ? &high : &low) = mid;
    }
    pick_at(k, high, pick);
    if (weight_of_plan(k, pick) > k->limit) {
        pick_lightest(k, pick);
    }
    fill_room(k, pick);
    return true;
}

/* --- by a table over weights -----------------------------------------------------------
 */

/*
 * Dynamic programming over the weight beyond every item's lightest option, in BUCKETS steps
 * rounded up: what it finds keeps the limit, and only rounding stands between it and the
 * best.
 */
typedef struct steps {
    double *best, *next; /* by steps used: least value so far */
    uint8_t *pick;       /* item * BUCKETS + steps: what got there */
    uint64_t room;
} steps;

static uint64_t lightest_of(const knapsack *k, const mlr_tune_item *item)
{
    uint64_t least = UINT64_MAX;
    for (size_t o = 0; o < item->count; o++) {
        uint64_t w = weight_of(k, &item->option[o]);
        least = w < least ? w : least;
    }
    return least;
}

/* Steps of an option beyond the lightest, rounded up. */
static size_t steps_of(const knapsack *k, const steps *s, uint64_t beyond)
{
    (void)k;
    double exact = (double)beyond * (BUCKETS - 1) / (double)s->room;
    size_t n = exact >= BUCKETS ? BUCKETS : (size_t)exact;
    return n < BUCKETS && (double)n < exact ? n + 1 : n;
}

static void add_item(const knapsack *k, steps *s, size_t i)
{
    const mlr_tune_item *item = &k->t->items[i];
    uint64_t least = lightest_of(k, item);
    for (size_t b = 0; b < BUCKETS; b++) {
        s->next[b] = -1;
    }
    for (size_t o = 0; o < item->count; o++) {
        size_t n = steps_of(k, s, weight_of(k, &item->option[o]) - least);
        double value = value_of(k, &item->option[o]);
        for (size_t b = n; b < BUCKETS; b++) {
            double sum = s->best[b - n] + value;
            if (s->best[b - n] >= 0 && (s->next[b] < 0 || sum < s->next[b])) {
                s->next[b] = sum;
                s->pick[i * BUCKETS + b] = (uint8_t)o;
            }
        }
    }
    double *swap = s->best;
    s->best = s->next;
    s->next = swap;
}

static void trace_back(const knapsack *k, const steps *s, uint8_t *pick)
{
    size_t b = 0;
    for (size_t i = 1; i < BUCKETS; i++) {
        b = s->best[i] >= 0 && (s->best[b] < 0 || s->best[i] < s->best[b]) ? i : b;
    }
    for (size_t i = k->t->count; i-- > 0;) {
        const mlr_tune_item *item = &k->t->items[i];
        pick[i] = s->pick[i * BUCKETS + b];
        b -= steps_of(k, s, weight_of(k, &item->option[pick[i]]) - lightest_of(k, item));
    }
}

static bool solve_by_table(const knapsack *k, uint8_t *pick)
{
    uint64_t least = 0;
    steps s = {0};
    for (size_t i = 0; i < k->t->count; i++) {
        least += lightest_of(k, &k->t->items[i]);
    }
    if (k->t->count == 0 || k->t->count > EXACT_ITEMS || least >= k->limit) {
        return false;
    }
    s.room = k->limit - least;
    s.best = mlr_pool_take(k->pool, BUCKETS * sizeof *s.best);
    s.next = mlr_pool_take(k->pool, BUCKETS * sizeof *s.next);
    s.pick = mlr_pool_take(k->pool, k->t->count * BUCKETS);
    if (s.best == NULL || s.next == NULL || s.pick == NULL) {
        return false; /* the price finds a plan as well */
    }
    for (size_t b = 1; b < BUCKETS; b++) {
        s.best[b] = -1;
    }
    for (size_t i = 0; i < k->t->count; i++) {
        add_item(k, &s, i);
    }
    trace_back(k, &s, pick);
    fill_room(k, pick);
    return weight_of_plan(k, pick) <= k->limit;
}

/* The better of both ways; false where not even the lightest options fit. */
static bool solve(const knapsack *k, uint8_t *pick, uint8_t *spare)
{
    if (!solve_by_price(k, pick)) {
        pick_lightest(k, pick);
        return false;
    }
    if (solve_by_table(k, spare) && value_of_plan(k, spare) < value_of_plan(k, pick)) {
        memcpy(pick, spare, k->t->count);
    }
    return true;
}

/* --- the plan --------------------------------------------------------------------------
 */

static uint64_t beyond_fixed(uint64_t limit, uint64_t fixed)
{
    return limit > fixed ? limit - fixed : 0;
}

static bool within(const mlr_tune_plan *p, const mlr_tune_limits *limits)
{
    return (limits->bytes == 0 || p->bytes <= limits->bytes) &&
           (limits->us == 0 || p->us <= limits->us);
}

/* How far beyond its limits a plan is, as a factor: the worse of both. */
static double excess(const mlr_tune_plan *p, const mlr_tune_limits *limits)
{
    double bytes = limits->bytes == 0 ? 0 : (double)p->bytes / (double)limits->bytes;
    double us = limits->us == 0 ? 0 : (double)p->us / (double)limits->us;
    return bytes > us ? bytes : us;
}

/* No plan keeps both limits: the one that comes closest. */
static void nearest(mlr_tune_plan *plan, knapsack *k, const mlr_tune_limits *limits,
                    uint8_t *spare)
{
    mlr_tune_plan other = {.pick = spare};
    k->value_is_bytes = true;
    k->weight_is_bytes = false;
    for (int e = -40; e <= 60; e++) { /* prices of a microsecond: 1e-4 to 1e6 bytes */
        double lambda = 1;
        for (int i = 0; i < (e < 0 ? -e : e); i++) {
            lambda *= e < 0 ? 1 / 1.2589254117941673 : 1.2589254117941673;
        }
        pick_at(k, lambda, other.pick);
        sum_up(k->t, &other);
        if (e == -40 || excess(&other, limits) < excess(plan, limits)) {
            memcpy(plan->pick, other.pick, k->t->count);
            sum_up(k->t, plan);
        }
    }
}

mlr_status mlr_tune_solve(mlr_tune_plan *plan, const mlr_tune_table *t, mlr_goal goal,
                          const mlr_tune_limits *limits, mlr_pool *pool, mlr_err *err)
{
    knapsack k = {.t = t, .goal = goal, .pool = pool};
    *plan = (mlr_tune_plan){.pick = mlr_pool_take(pool, t->count + 1)};
    uint8_t *spare = mlr_pool_take(pool, t->count + 1);
    if (plan->pick == NULL || spare == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "plan of the tuner");
    }
    pick_at(&k, 0, plan->pick);
    sum_up(t, plan);
    bool late = limits->us > 0 && plan->us > limits->us;
    bool large = limits->bytes > 0 && plan->bytes > limits->bytes;
    if (late || large) {
        k.weight_is_bytes = !late;
        k.limit = late ? beyond_fixed(limits->us, t->fixed_us)
                       : beyond_fixed(limits->bytes, t->fixed_bytes);
        (void)solve(&k, plan->pick, spare);
        sum_up(t, plan);
    }
    if (late && limits->bytes > 0 && plan->bytes > limits->bytes) {
        k.value_is_bytes = true; /* the goal has to wait: is there any plan at all? */
        (void)solve(&k, plan->pick, spare);
        sum_up(t, plan);
    }
    plan->fits = within(plan, limits);
    if (!plan->fits) {
        nearest(plan, &k, limits, spare);
        plan->fits = within(plan, limits);
    }
    return MLR_OK;
}

size_t mlr_tune_front(const mlr_tune_table *t, mlr_tune_point point[MLR_TUNE_POINTS])
{
    size_t n = 0;
    double lambda = 0;
    for (unsigned i = 0; i < 220 && n < MLR_TUNE_POINTS; i++) {
        mlr_tune_point p = {t->fixed_bytes, t->fixed_us};
        for (size_t at = 0; at < t->count; at++) {
            const mlr_tune_item *item = &t->items[at];
            const mlr_tune_option *best = item->option;
            for (size_t o = 1; o < item->count; o++) {
                const mlr_tune_option *x = &item->option[o];
                double a = (double)x->bytes + lambda * (double)x->us;
                double b = (double)best->bytes + lambda * (double)best->us;
                best = a < b || (a == b && x->us < best->us) ? x : best;
            }
            p.bytes += best->bytes;
            p.us += best->us;
        }
        /* neighbours that differ by less than a part in sixty are one point */
        bool far = n == 0 || p.us + p.us / 60 < point[n - 1].us ||
                   p.bytes > point[n - 1].bytes + point[n - 1].bytes / 60;
        if (far) {
            point[n++] = p;
        }
        lambda = lambda == 0 ? 1e-3 : lambda * 1.1220184543019633;
    }
    return n;
}
