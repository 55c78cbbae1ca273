#include "apply/undo.h"

void mlr_undo_xor(uint8_t *restrict bytes, const uint8_t *restrict old, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= old[i];
    }
}

#define UNDO_LOOPS(bits)                                                                   \
    static void undo_int##bits(uint8_t *restrict p, const uint8_t *restrict old, size_t n) \
    {                                                                                      \
        for (size_t i = 0; i < n; i++) {                                                   \
            uint##bits##_t d = mlr_unfold##bits(mlr_lane_get##bits(p + i * (bits / 8)));   \
            uint##bits##_t o = mlr_lane_get##bits(old + i * (bits / 8));                   \
            mlr_lane_put##bits(p + i * (bits / 8), (uint##bits##_t)(o + d));               \
        }                                                                                  \
    }                                                                                      \
    static void undo_float##bits(uint8_t *restrict p, const uint8_t *restrict old,         \
                                 size_t n)                                                 \
    {                                                                                      \
        for (size_t i = 0; i < n; i++) {                                                   \
            uint##bits##_t d = mlr_unfold##bits(mlr_lane_get##bits(p + i * (bits / 8)));   \
            uint##bits##_t o = mlr_order##bits(mlr_lane_get##bits(old + i * (bits / 8)));  \
            uint##bits##_t m = (uint##bits##_t)(o + d);                                    \
            mlr_lane_put##bits(p + i * (bits / 8), mlr_unorder##bits(m));                  \
        }                                                                                  \
    }

UNDO_LOOPS(8)
UNDO_LOOPS(16)
UNDO_LOOPS(32)
UNDO_LOOPS(64)

static void undo_nibbles(uint8_t *restrict p, const uint8_t *restrict old, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned z = p[i], o = old[i];
        unsigned d = ((z >> 1) & 0x77) ^ ((z & 0x11) * 15);
        unsigned low = (o + d) & 0x0f, high = ((o & 0xf0) + (d & 0xf0)) & 0xf0;
        p[i] = (uint8_t)(low | high);
    }
}

static void undo_crumbs(uint8_t *restrict p, const uint8_t *restrict old, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned z = p[i], o = old[i];
        unsigned d = ((z >> 1) & 0x55) ^ ((z & 0x55) * 3);
        /* each pair apart, so that no carry reaches its neighbour */
        unsigned a = ((o & 0x03) + (d & 0x03)) & 0x03;
        unsigned b = ((o & 0x0c) + (d & 0x0c)) & 0x0c;
        unsigned c = ((o & 0x30) + (d & 0x30)) & 0x30;
        unsigned e = ((o & 0xc0) + (d & 0xc0)) & 0xc0;
        p[i] = (uint8_t)(a | b | c | e);
    }
}

static void undo_floats(unsigned width, uint8_t *restrict p, const uint8_t *restrict old,
                        size_t lanes)
{
    switch (width) {
    case 1:
        undo_float8(p, old, lanes);
        break;
    case 2:
        undo_float16(p, old, lanes);
        break;
    case 4:
        undo_float32(p, old, lanes);
        break;
    default:
        undo_float64(p, old, lanes);
        break;
    }
}

static void undo_ints(unsigned width, uint8_t *restrict p, const uint8_t *restrict old,
                      size_t lanes)
{
    switch (width) {
    case 1:
        undo_int8(p, old, lanes);
        break;
    case 2:
        undo_int16(p, old, lanes);
        break;
    case 4:
        undo_int32(p, old, lanes);
        break;
    default:
        undo_int64(p, old, lanes);
        break;
    }
}

void mlr_undo_sub(mlr_lane lane, uint8_t *restrict bytes, const uint8_t *restrict old,
                  size_t n)
{
    size_t lanes = n / lane.width;
    size_t whole = lanes * lane.width;
    switch (lane.kind) {
    case MLR_LANE_FLOAT:
        undo_floats(lane.width, bytes, old, lanes);
        break;
    case MLR_LANE_NIBBLE:
        undo_nibbles(bytes, old, n);
        break;
    case MLR_LANE_CRUMB:
        undo_crumbs(bytes, old, n);
        break;
    default:
        undo_ints(lane.width, bytes, old, lanes);
        break;
    }
    if (whole < n) {
        undo_int8(bytes + whole, old + whole, n - whole);
    }
}

static void join2(uint8_t *restrict out, const uint8_t *restrict a,
                  const uint8_t *restrict b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mlr_lane_put16(out + 2 * i, (uint16_t)(a[i] | b[i] << 8));
    }
}

static void join4(uint8_t *restrict out, const uint8_t *restrict p, size_t stride, size_t n)
{
    const uint8_t *restrict b = p + stride;
    const uint8_t *restrict c = b + stride;
    const uint8_t *restrict d = c + stride;
    for (size_t i = 0; i < n; i++) {
        uint32_t low = (uint32_t)p[i] | (uint32_t)b[i] << 8;
        uint32_t high = (uint32_t)c[i] | (uint32_t)d[i] << 8;
        mlr_lane_put32(out + 4 * i, low | high << 16);
    }
}

void mlr_join_planes(uint8_t *restrict out, const mlr_planes *p, size_t first, size_t count)
{
    const uint8_t *from = p->bytes + first;
    if (p->width == 2) {
        join2(out, from, from + p->stride, count);
        return;
    }
    if (p->width == 4) {
        join4(out, from, p->stride, count);
        return;
    }
    for (unsigned j = 0; j < p->width; j++) {
        const uint8_t *plane = from + j * p->stride;
        for (size_t i = 0; i < count; i++) {
            out[i * p->width + j] = plane[i];
        }
    }
}
