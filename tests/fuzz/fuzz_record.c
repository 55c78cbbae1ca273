/* Any bytes as a RECORD or GLUE chunk: what is accepted stays within the header's maxima
 * and refers only to bytes that the base has. */
#include <stdlib.h>

#include "apply/patch_format.h"
#include "apply/patch_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMBERS = 3 };

static void must(int held)
{
    if (!held) {
        abort();
    }
}

static void refs_stay_inside(const mlr_record_head *r, const uint64_t *base_size)
{
    mlr_refs_at at = {0};
    mlr_ref_piece piece;
    uint64_t sum = 0;
    while (mlr_refs_next(&r->refs, &at, UINT64_MAX, &piece)) {
        if (piece.gap == 0) {
            must(piece.member < MEMBERS && piece.len <= base_size[piece.member] &&
                 piece.off <= base_size[piece.member] - piece.len);
        }
        must(sum + piece.len >= sum);
        sum += piece.len;
    }
    must(sum == r->refs.total);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t base_size[MEMBERS] = {4096, 0, UINT64_C(1) << 33};
    /* the first byte chooses how much the header has announced */
    uint64_t room = size > 0 && (data[0] & 2) ? MLR_MAX_BLOCK : 4096;
    mlr_patch_header h = {
        .version = MLR_PATCH_VERSION,
        .strategies = UINT64_MAX,
        .base_count = MEMBERS,
        .target_count = 1,
        .new_bytes = UINT64_C(1) << 40,
        .need = {.record_bytes = MLR_MAX_CHUNK,
                 .block_bytes = MLR_MAX_CHUNK,
                 .block_new = room,
                 .block_old = room,
                 .glue_new = room,
                 .state_terms = MLR_MAX_CHUNK,
                 .work_terms = MLR_MAX_CHUNK},
    };
    mlr_record_head r;
    mlr_err err = {0};
    if (size == 0) {
        return 0;
    }
    mlr_cursor c = {.base = data + 1, .size = size - 1, .err = &err};
    if (mlr_record_read(&r, &c, &h, base_size, data[0] & 1) == MLR_OK) {
        refs_stay_inside(&r, base_size);
        must(r.need.terms.state <= h.need.state_terms &&
             r.need.terms.work <= h.need.work_terms);
        must(!r.is_inline ||
             (r.payload >= data && r.payload + r.payload_bytes <= data + size));
    }
    return 0;
}
