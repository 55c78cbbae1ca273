/*
 * What a choice would cost, for every tensor of a plan: size with its error, speed, memory
 * of the applier. The same trials that `auto` rests on, at the effort the caller wants.
 */
#ifndef MLR_CODEC_FORECAST_H
#define MLR_CODEC_FORECAST_H

#include "codec/trial.h"

typedef enum mlr_effort {
    MLR_EFFORT_GLANCE,  /* three pieces of 32 KiB: for a first look at every tensor */
    MLR_EFFORT_DEFAULT, /* three blocks of at most 1 MiB */
    MLR_EFFORT_CLOSE,   /* eight blocks of at most 4 MiB */
    MLR_EFFORT_EXACT    /* all of the tensor */
} mlr_effort;

typedef struct mlr_prediction {
    uint64_t bytes; /* of the tensor in the patch, with its record */
    double error;   /* relative, one standard error, with an allowance where the pieces
                       are shorter than blocks; 0 where exact */
    double encode_bytes_s,
        decode_bytes_s; /* new bytes per second on one thread; 0: unknown */
    uint64_t memory;    /* that a serial applier needs for its blocks and tables */
    uint8_t strategy;   /* what was tried, or what proved best where the choice was open */
    bool exact;         /* all of it was encoded */
    bool lossless;      /* measured: the decoder gave back every byte that was tried */
    bool fits;          /* within the device's memory; nothing else is set where not */
} mlr_prediction;

/* All borrowed. Calls with different arguments may run on several threads at once. */
typedef struct mlr_predictor {
    const mlr_plan *plan;
    const mlr_device *device;     /* NULL: desktop */
    const mlr_inflater *inflater; /* NULL: no zstd */
    const mlr_kernels *kernels;   /* NULL: scalar */
    const mlr_allocator *alloc;
    const mlr_tick *tick; /* polled; NULL: never cancelled */
    mlr_clock clock;      /* NULL: speeds stay unknown */
    const uint8_t *dict;
    size_t dict_bytes;
} mlr_predictor;

/*
 * The cost of one record of the plan under `choice`. An open choice (auto, neural) is
 * settled by trial first.
 */
mlr_status mlr_predict_record(const mlr_predictor *p, size_t record,
                              const mlr_choice *choice, mlr_effort effort,
                              mlr_prediction *out, mlr_err *err);

/*
 * The records of the tensor behind pairing `pair`: their first index in the plan and how
 * many follow each other; 0 where it travels as structure or as a later part of a run of
 * copies.
 */
size_t mlr_plan_records_of(const mlr_plan *plan, uint32_t pair, size_t *first);

/* The sum over all records of a tensor; `lossless` and `fits` only where all are. */
mlr_status mlr_predict_tensor(const mlr_predictor *p, uint32_t pair,
                              const mlr_choice *choice, mlr_effort effort,
                              mlr_prediction *out, mlr_err *err);

/* The structure chunks of a patch for this plan, exactly. What a patch has besides is its
   header and, where that is small, the index of names. */
mlr_status mlr_predict_structure(const mlr_predictor *p, uint64_t *bytes, mlr_err *err);

/* Bytes of a chunk with `content` bytes of content. */
uint64_t mlr_forecast_chunk(uint64_t content);

#endif
