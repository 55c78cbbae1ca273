#include "codec/buf.h"

#include <string.h>

#include "apply/base/cursor.h"

void mlr_buf_init(mlr_buf *b, const mlr_allocator *alloc)
{
    *b = (mlr_buf){.alloc = alloc};
}

static int grow(mlr_buf *b, size_t n)
{
    if (n > SIZE_MAX / 4 || b->size > SIZE_MAX / 4) {
        return 0;
    }
    size_t room = b->room < 64 ? 64 : b->room;
    while (room < b->size + n) {
        room *= 2;
    }
    uint8_t *data = mlr_take(b->alloc, room);
    if (data == NULL) {
        return 0;
    }
    if (b->size > 0) {
        memcpy(data, b->data, b->size);
    }
    mlr_give(b->alloc, b->data, b->room);
    b->data = data;
    b->room = room;
    return 1;
}

uint8_t *mlr_buf_extend(mlr_buf *b, size_t n)
{
    if (b->failed || (n > b->room - b->size && !grow(b, n))) {
        b->failed = 1;
        return NULL;
    }
    uint8_t *at = b->data + b->size;
    b->size += n;
    return at;
}

void mlr_buf_add(mlr_buf *b, const void *data, size_t n)
{
    if (n == 0) {
        return;
    }
    uint8_t *at = mlr_buf_extend(b, n);
    if (at != NULL) {
        memcpy(at, data, n);
    }
}

void mlr_buf_u8(mlr_buf *b, uint8_t v)
{
    mlr_buf_add(b, &v, 1);
}

void mlr_buf_u16(mlr_buf *b, uint16_t v)
{
    uint8_t bytes[2];
    mlr_store16(bytes, v);
    mlr_buf_add(b, bytes, sizeof bytes);
}

void mlr_buf_u32(mlr_buf *b, uint32_t v)
{
    uint8_t bytes[4];
    mlr_store32(bytes, v);
    mlr_buf_add(b, bytes, sizeof bytes);
}

void mlr_buf_u64(mlr_buf *b, uint64_t v)
{
    uint8_t bytes[8];
    mlr_store64(bytes, v);
    mlr_buf_add(b, bytes, sizeof bytes);
}

void mlr_buf_varint(mlr_buf *b, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;
    while (v >= 0x80) {
        bytes[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (uint8_t)v;
    mlr_buf_add(b, bytes, n);
}

void mlr_buf_release(mlr_buf *b)
{
    if (b->alloc != NULL) {
        mlr_give(b->alloc, b->data, b->room);
    }
    *b = (mlr_buf){.alloc = b->alloc};
}
