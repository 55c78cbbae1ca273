#include "apply/block.h"

#include "apply/base/checked.h"
#include "apply/base/cursor.h"
#include "apply/base/mem.h"
#include "apply/convert.h"

size_t mlr_inflater_room(const mlr_inflater *f)
{
    return f == NULL ? 0 : (f->state_bytes + 63) & ~(size_t)63;
}

mlr_status mlr_scratch_begin(mlr_scratch *s, const mlr_block *b, mlr_err *err)
{
    bool inflates = (b->record->decoder->traits & MLR_NEEDS_INFLATE) != 0;
    size_t room = inflates ? mlr_inflater_room(b->inflater) : 0;
    if (room > b->work_bytes) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "work memory for the inflater",
                              b->work_bytes, room);
    }
    s->next = (uint8_t *)b->work + room;
    s->left = b->work_bytes - room;
    return MLR_OK;
}

uint8_t *mlr_scratch_take(mlr_scratch *s, size_t n)
{
    if (n > s->left) {
        return NULL;
    }
    uint8_t *at = s->next;
    s->next += n;
    s->left -= n;
    return at;
}

bool mlr_record_pairs(const mlr_record *r)
{
    if (r->old_bytes == 0) {
        return false;
    }
    if (r->old_dtype == r->dtype) {
        return r->old_bytes == r->new_bytes && r->block_old == r->block_new;
    }
    const mlr_dtype *n = r->dtype, *o = r->old_dtype;
    if (!mlr_can_convert(o, n)) {
        return false;
    }
    uint64_t source = mlr_group_source(o, n);
    return r->old_bytes / source == r->new_bytes / n->block_bytes &&
           r->block_old / source == r->block_new / n->block_bytes;
}

mlr_status mlr_block_base(const mlr_block *b, mlr_scratch *s, const uint8_t **base,
                          mlr_err *err)
{
    const mlr_dtype *to = b->record->dtype, *from = b->record->old_dtype;
    if (from == to) {
        if (b->old_bytes != b->out_bytes) {
            return mlr_fail(err, MLR_E_FORMAT, b->first, "as many old bytes as new");
        }
        *base = b->old;
        return MLR_OK;
    }
    size_t groups = b->out_bytes / to->block_bytes;
    if (!mlr_can_convert(from, to) || b->old_bytes / mlr_group_source(from, to) < groups) {
        return mlr_fail(err, MLR_E_FORMAT, b->first, "an old element for each new one");
    }
    uint8_t *made = mlr_scratch_take(s, b->out_bytes);
    if (made == NULL) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "work memory for converted elements",
                              s->left, b->out_bytes);
    }
    size_t whole = groups * to->block_bytes;
    mlr_convert(from, b->old, to, made, groups);
    memset(made + whole, 0, b->out_bytes - whole);
    *base = made;
    return MLR_OK;
}

mlr_status mlr_scratch_terms(const mlr_record *r, uint64_t planes, mlr_decoder_terms *terms,
                             mlr_err *err)
{
    if (r->block_new > MLR_BLOCK_LIMIT) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "size of a block", r->block_new,
                              MLR_BLOCK_LIMIT);
    }
    uint64_t converted = r->old_bytes > 0 && r->old_dtype != r->dtype ? r->block_new : 0;
    *terms = (mlr_decoder_terms){.work = converted + planes};
    return MLR_OK;
}

mlr_status mlr_streams_split(const uint8_t *payload, size_t n, const size_t *plain,
                             size_t count, mlr_stream_in *streams, mlr_err *err)
{
    mlr_err own = {0};
    mlr_cursor c = {.base = payload, .size = n, .err = &own};
    size_t last = count;
    for (size_t i = 0; i < count; i++) {
        last = plain[i] > 0 ? i : last;
    }
    for (size_t i = 0; i < count; i++) {
        bool counted = plain[i] > 0 && i != last;
        streams[i].size =
            counted ? (size_t)mlr_cur_varint_to(&c, n, "stream inside its payload") : 0;
    }
    for (size_t i = 0; i < count; i++) {
        size_t size = i == last ? mlr_cur_left(&c) : streams[i].size;
        streams[i].size = size;
        streams[i].data = mlr_cur_take(&c, size, "stream inside its payload");
    }
    if (!mlr_cur_ok(&c)) {
        return mlr_fail(err, MLR_E_FORMAT, own.offset, own.rule);
    }
    if (mlr_cur_left(&c) > 0) {
        return mlr_fail(err, MLR_E_FORMAT, c.pos, "payload without a rest");
    }
    return MLR_OK;
}

static mlr_status inflate(const mlr_block *b, mlr_inflate_job *job, mlr_err *err)
{
    if (b->inflater == NULL) {
        return mlr_fail(err, MLR_E_UNSUPPORTED, b->first, "an inflater for zstd frames");
    }
    if (b->inflater->state_bytes > b->work_bytes) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "work memory for the inflater",
                              b->work_bytes, b->inflater->state_bytes);
    }
    if (job->prefix == NULL && b->dict != NULL) {
        job->dict = b->dict;
        job->dict_bytes = b->dict_bytes;
    }
    return b->inflater->run(b->work, b->inflater->state_bytes, job, err);
}

/*
 * zstd takes a prefix that begins with its dictionary magic for a dictionary: such a prefix
 * is used without its first byte, here as in the encoder.
 */
static void set_prefix(mlr_inflate_job *job, const uint8_t *prefix, size_t n)
{
    size_t skip = n >= 4 && mlr_load32(prefix) == MLR_ZSTD_DICT_MAGIC ? 1 : 0;
    job->prefix = prefix + skip;
    job->prefix_bytes = n - skip;
}

mlr_status mlr_block_inflate(const mlr_block *b, const uint8_t *prefix, size_t prefix_bytes,
                             uint8_t *to, size_t n, const uint8_t **plain, mlr_err *err)
{
    mlr_stream_in s = {.data = b->payload, .size = b->payload_bytes};
    bool refers = prefix != NULL && prefix_bytes > 0;
    if (!refers || s.size < 1 || s.data[0] != MLR_FORM_ZSTD) {
        return mlr_stream_view(b, &s, to, n, plain, err);
    }
    mlr_inflate_job job = {
        .in = s.data + 1, .in_bytes = s.size - 1, .out = to, .out_bytes = n};
    set_prefix(&job, prefix, prefix_bytes);
    *plain = to;
    return inflate(b, &job, err);
}

mlr_status mlr_stream_view(const mlr_block *b, const mlr_stream_in *s, uint8_t *to,
                           size_t n, const uint8_t **plain, mlr_err *err)
{
    if (n > 0 && s->size > 0 && s->data[0] == MLR_FORM_STORED) {
        *plain = s->data + 1;
        return s->size - 1 == n ? MLR_OK
                                : mlr_fail(err, MLR_E_FORMAT, b->first, "size of a stream");
    }
    *plain = to;
    return mlr_stream_expand(b, s, to, n, err);
}

mlr_status mlr_stream_expand(const mlr_block *b, const mlr_stream_in *s, uint8_t *to,
                             size_t n, mlr_err *err)
{
    if (n == 0 || s->size == 0) {
        return n == 0 && s->size == 0
                   ? MLR_OK
                   : mlr_fail(err, MLR_E_FORMAT, b->first, "size of a stream");
    }
    const uint8_t *body = s->data + 1;
    size_t size = s->size - 1;
    switch (s->data[0]) {
    case MLR_FORM_STORED:
        if (size != n) {
            return mlr_fail(err, MLR_E_FORMAT, b->first, "size of a stream");
        }
        memcpy(to, body, n);
        return MLR_OK;
    case MLR_FORM_REPEAT:
        if (size != 1) {
            return mlr_fail(err, MLR_E_FORMAT, b->first, "size of a stream");
        }
        memset(to, body[0], n);
        return MLR_OK;
    case MLR_FORM_ZSTD:
        return inflate(
            b, &(mlr_inflate_job){.in = body, .in_bytes = size, .out = to, .out_bytes = n},
            err);
    default:
        return mlr_fail(err, MLR_E_FORMAT, b->first, "form of a stream");
    }
}
