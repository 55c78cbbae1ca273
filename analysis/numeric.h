/*
 * Elements of every type as numbers: as double for figures, as unsigned codes for bits, as
 * integers that sort like the values for distances. Nothing here decides or rounds.
 */
#ifndef MLR_ANALYSIS_NUMERIC_H
#define MLR_ANALYSIS_NUMERIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/dtype.h"

/*
 * The type whose elements are measured: f32 for c64 and f64 for c128 (each complex element
 * counts as two), else `t` itself. `*per_element` is 2 or 1.
 */
const mlr_dtype *mlr_numeric_unit(const mlr_dtype *t, unsigned *per_element);

/* Whether values can be told. False for opaque data and for the iq types that need a grid.
 */
bool mlr_numeric_known(const mlr_dtype *t);

/*
 * Values of n elements, which start at a whole block. Every type but 64-bit integers fits a
 * double exactly. Returns false, and writes nothing, where values are not known or n is not
 * a multiple of a ggml block. `t` is no complex type.
 */
bool mlr_to_f64(const mlr_dtype *t, const uint8_t *src, size_t n, double *out,
                bool big_endian);

/*
 * Bytes of an element's code: 1, 2, 4 or 8. Packed types have one code a byte; blocks and
 * opaque data have none and are taken as bytes (1).
 */
unsigned mlr_code_bytes(const mlr_dtype *t);

/* Significant bits of a code: 4 for i4, 8 for bytes, 16 for bf16. */
unsigned mlr_code_bits(const mlr_dtype *t);

/*
 * Codes of n elements in the machine's own integers of mlr_code_bytes(). Of blocks and
 * opaque data, n counts bytes.
 */
void mlr_to_codes(const mlr_dtype *t, const uint8_t *src, size_t n, void *out,
                  bool big_endian);

/* How codes of a type sort. */
typedef enum mlr_order {
    MLR_ORDER_UNSIGNED, /* as they are: unsigned integers, bytes */
    MLR_ORDER_SIGNED,   /* two's complement */
    MLR_ORDER_FLOAT     /* sign and magnitude */
} mlr_order;

mlr_order mlr_code_order(const mlr_dtype *t);

/* Maps a code of `bits` bits to an integer in [0, 2^bits) that sorts like the value. */
static inline uint64_t mlr_ordered(uint64_t code, mlr_order order, unsigned bits)
{
    uint64_t top = (uint64_t)1 << (bits - 1);
    uint64_t all = top | (top - 1);
    if (order == MLR_ORDER_UNSIGNED) {
        return code;
    }
    if (order == MLR_ORDER_SIGNED || (code & top) == 0) {
        return code ^ top;
    }
    return ~code & all;
}

/* The least positive value of a float type that is not denormal; 0 for other types. */
double mlr_least_normal(const mlr_dtype *t);

/*
 * The code of the nearest f32, f16 or bf16 value, ties to even, NaN to a quiet NaN. False
 * for other types.
 */
bool mlr_from_f64(const mlr_dtype *t, double value, uint32_t *code);

#endif
