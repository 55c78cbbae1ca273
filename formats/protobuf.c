#include "formats/protobuf.h"

#include "apply/base/checked.h"

enum { WIRE_BITS = 3, MAX_FIELD = (1 << 29) - 1 };

/* Running out of a message is running out of the file only where the two end together. */
static bool too_short(mlr_walk *w, uint64_t at)
{
    bool file = w->end == w->window->source->size;
    mlr_fail(w->err, file ? MLR_E_TRUNCATED : MLR_E_FORMAT, at,
             "field inside the message around it");
    return false;
}

/* The walk's own reader would name the byte it stopped at; a field is named by its tag. */
static bool read_varint(mlr_walk *w, uint64_t at, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (w->pos == w->end) {
            return too_short(w, at);
        }
        uint8_t byte = mlr_walk_u8(w, "byte of a number");
        if (!mlr_walk_ok(w)) {
            return false;
        }
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    mlr_walk_fail(w, at, "number of at most ten bytes and 64 bits");
    return false;
}

static bool read_tag(mlr_walk *w, mlr_pb_field *f)
{
    uint64_t tag = 0;
    if (!read_varint(w, f->at, &tag)) {
        return false;
    }
    uint64_t number = tag >> WIRE_BITS;
    if (number == 0 || number > MAX_FIELD) {
        mlr_walk_fail(w, f->at, "field number from 1 to 2^29 - 1");
        return false;
    }
    f->number = (uint32_t)number;
    f->wire = (uint8_t)(tag & ((1 << WIRE_BITS) - 1));
    return true;
}

static bool read_fixed(mlr_walk *w, mlr_pb_field *f, uint64_t size)
{
    if (size > w->end - w->pos) {
        return too_short(w, f->at);
    }
    f->bytes = (mlr_region){.off = w->pos, .len = size};
    f->value =
        size == 4 ? mlr_walk_u32(w, "fixed number") : mlr_walk_u64(w, "fixed number");
    return mlr_walk_ok(w);
}

static bool read_bytes(mlr_walk *w, mlr_pb_field *f)
{
    uint64_t len = 0;
    if (!read_varint(w, f->at, &len)) {
        return false;
    }
    if (len > w->end - w->pos) {
        return too_short(w, f->at);
    }
    f->bytes = (mlr_region){.off = w->pos, .len = len};
    w->pos += len;
    return true;
}

bool mlr_pb_next(mlr_walk *w, mlr_pb_field *f)
{
    if (!mlr_walk_ok(w) || w->pos == w->end) {
        return false;
    }
    *f = (mlr_pb_field){.at = w->pos};
    if (!read_tag(w, f)) {
        return false;
    }
    uint64_t start = w->pos;
    switch (f->wire) {
    case MLR_PB_VARINT:
        if (!read_varint(w, f->at, &f->value)) {
            return false;
        }
        f->bytes = (mlr_region){.off = start, .len = w->pos - start};
        return true;
    case MLR_PB_FIXED64:
        return read_fixed(w, f, 8);
    case MLR_PB_BYTES:
        return read_bytes(w, f);
    case MLR_PB_FIXED32:
        return read_fixed(w, f, 4);
    default:
        mlr_walk_fail(w, f->at, "wire type other than groups and the undefined ones");
        return false;
    }
}

bool mlr_pb_expect(mlr_walk *w, const mlr_pb_field *f, mlr_pb_wire wire)
{
    if (f->wire != wire) {
        mlr_walk_fail(w, f->at, "wire type that the schema gives this field");
        return false;
    }
    return true;
}

mlr_walk mlr_pb_inside(const mlr_walk *w, mlr_region content)
{
    mlr_walk inner = *w;
    inner.pos = content.off;
    inner.end = content.off + content.len;
    return inner;
}
