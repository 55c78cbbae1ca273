#include "codec/trial.h"

#include <math.h>
#include <string.h>

#include "codec/change_cost.h"

/* --- one strategy --------------------------------------------------------------------- */

enum { MOST_PIECES = 16 };

/* Pieces that are encoded, and what they say of the whole. */
typedef struct pieces {
    const mlr_record *r;
    const mlr_sample *sample;
    unsigned count;
    double bytes[MOST_PIECES], price[MOST_PIECES];
    double price_of_all;
    uint64_t length; /* of each */
} pieces;

/* The same on every run and machine. */
static uint64_t scatter(uint64_t x)
{
    x = (x + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 29) * 0x94d049bb133111eb;
    return x ^ x >> 32;
}

/*
 * Bytes of the i-th piece, in whole units: the first at the start, the last at the end. In
 * between they are spread evenly, or, for a forecast, stand somewhere within their share:
 * data may repeat at even distances. Pieces as long as blocks are blocks.
 */
static size_t piece_at(const pieces *p, unsigned i, uint64_t *first)
{
    const mlr_record *r = p->r;
    uint64_t unit = r->dtype->block_bytes;
    uint64_t n = p->sample->piece_bytes / unit * unit;
    n = n == 0 ? unit : n;
    if (n >= r->block_new) {
        n = unit = r->block_new;
    }
    uint64_t room = r->new_bytes - n, share = p->count < 2 ? 0 : room / (p->count - 1);
    uint64_t at = p->count < 2 ? room / 2 : share * i;
    if (p->sample->priced && i > 0 && i + 1 < p->count) {
        at += scatter(r->new_bytes + i) % (share + 1) - share / 2;
    }
    *first = at / unit * unit;
    return (size_t)n;
}

/* By price, cheapest first: what a curve through them needs. */
static void sort_pieces(pieces *p)
{
    for (unsigned i = 1; i < p->count; i++) {
        for (unsigned k = i; k > 0 && p->price[k] < p->price[k - 1]; k--) {
            double x = p->price[k], y = p->bytes[k];
            p->price[k] = p->price[k - 1];
            p->bytes[k] = p->bytes[k - 1];
            p->price[k - 1] = x;
            p->bytes[k - 1] = y;
        }
    }
}

/*
 * Bytes of a stretch of this price: between two pieces on the line that joins them, outside
 * in proportion. Strategies differ in how their payloads grow with the change; pieces of
 * much and of little change show it. The piece `without` is left out.
 */
static double bytes_at(const pieces *p, double price, unsigned without)
{
    unsigned below = p->count, above = p->count;
    for (unsigned i = 0; i < p->count; i++) {
        if (i != without && p->price[i] <= price) {
            below = i;
        } else if (i != without && above == p->count) {
            above = i;
        }
    }
    if (below == p->count || above == p->count) {
        unsigned only = below == p->count ? above : below;
        return p->bytes[only] * price / p->price[only];
    }
    double step = p->price[above] - p->price[below];
    double part = step > 0 ? (price - p->price[below]) / step : 0;
    return p->bytes[below] + part * (p->bytes[above] - p->bytes[below]);
}

/* For few pieces, and a whole that is not endless. */
static double doubt(const pieces *p, unsigned free, double encoded)
{
    static const double few[] = {0, 1.84, 1.32, 1.2, 1.14, 1.11, 1.09};
    double left = 1 - encoded / (double)p->r->new_bytes;
    return (free < 7 ? few[free] : 1.06) * sqrt(left > 0 ? left : 0);
}

/* Pieces of about the same price: their mean stands for all. Returns the relative error. */
static double by_mean(const pieces *p, double *guess, double encoded)
{
    double bytes = 0, price = 0, rest = 0, n = p->count;
    for (unsigned i = 0; i < p->count; i++) {
        bytes += p->bytes[i];
        price += p->price[i];
    }
    double ratio = price > 0 ? bytes / price : 0;
    for (unsigned i = 0; i < p->count; i++) {
        double off = p->bytes[i] - ratio * p->price[i];
        rest += off * off;
    }
    *guess = ratio * p->price_of_all;
    if (p->count < 2 || bytes <= 0) {
        return bytes > 0 ? 0.25 : 0;
    }
    return doubt(p, p->count - 1, encoded) * sqrt(rest / (n * (n - 1))) / (bytes / n);
}

/* Every stretch by its own price. The error is that of each piece as the others foresee it.
 */
static double by_curve(pieces *p, const mlr_change_cost *cost, double *guess,
                       double encoded)
{
    double sum = 0, rest = 0, bytes = 0, n = p->count;
    uint64_t whole = p->r->new_bytes, length = p->length;
    sort_pieces(p);
    for (uint64_t at = 0; at < whole; at += length) {
        uint64_t now = whole - at < length ? whole - at : length;
        double scale = (double)now / (double)length;
        double price = mlr_change_cost_of(cost, at, now) / scale;
        sum += scale * bytes_at(p, price, p->count);
    }
    for (unsigned i = 0; i < p->count; i++) {
        double off = p->bytes[i] - bytes_at(p, p->price[i], i);
        rest += off * off;
        bytes += p->bytes[i];
    }
    *guess = sum;
    return bytes > 0
               ? doubt(p, p->count - 1, encoded) * sqrt(rest / (n * (n - 1))) / (bytes / n)
               : 0;
}

static void extrapolate(mlr_trial *t, pieces *p, const mlr_change_cost *cost)
{
    enum { SHORT_PIECE = 3 }; /* percent */
    double least = INFINITY, most = 0, guess, encoded = (double)t->encoded;
    for (unsigned i = 0; i < p->count; i++) {
        least = fmin(least, p->price[i]);
        most = fmax(most, p->price[i]);
    }
    bool differ = p->count > 2 && least > 0 && most > 1.05 * least;
    t->error = differ ? by_curve(p, cost, &guess, encoded) : by_mean(p, &guess, encoded);
    t->bytes = t->model_bytes + (uint64_t)guess;
    if (p->sample->priced && p->length < p->r->block_new) {
        /* A whole block has more to refer to, and starts but once. */
        t->error += SHORT_PIECE / 100.0 * log2((double)p->r->block_new / (double)p->length);
    }
    if (t->bytes > 0) { /* the model is known */
        t->error *= (double)(t->bytes - t->model_bytes) / (double)t->bytes;
    }
}

/* Whether the strategy's payloads follow the change rather than the new bytes. */
static bool follows_change(const mlr_session *s)
{
    unsigned id = s->encoder->id;
    return s->record.old_bytes > 0 &&
           ((s->record.decoder->traits & MLR_NEEDS_OLD) != 0 || id == MLR_STRATEGY_neural ||
            id == MLR_STRATEGY_neural_max || id == MLR_STRATEGY_mix);
}

static void encode_pieces(mlr_trial *out, const mlr_session *s, mlr_bench *bench, pieces *p,
                          const mlr_change_cost *cost, mlr_err *err)
{
    mlr_buf payload;
    mlr_buf_init(&payload, s->encoding->alloc);
    for (unsigned i = 0; i < p->count && err->status == MLR_OK; i++) {
        uint64_t first;
        size_t n = piece_at(p, i, &first);
        payload.size = 0;
        if (mlr_session_block(s, bench, first, n, &payload, err) == MLR_OK) {
            p->length = n;
            p->bytes[i] = (double)payload.size;
            p->price[i] = mlr_change_cost_of(cost, first, n);
            out->encoded += n;
        }
    }
    mlr_buf_release(&payload);
    p->price_of_all = mlr_change_cost_of(cost, 0, p->r->new_bytes);
}

static mlr_status run_pieces(mlr_trial *out, const mlr_session *s, mlr_bench *bench,
                             const mlr_sample *sample, mlr_err *err)
{
    pieces p = {.r = &s->record,
                .sample = sample,
                .count = sample->pieces < MOST_PIECES ? sample->pieces : MOST_PIECES};
    mlr_change_cost cost;
    bool plain = !sample->priced || !follows_change(s);
    if (mlr_change_cost_make(&cost, s->encoding, s->view, plain, err) == MLR_OK) {
        encode_pieces(out, s, bench, &p, &cost, err);
        extrapolate(out, &p, &cost);
    }
    mlr_change_cost_release(&cost);
    return err->status;
}

static mlr_status run_whole(mlr_trial *out, const mlr_session *s, mlr_bench *bench,
                            mlr_err *err)
{
    const mlr_record *r = &s->record;
    mlr_buf payload;
    mlr_buf_init(&payload, s->encoding->alloc);
    for (uint64_t at = 0; at < r->new_bytes && err->status == MLR_OK; at += r->block_new) {
        uint64_t left = r->new_bytes - at;
        size_t n = left < r->block_new ? (size_t)left : r->block_new;
        mlr_session_block(s, bench, at, n, &payload, err);
    }
    out->bytes = out->model_bytes + payload.size;
    out->encoded = r->new_bytes;
    out->exact = true;
    mlr_buf_release(&payload);
    return err->status;
}

mlr_status mlr_trial_run(mlr_trial *out, const mlr_encoding *e, const mlr_view *v,
                         const mlr_encoder *encoder, const mlr_inflater *inflater,
                         mlr_sample sample, mlr_err *err)
{
    *out = (mlr_trial){0};
    mlr_session s;
    mlr_bench bench = {.clock = sample.clock};
    double begun = sample.clock != NULL ? sample.clock() : 0;
    if (mlr_session_begin(&s, e, v, encoder, inflater, err) == MLR_OK &&
        mlr_bench_fit(&bench, &s, err) == MLR_OK) {
        out->study_s = sample.clock != NULL ? sample.clock() - begun : 0;
        out->need = s.need;
        out->model_bytes = s.model.size;
        uint64_t sampled = (uint64_t)sample.pieces * sample.piece_bytes;
        if (sample.pieces == 0 || sampled >= v->record->new_bytes) {
            run_whole(out, &s, &bench, err);
        } else {
            run_pieces(out, &s, &bench, &sample, err);
        }
    }
    out->lossless = err->status == MLR_OK;
    out->encode_s = bench.encode_s;
    out->decode_s = bench.decode_s;
    mlr_bench_release(&bench);
    mlr_session_end(&s);
    return err->status;
}

mlr_encoding mlr_encoding_for(const mlr_choice *choice, const mlr_device *device)
{
    enum { SEARCH_LEVEL = 10 };
    mlr_encoding e = {.level = choice->level};
    e.search = choice->strategy == MLR_NEURAL || choice->level >= SEARCH_LEVEL ||
               choice->strategy == MLR_STRATEGY_neural;
    if (device->memory_bytes > 0) {
        /* What blocks and records leave of the device's memory is for tables and work. */
        uint64_t blocks = 4 * (uint64_t)device->block_bytes;
        uint64_t rest = device->memory_bytes - blocks;
        e.max_state = (size_t)(rest / 2);
        e.max_work = (size_t)(rest / 2);
    }
    if (device->state_bytes > 0) {
        e.max_state = (size_t)device->state_bytes;
        e.max_work = (size_t)device->work_bytes;
    }
    return e;
}

/* --- which strategies ----------------------------------------------------------------- */

enum {
    THOROUGH_LEVEL = 6, /* from here on generic strategies are tried on everything */
    SLOW_LEVEL = 16,
    MAX_LEVEL = 20,
    SLOW_BYTES = 256 << 10,
    SLOW_LEVEL_BYTES = 4 << 20
};

static void add(mlr_candidates *c, const mlr_record *r, const mlr_device *device, int id)
{
    if (id < 0) {
        return;
    }
    const mlr_encoder *encoder = mlr_encoder_get((unsigned)id);
    const mlr_decoder *decoder = mlr_decoder_get((unsigned)id);
    if (encoder == NULL || decoder == NULL || !encoder->suits(r) ||
        ((decoder->traits & MLR_NEEDS_OLD) != 0 && r->old_bytes == 0) ||
        ((decoder->traits & MLR_NEEDS_INFLATE) != 0 && device != NULL && device->no_zstd)) {
        return;
    }
    for (unsigned i = 0; i < c->count; i++) {
        if (c->id[i] == id) {
            return;
        }
    }
    if (c->count < sizeof c->id) {
        c->id[c->count++] = (uint8_t)id;
    }
}

static void add_all(mlr_candidates *c, const mlr_record *r, const mlr_device *device,
                    const char *const *names)
{
    for (; *names != NULL; names++) {
        add(c, r, device, mlr_strategy_named(*names));
    }
}

/*
 * The strategies that know the data come first; generic ones join where they have a chance
 * or where the level allows the time. `mix` is slow: it is for little data, or for high
 * levels.
 */
static uint64_t mix_limit(const mlr_encoding *e, const mlr_record *r,
                          const mlr_choice *choice)
{
    if (choice->level >= SLOW_LEVEL) {
        return SLOW_LEVEL_BYTES;
    }
    if (e->crowded && r->new_bytes <= MLR_LITTLE_RECORD) {
        return 0;
    }
    bool known = r->dtype->cls == MLR_CLASS_FLOAT || r->dtype->cls == MLR_CLASS_BLOCK;
    return known && r->old_bytes > 0 ? MLR_LITTLE_RECORD : SLOW_BYTES;
}

mlr_candidates mlr_candidates_for(const mlr_encoding *e, const mlr_record *r,
                                  const mlr_choice *choice, const mlr_device *device)
{
    static const char *const aware[] = {"neural", "neural-quant", NULL};
    static const char *const with_old[] = {"block-fields", "xor-planes", "zstd-ref", NULL};
    static const char *const more_old[] = {"sub-planes", "sparse", "sub", "xor", NULL};
    static const char *const alone[] = {"exp-man", "zstd", NULL};
    mlr_candidates c = {0};
    if (choice->strategy >= 0 && choice->strategy != MLR_STRATEGY_copy) {
        add(&c, r, NULL,
            choice->strategy); /* what is equal was planned as a copy already */
        return c;
    }
    add_all(&c, r, device, aware);
    bool known = r->dtype->cls == MLR_CLASS_FLOAT || r->dtype->cls == MLR_CLASS_BLOCK;
    bool sure = c.count > 0 && known && r->old_bytes > 0;
    if (choice->level >= MAX_LEVEL) {
        add(&c, r, device, mlr_strategy_named("neural-max"));
    }
    if (r->new_bytes <= mix_limit(e, r, choice)) {
        add(&c, r, device, mlr_strategy_named("mix"));
    }
    if (choice->level < THOROUGH_LEVEL && sure) {
        return c;
    }
    if (choice->strategy == MLR_NEURAL && c.count > 0 && choice->level < SLOW_LEVEL) {
        return c;
    }
    add_all(&c, r, device, with_old);
    if (choice->level >= THOROUGH_LEVEL) {
        add_all(&c, r, device, more_old);
    }
    if (r->old_bytes == 0 || choice->level >= THOROUGH_LEVEL) {
        add_all(&c, r, device, alone);
    }
    return c;
}

static mlr_sample sample_for(const mlr_choice *choice)
{
    if (choice->level >= SLOW_LEVEL) {
        return (mlr_sample){.pieces = 6, .piece_bytes = 256 << 10};
    }
    if (choice->level >= THOROUGH_LEVEL) {
        return (mlr_sample){.pieces = 4, .piece_bytes = 128 << 10};
    }
    return (mlr_sample){.pieces = 3, .piece_bytes = 32 << 10};
}

/* Where blocks requantise this well, what sees bytes comes to much more on every pair there
   is: its trials, at high levels a minute for 10 MB, would be for nothing. */
static bool is_settled(const mlr_record *r, unsigned id, const mlr_trial *best)
{
    return r->dtype->cls == MLR_CLASS_BLOCK && id == MLR_STRATEGY_neural_quant &&
           best->bytes < r->new_bytes / 3;
}

mlr_status mlr_choose(uint8_t *id, mlr_trial *best, const mlr_encoding *e,
                      const mlr_view *v, const mlr_choice *choice, const mlr_device *device,
                      const mlr_inflater *inflater, mlr_err *err)
{
    mlr_candidates c = mlr_candidates_for(e, v->record, choice, device);
    *id = MLR_STRATEGY_raw;
    *best = (mlr_trial){.bytes = v->record->new_bytes, .exact = true, .lossless = true};
    /* A trial costs a study. One candidate needs none: where memory is no question, whoever
       encodes falls back to raw blocks or a raw record by itself. */
    bool free_memory = e->max_state == 0 && e->max_work == 0;
    if (c.count == 1 && (choice->strategy >= 0 || free_memory)) {
        *id = c.id[0];
        return MLR_OK;
    }
    mlr_encoding quick = *e;
    for (unsigned i = 0; i < c.count && !is_settled(v->record, *id, best); i++) {
        mlr_trial t;
        mlr_err failure = {0};
        /* `mix` must not win for want of factors that would be found later */
        quick.quick = choice->level < SLOW_LEVEL || c.id[i] != MLR_STRATEGY_neural;
        mlr_trial_run(&t, &quick, v, mlr_encoder_get(c.id[i]), inflater, sample_for(choice),
                      &failure);
        if (failure.status == MLR_E_UNSUPPORTED) {
            continue; /* more memory than the device has */
        }
        if (failure.status != MLR_OK) {
            *err = failure;
            return err->status;
        }
        if (t.bytes < best->bytes) {
            *best = t;
            *id = c.id[i];
        }
    }
    return MLR_OK;
}
