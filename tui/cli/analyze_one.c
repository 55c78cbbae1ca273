/* One tensor in depth: its measure, every strategy at several levels, the rule of thumb. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "apply/host/printable.h"
#include "codec/price.h"
#include "tui/cli/analyze.h"
#include "tui/cli/text.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool same_text(mlr_str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* By key, else by a name that is no other tensor's. */
static mlr_status find_pair(mlr_analyze *a, uint32_t *pair, mlr_err *err)
{
    const char *want = a->wish->tensor;
    size_t named = 0;
    for (size_t i = 0; i < a->diff.matching.count; i++) {
        const mlr_tensor *t = mlr_analyze_tensor(a, i);
        if (same_text(t->key, want)) {
            *pair = (uint32_t)i;
            return MLR_OK;
        }
        if (same_text(t->name, want)) {
            *pair = (uint32_t)i;
            named++;
        }
    }
    if (named == 1) {
        return MLR_OK;
    }
    char text[200];
    (void)mlr_printable(text, sizeof text, want, strlen(want));
    return mlr_cli_fail(a->cli, err, MLR_E_USAGE, "%s tensor is called '%s'",
                        named == 0 ? "no" : "more than one", text);
}

static mlr_status measure(mlr_analyze *a, mlr_analyze_one *one, mlr_err *err)
{
    mlr_pair pair = mlr_diff_pair(&a->diff, one->pair);
    mlr_measure_options o = {.depth = MLR_DEPTH_FULL};
    mlr_work work = {
        .alloc = a->cli->alloc, .exec = a->cli->exec, .tick = &a->progress->tick};
    a->progress->phase = "measure";
    one->detail = mlr_pool_take(&a->pool, sizeof *one->detail);
    if (one->detail == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory to analyze with");
    }
    memset(one->detail, 0, sizeof *one->detail);
    if (mlr_measure_pair(&one->measure, one->detail, &pair, &o, &work, err) != MLR_OK) {
        return err->status;
    }
    bool both = pair.old_tensor != NULL && pair.new_tensor != NULL;
    if (both && one->measure.changed_elements > 0 &&
        mlr_measure_low_rank(&one->low_rank, &pair, &work, err) != MLR_OK) {
        return err->status;
    }
    one->hints = mlr_hints_of_pair(one->hint, &pair, &one->measure,
                                   one->low_rank.ranks > 0 ? &one->low_rank : NULL);
    one->thumb = mlr_rule_of_thumb_for(&one->measure);
    return MLR_OK;
}

/* 3, 9, 19 and the level that was asked for, in order. */
static void choose_levels(const mlr_analyze *a, mlr_analyze_one *one)
{
    static const uint8_t usual[] = {3, 9, 19};
    uint8_t wish = (uint8_t)a->wish->level;
    bool placed = false;
    for (size_t i = 0; i < sizeof usual; i++) {
        if (!placed && wish <= usual[i]) {
            one->at = one->levels;
            placed = true;
            if (wish < usual[i]) {
                one->level[one->levels++] = wish;
            }
        }
        one->level[one->levels++] = usual[i];
    }
    if (!placed) {
        one->at = one->levels;
        one->level[one->levels++] = wish;
    }
}

/* Copies and tensors in the structure leave nothing to choose. */
static bool has_choice(const mlr_analyze *a, mlr_analyze_one *one)
{
    size_t first = 0;
    const char *tip = "";
    if (!a->predicted) {
        tip = "not predicted";
    } else if (one->pair >= a->diff.matching.new_count) {
        tip = "removed: nothing to encode";
    } else if (mlr_plan_records_of(&a->plan, one->pair, &first) == 0) {
        bool small = mlr_analyze_tensor(a, one->pair)->data.len < MLR_SMALL_TENSOR;
        tip = small ? "small: travels with the structure"
                    : "copied together with the tensor before it";
    } else if (a->plan.records[first].copy) {
        tip = "unchanged: copied from the base";
    }
    (void)snprintf(one->tip, sizeof one->tip, "%s", tip);
    return tip[0] == '\0';
}

typedef struct trial {
    mlr_analyze *a;
    mlr_analyze_one *one;
    mlr_err err[MLR_ANALYZE_STRATEGIES * MLR_ANALYZE_LEVELS];
} trial;

static void try_task(void *arg, size_t i, unsigned lane)
{
    trial *t = arg;
    mlr_analyze_one *one = t->one;
    mlr_analyze_strategy *s = &one->strategy[i / one->levels];
    (void)lane;
    mlr_choice choice = {.strategy = s->id, .level = one->level[i % one->levels]};
    if (s->suits) {
        (void)mlr_analyze_predict(t->a, one->pair, &choice, &s->at[i % one->levels],
                                  &t->err[i]);
    }
}

static void list_strategies(const mlr_analyze *a, mlr_analyze_one *one)
{
    size_t first = 0;
    (void)mlr_plan_records_of(&a->plan, one->pair, &first);
    const mlr_plan_record *r = &a->plan.records[first];
    mlr_record record = {.dtype = r->dtype,
                         .old_dtype = r->old_dtype,
                         .new_bytes = r->bytes.len,
                         .old_bytes = r->old_bytes,
                         .row = r->row};
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        const mlr_encoder *e = mlr_encoder_get(id);
        const mlr_decoder *d = mlr_decoder_get(id);
        if (e == NULL || d == NULL || id == MLR_STRATEGY_copy ||
            one->strategies == MLR_ANALYZE_STRATEGIES) {
            continue;
        }
        bool old = (d->traits & MLR_NEEDS_OLD) == 0 || r->old_bytes > 0;
        one->strategy[one->strategies++] =
            (mlr_analyze_strategy){.id = (uint8_t)id, .suits = old && e->suits(&record)};
    }
}

static bool within(const mlr_analyze_one *one, const mlr_prediction *p)
{
    return one->max_memory == 0 || p->memory <= one->max_memory;
}

/* By the fixed prices of decoding, which say the same on every machine; of equals the
   smaller. Raw is for where nothing else is left. */
static bool applies_faster(const mlr_analyze_one *one, const mlr_analyze_strategy *s)
{
    if (one->fastest < 0) {
        return true;
    }
    const mlr_analyze_strategy *f = &one->strategy[one->fastest];
    unsigned mine = s->id == MLR_STRATEGY_raw ? 0 : mlr_price_speed(s->id);
    unsigned its = f->id == MLR_STRATEGY_raw ? 0 : mlr_price_speed(f->id);
    return mine != its ? mine > its : s->at[one->at].bytes < f->at[one->at].bytes;
}

/* The smallest and the fastest at the level that was asked for; the first of equals. */
static void recommend(mlr_analyze_one *one)
{
    one->best = -1;
    one->fastest = -1;
    for (unsigned i = 0; i < one->strategies; i++) {
        const mlr_analyze_strategy *s = &one->strategy[i];
        const mlr_prediction *p = &s->at[one->at];
        one->thumb_at = s->id == one->thumb.strategy ? (int)i : one->thumb_at;
        if (!s->suits || !p->fits || !p->lossless || !within(one, p)) {
            continue;
        }
        if (one->best < 0 || p->bytes < one->strategy[one->best].at[one->at].bytes) {
            one->best = (int)i;
        }
        if (applies_faster(one, s)) {
            one->fastest = (int)i;
        }
    }
}

static mlr_status try_all(mlr_analyze *a, mlr_analyze_one *one, mlr_err *err)
{
    trial *t = mlr_pool_take(&a->pool, sizeof *t);
    if (t == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory to analyze with");
    }
    *t = (trial){.a = a, .one = one};
    a->progress->phase = "predict";
    a->predictor.clock = now;
    a->predictor.tick = NULL;
    list_strategies(a, one);
    size_t n = (size_t)one->strategies * one->levels;
    mlr_exec_run(a->cli->exec, try_task, t, n);
    for (size_t i = 0; i < n && err->status == MLR_OK; i++) {
        if (t->err[i].status != MLR_OK) {
            *err = t->err[i];
        }
    }
    recommend(one);
    return err->status;
}

mlr_status mlr_analyze_one_make(mlr_analyze *a, mlr_analyze_one *one, mlr_err *err)
{
    *one = (mlr_analyze_one){
        .best = -1, .fastest = -1, .thumb_at = -1, .max_memory = a->wish->max_memory};
    if (find_pair(a, &one->pair, err) != MLR_OK || measure(a, one, err) != MLR_OK) {
        return err->status;
    }
    choose_levels(a, one);
    if (has_choice(a, one) && try_all(a, one, err) != MLR_OK) {
        return err->status;
    }
    return mlr_model_unchanged(a->old_opened, err) == MLR_OK
               ? mlr_model_unchanged(a->new_opened, err)
               : err->status;
}

/* --- why not ----------------------------------------------------------------------------
 */

static bool ignores_base(uint8_t id)
{
    return id == MLR_STRATEGY_zstd || id == MLR_STRATEGY_exp_man;
}

/* What the measure says about the data this strategy works on; "" where nothing does. */
static void add_figure(const mlr_analyze_one *one, uint8_t id, char *to, size_t room)
{
    const mlr_measure *m = &one->measure;
    bool pair = (m->have & MLR_HAVE_PAIR_BITS) != 0;
    double of = m->bits.symbol_bits;
    if (ignores_base(id) && (m->have & MLR_HAVE_PAIR) != 0) {
        (void)snprintf(to, room, "does not look at the base");
    } else if ((id == MLR_STRATEGY_xor || id == MLR_STRATEGY_xor_planes) && pair) {
        (void)snprintf(to, room, "the XOR holds %.1f of %.0f bits, the delta %.1f",
                       m->bits.of_xor, of, m->bits.of_delta);
    } else if ((id == MLR_STRATEGY_sub || id == MLR_STRATEGY_sub_planes) && pair) {
        (void)snprintf(to, room, "codes the bytes of a delta of %.1f bits without a model",
                       m->bits.of_delta);
    } else if (id == MLR_STRATEGY_sparse && m->elements > 0) {
        (void)snprintf(to, room, "%.1f%% of the elements changed",
                       100 * (double)m->changed_elements / (double)m->elements);
    } else if (id == MLR_STRATEGY_zstd_ref) {
        (void)snprintf(to, room, "finds repeated bytes only");
    } else if (id == MLR_STRATEGY_raw) {
        (void)snprintf(to, room, "stores every byte");
    }
}

char *mlr_analyze_reason(const mlr_analyze_one *one, const mlr_analyze_strategy *s,
                         char *to)
{
    const mlr_prediction *p = &s->at[one->at];
    char figure[90] = "";
    to[0] = '\0';
    if (!s->suits) {
        (void)snprintf(to, MLR_ANALYZE_REASON, "not for this type or shape");
    } else if (!p->fits) {
        (void)snprintf(to, MLR_ANALYZE_REASON, "needs more memory than the device has");
    } else if (!p->lossless) {
        (void)snprintf(to, MLR_ANALYZE_REASON, "did not give back every byte");
    } else if (!within(one, p)) {
        char needs[MLR_TEXT], most[MLR_TEXT];
        (void)snprintf(to, MLR_ANALYZE_REASON, "needs %s of memory; %s are allowed",
                       mlr_text_size(needs, p->memory),
                       mlr_text_size(most, one->max_memory));
    } else if (one->best >= 0 && s != &one->strategy[one->best]) {
        double best = (double)one->strategy[one->best].at[one->at].bytes;
        add_figure(one, s->id, figure, sizeof figure);
        (void)snprintf(
            to, MLR_ANALYZE_REASON, "+%.*f%%%s%s", (double)p->bytes < 1.1 * best ? 1 : 0,
            100 * ((double)p->bytes / best - 1), figure[0] == '\0' ? "" : ": ", figure);
    }
    return to;
}
