/*
 * What was decided for every byte of the new model: which stretches are coded as records of
 * their own against which old bytes, and which travel as structure ("glue").
 */
#ifndef MLR_CODEC_PLAN_H
#define MLR_CODEC_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/match.h"
#include "apply/base/pool.h"
#include "codec/patch_write.h"

/* Who decided. */
typedef enum mlr_chooser {
    MLR_CHOSEN_BY_DEFAULT,
    MLR_CHOSEN_BY_AUTO,
    MLR_CHOSEN_BY_RULE,
    MLR_CHOSEN_BY_PERSON
} mlr_chooser;

enum {
    MLR_AUTO = -1,  /* in place of a strategy id: the best of all */
    MLR_NEURAL = -2 /* the best of those that know floats and blocks */
};

/* Tensors below this size travel with the structure: a record of their own costs more. In
   tiny models it may pay to let all of them do so: MLR_ALL_SMALL. */
enum { MLR_SMALL_TENSOR = 2048 };
#define MLR_ALL_SMALL UINT32_MAX

/* How one tensor is to be coded: the same struct for command line, profile and screens. */
typedef struct mlr_choice {
    int16_t strategy; /* an id, MLR_AUTO (best of all) or MLR_NEURAL (best model-aware) */
    uint8_t level;    /* 1 to 22 */
    uint8_t dict;     /* 1: use the dictionary */
    uint32_t block_bytes; /* most new bytes per block; 0: the device's */
    uint8_t by;           /* mlr_chooser */
    uint16_t rule;        /* number of the rule, where one chose */
} mlr_choice;

/*
 * Of a memory limit of 1 MiB or more, what the applying program's runtime takes for itself:
 * `mallorn patch` measures 236 KiB on Debian 12. Smaller limits are the arena's alone.
 */
enum { MLR_RUNTIME_BYTES = 256 << 10, MLR_PROCESS_LIMIT = 1 << 20 };

/* What the applying side affords. 0 means no limit. */
typedef struct mlr_device {
    const char *name;
    uint64_t memory_bytes; /* for the applier's arena */
    uint32_t block_bytes;  /* most new bytes per block */
    bool no_zstd;
    /* what of it decoders may take for state and work; 0: as usual for such memory */
    uint64_t state_bytes, work_bytes;
} mlr_device;

/* "desktop", "64M", "16M", "1M", "256K", "micro"; NULL where there is none of that name. */
const mlr_device *mlr_device_named(const char *name);
const mlr_device *mlr_device_at(size_t i); /* NULL behind the last */

/* A stretch of the new model that is one record. */
typedef struct mlr_plan_record {
    uint32_t pair;       /* index of the pairing, the first one of a run of copies */
    uint32_t pairs;      /* tensors covered */
    uint32_t member;     /* of the new model */
    mlr_region bytes;    /* in that member */
    const mlr_ref *refs; /* covering its old bytes; none where there is no reference */
    size_t ref_count;
    uint64_t old_bytes;
    uint64_t glue_before; /* structure bytes between the record before and this one */
    const mlr_dtype *dtype, *old_dtype;
    uint64_t row;
    bool copy; /* the old bytes are the new bytes */
    mlr_choice choice;
} mlr_plan_record;

/* Up to so many bytes slow strategies are tried at every level, unless little records that
   changed add up to MLR_CROWD. */
enum { MLR_LITTLE_RECORD = 32 << 10, MLR_CROWD = 2 << 20 };

/* A stretch of structure: glue, or a tensor too small for a record. In output order. */
typedef struct mlr_plan_glue {
    uint32_t member;
    mlr_region bytes;
    uint32_t pair; /* of a small tensor, or MLR_NO_TENSOR */
} mlr_plan_glue;

#define MLR_NO_RECORD UINT32_MAX

typedef struct mlr_plan {
    const mlr_matching *matching; /* borrowed */
    const mlr_plan_record *records;
    const mlr_plan_glue *glue;
    const uint32_t *first_record; /* by pair with a new tensor, or MLR_NO_RECORD */
    size_t record_count, glue_count;
    uint64_t glue_bytes, new_bytes, old_bytes;
    uint32_t small_bytes; /* tensors below travel with the structure */
    uint8_t level;        /* of the structure, where there is much of it */
    bool crowded; /* little records add up to so much that slow strategies would tell */
} mlr_plan;

typedef struct mlr_plan_options {
    mlr_choice choice; /* for every tensor that `choose` says nothing about */
    /* The choice for a pairing, or false. NULL: none. */
    bool (*choose)(void *ctx, const mlr_matching *m, size_t pair, mlr_choice *choice);
    void *ctx;
    uint32_t small_bytes; /* 0: MLR_SMALL_TENSOR */
} mlr_plan_options;

/* Stage B of the matching must be done. The plan lives in the pool. */
mlr_status mlr_plan_make(mlr_plan *out, const mlr_matching *m, const mlr_plan_options *o,
                         mlr_pool *pool, mlr_err *err);

/*
 * Small models apply in 1 MiB without being asked to: their tables and blocks would not
 * fill more. Sets a device without a limit up for such a plan, and leaves others alone; so
 * it does where `choice` asks for most effort, a strategy by name or blocks of a size: who
 * asks gets that rather than little memory.
 */
void mlr_device_for_plan(mlr_device *d, const mlr_plan *plan, const mlr_choice *choice);

/* Less for tables, then less for blocks; false where nothing is left to save. */
bool mlr_device_tighten(mlr_device *d);

#endif
