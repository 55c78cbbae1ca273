#include "codec/trial.h"

#include <math.h>
#include <string.h>

/* --- one strategy --------------------------------------------------------------------- */

/* Bytes of the i-th of `count` pieces spread evenly over the record, in whole units. */
static size_t piece_at(const mlr_record *r, const mlr_sample *s, unsigned i, unsigned count,
                       uint64_t *first)
{
    uint64_t unit = r->dtype->block_bytes;
    uint64_t n = s->piece_bytes / unit * unit;
    n = n == 0 ? unit : n;
    if (n > r->block_new) {
        n = r->block_new;
    }
    uint64_t room = r->new_bytes - n;
    *first = count < 2 ? room / 2 : room / (count - 1) * i;
    *first = *first / unit * unit;
    return (size_t)n;
}

static void extrapolate(mlr_trial *t, const mlr_record *r, const double *rate, unsigned n)
{
    double mean = 0, spread = 0;
    for (unsigned i = 0; i < n; i++) {
        mean += rate[i] / n;
    }
    for (unsigned i = 0; i < n; i++) {
        spread += (rate[i] - mean) * (rate[i] - mean);
    }
    t->bytes = t->model_bytes + (uint64_t)(mean * (double)r->new_bytes);
    double deviation = n > 1 ? sqrt(spread / (n - 1) / n) : mean / 4;
    t->error = mean > 0 ? deviation / mean : 0;
}

enum { MOST_PIECES = 16 };

static mlr_status run_pieces(mlr_trial *out, const mlr_session *s, mlr_bench *bench,
                             mlr_sample sample, mlr_err *err)
{
    const mlr_record *r = &s->record;
    double rate[MOST_PIECES] = {0};
    unsigned count = sample.pieces < MOST_PIECES ? sample.pieces : MOST_PIECES;
    mlr_buf payload;
    mlr_buf_init(&payload, s->encoding->alloc);
    for (unsigned i = 0; i < count && err->status == MLR_OK; i++) {
        uint64_t first;
        size_t n = piece_at(r, &sample, i, count, &first);
        payload.size = 0;
        if (mlr_session_block(s, bench, first, n, &payload, err) == MLR_OK) {
            rate[i] = (double)payload.size / (double)n;
            out->encoded += n;
        }
    }
    mlr_buf_release(&payload);
    extrapolate(out, r, rate, count);
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
    if (mlr_session_begin(&s, e, v, encoder, inflater, err) == MLR_OK &&
        mlr_bench_fit(&bench, &s, err) == MLR_OK) {
        out->need = s.need;
        out->model_bytes = s.model.size;
        uint64_t sampled = (uint64_t)sample.pieces * sample.piece_bytes;
        if (sample.pieces == 0 || sampled >= v->record->new_bytes) {
            run_whole(out, &s, &bench, err);
        } else {
            run_pieces(out, &s, &bench, sample, err);
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
    return e;
}

/* --- which strategies ----------------------------------------------------------------- */

enum {
    THOROUGH_LEVEL = 6, /* from here on generic strategies are tried on everything */
    SLOW_LEVEL = 16,
    MAX_LEVEL = 20,
    SMALL_BYTES = 32 << 10,
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
static uint64_t mix_limit(const mlr_record *r, const mlr_choice *choice)
{
    if (choice->level >= SLOW_LEVEL) {
        return SLOW_LEVEL_BYTES;
    }
    bool plain = r->dtype->cls == MLR_CLASS_FLOAT && r->old_bytes > 0;
    return plain ? SMALL_BYTES : SLOW_BYTES;
}

mlr_candidates mlr_candidates_for(const mlr_record *r, const mlr_choice *choice,
                                  const mlr_device *device)
{
    static const char *const aware[] = {"neural", "neural-quant", NULL};
    static const char *const with_old[] = {"block-fields", "xor-planes", "zstd-ref", NULL};
    static const char *const more_old[] = {"sub-planes", "sparse", "sub", "xor", NULL};
    static const char *const alone[] = {"exp-man", "zstd", NULL};
    mlr_candidates c = {0};
    if (choice->strategy >= 0) {
        add(&c, r, NULL, choice->strategy);
        return c;
    }
    add_all(&c, r, device, aware);
    bool sure = c.count > 0 && r->dtype->cls == MLR_CLASS_FLOAT && r->old_bytes > 0;
    if (choice->level >= MAX_LEVEL) {
        add(&c, r, device, mlr_strategy_named("neural-max"));
    }
    if (r->new_bytes <= mix_limit(r, choice)) {
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

mlr_status mlr_choose(uint8_t *id, mlr_trial *best, const mlr_encoding *e,
                      const mlr_view *v, const mlr_choice *choice, const mlr_device *device,
                      const mlr_inflater *inflater, mlr_err *err)
{
    mlr_candidates c = mlr_candidates_for(v->record, choice, device);
    *id = MLR_STRATEGY_raw;
    *best = (mlr_trial){.bytes = v->record->new_bytes, .exact = true, .lossless = true};
    if (choice->strategy >= 0 && c.count == 1) {
        *id = c.id[0];
        return MLR_OK;
    }
    mlr_encoding quick = *e;
    quick.quick = true;
    for (unsigned i = 0; i < c.count; i++) {
        mlr_trial t;
        mlr_err failure = {0};
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
