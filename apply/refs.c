#include "apply/refs.h"

#include "apply/base/checked.h"
#include "apply/base/mem.h"
#include "apply/patch_format.h"

/* Signed offsets are stored with the sign in the lowest bit. */
static uint64_t unzigzag_add(uint64_t from, uint64_t stored)
{
    uint64_t magnitude = stored >> 1;
    return stored & 1 ? from - magnitude - 1 : from + magnitude;
}

/* Loads the next entry into `at`: varint of length and kind, then member and offset. */
static void load_entry(const mlr_refs *r, mlr_cursor *c, mlr_refs_at *at)
{
    uint64_t head = mlr_cur_varint(c, "reference");
    at->left = head >> 1;
    at->gap = (uint32_t)(head & 1);
    if (at->gap) {
        return;
    }
    uint64_t member = at->member;
    if (r->members > 1) {
        member = mlr_cur_varint_to(c, r->members - 1, "base member of a reference");
    }
    if (member != at->member) {
        at->member = (uint32_t)member;
        at->last_end = 0;
    }
    at->off = unzigzag_add(at->last_end, mlr_cur_varint(c, "offset of a reference"));
    at->last_end = at->off + at->left;
}

static mlr_status check_entry(mlr_refs *r, const mlr_refs_at *at, const uint64_t *base_size,
                              uint64_t where, mlr_err *err)
{
    if (at->left == 0) {
        return mlr_fail(err, MLR_E_FORMAT, where, "reference of at least one byte");
    }
    if (!at->gap &&
        (r->members == 0 || !mlr_inside(at->off, at->left, base_size[at->member]))) {
        return mlr_fail(err, MLR_E_FORMAT, where, "reference inside its base member");
    }
    if (!mlr_add_u64(r->total, at->left, &r->total)) {
        return mlr_fail(err, MLR_E_FORMAT, where, "references of fewer than 2^64 bytes");
    }
    return MLR_OK;
}

mlr_status mlr_refs_read(mlr_refs *r, mlr_cursor *c, const uint64_t *base_size,
                         uint32_t members)
{
    *r = (mlr_refs){.members = members};
    r->count = mlr_cur_varint_to(c, MLR_MAX_REFS, "count of references");
    r->bytes = c->base + c->pos;
    size_t start = c->pos;
    mlr_refs_at at = {0};
    for (uint64_t i = 0; i < r->count && mlr_cur_ok(c); i++) {
        uint64_t where = mlr_cur_offset(c);
        load_entry(r, c, &at);
        if (mlr_cur_ok(c)) {
            check_entry(r, &at, base_size, where, c->err);
        }
    }
    r->size = c->pos - start;
    return c->err->status;
}

int mlr_refs_next(const mlr_refs *r, mlr_refs_at *at, uint64_t most, mlr_ref_piece *out)
{
    if (at->left == 0) {
        if (at->pos >= r->size) {
            return 0;
        }
        mlr_err ignored = {0};
        mlr_cursor c = {.base = r->bytes, .size = r->size, .pos = at->pos, .err = &ignored};
        load_entry(r, &c, at);
        at->pos = c.pos;
    }
    uint64_t n = at->left < most ? at->left : most;
    *out = (mlr_ref_piece){.off = at->off, .len = n, .member = at->member, .gap = at->gap};
    at->left -= n;
    at->off += at->gap ? 0 : n;
    return 1;
}

mlr_status mlr_refs_gather(const mlr_refs *r, mlr_refs_at *at,
                           const mlr_source *const *base, uint8_t *to, uint64_t n,
                           mlr_err *err)
{
    while (n > 0) {
        mlr_ref_piece piece;
        if (!mlr_refs_next(r, at, n, &piece)) {
            return mlr_fail(err, MLR_E_FORMAT, MLR_NO_OFFSET,
                            "references for all old bytes");
        }
        if (to != NULL && piece.gap) {
            memset(to, 0, (size_t)piece.len);
        } else if (to != NULL) {
            const mlr_source *s = base[piece.member];
            mlr_status status = s->read_at(s->ctx, piece.off, to, (size_t)piece.len, err);
            if (status != MLR_OK) {
                return status;
            }
        }
        to = to == NULL ? NULL : to + piece.len;
        n -= piece.len;
    }
    return MLR_OK;
}
