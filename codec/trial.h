/*
 * What strategies cost, found by really encoding: whole records where they are small,
 * pieces spread over them where they are large. Serves `auto`, predictions and the tuner
 * alike.
 */
#ifndef MLR_CODEC_TRIAL_H
#define MLR_CODEC_TRIAL_H

#include "codec/plan.h"
#include "codec/session.h"
#include "codec/strategy.h"

/* How much of a record is encoded: up to `pieces` pieces of `piece_bytes` new bytes. */
typedef struct mlr_sample {
    uint32_t pieces, piece_bytes; /* 0 pieces: all of it */
    bool priced;     /* read the whole record for a better guess: for forecasts, whose
                        figures may depend on the machine's libm */
    mlr_clock clock; /* NULL: do not measure time */
} mlr_sample;

typedef struct mlr_trial {
    uint64_t bytes; /* of the record under this strategy: model and payloads */
    uint64_t model_bytes;
    double error;              /* relative, one standard error; 0 where all was encoded */
    uint64_t encoded;          /* new bytes really encoded */
    bool exact;                /* all of the record was encoded */
    double study_s;            /* before the first block */
    double encode_s, decode_s; /* for the bytes encoded; 0 without a clock */
    bool lossless;             /* the decoder gave back every sampled byte */
    mlr_decoder_need need;
} mlr_trial;

/*
 * Encodes the sample of `v` with one strategy, decodes it with the real decoder and
 * compares. A strategy that needs more than e->max_state or max_work is MLR_E_UNSUPPORTED.
 */
mlr_status mlr_trial_run(mlr_trial *out, const mlr_encoding *e, const mlr_view *v,
                         const mlr_encoder *encoder, const mlr_inflater *inflater,
                         mlr_sample sample, mlr_err *err);

/* What a choice means for encoders on a device; memory, kernels and the rest are to be set.
 */
mlr_encoding mlr_encoding_for(const mlr_choice *choice, const mlr_device *device);

/* Strategies worth a trial for a record, most promising first. */
typedef struct mlr_candidates {
    uint8_t id[24];
    unsigned count;
} mlr_candidates;
mlr_candidates mlr_candidates_for(const mlr_encoding *e, const mlr_record *r,
                                  const mlr_choice *choice, const mlr_device *device);

/* The strategy with the smallest trial among the candidates; *best tells its figures. */
mlr_status mlr_choose(uint8_t *id, mlr_trial *best, const mlr_encoding *e,
                      const mlr_view *v, const mlr_choice *choice, const mlr_device *device,
                      const mlr_inflater *inflater, mlr_err *err);

#endif
