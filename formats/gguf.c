/*
 * GGUF: header | metadata | tensor descriptions | padding | tensor data, with every number
 * little-endian, or every one big-endian, in the file.
 */
#include <string.h>

#include "apply/base/checked.h"
#include "apply/base/cursor.h"
#include "formats/format.h"
#include "formats/ggml_types.h"
#include "formats/gguf_meta.h"
#include "formats/place_sort.h"

enum { VERSION_AT = 4, HEAD_BYTES = 8, DEFAULT_ALIGNMENT = 32 };

/* One tensor description. */
typedef struct gguf_info {
    mlr_str name;
    uint64_t defined_at, dims_at, type_at, offset_at;
    uint64_t dim[MLR_MAX_GGUF_DIMS]; /* outermost first, unlike in the file */
    uint32_t rank, type;
    mlr_ggml_standing standing;
    const mlr_dtype *dtype;
    uint64_t offset, bytes; /* bytes: 0 where the type is a future one */
    char text[MLR_MAX_NAME];
} gguf_info;

/* Ends of tensors whose sizes only their successors tell. */
typedef struct gguf_starts {
    mlr_place *at; /* NULL: no type needs them */
    size_t count;
} gguf_starts;

static bool fail(mlr_gguf *g, uint64_t at, const char *rule)
{
    mlr_walk_fail(&g->walk, at, rule);
    return false;
}

static uint32_t swap32(uint32_t v)
{
    return v << 24 | (v & 0xff00) << 8 | (v >> 8 & 0xff00) | v >> 24;
}

/* The version as the writer meant it. A small number in the high half betrays big-endian.
 */
static uint32_t version_of(const uint8_t *head, bool *big_endian)
{
    uint32_t v = mlr_load32(head + VERSION_AT);
    uint32_t swapped = swap32(v);
    *big_endian = (v & 0xffff) == 0 && swapped >= 1 && swapped <= 3;
    return *big_endian ? swapped : v;
}

static bool read_head(mlr_gguf *g)
{
    const uint8_t *head = mlr_walk_take(&g->walk, HEAD_BYTES, "header inside the file");
    if (head == NULL) {
        return false;
    }
    if (memcmp(head, "GGUF", 4) != 0) {
        return fail(g, 0, "GGUF at the start");
    }
    g->version = version_of(head, &g->walk.big_endian);
    if (g->version == 0 || g->version > 3) {
        mlr_fail(g->walk.err, MLR_E_UNSUPPORTED, VERSION_AT, "GGUF version 1, 2 or 3");
        return false;
    }
    return true;
}

/* The counts, believed once the smallest encodings of so many entries fit in the file. */
static bool read_counts(mlr_gguf *g, uint64_t *tensors, uint64_t *metas)
{
    static const char rule[] = "counts inside the file";
    uint64_t least_info = g->version == 1 ? 20 : 24;
    uint64_t least_meta = g->version == 1 ? 10 : 14;
    uint64_t tensors_at = g->walk.pos;
    *tensors = mlr_gguf_length(g, rule);
    uint64_t metas_at = g->walk.pos;
    *metas = mlr_gguf_length(g, rule);
    if (!mlr_walk_ok(&g->walk)) {
        return false;
    }
    uint64_t left = g->walk.end - g->walk.pos;
    if (*tensors > left / least_info) {
        mlr_fail(g->walk.err, MLR_E_TRUNCATED, tensors_at, "as many tensors as fit");
    } else if (*metas > (left - *tensors * least_info) / least_meta) {
        mlr_fail(g->walk.err, MLR_E_TRUNCATED, metas_at, "as many entries as fit");
    } else if (*tensors > MLR_MAX_TENSORS) {
        mlr_fail_limit(g->walk.err, tensors_at, "tensors", *tensors, MLR_MAX_TENSORS);
    } else if (*metas > MLR_MAX_GGUF_KEYS) {
        mlr_fail_limit(g->walk.err, metas_at, "entries", *metas, MLR_MAX_GGUF_KEYS);
    }
    return mlr_walk_ok(&g->walk);
}

static bool read_name(mlr_gguf *g, gguf_info *t)
{
    static const char rule[] = "tensor name inside the file";
    t->defined_at = g->walk.pos;
    uint64_t n = mlr_gguf_length(g, rule);
    if (!mlr_walk_ok(&g->walk)) {
        return false;
    }
    if (n > g->walk.end - g->walk.pos) {
        mlr_fail(g->walk.err, MLR_E_TRUNCATED, t->defined_at, rule);
        return false;
    }
    if (n > MLR_MAX_NAME) {
        mlr_fail_limit(g->walk.err, t->defined_at, "bytes of a name", n, MLR_MAX_NAME);
        return false;
    }
    if (!mlr_walk_read(&g->walk, t->text, (size_t)n, rule)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if ((uint8_t)t->text[i] < 0x20 || t->text[i] == 0x7f) {
            return fail(g, g->walk.pos - n + i, "name without control characters");
        }
    }
    t->name = (mlr_str){.p = t->text, .n = (size_t)n};
    return true;
}

static bool read_dims(mlr_gguf *g, gguf_info *t)
{
    static const char rule[] = "dimensions inside the file";
    uint64_t at = g->walk.pos;
    t->rank = mlr_walk_u32(&g->walk, rule);
    if (mlr_walk_ok(&g->walk) && t->rank > MLR_MAX_GGUF_DIMS) {
        mlr_fail_limit(g->walk.err, at, "dimensions of a tensor", t->rank,
                       MLR_MAX_GGUF_DIMS);
    }
    t->dims_at = g->walk.pos;
    for (uint32_t i = t->rank; i-- > 0 && mlr_walk_ok(&g->walk);) {
        at = g->walk.pos;
        t->dim[i] = mlr_gguf_length(g, rule);
        if (t->dim[i] > INT64_MAX) {
            return fail(g, at, "dimension that is not negative");
        }
    }
    return mlr_walk_ok(&g->walk);
}

static bool read_type_and_offset(mlr_gguf *g, gguf_info *t)
{
    static const char rule[] = "tensor description inside the file";
    t->type_at = g->walk.pos;
    t->type = mlr_walk_u32(&g->walk, rule);
    t->offset_at = g->walk.pos;
    t->offset = mlr_walk_u64(&g->walk, rule);
    if (!mlr_walk_ok(&g->walk)) {
        return false;
    }
    t->standing = mlr_ggml_type(t->type, &t->dtype);
    if (t->standing == MLR_GGML_REMOVED) {
        mlr_fail(g->walk.err, MLR_E_UNSUPPORTED, t->type_at, "tensor type still in use");
        return false;
    }
    if (t->offset % g->alignment != 0) {
        return fail(g, t->offset_at, "offset that is a multiple of the alignment");
    }
    return true;
}

/* The product is taken step by step with checks: {2^32, 2^32} must not pass as 0. */
static bool size_up(mlr_gguf *g, gguf_info *t)
{
    uint64_t elements = 1;
    for (uint32_t i = t->rank; i-- > 0;) {
        if (!mlr_mul_u64(elements, t->dim[i], &elements)) {
            return fail(g, t->dims_at, "element count within 64 bits");
        }
    }
    t->bytes = 0;
    if (t->standing == MLR_GGML_FUTURE) {
        return true;
    }
    uint64_t row = t->rank == 0 ? 1 : t->dim[t->rank - 1];
    if (row % t->dtype->block_items != 0) {
        return fail(g, t->dims_at, "rows of whole blocks");
    }
    if (!mlr_dtype_bytes(t->dtype, elements, &t->bytes)) {
        return fail(g, t->dims_at, "size within 64 bits");
    }
    return true;
}

static bool read_info(mlr_gguf *g, gguf_info *t)
{
    bool fine =
        read_name(g, t) && read_dims(g, t) && read_type_and_offset(g, t) && size_up(g, t);
    if (!fine) {
        mlr_err_about(g->walk.err, t->name.p, t->name.n);
    }
    return fine;
}

/* Proves all descriptions, and tells whether one of them has a future type. */
static bool pass_over_infos(mlr_gguf *g, gguf_info *t, uint64_t count, bool *future)
{
    for (uint64_t i = 0; i < count; i++) {
        t->name = (mlr_str){0};
        if (!read_info(g, t)) {
            return false;
        }
        *future = *future || t->standing == MLR_GGML_FUTURE;
    }
    return true;
}

/* The offsets of all tensors in order. Leaves the walk where it found it. */
static bool collect_starts(mlr_gguf *g, gguf_info *t, uint64_t count, gguf_starts *out)
{
    uint64_t from = g->walk.pos;
    size_t n = (size_t)count; /* at most MLR_MAX_TENSORS */
    mlr_place *at = mlr_pool_take(g->parse->scratch, n * sizeof *at);
    for (size_t i = 0; i < n && at != NULL; i++) {
        if (!read_info(g, t)) {
            return false;
        }
        at[i] = (mlr_place){.off = t->offset};
    }
    g->walk.pos = from;
    out->at = at == NULL ? NULL : mlr_place_sort(at, n, g->parse->scratch);
    out->count = n;
    if (out->at == NULL) {
        mlr_fail(g->walk.err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for sorting offsets");
    }
    return out->at != NULL;
}

/* The first start above `offset`, or `end`. */
static uint64_t next_start(const gguf_starts *s, uint64_t offset, uint64_t end)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->at[mid].off > offset) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return low < s->count && s->at[low].off < end ? s->at[low].off : end;
}

static bool add_tensor(mlr_gguf *g, const gguf_info *t, const gguf_starts *starts,
                       uint64_t data_start)
{
    mlr_err *err = g->walk.err;
    uint64_t room = g->parse->size - data_start;
    uint64_t bytes = t->bytes;
    if (!mlr_inside(t->offset, bytes, room)) {
        mlr_fail(err, MLR_E_TRUNCATED, t->offset_at, "tensor data inside the file");
        mlr_err_about(err, t->name.p, t->name.n);
        return false;
    }
    if (t->standing == MLR_GGML_FUTURE) {
        bytes = next_start(starts, t->offset, room) - t->offset;
    }
    mlr_tensor_spec spec = {.name = t->name,
                            .dtype = t->dtype,
                            .dim = t->dim,
                            .rank = (uint8_t)t->rank,
                            .big_endian = g->walk.big_endian,
                            .member = g->parse->member,
                            .native_type = t->type,
                            .data = {data_start + t->offset, bytes},
                            .defined_at = t->defined_at};
    return mlr_builder_tensor(g->parse->builder, &spec, err) == MLR_OK;
}

/*
 * The descriptions are read twice: where the data starts is known only behind them, and
 * holding a million of them for that would cost more than reading them again.
 */
static bool read_infos(mlr_gguf *g, uint64_t count)
{
    gguf_info *t = mlr_pool_take(g->parse->scratch, sizeof *t);
    gguf_starts starts = {0};
    uint64_t from = g->walk.pos;
    uint64_t data_start = 0;
    bool future = false;
    if (t == NULL) {
        mlr_fail(g->walk.err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for descriptions");
        return false;
    }
    if (!pass_over_infos(g, t, count, &future)) {
        return false;
    }
    if (!mlr_align_u64(g->walk.pos, g->alignment, &data_start) ||
        (count > 0 && data_start > g->parse->size)) {
        mlr_fail(g->walk.err, MLR_E_TRUNCATED, g->walk.pos, "padding before the data");
        return false;
    }
    g->walk.pos = from;
    if (future && !collect_starts(g, t, count, &starts)) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!read_info(g, t) || !add_tensor(g, t, &starts, data_start)) {
            return false;
        }
    }
    return true;
}

static mlr_status parse(mlr_parse *p, mlr_err *err)
{
    mlr_gguf g = {.parse = p,
                  .walk = {.window = p->window, .end = p->size, .err = err},
                  .alignment = DEFAULT_ALIGNMENT};
    uint64_t tensors = 0, metas = 0;
    if (!read_head(&g) || !read_counts(&g, &tensors, &metas) ||
        !mlr_gguf_read_metas(&g, metas) || !read_infos(&g, tensors)) {
        return err->status;
    }
    return MLR_OK;
}

static int probe(const uint8_t *head, size_t n, uint64_t size)
{
    (void)size;
    return n >= 4 && memcmp(head, "GGUF", 4) == 0 ? 100 : 0;
}

const mlr_format mlr_format_gguf = {.name = "gguf",
                                    .title = "GGUF",
                                    .suffixes = "gguf",
                                    .patch_suffix = "ggup",
                                    .probe = probe,
                                    .parse = parse};
