/*
 * The model behind `mix`: predicts bytes from the base's bytes and from those before, by
 * mixing many contexts. Encoder and decoder run it in step: each tells it what was coded.
 *
 * A byte is coded as a decision, whether it is the expected one, where the model expects
 * one. Where it is not, and there is a base: whether the base goes on elsewhere, and then
 * where, at a place that begins with this byte. Else as eight bits, highest first.
 */
#ifndef MLR_APPLY_MIX_MODEL_H
#define MLR_APPLY_MIX_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/status.h"

/* Parameters, stored as the record's model: MLR_MIX_MODEL bytes. */
typedef struct mlr_mix_params {
    uint8_t slot_bits;   /* 2^n slots for bit contexts, 4 bytes each: 6 to 22 */
    uint8_t flag_bits;   /* 2^n slots for decisions on expected bytes: 6 to 18 */
    uint8_t match_bits;  /* 2^n positions in the index of repeats; 0: none; 6 to 20 */
    uint8_t diff_bits;   /* 2^n tables of differences, n up to 4; MLR_MIX_NO_DIFF: none */
    uint8_t column;      /* bytes after which columns repeat: 1 to 64 */
    uint8_t column_flip; /* bytes of a group coded last to first, less one: 0, 1, 3 or 7 */
    uint8_t wide;        /* 1: all sets of weights; 0: few, for small devices */
} mlr_mix_params;

enum { MLR_MIX_MODEL = 5, MLR_MIX_NO_DIFF = 15 };

void mlr_mix_store(const mlr_mix_params *p, uint8_t model[MLR_MIX_MODEL]);
mlr_status mlr_mix_load(mlr_mix_params *p, const uint8_t *model, size_t n, mlr_err *err);

typedef struct mlr_mix mlr_mix;

/* Memory of a model in the terms of the format, and what it takes besides. */
enum { MLR_MIX_OWN = 2304 };
uint64_t mlr_mix_terms(const mlr_mix_params *p);

/* Both: memory of a model, to be aligned to 64. */
size_t mlr_mix_bytes(const mlr_mix_params *p);

/* What the model sees: the base's bytes, and the new ones as far as they are known. */
typedef struct mlr_mix_sides {
    const uint8_t *old;
    size_t old_n;
    const uint8_t *now;
    size_t n;
} mlr_mix_sides;

mlr_mix *mlr_mix_begin(void *memory, const mlr_mix_params *p, const mlr_mix_sides *s);

/* Position in `now` of the next byte; they are not coded strictly from first to last. */
size_t mlr_mix_place(const mlr_mix *m);

/* The byte the model expects next, or -1: then there is no decision about it. */
int mlr_mix_expected(const mlr_mix *m);

/* Chance, in 1/65536, that the next byte is the expected one; then tell which. */
uint32_t mlr_mix_hit_chance(mlr_mix *m);
void mlr_mix_hit(mlr_mix *m, unsigned hit);

/*
 * Chance that the next bit is 1; then tell which. 0 and 65536: it is certain, and nothing
 * is coded. `so_far` has a leading 1.
 */
uint32_t mlr_mix_bit_chance(mlr_mix *m, unsigned so_far);
void mlr_mix_bit(mlr_mix *m, unsigned bit);

/*
 * Whether the next decision is about a jump, its chance, and what it was. A jump's distance
 * is coded by plain adaptive bits, numbered below MLR_MIX_ASIDE.
 */
enum { MLR_MIX_ASIDE = 96, MLR_MIX_ASIDE_SIGN = 64, MLR_MIX_ASIDE_TOP = 65 };

bool mlr_mix_may_jump(const mlr_mix *m);
uint32_t mlr_mix_jump_chance(mlr_mix *m);
void mlr_mix_jump(mlr_mix *m, unsigned jumps);
uint32_t mlr_mix_aside_chance(const mlr_mix *m, unsigned i);
void mlr_mix_aside(mlr_mix *m, unsigned i, unsigned bit);

/* Where the base is now, and going on at another place: the byte there is the next one. */
size_t mlr_mix_base(const mlr_mix *m);
uint8_t mlr_mix_land(mlr_mix *m, size_t place);

/* Before the bits of a byte, and after the whole byte, which now stands at its place. */
void mlr_mix_bits_begin(mlr_mix *m);
void mlr_mix_byte(mlr_mix *m, uint8_t byte);

#endif
