/* A growing run of bytes, for encoders and writers. */
#ifndef MLR_CODEC_BUF_H
#define MLR_CODEC_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "apply/base/alloc.h"
#include "apply/base/status.h"

/* Once an append fails for lack of memory every later one fails too; test `failed` at the
 * end. */
typedef struct mlr_buf {
    const mlr_allocator *alloc; /* borrowed */
    uint8_t *data;
    size_t size, room;
    int failed;
} mlr_buf;

void mlr_buf_init(mlr_buf *b, const mlr_allocator *alloc);

/* Room for n more bytes, uninitialised and already counted in `size`, or NULL. */
uint8_t *mlr_buf_extend(mlr_buf *b, size_t n);
void mlr_buf_add(mlr_buf *b, const void *data, size_t n);
void mlr_buf_u8(mlr_buf *b, uint8_t v);
void mlr_buf_u16(mlr_buf *b, uint16_t v);
void mlr_buf_u32(mlr_buf *b, uint32_t v);
void mlr_buf_u64(mlr_buf *b, uint64_t v);
void mlr_buf_varint(mlr_buf *b, uint64_t v);
void mlr_buf_release(mlr_buf *b); /* safe on a zeroed buffer */

#endif
