/*
 * Which tensor of the new model continues which tensor of the old one. Stage A looks at the
 * tensor tables alone and is instant; stage B reads payloads to tell same from changed, to
 * find renamed tensors and to find content that stands elsewhere already.
 */
#ifndef MLR_ANALYSIS_MATCH_H
#define MLR_ANALYSIS_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/work.h"
#include "apply/base/pool.h"
#include "formats/model.h"

/* Identifier, name for machines. Exactly one holds of a pairing. */
#define MLR_CHANGE_TABLE(X)                                                                \
    X(MLR_CHANGE_PAIRED, "paired")   /* a pair whose bytes nobody has compared yet */      \
    X(MLR_CHANGE_SAME, "same")       /* type, shape and payload are equal */               \
    X(MLR_CHANGE_CHANGED, "changed") /* a pair that differs in payload, type or shape */   \
    X(MLR_CHANGE_ADDED, "added")     /* no counterpart in the old model */                 \
    X(MLR_CHANGE_REMOVED, "removed") /* no counterpart in the new model */

typedef enum mlr_change {
#define MLR_CHANGE_ENUM(id, name) id,
    MLR_CHANGE_TABLE(MLR_CHANGE_ENUM)
#undef MLR_CHANGE_ENUM
        MLR_CHANGE_COUNT
} mlr_change;

/* Identifier, bit, name for machines. Any number of them stand beside the change. */
#define MLR_PAIR_FLAG_TABLE(X)                                                             \
    X(MLR_PAIR_RENAMED, 1, "renamed")     /* other key */                                  \
    X(MLR_PAIR_MOVED, 2, "moved")         /* other place in the order of the tensors */    \
    X(MLR_PAIR_RESHARDED, 4, "resharded") /* in another member file */                     \
    X(MLR_PAIR_RESIZED, 8, "resized")     /* one dimension grew or shrank: see axis */     \
    X(MLR_PAIR_RESHAPED, 16, "reshaped")  /* other shape in another way */                 \
    X(MLR_PAIR_RETYPED, 32, "retyped")    /* other element type or byte order */           \
    X(MLR_PAIR_TIED, 64, "tied")          /* new: shares its bytes with an earlier one */  \
    X(MLR_PAIR_RETIED, 128, "retied")     /* tied in one model and not in the other */     \
    X(MLR_PAIR_REPEATED, 256, "repeated") /* new payload stands elsewhere: repeat_of */    \
    X(MLR_PAIR_COMPARED, 512, "compared") /* stage B has looked at it */

typedef enum mlr_pair_flag {
#define MLR_PAIR_FLAG_ENUM(id, bit, name) id = (bit),
    MLR_PAIR_FLAG_TABLE(MLR_PAIR_FLAG_ENUM)
#undef MLR_PAIR_FLAG_ENUM
} mlr_pair_flag;

/* How a pair was found, best evidence first. */
#define MLR_PAIRED_BY_TABLE(X)                                                             \
    X(MLR_BY_NOTHING, "none")    /* added or removed */                                    \
    X(MLR_BY_MAP, "map")         /* the caller said so */                                  \
    X(MLR_BY_KEY, "key")         /* equal identity key */                                  \
    X(MLR_BY_NAME, "name")       /* equal name under different keys */                     \
    X(MLR_BY_CONTENT, "content") /* equal payload, type and shape */                       \
    X(MLR_BY_VALUES, "values")   /* equal type and shape, values that correlate */

typedef enum mlr_paired_by {
#define MLR_PAIRED_BY_ENUM(id, name) id,
    MLR_PAIRED_BY_TABLE(MLR_PAIRED_BY_ENUM)
#undef MLR_PAIRED_BY_ENUM
        MLR_PAIRED_BY_COUNT
} mlr_paired_by;

enum { MLR_NO_AXIS = 255 };

typedef struct mlr_pairing {
    uint32_t old_tensor; /* index into the old model's tensors, or MLR_NO_TENSOR */
    uint32_t new_tensor; /* index into the new model's tensors, or MLR_NO_TENSOR */
    uint16_t flags;      /* mlr_pair_flag */
    uint8_t change;      /* mlr_change */
    uint8_t by;          /* mlr_paired_by */
    uint8_t axis;        /* the dimension that was resized, or MLR_NO_AXIS */
    uint8_t repeat_old;  /* repeat_of is an index into: 1 the old, 0 the new model */
    uint32_t repeat_of;  /* a tensor with exactly these bytes; MLR_NO_TENSOR without the
                            flag.  Never the pair's own old tensor. Of the new model only
                            earlier  ones, in the order of the table. */
    float similarity;    /* with MLR_BY_VALUES: correlation of sampled values; else 0 */
} mlr_pairing;

typedef struct mlr_matching {
    const mlr_model *old_model, *new_model; /* borrowed */
    mlr_pairing *pairs; /* one for each new tensor, in its order, then the removed ones in
                           the old order; lives in the pool */
    size_t count;
    size_t new_count; /* pairs[0 .. new_count) have a new tensor */
} mlr_matching;

/* One `--map OLD=NEW`: keys, or names where no key is equal. Each may hold one '*', which
   stands for the same text on both sides. */
typedef struct mlr_match_rule {
    mlr_str old_key, new_key; /* borrowed for the call */
} mlr_match_rule;

typedef struct mlr_match_options {
    const mlr_match_rule *rules;
    size_t rule_count;
    bool keys_only; /* do not look for renamed tensors by name, content or values */
} mlr_match_options;

/*
 * Stage A. `options` may be NULL. Never reads a payload: pairs of equal type and shape are
 * PAIRED until stage B, those of other type or shape are CHANGED. A rule that names no
 * tensor is MLR_E_USAGE.
 */
mlr_status mlr_match_headers(mlr_matching *out, const mlr_model *old_model,
                             const mlr_model *new_model, const mlr_match_options *options,
                             mlr_pool *pool, mlr_err *err);

/*
 * Stage B: compares payloads byte for byte (nothing is claimed from a digest alone), pairs
 * what is left by content and by values, finds repeated content. Reads by windows of
 * 256 KiB. Where a new pair is found, the removed entry of its old tensor disappears, so
 * indexes below new_count stay what they were. On failure or cancellation the entries that
 * carry MLR_PAIR_COMPARED are right and the others stand as they were.
 */
mlr_status mlr_match_contents(mlr_matching *m, const mlr_match_options *options,
                              const mlr_work *work, mlr_err *err);

/* Whether two tensors have the same type, byte order and shape. */
bool mlr_tensor_same_layout(const mlr_tensor *a, const mlr_tensor *b);

/* Names for machines; never NULL. */
const char *mlr_change_name(unsigned change);
const char *mlr_paired_by_name(unsigned by);

/* The name of the lowest bit set in `flags`, which it clears; NULL where none is left. */
const char *mlr_pair_flag_next(uint16_t *flags);

#endif
