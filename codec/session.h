/*
 * One strategy at work on one record: studied once, then encoding blocks and proving each
 * by the real decoder. Used by trials and by the making of patches.
 */
#ifndef MLR_CODEC_SESSION_H
#define MLR_CODEC_SESSION_H

#include "codec/strategy.h"

typedef struct mlr_session {
    const mlr_encoding *encoding;
    const mlr_view *view;
    const mlr_encoder *encoder;
    const mlr_inflater *inflater;
    mlr_record record; /* the view's, with decoder and model */
    mlr_buf model;
    void *encoder_state, *decoder_state;
    mlr_decoder_need need; /* work_bytes without the inflater's */
} mlr_session;

/* Reads a clock, in seconds. Only predictions have one: making a patch never looks at time.
 */
typedef double (*mlr_clock)(void);

/* Memory for one block at a time; one for each lane. */
typedef struct mlr_bench {
    mlr_clock clock;           /* NULL: the two below stay 0 */
    double encode_s, decode_s; /* spent so far */
    uint8_t *new_bytes, *old, *out, *work;
    size_t new_room, old_room, out_room, work_room;
    const mlr_allocator *alloc;
} mlr_bench;

/* Studies the record. Released by mlr_session_end(), also after a failure. */
mlr_status mlr_session_begin(mlr_session *s, const mlr_encoding *e, const mlr_view *v,
                             const mlr_encoder *encoder, const mlr_inflater *inflater,
                             mlr_err *err);
void mlr_session_end(mlr_session *s); /* safe on a zeroed session */

/*
 * Reads `n` new bytes at `first` and their old bytes, appends their payload, decodes it and
 * compares: MLR_E_INTERNAL, naming the strategy, should they differ. Called from any thread
 * with a bench of its own.
 */
mlr_status mlr_session_block(const mlr_session *s, mlr_bench *b, uint64_t first, size_t n,
                             mlr_buf *payload, mlr_err *err);

/* Makes room for blocks of the session's size. */
mlr_status mlr_bench_fit(mlr_bench *b, const mlr_session *s, mlr_err *err);
void mlr_bench_release(mlr_bench *b); /* safe on a zeroed bench */

#endif
