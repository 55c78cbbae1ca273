#include "codec/session.h"

#include <string.h>

#include "codec/pair_view.h"

static mlr_status no_memory(mlr_err *err)
{
    return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory to encode with");
}

static mlr_status prepare_decoder(mlr_session *s, mlr_err *err)
{
    const mlr_decoder *d = s->record.decoder;
    if (mlr_decoder_need_of(&s->record, &s->need, err) != MLR_OK) {
        return err->status;
    }
    const mlr_encoding *e = s->encoding;
    if ((e->max_state > 0 && s->need.terms.state > e->max_state) ||
        (e->max_work > 0 && s->need.terms.work > e->max_work)) {
        return mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET, "memory of the device");
    }
    if (s->need.state_bytes == 0) {
        return MLR_OK;
    }
    s->decoder_state = mlr_take(e->alloc, s->need.state_bytes);
    return s->decoder_state == NULL ? no_memory(err)
                                    : d->prepare(s->decoder_state, &s->record, err);
}

mlr_status mlr_session_begin(mlr_session *s, const mlr_encoding *e, const mlr_view *v,
                             const mlr_encoder *encoder, const mlr_inflater *inflater,
                             mlr_err *err)
{
    *s = (mlr_session){.encoding = e,
                       .view = v,
                       .encoder = encoder,
                       .inflater = inflater,
                       .record = *v->record};
    mlr_buf_init(&s->model, e->alloc);
    s->record.decoder = mlr_decoder_get(encoder->id);
    s->record.level = (uint8_t)e->level;
    s->record.dict =
        e->dict != NULL && (s->record.decoder->traits & MLR_NEEDS_INFLATE) != 0;
    if (encoder->study != NULL &&
        encoder->study(e, v, &s->model, &s->encoder_state, err) != MLR_OK) {
        return err->status;
    }
    if (s->model.failed) {
        return no_memory(err);
    }
    s->record.model = s->model.data;
    s->record.model_bytes = s->model.size;
    return prepare_decoder(s, err);
}

void mlr_session_end(mlr_session *s)
{
    if (s->encoding == NULL) {
        return;
    }
    if (s->encoder->forget != NULL && s->encoder_state != NULL) {
        s->encoder->forget(s->encoding, s->encoder_state);
    }
    mlr_give(s->encoding->alloc, s->decoder_state, s->need.state_bytes);
    mlr_buf_release(&s->model);
    *s = (mlr_session){0};
}

/* --- blocks --------------------------------------------------------------------------- */

static int refit(const mlr_allocator *alloc, uint8_t **p, size_t *room, size_t need)
{
    if (need <= *room) {
        return 1;
    }
    mlr_give(alloc, *p, *room);
    *room = 0;
    *p = mlr_take(alloc, need);
    *room = *p == NULL ? 0 : need;
    return *p != NULL;
}

mlr_status mlr_bench_fit(mlr_bench *b, const mlr_session *s, mlr_err *err)
{
    b->alloc = s->encoding->alloc;
    size_t inflate = s->inflater == NULL ? 0 : s->inflater->state_bytes;
    size_t new_n = s->record.block_new;
    bool fits = refit(b->alloc, &b->out, &b->out_room, new_n) &&
                refit(b->alloc, &b->new_bytes, &b->new_room, new_n) &&
                refit(b->alloc, &b->old, &b->old_room, s->record.block_old) &&
                refit(b->alloc, &b->work, &b->work_room,
                      ((s->need.work_bytes + 63) & ~(size_t)63) + inflate + 64);
    return fits ? MLR_OK : no_memory(err);
}

void mlr_bench_release(mlr_bench *b)
{
    if (b->alloc != NULL) {
        mlr_give(b->alloc, b->new_bytes, b->new_room);
        mlr_give(b->alloc, b->out, b->out_room);
        mlr_give(b->alloc, b->old, b->old_room);
        mlr_give(b->alloc, b->work, b->work_room);
    }
    *b = (mlr_bench){0};
}

static mlr_status prove(const mlr_session *s, mlr_bench *b, uint64_t first, size_t n,
                        size_t old_n, const mlr_buf *payload, size_t start, mlr_err *err)
{
    uintptr_t pad = (uintptr_t)(-(intptr_t)(uintptr_t)b->work & 63);
    mlr_block block = {.record = &s->record,
                       .state = s->decoder_state,
                       .payload = payload->data + start,
                       .payload_bytes = payload->size - start,
                       .old = old_n > 0 ? b->old : NULL,
                       .old_bytes = old_n,
                       .out = b->out,
                       .out_bytes = n,
                       .first = first,
                       .work = b->work + pad,
                       .work_bytes = b->work_room - pad,
                       .dict = s->record.dict ? s->encoding->dict : NULL,
                       .dict_bytes = s->record.dict ? s->encoding->dict_bytes : 0,
                       .inflater = s->inflater,
                       .kernels = s->encoding->kernels};
    if (s->record.decoder->decode(&block, err) != MLR_OK) {
        return err->status;
    }
    if (memcmp(b->out, b->new_bytes, n) != 0) {
        mlr_err_about(err, s->record.decoder->name, strlen(s->record.decoder->name));
        return mlr_fail(err, MLR_E_INTERNAL, first,
                        "block that decodes to what was encoded");
    }
    return MLR_OK;
}

mlr_status mlr_session_block(const mlr_session *s, mlr_bench *b, uint64_t first, size_t n,
                             mlr_buf *payload, mlr_err *err)
{
    const mlr_view *v = s->view;
    size_t old_n = mlr_record_old_bytes(&s->record, first, n);
    if (v->read(v->ctx, first, n, b->new_bytes, old_n > 0 ? b->old : NULL, err) != MLR_OK) {
        return err->status;
    }
    mlr_enc_block block = {.record = &s->record,
                           .state = s->encoder_state,
                           .new_bytes = b->new_bytes,
                           .old = old_n > 0 ? b->old : NULL,
                           .new_n = n,
                           .old_n = old_n,
                           .first = first};
    size_t start = payload->size;
    double begun = b->clock != NULL ? b->clock() : 0;
    if (s->encoder->encode(s->encoding, &block, payload, err) != MLR_OK) {
        return err->status;
    }
    if (payload->failed) {
        return no_memory(err);
    }
    double encoded = b->clock != NULL ? b->clock() : 0;
    mlr_status status = prove(s, b, first, n, old_n, payload, start, err);
    b->encode_s += encoded - begun;
    b->decode_s += b->clock != NULL ? b->clock() - encoded : 0;
    return status;
}
