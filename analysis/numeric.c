#include "analysis/numeric.h"

#include "analysis/blocks.h"
#include "analysis/small_float.h"
#include "apply/base/cursor.h"

enum { SWAP_ELEMENTS = 256, LARGEST_BLOCK_BYTES = 512 };

const mlr_dtype *mlr_numeric_unit(const mlr_dtype *t, unsigned *per_element)
{
    *per_element = t->cls == MLR_CLASS_COMPLEX ? 2 : 1;
    if (t->cls != MLR_CLASS_COMPLEX) {
        return t;
    }
    return mlr_dtype_get(t->id == MLR_DTYPE_C64 ? MLR_DTYPE_F32 : MLR_DTYPE_F64);
}

bool mlr_numeric_known(const mlr_dtype *t)
{
    if (t->cls == MLR_CLASS_OPAQUE || t->cls == MLR_CLASS_COMPLEX) {
        return false;
    }
    return t->cls != MLR_CLASS_BLOCK || mlr_block_known(t);
}

unsigned mlr_code_bytes(const mlr_dtype *t)
{
    switch (t->cls) {
    case MLR_CLASS_FLOAT:
    case MLR_CLASS_INT:
    case MLR_CLASS_UINT:
        return t->bits / 8u;
    default:
        return 1;
    }
}

unsigned mlr_code_bits(const mlr_dtype *t)
{
    return t->cls == MLR_CLASS_PACKED ? t->bits : 8 * mlr_code_bytes(t);
}

mlr_order mlr_code_order(const mlr_dtype *t)
{
    switch (t->cls) {
    case MLR_CLASS_FLOAT:
        return MLR_ORDER_FLOAT;
    case MLR_CLASS_INT:
        return MLR_ORDER_SIGNED;
    case MLR_CLASS_PACKED:
        if (t->exp_bits != 0) {
            return MLR_ORDER_FLOAT;
        }
        return t->id == MLR_DTYPE_I4 || t->id == MLR_DTYPE_I2 ? MLR_ORDER_SIGNED
                                                              : MLR_ORDER_UNSIGNED;
    default:
        return MLR_ORDER_UNSIGNED;
    }
}

double mlr_least_normal(const mlr_dtype *t)
{
    switch (t->id) {
    case MLR_DTYPE_F64:
        return 0x1p-1022;
    case MLR_DTYPE_F32:
    case MLR_DTYPE_BF16:
        return 0x1p-126;
    case MLR_DTYPE_F16:
    case MLR_DTYPE_F8_E5M2:
        return 0x1p-14;
    case MLR_DTYPE_F8_E4M3:
        return 0x1p-6;
    case MLR_DTYPE_F8_E4M3FNUZ:
        return 0x1p-7;
    case MLR_DTYPE_F8_E5M2FNUZ:
        return 0x1p-15;
    case MLR_DTYPE_F4_E2M1:
    case MLR_DTYPE_F6_E2M3:
        return 1.0;
    case MLR_DTYPE_F6_E3M2:
        return 0x1p-2;
    default:
        return 0.0;
    }
}

/* --- packed codes ------------------------------------------------------------------------
 */

/* Element i of a packed type: least significant bits first, six-bit codes across bytes. */
static unsigned packed_code(const mlr_dtype *t, const uint8_t *src, size_t i)
{
    unsigned bits = t->bits;
    size_t bit = i % t->block_items * bits;
    const uint8_t *p = src + i / t->block_items * t->block_bytes + bit / 8;
    unsigned shift = (unsigned)(bit % 8);
    unsigned word = p[0];
    if (shift + bits > 8) {
        word |= (unsigned)p[1] << 8;
    }
    return word >> shift & ((1u << bits) - 1);
}

static double byte_value(const mlr_dtype *t, unsigned code)
{
    switch (t->id) {
    case MLR_DTYPE_F8_E4M3:
        return (code & 127) == 127 ? (double)NAN : mlr_tiny_to_f64(code, 4, 3, 7);
    case MLR_DTYPE_F8_E5M2:
        return mlr_f16_to_f64((uint16_t)(code << 8));
    case MLR_DTYPE_F8_E4M3FNUZ:
        return code == 128 ? (double)NAN : mlr_tiny_to_f64(code, 4, 3, 8);
    case MLR_DTYPE_F8_E5M2FNUZ:
        return code == 128 ? (double)NAN : mlr_tiny_to_f64(code, 5, 2, 16);
    case MLR_DTYPE_F8_E8M0:
        return mlr_e8m0_to_f64((uint8_t)code);
    case MLR_DTYPE_F4_E2M1:
        return mlr_tiny_to_f64(code, 2, 1, 1);
    case MLR_DTYPE_F6_E2M3:
        return mlr_tiny_to_f64(code, 2, 3, 1);
    case MLR_DTYPE_F6_E3M2:
        return mlr_tiny_to_f64(code, 3, 2, 3);
    case MLR_DTYPE_I8:
        return (int8_t)code;
    case MLR_DTYPE_I4:
        return code < 8 ? (int)code : (int)code - 16;
    case MLR_DTYPE_I2:
        return code < 2 ? (int)code : (int)code - 4;
    default:
        return code;
    }
}

/* --- values ------------------------------------------------------------------------------
 */

static void bytes_to_f64(const mlr_dtype *t, const uint8_t *src, size_t n, double *out)
{
    double table[256];
    unsigned codes = 1u << mlr_code_bits(t);
    for (unsigned code = 0; code < codes; code++) {
        table[code] = byte_value(t, code);
    }
    if (t->cls == MLR_CLASS_PACKED) {
        for (size_t i = 0; i < n; i++) {
            out[i] = table[packed_code(t, src, i)];
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = table[src[i]];
    }
}

/* One loop a type: `load` reads a code, `value` turns it into a double. */
#define LOOP(load, width, value)                                                           \
    for (size_t i = 0; i < n; i++) {                                                       \
        uint##load##_t code = mlr_load##load(src + (width)*i);                             \
        out[i] = value;                                                                    \
    }                                                                                      \
    break

static void two_bytes_to_f64(const mlr_dtype *t, const uint8_t *src, size_t n, double *out)
{
    switch (t->id) {
    case MLR_DTYPE_BF16:
        LOOP(16, 2, mlr_f32_to_f64((uint32_t)code << 16));
    case MLR_DTYPE_F16:
        LOOP(16, 2, mlr_f16_to_f64(code));
    case MLR_DTYPE_I16:
        LOOP(16, 2, (int16_t)code);
    default:
        LOOP(16, 2, code);
    }
}

static void four_bytes_to_f64(const mlr_dtype *t, const uint8_t *src, size_t n, double *out)
{
    switch (t->id) {
    case MLR_DTYPE_F32:
        LOOP(32, 4, mlr_f32_to_f64(code));
    case MLR_DTYPE_I32:
        LOOP(32, 4, (int32_t)code);
    default:
        LOOP(32, 4, code);
    }
}

static void eight_bytes_to_f64(const mlr_dtype *t, const uint8_t *src, size_t n,
                               double *out)
{
    switch (t->id) {
    case MLR_DTYPE_F64:
        LOOP(64, 8, mlr_bits_to_f64(code));
    case MLR_DTYPE_I64:
        LOOP(64, 8, (double)(int64_t)code);
    default:
        LOOP(64, 8, (double)code);
    }
}
#undef LOOP

static void native_to_f64(const mlr_dtype *t, const uint8_t *src, size_t n, double *out)
{
    switch (mlr_code_bytes(t)) {
    case 1:
        bytes_to_f64(t, src, n, out);
        break;
    case 2:
        two_bytes_to_f64(t, src, n, out);
        break;
    case 4:
        four_bytes_to_f64(t, src, n, out);
        break;
    default:
        eight_bytes_to_f64(t, src, n, out);
    }
}

static bool blocks_to_f64(const mlr_dtype *t, const uint8_t *src, size_t n, double *out,
                          bool big_endian)
{
    if (!mlr_block_known(t) || n % t->block_items != 0) {
        return false;
    }
    for (size_t i = 0; i < n / t->block_items; i++) {
        uint8_t swapped[LARGEST_BLOCK_BYTES];
        const uint8_t *block = src + i * t->block_bytes;
        if (big_endian) {
            memcpy(swapped, block, t->block_bytes);
            mlr_block_swap(t, swapped);
            block = swapped;
        }
        mlr_block_values(t, block, out + i * t->block_items);
    }
    return true;
}

static void swap_elements(uint8_t *to, const uint8_t *src, size_t n, unsigned width)
{
    for (size_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < width; k++) {
            to[i * width + k] = src[i * width + width - 1 - k];
        }
    }
}

bool mlr_to_f64(const mlr_dtype *t, const uint8_t *src, size_t n, double *out,
                bool big_endian)
{
    if (t->cls == MLR_CLASS_BLOCK) {
        return blocks_to_f64(t, src, n, out, big_endian);
    }
    if (!mlr_numeric_known(t)) {
        return false;
    }
    unsigned width = mlr_code_bytes(t);
    if (!big_endian || width == 1) {
        native_to_f64(t, src, n, out);
        return true;
    }
    uint8_t swapped[SWAP_ELEMENTS * 8];
    for (size_t at = 0; at < n;) {
        size_t some = n - at < SWAP_ELEMENTS ? n - at : SWAP_ELEMENTS;
        swap_elements(swapped, src + at * width, some, width);
        native_to_f64(t, swapped, some, out + at);
        at += some;
    }
    return true;
}

/* --- codes -------------------------------------------------------------------------------
 */

void mlr_to_codes(const mlr_dtype *t, const uint8_t *src, size_t n, void *out,
                  bool big_endian)
{
    unsigned width = mlr_code_bytes(t);
    if (t->cls == MLR_CLASS_PACKED) {
        uint8_t *to = out;
        for (size_t i = 0; i < n; i++) {
            to[i] = (uint8_t)packed_code(t, src, i);
        }
        return;
    }
    const uint8_t one_first[2] = {1, 0};
    uint16_t probe;
    memcpy(&probe, one_first, 2);
    bool host_big = probe != 1;
    if (width == 1 || big_endian == host_big) {
        memcpy(out, src, n * width);
        return;
    }
    swap_elements(out, src, n, width);
}

/* --- rounding ----------------------------------------------------------------------------
 */

static uint32_t f32_code(double value)
{
    float f = (float)value; /* round to nearest even, the only mode this program runs in */
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return value != value ? 0x7fc00000 : bits;
}

/* Rounds a double to 1 + man_bits significant bits at the precision of its binade. */
static double round_at(double value, int man_bits, int least_exponent)
{
    int exponent = 0;
    frexp(value, &exponent);
    int unit = exponent - 1 < least_exponent ? least_exponent : exponent - 1;
    return ldexp(nearbyint(ldexp(value, man_bits - unit)), unit - man_bits);
}

static uint32_t bf16_code(double value)
{
    if (value != value) {
        return 0x7fc0;
    }
    return isinf(value) ? f32_code(value) >> 16 : f32_code(round_at(value, 7, -126)) >> 16;
}

static uint32_t f16_code(double value)
{
    uint32_t sign = signbit(value) ? 0x8000 : 0;
    double a = fabs(value);
    if (value != value) {
        return 0x7e00;
    }
    a = isinf(a) ? a : round_at(a, 10, -14);
    if (a >= 65536.0) {
        return sign | 0x7c00;
    }
    if (a < 0x1p-14) {
        return sign | (uint32_t)(a * 0x1p24);
    }
    return sign | (uint32_t)((mlr_f64_to_bits(a) >> 42) - ((uint64_t)1008 << 10));
}

bool mlr_from_f64(const mlr_dtype *t, double value, uint32_t *code)
{
    switch (t->id) {
    case MLR_DTYPE_F32:
        *code = f32_code(value);
        return true;
    case MLR_DTYPE_BF16:
        *code = bf16_code(value);
        return true;
    case MLR_DTYPE_F16:
        *code = f16_code(value);
        return true;
    default:
        return false;
    }
}
