#include "tui/cli/tune_job.h"

#include <string.h>
#include <zstd.h>

#include "apply/apply.h"
#include "apply/host/host_kernels.h"
#include "apply/host/inflate_zstd.h"
#include "codec/make.h"
#include "tui/cli/diff_job.h"
#include "tui/cli/patch_sink.h"

enum {
    MOST_ROUNDS = 5,
    LARGE_ROUNDS = 2, /* for models whose encoding takes seconds */
    LARGE_BYTES = 256 << 20,
    LEAST_BLOCK = 4096,
    AROUND_BLOCKS = 192 << 10, /* of the arena, about: all but blocks and tables */
    ZSTD_BYTES = 320 << 10     /* what zstd's workspace needs, about */
};

typedef struct tuner {
    mlr_tune_job *j;
    const mlr_tune_wish *wish;
    mlr_cli *cli;
    mlr_inflater inflater;
    mlr_predictor predictor;
    mlr_tune_limits limits;
    uint32_t *item_of; /* by pairing, + 1 */
    uint64_t *stored;  /* by item: bytes it really took */
    mlr_tune_plan plan;
    mlr_profile profile; /* of this round */
    uint64_t patch_bytes, need_bytes, decode_us;
    bool made;
    double error;
    mlr_err *err;
} tuner;

static bool take(tuner *t, size_t n, size_t size, void *pointer)
{
    void *p = mlr_pool_take(&t->j->pair.pool, (n + 1) * size);
    memcpy(pointer, &p, sizeof p);
    if (p == NULL) {
        mlr_fail(t->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory to tune with");
    }
    return p != NULL;
}

/* As `mallorn diff --max-memory` sees the device, so that both mean the same. */
static void fit_device(tuner *t)
{
    mlr_device *d = &t->j->device;
    uint64_t most = t->wish->max_memory;
    *d = t->wish->device != NULL ? *t->wish->device : *mlr_device_at(0);
    most -= most >= MLR_PROCESS_LIMIT ? MLR_RUNTIME_BYTES : 0;
    if (most == 0 || (d->memory_bytes > 0 && d->memory_bytes <= most)) {
        return;
    }
    d->memory_bytes = most;
    while (d->block_bytes > LEAST_BLOCK && (uint64_t)d->block_bytes * 6 > most) {
        d->block_bytes /= 2;
    }
    d->no_zstd = d->no_zstd || most < ZSTD_BYTES;
}

/* --- the table -------------------------------------------------------------------------
 */

static mlr_status measure(tuner *t)
{
    mlr_tune_job *j = t->j;
    const mlr_plan_options po = {.choice = {.strategy = MLR_AUTO, .level = 3}};
    if (mlr_plan_make(&j->plan, &j->pair.matching, &po, &j->pair.pool, t->err) != MLR_OK) {
        return t->err->status;
    }
    t->predictor = (mlr_predictor){.plan = &j->plan,
                                   .device = &j->device,
                                   .inflater = &t->inflater,
                                   .kernels = mlr_host_kernels(),
                                   .alloc = t->cli->alloc,
                                   .tick = t->cli->tick};
    t->limits = (mlr_tune_limits){.bytes = t->wish->max_bytes,
                                  .us = t->wish->max_us,
                                  .memory = j->device.memory_bytes};
    if (mlr_tune_measure(&j->table, &t->predictor, t->wish->goal, &t->limits, t->cli->exec,
                         &j->pair.pool, t->err) != MLR_OK ||
        !take(t, j->pair.matching.count, sizeof *t->item_of, &t->item_of) ||
        !take(t, j->table.count, sizeof *t->stored, &t->stored)) {
        return t->err->status;
    }
    for (size_t i = 0; i < j->table.count; i++) {
        t->item_of[j->table.items[i].pair] = (uint32_t)i + 1;
    }
    return MLR_OK;
}

/* --- one round -------------------------------------------------------------------------
 */

static void on_made(void *ctx, const mlr_made_record *r)
{
    tuner *t = ctx;
    uint32_t item = t->item_of[r->plan->pair];
    if (item > 0 && !r->plan->copy) {
        t->stored[item - 1] += r->stored_bytes;
    }
}

static mlr_status read_need(tuner *t, const mlr_patch_sink *sink)
{
    mlr_patch_header h;
    mlr_apply_need need;
    if (mlr_patch_header_read(&h, sink->header, sink->header_bytes, t->err) == MLR_OK &&
        mlr_apply_need_of(&h, &t->inflater, 1, &need, t->err) == MLR_OK) {
        t->need_bytes = need.arena_bytes;
    }
    return t->err->status;
}

/* The patch of the round's rules, made and counted but written nowhere. */
static mlr_status prove(tuner *t)
{
    mlr_tune_job *j = t->j;
    mlr_plan plan;
    mlr_made made;
    mlr_profile_chooser c = {.profile = &t->profile};
    mlr_plan_options po = {.choice = {.strategy = MLR_AUTO, .level = 3},
                           .choose = mlr_profile_choose,
                           .ctx = &c,
                           .small_bytes = t->profile.small_bytes};
    mlr_setting_apply(&t->profile.defaults, &po.choice); /* as `mallorn diff` does */
    mlr_patch_sink sink = {.alloc = t->cli->alloc};
    const mlr_patch_out out = mlr_patch_sink_out(&sink);
    if (mlr_plan_make(&plan, &j->pair.matching, &po, &j->pair.pool, t->err) != MLR_OK) {
        return t->err->status;
    }
    const mlr_make_options o = {.plan = &plan,
                                .device = &j->device,
                                .inflater = &t->inflater,
                                .kernels = mlr_host_kernels(),
                                .alloc = t->cli->alloc,
                                .exec = t->cli->exec,
                                .tick = t->cli->tick,
                                .zstd_version = ZSTD_versionNumber(),
                                .made = on_made,
                                .made_ctx = t};
    memset(t->stored, 0, j->table.count * sizeof *t->stored);
    if (mlr_patch_make(&o, &out, &made, t->err) == MLR_OK &&
        read_need(t, &sink) == MLR_OK) {
        t->patch_bytes = made.patch_bytes;
        t->decode_us = made.decode_us;
        t->made = true;
    }
    mlr_give(t->cli->alloc, sink.header, sink.header_bytes);
    return t->err->status;
}

/* Facts replace the estimates of what was chosen; true where any was wrong. */
static bool learn(tuner *t)
{
    mlr_tune_table *table = &t->j->table;
    uint64_t sum = 0, us = 0;
    bool wrong = false;
    for (size_t i = 0; i < table->count; i++) {
        mlr_tune_option *o = &table->items[i].option[t->plan.pick[i]];
        wrong = wrong || o->bytes != t->stored[i];
        o->bytes = t->stored[i];
        o->exact = true;
        sum += o->bytes;
        us += o->us;
    }
    table->fixed_bytes = t->patch_bytes - sum;
    table->fixed_us = t->decode_us > us ? t->decode_us - us : 0;
    return wrong;
}

/* Records that need so much that the whole applier does not fit leave the table. */
static bool drop_hungry(tuner *t)
{
    mlr_tune_table *table = &t->j->table;
    uint64_t most = 0;
    bool dropped = false;
    for (size_t i = 0; i < table->count; i++) {
        uint64_t n = table->items[i].option[t->plan.pick[i]].memory;
        most = n > most ? n : most;
    }
    for (size_t i = 0; i < table->count; i++) {
        mlr_tune_item *item = &table->items[i];
        size_t kept = 0;
        for (size_t o = 0; o < item->count; o++) {
            bool stays =
                item->option[o].memory < most || (kept == 0 && o + 1 == item->count);
            if (stays) {
                item->option[kept++] = item->option[o];
            }
        }
        dropped = dropped || kept < item->count;
        item->count = kept;
    }
    return dropped;
}

static bool fits(const tuner *t)
{
    return (t->wish->max_bytes == 0 || t->patch_bytes <= t->wish->max_bytes) &&
           (t->wish->max_us == 0 || t->decode_us <= t->wish->max_us) &&
           (t->j->device.memory_bytes == 0 || t->need_bytes <= t->j->device.memory_bytes);
}

/* Better: fits where the other does not, or costs less; without a fit, is less beyond. */
static bool better(const tuner *t, const mlr_tune_result *than)
{
    if (than->rounds == 0 || fits(t) != than->fits) {
        return than->rounds == 0 || fits(t);
    }
    return mlr_tune_cost(t->wish->goal, t->patch_bytes, t->decode_us) <
           mlr_tune_cost(t->wish->goal, than->patch_bytes, than->decode_us);
}

static void keep(tuner *t)
{
    mlr_tune_result *r = &t->j->result;
    r->profile = t->profile;
    r->patch_bytes = t->patch_bytes;
    r->need_bytes = t->need_bytes;
    r->decode_us = t->decode_us;
    r->fits = fits(t);
    r->made = t->made;
    r->error = t->made ? 0 : t->error;
}

static mlr_status make_rules(tuner *t)
{
    mlr_tune_job *j = t->j;
    mlr_pool *pool = &j->pair.pool;
    t->profile = (mlr_profile){.device = t->wish->device};
    if (mlr_tune_solve(&t->plan, &j->table, t->wish->goal, &t->limits, pool, t->err) !=
            MLR_OK ||
        mlr_tune_rules(&t->profile, &t->plan, &j->table, &j->pair.matching, t->wish->goal,
                       &t->limits, pool, t->err) != MLR_OK) {
        return t->err->status;
    }
    return MLR_OK;
}

static mlr_status one_round(tuner *t)
{
    return make_rules(t) == MLR_OK ? prove(t) : t->err->status;
}

/* --- a large model ----------------------------------------------------------------------
 */

/* What the plan would cost, as far as the table knows. */
static void estimate(tuner *t)
{
    const mlr_tune_table *table = &t->j->table;
    uint64_t most = 0;
    for (size_t i = 0; i < table->count; i++) {
        uint64_t n = table->items[i].option[t->plan.pick[i]].memory;
        most = n > most ? n : most;
    }
    t->patch_bytes = t->plan.bytes;
    t->decode_us = t->plan.us;
    t->need_bytes = most + AROUND_BLOCKS;
}

/* Whether a limit of size stands where the estimate cannot tell, or memory is short: only
   the patch itself can. */
static bool too_close(const tuner *t)
{
    double margin = 0.02 + 2 * t->error, limit = (double)t->wish->max_bytes;
    double off = (double)t->patch_bytes - limit;
    return (limit > 0 && off > -margin * limit && off < margin * limit) ||
           (t->j->device.memory_bytes > 0 && t->need_bytes > t->j->device.memory_bytes);
}

/* Solves, encodes what weighs most, and solves again with what that taught. */
static mlr_status rounds_by_sample(tuner *t)
{
    enum { TURNS = 2 };
    mlr_tune_proof proof = {.p = &t->predictor, .exec = t->cli->exec};
    for (; proof.turn <= TURNS; proof.turn++) {
        if (make_rules(t) != MLR_OK ||
            (proof.turn < TURNS && mlr_tune_verify(&t->j->table, &t->plan, &proof,
                                                   &t->j->pair.pool, t->err) != MLR_OK)) {
            return t->err->status;
        }
    }
    t->error = proof.error;
    estimate(t);
    keep(t);
    t->j->result.rounds = 1;
    return MLR_OK;
}

/* --- rounds ----------------------------------------------------------------------------
 */

/* Makes the patch of another profile, which stands where it is better or no worse and
   simpler. */
static mlr_status try_other(tuner *t, const mlr_profile *other)
{
    mlr_tune_result *r = &t->j->result;
    t->profile = *other;
    if (prove(t) != MLR_OK) {
        return t->err->status;
    }
    bool simpler = fits(t) && r->fits && t->patch_bytes <= r->patch_bytes &&
                   other->rule_count < r->profile.rule_count;
    if (simpler || better(t, r)) {
        keep(t);
    }
    return MLR_OK;
}

/*
 * What sums over tensors do not show: without rules the header may be shorter, and a tiny
 * model may be smaller with all of it in the structure, where one coder learns from the
 * whole.
 */
static mlr_status try_others(tuner *t)
{
    enum { ALL_STRUCTURE = 4 << 20 };
    mlr_tune_result *r = &t->j->result;
    bool too_large = t->wish->max_bytes > 0 && r->patch_bytes > t->wish->max_bytes;
    if (t->wish->goal != MLR_GOAL_SIZE && !too_large) {
        return MLR_OK;
    }
    mlr_profile plain = r->profile;
    plain.rule_count = 0;
    if (r->profile.rule_count > 0 && try_other(t, &plain) != MLR_OK) {
        return t->err->status;
    }
    mlr_profile all = {.device = t->wish->device, .small_bytes = MLR_ALL_SMALL};
    bool worth = t->j->plan.new_bytes <= ALL_STRUCTURE &&
                 mlr_diff_plain_bytes(&t->j->plan) > t->j->plan.new_bytes / 2;
    return worth ? try_other(t, &all) : MLR_OK;
}

static mlr_status rounds(tuner *t)
{
    if (t->j->table.sampled && (rounds_by_sample(t) != MLR_OK || !too_close(t))) {
        return t->err->status;
    }
    t->j->result.rounds = 0;
    mlr_tune_result *r = &t->j->result;
    unsigned most = t->j->plan.new_bytes > LARGE_BYTES ? LARGE_ROUNDS : MOST_ROUNDS;
    for (bool more = true; more && r->rounds < most;) {
        if (one_round(t) != MLR_OK) {
            return t->err->status;
        }
        if (better(t, r)) {
            keep(t);
        }
        r->rounds++;
        bool hungry =
            t->j->device.memory_bytes > 0 && t->need_bytes > t->j->device.memory_bytes;
        more = learn(t);
        more = (hungry && drop_hungry(t)) || more;
    }
    return try_others(t);
}

/* --- the whole -------------------------------------------------------------------------
 */

/* Where nothing fits: the tensors that weigh most in what is exceeded. */
static void find_binding(tuner *t)
{
    mlr_tune_result *r = &t->j->result;
    const mlr_tune_table *table = &t->j->table;
    bool by_time = t->wish->max_us > 0 && r->decode_us > t->wish->max_us;
    uint64_t below = UINT64_MAX;
    while (r->binding_count < MLR_TUNE_BINDING && r->binding_count < table->count) {
        uint64_t most = 0;
        size_t at = SIZE_MAX;
        for (size_t i = 0; i < table->count; i++) {
            const mlr_tune_option *o = &table->items[i].option[t->plan.pick[i]];
            /* ties are told apart by the place in the table */
            uint64_t weight = ((by_time ? o->us : o->bytes) << 20) + (table->count - i);
            if (weight < below && weight > most) {
                most = weight;
                at = i;
            }
        }
        if (at == SIZE_MAX) {
            return;
        }
        below = most;
        r->binding[r->binding_count++] = table->items[at].pair;
    }
}

static void set_bound(mlr_profile *p, unsigned kind, uint64_t most)
{
    p->bound[kind] = (mlr_bound){.set = most > 0, .most = most};
}

mlr_status mlr_tune_run(mlr_tune_job *j, const mlr_tune_wish *wish, mlr_cli *cli,
                        mlr_err *err)
{
    *j = (mlr_tune_job){0};
    tuner t = {
        .j = j, .wish = wish, .cli = cli, .inflater = mlr_inflate_zstd(), .err = err};
    fit_device(&t);
    if (mlr_pair_job_begin(&j->pair, cli, wish->old_path, wish->new_path, &wish->open,
                           err) != MLR_OK ||
        measure(&t) != MLR_OK) {
        return err->status;
    }
    j->result.tuned = j->table.count;
    j->result.new_bytes = j->plan.new_bytes;
    if (rounds(&t) != MLR_OK) {
        return err->status;
    }
    mlr_profile *p = &j->result.profile;
    set_bound(p, MLR_CHECK_PATCH_SIZE, wish->max_bytes);
    set_bound(p, MLR_CHECK_MEMORY, wish->max_memory);
    set_bound(p, MLR_CHECK_TIME, wish->max_us);
    j->result.points = mlr_tune_front(&j->table, j->result.front);
    if (!j->result.fits) {
        find_binding(&t);
    }
    return MLR_OK;
}

void mlr_tune_end(mlr_tune_job *j, mlr_cli *cli, mlr_err *err)
{
    mlr_pair_job_end(&j->pair, cli, err);
}
