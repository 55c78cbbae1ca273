#include "tui/cli/info.h"

#include <string.h>

#include "apply/host/cpu.h"

enum { READ_BYTES = 1 << 20 };

mlr_str mlr_info_name(const mlr_tensor *t)
{
    return t->name.n != 0 ? t->name : t->key;
}

static void add_total(mlr_info_total *total, const mlr_tensor *t)
{
    total->tensors++;
    total->elements += t->elements;
    total->bytes += t->tied_to == MLR_NO_TENSOR ? t->data.len : 0;
}

static bool same_quant(const mlr_info_quant *a, const mlr_quant *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && a->axis == b->axis && a->block == b->block;
}

static void count_quant(mlr_info *info, const mlr_quant *q)
{
    for (size_t i = 0; i < info->quants; i++) {
        if (same_quant(&info->quant[i], q)) {
            info->quant[i].tensors++;
            return;
        }
    }
    if (info->quants == MLR_INFO_QUANTS) {
        info->quant[MLR_INFO_QUANTS - 1].scheme = "other";
        info->quant[MLR_INFO_QUANTS - 1].tensors++;
        return;
    }
    info->quant[info->quants++] = (mlr_info_quant){q->scheme, q->axis, q->block, 1};
}

static void count_members(mlr_info *info)
{
    info->format = &mlr_format_opaque;
    for (size_t i = 0; i < info->model->member_count; i++) {
        const mlr_member *m = &info->model->members[i];
        info->size += m->source->size;
        info->structure += m->format == &mlr_format_opaque ? 0 : m->glue_bytes;
        if (info->format == &mlr_format_opaque) {
            info->format = m->format;
        }
    }
}

mlr_status mlr_info_collect(mlr_info *info, mlr_pool *pool, mlr_err *err)
{
    count_members(info);
    for (size_t i = 0; i < info->model->tensor_count; i++) {
        const mlr_tensor *t = &info->model->tensors[i];
        add_total(&info->all, t);
        add_total(&info->dtype[t->dtype->id], t);
        info->tied += t->tied_to == MLR_NO_TENSOR ? 0 : 1;
        if (t->quant != NULL && t->quant->scheme != NULL) {
            count_quant(info, t->quant);
        }
    }
    return mlr_info_modules(info, pool, err);
}

/* --- digests
 * ------------------------------------------------------------------------------ */

typedef struct reading {
    mlr_info *info;
    mlr_cli *cli;
    uint8_t *buffer; /* READ_BYTES */
    mlr_sha256_blocks absorb;
    uint64_t done;
} reading;

/* Feeds one span to the digest of its file and, for a tensor, to its own. */
static mlr_status digest_span(reading *r, const mlr_member *m, const mlr_span *span,
                              mlr_sha256 *file, mlr_err *err)
{
    mlr_sha256 own;
    mlr_sha256_begin(&own, r->absorb);
    for (uint64_t at = 0; at < span->bytes.len;) {
        uint64_t left = span->bytes.len - at;
        size_t n = left < READ_BYTES ? (size_t)left : READ_BYTES;
        if (!mlr_keep_going(r->cli->tick, r->done, r->info->size)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "reading for digests");
        }
        if (m->source->read_at(m->source->ctx, span->bytes.off + at, r->buffer, n, err) !=
            MLR_OK) {
            return err->status;
        }
        mlr_sha256_add(file, r->buffer, n);
        if (span->tensor != MLR_NO_TENSOR) {
            mlr_sha256_add(&own, r->buffer, n);
        }
        at += n;
        r->done += n;
    }
    if (span->tensor != MLR_NO_TENSOR) {
        mlr_sha256_end(&own, r->info->tensor_digest[span->tensor].bytes);
    }
    return MLR_OK;
}

static mlr_status digest_member(reading *r, size_t i, mlr_err *err)
{
    const mlr_member *m = &r->info->model->members[i];
    mlr_sha256 file;
    mlr_sha256_begin(&file, r->absorb);
    for (size_t s = 0; s < m->span_count; s++) {
        const mlr_span *span = &r->info->model->spans[m->first_span + s];
        if (digest_span(r, m, span, &file, err) != MLR_OK) {
            return err->status;
        }
    }
    mlr_sha256_end(&file, r->info->member_digest[i].bytes);
    return MLR_OK;
}

/* Tensors without a span of their own: tied ones and those without bytes. */
static void digest_the_rest(reading *r)
{
    for (size_t i = 0; i < r->info->model->tensor_count; i++) {
        const mlr_tensor *t = &r->info->model->tensors[i];
        if (t->data.len == 0) {
            mlr_sha256 none;
            mlr_sha256_begin(&none, r->absorb);
            mlr_sha256_end(&none, r->info->tensor_digest[i].bytes);
        } else if (t->tied_to != MLR_NO_TENSOR) {
            r->info->tensor_digest[i] = r->info->tensor_digest[t->tied_to];
        }
    }
}

mlr_status mlr_info_digests(mlr_info *info, mlr_cli *cli, mlr_pool *pool, mlr_err *err)
{
    reading r = {.info = info, .cli = cli, .absorb = mlr_host_sha256()};
    const mlr_model *m = info->model;
    info->tensor_digest =
        mlr_pool_take(pool, (m->tensor_count + 1) * sizeof *info->tensor_digest);
    info->member_digest =
        mlr_pool_take(pool, (m->member_count + 1) * sizeof *info->member_digest);
    r.buffer = mlr_take(cli->alloc, READ_BYTES);
    if (info->tensor_digest == NULL || info->member_digest == NULL || r.buffer == NULL) {
        (void)mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for digests");
        goto out;
    }
    for (size_t i = 0; i < m->member_count; i++) {
        if (digest_member(&r, i, err) != MLR_OK) {
            goto out;
        }
    }
    digest_the_rest(&r);
out:
    mlr_give(cli->alloc, r.buffer, READ_BYTES);
    return err->status;
}
