#include "codec/forecast.h"

#include <math.h>

#include "apply/patch_format.h"
#include "codec/pair_view.h"

enum { DESKTOP_BLOCK = 1 << 20 };

static mlr_sample sample_of(mlr_effort effort, mlr_clock clock)
{
    static const mlr_sample samples[] = {
        [MLR_EFFORT_GLANCE] = {.pieces = 3, .piece_bytes = 32 << 10, .priced = true},
        [MLR_EFFORT_DEFAULT] = {.pieces = 3, .piece_bytes = 1 << 20, .priced = true},
        [MLR_EFFORT_CLOSE] = {.pieces = 8, .piece_bytes = 4 << 20, .priced = true},
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
    e.crowded = p->plan->crowded;
    if (choice->dict) {
        e.dict = p->dict;
        e.dict_bytes = p->dict_bytes;
    }
    return e;
}

/* --- what a record takes around its payloads ---------------------------------------------
 */

static unsigned varint_bytes(uint64_t v)
{
    unsigned n = 1;
    for (; v >= 0x80; v >>= 7) {
        n++;
    }
    return n;
}

uint64_t mlr_forecast_chunk(uint64_t content)
{
    return 1 + varint_bytes(content) + content + MLR_CHUNK_CHECK;
}

/* All chunks of a record whose blocks have `payload` bytes together, rightly so where there
   is one block. */
static mlr_status framed(const mlr_predictor *p, const mlr_plan_record *plan,
                         const mlr_record *r, uint64_t payload, uint64_t *out, mlr_err *err)
{
    uint64_t blocks =
        plan->copy || r->new_bytes == 0 ? 0 : (r->new_bytes - 1) / r->block_new + 1;
    mlr_record bare = *r;
    bare.model_bytes = 0;
    mlr_buf head;
    mlr_buf_init(&head, p->alloc);
    mlr_write_record(&head, &bare, plan->glue_before, blocks == 1, plan->refs,
                     plan->ref_count, (uint32_t)p->plan->matching->old_model->member_count);
    uint64_t content =
        head.size - 1 + varint_bytes(r->model_bytes) + (uint64_t)r->model_bytes;
    *out = mlr_forecast_chunk(content + (blocks == 1 ? payload : 0));
    if (blocks > 1) {
        *out +=
            blocks * (mlr_forecast_chunk(payload / blocks) - payload / blocks) + payload;
    }
    bool failed = head.failed;
    mlr_buf_release(&head);
    return failed ? mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a forecast")
                  : MLR_OK;
}

/* --- one record -------------------------------------------------------------------------
 */

/* Like the maker, which stores a record that grows as it is. */
static mlr_status price(const mlr_predictor *p, const mlr_plan_record *plan,
                        const mlr_trial *t, mlr_record *r, uint64_t *out, mlr_err *err)
{
    uint64_t payload = t->bytes - t->model_bytes;
    r->model_bytes = (size_t)t->model_bytes;
    if (t->bytes >= r->new_bytes) {
        r->decoder = mlr_decoder_get(MLR_STRATEGY_raw);
        r->model_bytes = 0;
        payload = r->new_bytes;
    }
    return framed(p, plan, r, payload, out, err);
}

static double speed(double bytes, double fixed_s, double block_s, uint64_t encoded)
{
    return block_s > 0 ? bytes / (fixed_s + block_s * bytes / (double)encoded) : 0;
}

static void fill(mlr_prediction *out, const mlr_trial *t, const mlr_record *r, uint8_t id)
{
    double all = (double)r->new_bytes;
    out->strategy = id;
    out->error = t->error;
    out->exact = t->exact;
    out->lossless = t->lossless;
    out->fits = true;
    out->memory = t->need.state_bytes + t->need.work_bytes + r->block_old +
                  2 * (uint64_t)r->block_new;
    out->encode_bytes_s = speed(all, t->study_s, t->encode_s, t->encoded);
    out->decode_bytes_s = speed(all, 0, t->decode_s, t->encoded);
}

/* One record to predict. */
typedef struct question {
    const mlr_plan_record *plan;
    const mlr_view *view;
    const mlr_choice *choice;
    mlr_effort effort;
} question;

static mlr_status predict_coded(const mlr_predictor *p, const question *q,
                                mlr_prediction *out, mlr_err *err)
{
    const mlr_choice *choice = q->choice;
    const mlr_view *v = q->view;
    const mlr_device *device = p->device != NULL ? p->device : mlr_device_at(0);
    mlr_encoding e = encoding_of(p, device, choice, q->effort);
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
    mlr_trial_run(&t, &e, v, encoder, p->inflater, sample_of(q->effort, p->clock),
                  &failure);
    if (failure.status == MLR_E_UNSUPPORTED) {
        return MLR_OK;
    }
    if (failure.status != MLR_OK) {
        *err = failure;
        return err->status;
    }
    mlr_record r = *v->record;
    r.decoder = mlr_decoder_get(id);
    r.level = (uint8_t)e.level;
    fill(out, &t, &r, id);
    return price(p, q->plan, &t, &r, &out->bytes, err);
}

/* Nothing but its references. */
static mlr_status predict_copy(const mlr_predictor *p, const mlr_plan_record *r,
                               const mlr_view *v, mlr_prediction *out, mlr_err *err)
{
    mlr_record record = *v->record;
    record.decoder = mlr_decoder_get(MLR_STRATEGY_copy);
    *out = (mlr_prediction){
        .strategy = MLR_STRATEGY_copy, .exact = true, .lossless = true, .fits = true};
    return framed(p, r, &record, 0, &out->bytes, err);
}

mlr_status mlr_predict_record(const mlr_predictor *p, size_t record,
                              const mlr_choice *choice, mlr_effort effort,
                              mlr_prediction *out, mlr_err *err)
{
    const mlr_plan_record *r = &p->plan->records[record];
    const mlr_device *device = p->device != NULL ? p->device : mlr_device_at(0);
    uint32_t block = device->block_bytes > 0 ? device->block_bytes : DESKTOP_BLOCK;
    if (choice->block_bytes > 0 && choice->block_bytes < block) {
        block = choice->block_bytes;
    }
    mlr_pool pool;
    mlr_pool_init(&pool, p->alloc);
    mlr_pair_view view;
    if (mlr_pair_view_init(&view, p->plan, r, block, &pool, err) == MLR_OK) {
        question q = {.plan = r, .view = &view.view, .choice = choice, .effort = effort};
        if (r->copy) {
            predict_copy(p, r, &view.view, out, err);
        } else {
            predict_coded(p, &q, out, err);
        }
    }
    mlr_pool_release(&pool);
    return err->status;
}

size_t mlr_plan_records_of(const mlr_plan *plan, uint32_t pair, size_t *first)
{
    if (pair >= plan->matching->new_count || plan->first_record[pair] == MLR_NO_RECORD) {
        return 0;
    }
    size_t i = *first = plan->first_record[pair];
    while (i < plan->record_count && plan->records[i].pair == pair) {
        i++;
    }
    return i - *first;
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
