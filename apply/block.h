/*
 * What the decoders of the plain strategies share: scratch memory behind the inflater's
 * state, the reference in the new element type, and payloads made of several streams.
 *
 * A stream of n plain bytes is stored as one byte for its form and what follows:
 *   0   the n bytes themselves
 *   1   a zstd frame of n bytes
 *   2   one byte, repeated n times
 * A stream of no bytes is not stored at all.
 */
#ifndef MLR_APPLY_BLOCK_H
#define MLR_APPLY_BLOCK_H

#include "apply/decoder.h"
#include "apply/lane.h"

enum { MLR_FORM_STORED = 0, MLR_FORM_ZSTD = 1, MLR_FORM_REPEAT = 2 };

/* A zstd dictionary begins with this; see mlr_block_inflate(). */
#define MLR_ZSTD_DICT_MAGIC 0xEC30A437U

/* The largest block that the plain strategies accept: all sums of its parts fit 32 bits. */
enum { MLR_BLOCK_LIMIT = 1 << 28 };

/* Scratch of a decoder: what it takes, front to back, of need.work_bytes. */
typedef struct mlr_scratch {
    uint8_t *next;
    size_t left;
} mlr_scratch;

/* What lies behind the inflater's state in b->work; MLR_E_LIMIT where nothing can. */
mlr_status mlr_scratch_begin(mlr_scratch *s, const mlr_block *b, mlr_err *err);

/* n bytes, or NULL where they are not there. */
uint8_t *mlr_scratch_take(mlr_scratch *s, size_t n);

/* Where the inflater's state ends and scratch begins. */
size_t mlr_inflater_room(const mlr_inflater *f);

/*
 * The block's reference as out_bytes bytes of the new type: b->old itself, or, where the
 * old type is another, converted into scratch (a rest of the last element reads as zeros).
 */
mlr_status mlr_block_base(const mlr_block *b, mlr_scratch *s, const uint8_t **base,
                          mlr_err *err);

/* Whether the record's reference serves strategies that compare element by element. */
bool mlr_record_pairs(const mlr_record *r);

/* Scratch for mlr_block_base() and `planes` bytes more; for terms() functions. */
mlr_status mlr_scratch_terms(const mlr_record *r, uint64_t planes, mlr_decoder_terms *terms,
                             mlr_err *err);

/* One of the streams of a payload. */
typedef struct mlr_stream_in {
    const uint8_t *data; /* form byte first */
    size_t size;
} mlr_stream_in;

/*
 * Splits a payload into `count` streams, whose plain sizes the caller knows: stored sizes
 * of all but the last that are not empty come first as varints, then the streams.
 */
mlr_status mlr_streams_split(const uint8_t *payload, size_t n, const size_t *plain,
                             size_t count, mlr_stream_in *streams, mlr_err *err);

/* Writes the n plain bytes of a stream to `to`. */
mlr_status mlr_stream_expand(const mlr_block *b, const mlr_stream_in *s, uint8_t *to,
                             size_t n, mlr_err *err);

/* The same, but in place in the payload where they are stored as they are. */
mlr_status mlr_stream_view(const mlr_block *b, const mlr_stream_in *s, uint8_t *to,
                           size_t n, const uint8_t **plain, mlr_err *err);

#endif
