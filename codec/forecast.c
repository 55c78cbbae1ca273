#include "codec/forecast.h"

#include <math.h>

#include "codec/pair_view.h"

enum { RECORD_BYTES = 24, DESKTOP_BLOCK = 1 << 20 }; /* a record's own fields, about */

static mlr_sample sample_of(mlr_effort effort, mlr_clock clock)
{
    static const mlr_sample samples[] = {
        [MLR_EFFORT_GLANCE] = {.pieces = 3, .piece_bytes = 32 << 10},
        [MLR_EFFORT_DEFAULT] = {.pieces = 4, .piece_bytes = 128 << 10},
        [MLR_EFFORT_CLOSE] = {.pieces = 12, .piece_bytes = 256 << 10},
        [MLR_EFFORT_EXACT] = {.pieces = 0},
    };
    mlr_sample s = samples[effort];
    s.clock = clock;
    return s;
}

static mlr_encoding encoding_of(const mlr_predictor *p, const mlr_device *device,
                                const mlr_choice *choice, mlr_effort effort)
{
    mlr_encoding e = mlr_encoding_for(choice, device);
    e.quick = effort == MLR_EFFORT_GLANCE;
    e.kernels = p->kernels != NULL ? p->kernels : &mlr_kernels_scalar;
    e.alloc = p->alloc;
    e.tick = p->tick;
    if (choice->dict) {
        e.dict = p->dict;
        e.dict_bytes = p->dict_bytes;
    }
    return e;
}

static void fill(mlr_prediction *out, const mlr_trial *t, const mlr_record *r, uint8_t id)
{
    uint64_t blocks = r->new_bytes == 0 ? 0 : (r->new_bytes - 1) / r->block_new + 1;
    *out = (mlr_prediction){.bytes = t->bytes + RECORD_BYTES + 8 * blocks,
                            .error = t->error,
                            .strategy = id,
                            .exact = t->exact,
                            .lossless = t->lossless,
                            .fits = true};
    out->memory = t->need.state_bytes + t->need.work_bytes + r->block_old +
                  2 * (uint64_t)r->block_new;
    out->encode_bytes_s = t->encode_s > 0 ? (double)t->encoded / t->encode_s : 0;
    out->decode_bytes_s = t->decode_s > 0 ? (double)t->encoded / t->decode_s : 0;
}

static mlr_status predict_coded(const mlr_predictor *p, const mlr_view *v,
                                const mlr_choice *choice, mlr_effort effort,
                                mlr_prediction *out, mlr_err *err)
{
    const mlr_device *device = p->device != NULL ? p->device : mlr_device_at(0);
    mlr_encoding e = encoding_of(p, device, choice, effort);
    uint8_t id = (uint8_t)choice->strategy;
    mlr_trial t;
    if (choice->strategy < 0 &&
        mlr_choose(&id, &t, &e, v, choice, device, p->inflater, err) != MLR_OK) {
        return err->status;
    }
    const mlr_encoder *encoder = mlr_encoder_get(id);
    *out = (mlr_prediction){.strategy = id};
    if (encoder == NULL || !encoder->suits(v->record)) {
        return MLR_OK;
    }
    mlr_err failure = {0};
    mlr_trial_run(&t, &e, v, encoder, p->inflater, sample_of(effort, p->clock), &failure);
    if (failure.status == MLR_E_UNSUPPORTED) {
        return MLR_OK;
    }
    if (failure.status != MLR_OK) {
        *err = failure;
        return err->status;
    }
    fill(out, &t, v->record, id);
    if (out->bytes > v->record->new_bytes + RECORD_BYTES) {
        out->bytes = v->record->new_bytes + RECORD_BYTES; /* it would be stored raw */
    }
    return MLR_OK;
}

mlr_status mlr_predict_record(const mlr_predictor *p, size_t record,
                              const mlr_choice *choice, mlr_effort effort,
                              mlr_prediction *out, mlr_err *err)
{
    const mlr_plan_record *r = &p->plan->records[record];
    const mlr_device *device = p->device != NULL ? p->device : mlr_device_at(0);
    if (r->copy) {
        *out = (mlr_prediction){.bytes = RECORD_BYTES,
                                .strategy = MLR_STRATEGY_copy,
                                .exact = true,
                                .lossless = true,
                                .fits = true};
        return MLR_OK;
    }
    uint32_t block = device->block_bytes > 0 ? device->block_bytes : DESKTOP_BLOCK;
    if (choice->block_bytes > 0 && choice->block_bytes < block) {
        block = choice->block_bytes;
    }
    mlr_pool pool;
    mlr_pool_init(&pool, p->alloc);
    mlr_pair_view view;
    if (mlr_pair_view_init(&view, p->plan, r, block, &pool, err) == MLR_OK) {
        predict_coded(p, &view.view, choice, effort, out, err);
    }
    mlr_pool_release(&pool);
    return err->status;
}

size_t mlr_plan_records_of(const mlr_plan *plan, uint32_t pair, size_t *first)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->record_count; i++) {
        if (plan->records[i].pair == pair) {
            *first = count == 0 ? i : *first;
            count++;
        } else if (count > 0) {
            break;
        }
    }
    return count;
}

static void add_prediction(mlr_prediction *sum, const mlr_prediction *one)
{
    double a = sum->error * (double)sum->bytes, b = one->error * (double)one->bytes;
    sum->bytes += one->bytes;
    sum->error = sum->bytes > 0 ? sqrt(a * a + b * b) / (double)sum->bytes : 0;
    sum->memory = one->memory > sum->memory ? one->memory : sum->memory;
    sum->exact = sum->exact && one->exact;
    sum->lossless = sum->lossless && one->lossless;
    sum->fits = sum->fits && one->fits;
    if (one->encode_bytes_s > 0) { /* the largest part comes first: its speed stands */
        sum->encode_bytes_s =
            sum->encode_bytes_s > 0 ? sum->encode_bytes_s : one->encode_bytes_s;
        sum->decode_bytes_s =
            sum->decode_bytes_s > 0 ? sum->decode_bytes_s : one->decode_bytes_s;
    }
}

mlr_status mlr_predict_tensor(const mlr_predictor *p, uint32_t pair,
                              const mlr_choice *choice, mlr_effort effort,
                              mlr_prediction *out, mlr_err *err)
{
    size_t first = 0;
    size_t count = mlr_plan_records_of(p->plan, pair, &first);
    *out = (mlr_prediction){.exact = true, .lossless = true, .fits = true};
    for (size_t i = 0; i < count; i++) {
        mlr_prediction one;
        if (mlr_predict_record(p, first + i, choice, effort, &one, err) != MLR_OK) {
            return err->status;
        }
        add_prediction(out, &one);
        out->strategy = i == 0 ? one.strategy : out->strategy;
    }
    return MLR_OK;
}
