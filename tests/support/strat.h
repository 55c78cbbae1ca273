/* One record encoded and decoded by a strategy, block by block, as writer and applier do.
 */
#ifndef MLR_TESTS_SUPPORT_STRAT_H
#define MLR_TESTS_SUPPORT_STRAT_H

#include "codec/strategy.h"

typedef struct strat_case {
    unsigned id;
    const mlr_dtype *dtype, *old_dtype; /* old_dtype NULL: the same */
    const uint8_t *now, *old;           /* old NULL: there is none */
    size_t n, old_n;
    uint32_t block; /* new bytes of a block; 0: one block */
    uint64_t row;
    mlr_encoding e;              /* level, dictionary, limits; the rest is filled in */
    const mlr_quant_view *quant; /* NULL: unknown */
    size_t cut_work;             /* bytes of work to withhold from the decoder */
} strat_case;

typedef struct strat_coded {
    mlr_record record;
    mlr_buf model, payload;
    size_t *size; /* of each block's payload */
    size_t blocks;
    mlr_decoder_need need;
} strat_coded;

/* The record without model; block_old follows from the types. */
void strat_record(const strat_case *c, mlr_record *r);
bool strat_suits(const strat_case *c);
mlr_status strat_encode(const strat_case *c, strat_coded *out, mlr_err *err);

/* Into out, of c->n bytes; memory is exactly what the decoder asked for. */
mlr_status strat_decode(const strat_case *c, const strat_coded *coded, uint8_t *out,
                        mlr_err *err);
void strat_release(strat_coded *coded);

/* Both, compared; returns the bytes of model and payloads. Fails the test otherwise. */
size_t strat_round_trip(const strat_case *c);

#endif
