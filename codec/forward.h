/* Forward transforms: what apply/undo.h takes back. */
#ifndef MLR_CODEC_FORWARD_H
#define MLR_CODEC_FORWARD_H

#include "apply/lane.h"
#include "codec/strategy.h"

/* to = new ^ old. */
void mlr_make_xor(uint8_t *restrict to, const uint8_t *restrict now,
                  const uint8_t *restrict old, size_t n);

/* Both sides of a difference, and where it goes: n bytes each. */
typedef struct mlr_sides {
    const uint8_t *now, *old;
    size_t n;
} mlr_sides;

/* to = fold(new - old), in the order of the values where the lane is a float. */
void mlr_make_sub(mlr_lane lane, uint8_t *to, const mlr_sides *s);

/* Byte j of lane i goes to to[j * lanes + i]. */
void mlr_split_planes(uint8_t *restrict to, const uint8_t *restrict from, size_t lanes,
                      unsigned width);

/* Streams of a payload as apply/block.h describes them, being collected. */
enum { MLR_MOST_STREAMS = 16 };

typedef struct mlr_streams_out {
    mlr_buf data;
    size_t size[MLR_MOST_STREAMS], plain[MLR_MOST_STREAMS];
    unsigned count;
} mlr_streams_out;

void mlr_streams_begin(mlr_streams_out *s, const mlr_encoding *e);
mlr_status mlr_streams_put(mlr_streams_out *s, const mlr_encoding *e, const uint8_t *plain,
                           size_t n, mlr_err *err);

/* Appends everything to the payload and releases what was taken; after a failure too. */
mlr_status mlr_streams_end(mlr_streams_out *s, mlr_buf *payload, mlr_err *err);

/*
 * The old bytes of the block in the new type: b->old itself, or made in *own, which the
 * caller releases by mlr_give(e->alloc, *own, b->new_n). NULL: no memory.
 */
const uint8_t *mlr_base_bytes(const mlr_encoding *e, const mlr_enc_block *b, uint8_t **own);

#endif
