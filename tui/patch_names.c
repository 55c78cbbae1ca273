/* The names behind a patch's records, from the index at its end: regular files only. */
#include <string.h>

#include "apply/base/cursor.h"
#include "apply/host/file.h"
#include "apply/host/inflate_zstd.h"
#include "tui/apply_view.h"

enum {
    END_BYTES = 14,  /* type, length 8, distance, check */
    CHUNK_INDEX = 5, /* docs/PATCH_FORMAT.md, section 4 */
    CHECK_BYTES = 4,
    MOST_INDEX = 16 << 20 /* a screen is not to wait for more */
};

/* Length of the chunk's content and where it begins; false where it is no INDEX chunk. */
static bool read_head(const uint8_t *head, size_t n, uint64_t *length, size_t *begin)
{
    *length = 0;
    for (size_t i = 1; i < n && i < 6; i++) {
        *length |= (uint64_t)(head[i] & 0x7f) << (7 * (i - 1));
        if ((head[i] & 0x80) == 0) {
            *begin = i + 1;
            return head[0] == CHUNK_INDEX;
        }
    }
    return false;
}

static bool find_index(const mlr_source *s, uint64_t *at, uint64_t *length)
{
    uint8_t end[END_BYTES];
    uint8_t head[6];
    size_t begin = 0;
    mlr_err quiet = {0};
    if (s->size < END_BYTES + sizeof head ||
        s->read_at(s->ctx, s->size - END_BYTES, end, sizeof end, &quiet) != MLR_OK ||
        end[0] != 0 || end[1] != 8) {
        return false;
    }
    uint64_t distance = mlr_load64(end + 2);
    if (distance < END_BYTES + sizeof head || distance > s->size ||
        s->read_at(s->ctx, s->size - distance, head, sizeof head, &quiet) != MLR_OK ||
        !read_head(head, sizeof head, length, &begin)) {
        return false;
    }
    *at = s->size - distance + begin;
    return *length <= MOST_INDEX && *length + begin + CHECK_BYTES + END_BYTES == distance;
}

void mlr_patch_names_read(mlr_index *index, const char *path, mlr_pool *pool)
{
    mlr_file file = {0};
    mlr_err quiet = {0}; /* without names records have numbers */
    uint64_t at = 0;
    uint64_t length = 0;
    *index = (mlr_index){0};
    if (mlr_file_open(&file, path, NULL, &quiet) != MLR_OK) {
        return;
    }
    const mlr_source *s = &file.source;
    mlr_inflater inflater = mlr_inflate_zstd();
    uint8_t *bytes =
        find_index(s, &at, &length) ? mlr_pool_take(pool, (size_t)length + 1) : NULL;
    if (bytes != NULL && s->read_at(s->ctx, at, bytes, (size_t)length, &quiet) == MLR_OK &&
        mlr_index_read(index, bytes, (size_t)length, &inflater, pool, &quiet) != MLR_OK) {
        *index = (mlr_index){0};
    }
    mlr_file_close(&file);
}

mlr_str mlr_apply_tensor(const mlr_apply_view *a, uint64_t record, size_t *more)
{
    *more = 0;
    if (record == 0 || record > a->names.record_count) {
        return (mlr_str){NULL, 0};
    }
    const mlr_index_record *r = &a->names.records[record - 1];
    if (r->tensor_count == 0) {
        return (mlr_str){NULL, 0};
    }
    *more = r->tensor_count - 1;
    return a->names.tensors[r->first_tensor].name;
}
