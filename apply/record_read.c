/* The second half of patch_read.h: headers of records and glue blocks. */
#include "apply/base/checked.h"
#include "apply/convert.h"
#include "apply/patch_format.h"
#include "apply/patch_read.h"

static const mlr_dtype *read_dtype(mlr_cursor *c)
{
    uint64_t at = mlr_cur_offset(c);
    const mlr_dtype *t = mlr_dtype_get(mlr_cur_u8(c, "element type"));
    if (mlr_cur_ok(c) && t == NULL) {
        mlr_fail(c->err, MLR_E_UNSUPPORTED, at, "element type known to this version");
    }
    return t != NULL ? t : mlr_dtype_get(MLR_DTYPE_OPAQUE);
}

static void read_decoder(mlr_cursor *c, const mlr_patch_header *h, mlr_record *r)
{
    uint64_t at = mlr_cur_offset(c);
    unsigned id = mlr_cur_u8(c, "strategy");
    if (!mlr_cur_ok(c)) {
        return;
    }
    r->decoder = mlr_decoder_get(id);
    if (r->decoder == NULL || id >= 64 || (h->strategies >> id & 1) == 0) {
        mlr_fail(c->err, MLR_E_FORMAT, at, "strategy that the header announced");
    }
}

/* Old bytes of a block follow from its new bytes, element by element. */
static void set_block_old(mlr_cursor *c, mlr_record *r, uint64_t at)
{
    if (r->old_bytes == 0 || r->old_dtype == r->dtype) {
        r->block_old = r->block_new;
        return;
    }
    uint64_t old =
        r->block_new / r->dtype->block_bytes * mlr_group_source(r->old_dtype, r->dtype);
    if (old > MLR_MAX_BLOCK) {
        mlr_fail_limit(c->err, at, "old bytes of a block", old, MLR_MAX_BLOCK);
    }
    r->block_old = (uint32_t)old;
}

/* References either cover every element or there are none at all. */
static void check_old_bytes(mlr_cursor *c, const mlr_record *r, uint64_t at)
{
    if (r->old_bytes == 0) {
        if ((r->decoder->traits & MLR_NEEDS_OLD) != 0 && r->new_bytes != 0) {
            mlr_fail(c->err, MLR_E_FORMAT, at, "references for a strategy that needs them");
        }
        return;
    }
    uint64_t want = r->new_bytes;
    if (r->old_dtype != r->dtype) {
        uint64_t source = mlr_group_source(r->old_dtype, r->dtype);
        if (source == 0 || r->new_bytes % r->dtype->block_bytes != 0 ||
            !mlr_mul_u64(r->new_bytes / r->dtype->block_bytes, source, &want)) {
            mlr_fail(c->err, MLR_E_FORMAT, at, "whole elements in a conversion");
            return;
        }
    }
    if (r->old_bytes != want) {
        mlr_fail(c->err, MLR_E_FORMAT, at, "references that cover every element");
    }
}

static void read_shape(mlr_cursor *c, mlr_record_head *r, bool glue)
{
    mlr_record *rec = &r->record;
    rec->dtype = rec->old_dtype = mlr_dtype_get(MLR_DTYPE_OPAQUE);
    if (glue) {
        r->is_inline = true;
        rec->new_bytes = mlr_cur_varint(c, "new bytes of a glue block");
        rec->level = mlr_cur_u8(c, "level");
        rec->dict = mlr_cur_u8(c, "dictionary");
        return;
    }
    rec->dtype = rec->old_dtype = read_dtype(c);
    uint64_t at = mlr_cur_offset(c);
    uint8_t flags = mlr_cur_u8(c, "flags of a record");
    if ((flags & ~MLR_RECORD_FLAGS) != 0) {
        mlr_fail(c->err, MLR_E_UNSUPPORTED, at, "record flags of this version");
    }
    r->is_inline = (flags & MLR_RECORD_INLINE) != 0;
    if ((flags & MLR_RECORD_CONVERTS) != 0) {
        rec->old_dtype = read_dtype(c);
    }
    r->glue_before = mlr_cur_varint(c, "glue before a record");
    rec->new_bytes = mlr_cur_varint(c, "new bytes of a record");
    rec->row = mlr_cur_varint(c, "row length");
    rec->level = mlr_cur_u8(c, "level");
    rec->dict = mlr_cur_u8(c, "dictionary");
}

/* A block is a whole number of element groups, at least one. */
static void read_block_size(mlr_cursor *c, mlr_record_head *r, const mlr_patch_need *need,
                            bool glue)
{
    mlr_record *rec = &r->record;
    uint64_t at = mlr_cur_offset(c);
    uint64_t most = glue ? need->glue_new : need->block_new;
    uint64_t block = rec->new_bytes;
    if (!r->is_inline) {
        block = mlr_cur_varint(c, "block size");
        if (mlr_cur_ok(c) && (block == 0 || block % rec->dtype->block_bytes != 0)) {
            mlr_fail(c->err, MLR_E_FORMAT, at, "block of whole elements");
        }
    }
    if (mlr_cur_ok(c) && block > most) {
        mlr_fail_limit(c->err, at, "block size that the header announced", block, most);
    }
    if (mlr_cur_ok(c)) {
        rec->block_new = (uint32_t)block;
        set_block_old(c, rec, at);
    }
}

/* Bytes that stay what they were need no blocks; elements that are converted do. */
static void count_blocks(mlr_record_head *r)
{
    const mlr_record *rec = &r->record;
    bool copies = rec->decoder->id == MLR_STRATEGY_copy && rec->old_dtype == rec->dtype;
    if (copies || rec->new_bytes == 0) {
        r->blocks = 0;
    } else if (r->is_inline) {
        r->blocks = 1;
    } else {
        r->blocks = (rec->new_bytes - 1) / rec->block_new + 1;
    }
}

static void read_need(mlr_cursor *c, mlr_record_head *r, const mlr_patch_need *most,
                      uint64_t at)
{
    if (r->record.block_old > most->block_old && r->record.old_bytes > 0 && r->blocks > 0) {
        mlr_fail_limit(c->err, at, "reference size that the header announced",
                       r->record.block_old, most->block_old);
    }
    r->need = (mlr_decoder_need){0};
    if (!mlr_cur_ok(c) || mlr_decoder_need_of(&r->record, &r->need, c->err) != MLR_OK) {
        return;
    }
    if (r->need.terms.state > most->state_terms) {
        mlr_fail_limit(c->err, at, "decoder state that the header announced",
                       r->need.terms.state, most->state_terms);
    }
    if (r->need.terms.work > most->work_terms) {
        mlr_fail_limit(c->err, at, "decoder work memory that the header announced",
                       r->need.terms.work, most->work_terms);
    }
}

mlr_status mlr_record_read(mlr_record_head *r, mlr_cursor *c, const mlr_patch_header *h,
                           const uint64_t *base_size, bool glue)
{
    *r = (mlr_record_head){0};
    uint64_t at = mlr_cur_offset(c);
    mlr_record *rec = &r->record;
    read_decoder(c, h, rec);
    read_shape(c, r, glue);
    if (mlr_cur_ok(c) && rec->dict > h->dict_count) {
        mlr_fail(c->err, MLR_E_FORMAT, at, "dictionary that the header names");
    }
    if (!mlr_cur_ok(c) || mlr_refs_read(&r->refs, c, base_size, h->base_count) != MLR_OK) {
        return c->err->status;
    }
    rec->old_bytes = r->refs.total;
    check_old_bytes(c, rec, at);
    read_block_size(c, r, &h->need, glue);
    rec->model_bytes = (size_t)mlr_cur_varint_to(c, mlr_cur_left(c), "size of the model");
    rec->model = mlr_cur_take(c, rec->model_bytes, "model of a record");
    if (!mlr_cur_ok(c)) {
        return c->err->status;
    }
    count_blocks(r);
    r->payload_bytes = mlr_cur_left(c);
    r->payload = mlr_cur_take(c, r->payload_bytes, "payload");
    if (r->payload_bytes > 0 && !(r->is_inline && r->blocks == 1)) {
        return mlr_fail(c->err, MLR_E_FORMAT, at, "end of a record");
    }
    read_need(c, r, &h->need, at);
    return c->err->status;
}
