/* The inner loops of measuring for AVX2. Four doubles are the four lanes of the reference.
 */
#include "analysis/measure_kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>
#include <math.h>

#include "analysis/blocks.h"
#include "apply/base/dtype.h"
#include "apply/base/mem.h"

typedef struct accumulators {
    __m256d d, abs_d, dd, o, abs_o, oo, nn, on, min, max;
    __m256i flips;
} accumulators;

static inline __m256d magnitude(__m256d v)
{
    return _mm256_andnot_pd(_mm256_set1_pd(-0.0), v);
}

static inline accumulators load_sums(const mlr_sums *s)
{
    return (accumulators){
        _mm256_loadu_pd(s->d),   _mm256_loadu_pd(s->abs_d), _mm256_loadu_pd(s->dd),
        _mm256_loadu_pd(s->o),   _mm256_loadu_pd(s->abs_o), _mm256_loadu_pd(s->oo),
        _mm256_loadu_pd(s->nn),  _mm256_loadu_pd(s->on),    _mm256_loadu_pd(s->min),
        _mm256_loadu_pd(s->max), _mm256_setzero_si256()};
}

static inline uint64_t add_lanes(__m256i v)
{
    uint64_t lane[4];
    memcpy(lane, &v, sizeof lane);
    return lane[0] + lane[1] + lane[2] + lane[3];
}

static inline void store_sums(mlr_sums *s, const accumulators *a)
{
    _mm256_storeu_pd(s->d, a->d);
    _mm256_storeu_pd(s->abs_d, a->abs_d);
    _mm256_storeu_pd(s->dd, a->dd);
    _mm256_storeu_pd(s->o, a->o);
    _mm256_storeu_pd(s->abs_o, a->abs_o);
    _mm256_storeu_pd(s->oo, a->oo);
    _mm256_storeu_pd(s->nn, a->nn);
    _mm256_storeu_pd(s->on, a->on);
    _mm256_storeu_pd(s->min, a->min);
    _mm256_storeu_pd(s->max, a->max);
    s->flips += 0 - add_lanes(a->flips);
}

/* Assumes finite differences; the caller looks at abs_d to learn whether that held. The
   product of two narrow floats is negative exactly where the sign flipped. */
static inline void add_four(accumulators *a, __m256d o, __m256d n)
{
    __m256d d = _mm256_sub_pd(n, o);
    __m256d on = _mm256_mul_pd(o, n);
    a->d = _mm256_add_pd(a->d, d);
    a->abs_d = _mm256_add_pd(a->abs_d, magnitude(d));
    a->dd = _mm256_add_pd(a->dd, _mm256_mul_pd(d, d));
    a->o = _mm256_add_pd(a->o, o);
    a->abs_o = _mm256_add_pd(a->abs_o, magnitude(o));
    a->oo = _mm256_add_pd(a->oo, _mm256_mul_pd(o, o));
    a->nn = _mm256_add_pd(a->nn, _mm256_mul_pd(n, n));
    a->on = _mm256_add_pd(a->on, on);
    a->min = _mm256_min_pd(d, a->min);
    a->max = _mm256_max_pd(d, a->max);
    __m256d flip = _mm256_cmp_pd(on, _mm256_setzero_pd(), _CMP_LT_OQ);
    a->flips = _mm256_add_epi64(a->flips, _mm256_castpd_si256(flip));
}

/* For doubles, whose product may underflow. */
static inline __m256d flipped(__m256d o, __m256d n)
{
    __m256d zero = _mm256_setzero_pd();
    __m256d down = _mm256_and_pd(_mm256_cmp_pd(o, zero, _CMP_GT_OQ),
                                 _mm256_cmp_pd(n, zero, _CMP_LT_OQ));
    __m256d up = _mm256_and_pd(_mm256_cmp_pd(o, zero, _CMP_LT_OQ),
                               _mm256_cmp_pd(n, zero, _CMP_GT_OQ));
    return _mm256_or_pd(down, up);
}

/* Both are not 0 and their signs differ: one bit of each lane, which a sum of bits counts.
 */
static inline __m256i one_if_flipped(__m256d o, __m256d n)
{
    __m256d zero = _mm256_setzero_pd();
    __m256d both = _mm256_and_pd(_mm256_cmp_pd(o, zero, _CMP_NEQ_OQ),
                                 _mm256_cmp_pd(n, zero, _CMP_NEQ_OQ));
    __m256d sign = _mm256_and_pd(_mm256_xor_pd(o, n), both);
    return _mm256_srli_epi64(_mm256_castpd_si256(sign), 63);
}

static bool all_finite(const double *lane)
{
    return fabs(lane[0] + lane[1] + lane[2] + lane[3]) < (double)INFINITY;
}

/* What is mostly so: every difference is finite. False, and nothing done, where one is not.
 */
static bool sums_of_finite(mlr_sums *s, const double *o, const double *n, size_t count)
{
    accumulators a = load_sums(s);
    double lane[MLR_LANES];
    for (size_t i = 0; i < count; i += 4) {
        __m256d x = _mm256_loadu_pd(o + i), y = _mm256_loadu_pd(n + i);
        __m256d d = _mm256_sub_pd(y, x);
        a.d = _mm256_add_pd(a.d, d);
        a.abs_d = _mm256_add_pd(a.abs_d, magnitude(d));
        a.dd = _mm256_add_pd(a.dd, _mm256_mul_pd(d, d));
        a.o = _mm256_add_pd(a.o, x);
        a.abs_o = _mm256_add_pd(a.abs_o, magnitude(x));
        a.oo = _mm256_add_pd(a.oo, _mm256_mul_pd(x, x));
        a.nn = _mm256_add_pd(a.nn, _mm256_mul_pd(y, y));
        a.on = _mm256_add_pd(a.on, _mm256_mul_pd(x, y));
        a.min = _mm256_min_pd(d, a.min);
        a.max = _mm256_max_pd(d, a.max);
        a.flips = _mm256_sub_epi64(a.flips, one_if_flipped(x, y));
    }
    _mm256_storeu_pd(lane, a.abs_d);
    if (!all_finite(lane)) {
        return false;
    }
    store_sums(s, &a);
    s->finite += count;
    return true;
}

static void sums(mlr_sums *s, const double *o, const double *n, size_t count)
{
    if (count % 4 == 0 && sums_of_finite(s, o, n, count)) {
        return;
    }
    const __m256d inf = _mm256_set1_pd((double)INFINITY);
    accumulators a = load_sums(s);
    __m256i finite = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        __m256d x = _mm256_loadu_pd(o + i), y = _mm256_loadu_pd(n + i);
        __m256d d = _mm256_sub_pd(y, x);
        __m256d ok = _mm256_cmp_pd(magnitude(d), inf, _CMP_LT_OQ);
        finite = _mm256_add_epi64(finite, _mm256_castpd_si256(ok));
        d = _mm256_and_pd(d, ok);
        x = _mm256_and_pd(x, ok);
        y = _mm256_and_pd(y, ok);
        a.d = _mm256_add_pd(a.d, d);
        a.abs_d = _mm256_add_pd(a.abs_d, magnitude(d));
        a.dd = _mm256_add_pd(a.dd, _mm256_mul_pd(d, d));
        a.o = _mm256_add_pd(a.o, x);
        a.abs_o = _mm256_add_pd(a.abs_o, magnitude(x));
        a.oo = _mm256_add_pd(a.oo, _mm256_mul_pd(x, x));
        a.nn = _mm256_add_pd(a.nn, _mm256_mul_pd(y, y));
        a.on = _mm256_add_pd(a.on, _mm256_mul_pd(x, y));
        a.min = _mm256_min_pd(_mm256_blendv_pd(inf, d, ok), a.min);
        a.max = _mm256_max_pd(
            _mm256_blendv_pd(_mm256_sub_pd(_mm256_setzero_pd(), inf), d, ok), a.max);
        a.flips = _mm256_add_epi64(a.flips, _mm256_castpd_si256(flipped(x, y)));
    }
    store_sums(s, &a);
    s->finite += 0 - add_lanes(finite);
    if (i < count) {
        mlr_measure_scalar.sums(s, o + i, n + i, count - i);
    }
}

/* --- narrow floats -----------------------------------------------------------------------
 */

static inline __m256 eight_bf16(const uint8_t *p)
{
    __m256i v = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16));
}

/* Shifting into place and scaling by 2^112 handles denormals; NaN and Inf need the top
   exponent. */
static inline __m256 eight_f16(const uint8_t *p)
{
    __m256i v = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
    __m256i body = _mm256_slli_epi32(_mm256_and_si256(v, _mm256_set1_epi32(0x7fff)), 13);
    __m256i sign = _mm256_slli_epi32(_mm256_and_si256(v, _mm256_set1_epi32(0x8000)), 16);
    __m256i special = _mm256_cmpgt_epi32(body, _mm256_set1_epi32(0x0f7fffff));
    __m256i scaled = _mm256_castps_si256(
        _mm256_mul_ps(_mm256_castsi256_ps(body), _mm256_set1_ps(0x1p112F)));
    __m256i fixed =
        _mm256_or_si256(scaled, _mm256_and_si256(special, _mm256_set1_epi32(0x7f800000)));
    return _mm256_castsi256_ps(_mm256_or_si256(fixed, sign));
}

static inline __m256 eight_f32(const uint8_t *p)
{
    return _mm256_castsi256_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

/* Every byte is a float, exactly. */
static inline __m256 eight_i8(const uint8_t *p)
{
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
}

static inline __m256 eight_u8(const uint8_t *p)
{
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

static inline __m256d low_four(__m256 v)
{
    return _mm256_cvtps_pd(_mm256_castps256_ps128(v));
}

static inline __m256d high_four(__m256 v)
{
    return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
}

#define SUMS_OF(type, width)                                                               \
    static size_t sums_##type(mlr_sums *s, const uint8_t *o, const uint8_t *n,             \
                              size_t count)                                                \
    {                                                                                      \
        accumulators a = load_sums(s);                                                     \
        size_t i = 0;                                                                      \
        for (; i + 8 <= count; i += 8) {                                                   \
            __m256 x = eight_##type(o + i * (width)), y = eight_##type(n + i * (width));   \
            add_four(&a, low_four(x), low_four(y));                                        \
            add_four(&a, high_four(x), high_four(y));                                      \
        }                                                                                  \
        store_sums(s, &a);                                                                 \
        return i;                                                                          \
    }                                                                                      \
    static size_t widen_##type(const uint8_t *src, size_t count, double *out)              \
    {                                                                                      \
        size_t i = 0;                                                                      \
        for (; i + 8 <= count; i += 8) {                                                   \
            __m256 x = eight_##type(src + i * (width));                                    \
            _mm256_storeu_pd(out + i, low_four(x));                                        \
            _mm256_storeu_pd(out + i + 4, high_four(x));                                   \
        }                                                                                  \
        return i;                                                                          \
    }
SUMS_OF(bf16, 2)
SUMS_OF(f16, 2)
SUMS_OF(f32, 4)
SUMS_OF(i8, 1)
SUMS_OF(u8, 1)
#undef SUMS_OF

/* Falls back where a difference was not finite or elements are left over: the caller then
   takes the general way for this piece. */
static bool sums_of(mlr_sums *s, unsigned dtype, const uint8_t *o, const uint8_t *n,
                    size_t count)
{
    mlr_sums before = *s;
    size_t done = 0;
    if (count % 8 != 0) {
        return false;
    }
    switch (dtype) {
    case MLR_DTYPE_BF16:
        done = sums_bf16(s, o, n, count);
        break;
    case MLR_DTYPE_F16:
        done = sums_f16(s, o, n, count);
        break;
    case MLR_DTYPE_F32:
        done = sums_f32(s, o, n, count);
        break;
    case MLR_DTYPE_I8:
        done = sums_i8(s, o, n, count);
        break;
    case MLR_DTYPE_U8:
        done = sums_u8(s, o, n, count);
        break;
    default:
        return false;
    }
    if (!all_finite(s->abs_d)) {
        *s = before;
        return false;
    }
    s->finite += done;
    return true;
}

static bool widen_blocks(const mlr_dtype *t, const uint8_t *src, size_t count, double *out)
{
    bool known = count % t->block_items == 0;
    for (size_t i = 0; known && i < count; i += t->block_items) {
        known = mlr_block_values_avx2(t->id, src, out + i);
        src += t->block_bytes;
    }
    return known;
}

static bool widen(const mlr_dtype *t, const uint8_t *src, size_t count, double *out)
{
    if (t->cls == MLR_CLASS_BLOCK) {
        return widen_blocks(t, src, count, out);
    }
    if (count % 8 != 0) {
        return false;
    }
    switch (t->id) {
    case MLR_DTYPE_BF16:
        return widen_bf16(src, count, out) == count;
    case MLR_DTYPE_F16:
        return widen_f16(src, count, out) == count;
    case MLR_DTYPE_F32:
        return widen_f32(src, count, out) == count;
    case MLR_DTYPE_I8:
        return widen_i8(src, count, out) == count;
    case MLR_DTYPE_U8:
        return widen_u8(src, count, out) == count;
    default:
        return false;
    }
}

/* --- differing elements ------------------------------------------------------------------
 */

static inline __m256i load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline __m256i equal(unsigned width, __m256i a, __m256i b)
{
    switch (width) {
    case 1:
        return _mm256_cmpeq_epi8(a, b);
    case 2:
        return _mm256_cmpeq_epi16(a, b);
    case 4:
        return _mm256_cmpeq_epi32(a, b);
    default:
        return _mm256_cmpeq_epi64(a, b);
    }
}

static inline void compare_width(unsigned width, const uint8_t *o, const uint8_t *n,
                                 size_t count, uint64_t out[2])
{
    size_t bytes = count * width, at = 0;
    uint64_t equal_bytes = 0, bytes_of_equal = 0;
    for (; at + 32 <= bytes; at += 32) {
        __m256i a = load(o + at), b = load(n + at);
        unsigned by_byte = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b));
        unsigned by_element = (unsigned)_mm256_movemask_epi8(equal(width, a, b));
        equal_bytes += (unsigned)__builtin_popcount(by_byte);
        bytes_of_equal += (unsigned)__builtin_popcount(by_element);
    }
    out[0] += (at - bytes_of_equal) / width;
    out[1] += at - equal_bytes;
    if (at < bytes) {
        mlr_measure_scalar.compare(width, o + at, n + at, (bytes - at) / width, out);
    }
}

static void compare(unsigned width, const uint8_t *o, const uint8_t *n, size_t count,
                    uint64_t out[2])
{
    switch (width) {
    case 1:
        compare_width(1, o, n, count, out);
        break;
    case 2:
        compare_width(2, o, n, count, out);
        break;
    case 4:
        compare_width(4, o, n, count, out);
        break;
    default:
        compare_width(8, o, n, count, out);
    }
}

/* 16 flags of two-byte elements. */
static inline __m128i flags_2(const uint8_t *o, const uint8_t *n)
{
    __m256i e = _mm256_cmpeq_epi16(load(o), load(n));
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi16(e, e), 0x08);
    return _mm_add_epi8(_mm256_castsi256_si128(packed), _mm_set1_epi8(1));
}

/* 8 flags of four-byte elements, in the low half. */
static inline __m128i flags_4(const uint8_t *o, const uint8_t *n)
{
    __m256i e = _mm256_cmpeq_epi32(load(o), load(n));
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(e), _mm256_extracti128_si256(e, 1));
    return _mm_add_epi8(_mm_packs_epi16(w, w), _mm_set1_epi8(1));
}

static size_t flags(unsigned width, const uint8_t *o, const uint8_t *n, size_t count,
                    uint8_t *out)
{
    size_t i = 0, changed = 0;
    __m128i ones = _mm_setzero_si128();
    if (width == 1) {
        for (; i + 16 <= count; i += 16) {
            __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(o + i));
            __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(n + i));
            __m128i f = _mm_add_epi8(_mm_cmpeq_epi8(a, b), _mm_set1_epi8(1));
            _mm_storeu_si128((__m128i *)(void *)(out + i), f);
            ones = _mm_add_epi64(ones, _mm_sad_epu8(f, _mm_setzero_si128()));
        }
    } else if (width == 2) {
        for (; i + 16 <= count; i += 16) {
            __m128i f = flags_2(o + 2 * i, n + 2 * i);
            _mm_storeu_si128((__m128i *)(void *)(out + i), f);
            ones = _mm_add_epi64(ones, _mm_sad_epu8(f, _mm_setzero_si128()));
        }
    } else if (width == 4) {
        for (; i + 8 <= count; i += 8) {
            __m128i f = flags_4(o + 4 * i, n + 4 * i);
            _mm_storel_epi64((__m128i *)(void *)(out + i), f);
            __m128i low = _mm_move_epi64(f);
            ones = _mm_add_epi64(ones, _mm_sad_epu8(low, _mm_setzero_si128()));
        }
    }
    changed = (size_t)_mm_cvtsi128_si64(ones) + (size_t)_mm_extract_epi64(ones, 1);
    if (i < count) {
        changed += mlr_measure_scalar.flags(width, o + i * width, n + i * width, count - i,
                                            out + i);
    }
    return changed;
}

static inline unsigned differ_4(const double *o, const double *n)
{
    __m256d x = _mm256_loadu_pd(o), y = _mm256_loadu_pd(n);
    __m256d unlike = _mm256_cmp_pd(x, y, _CMP_NEQ_UQ);
    __m256d nans =
        _mm256_and_pd(_mm256_cmp_pd(x, x, _CMP_UNORD_Q), _mm256_cmp_pd(y, y, _CMP_UNORD_Q));
    return (unsigned)_mm256_movemask_pd(_mm256_andnot_pd(nans, unlike));
}

static size_t differ(const double *o, const double *n, size_t count, uint8_t *out)
{
    size_t i = 0, changed = 0;
    for (; i + 8 <= count; i += 8) {
        unsigned mask = differ_4(o + i, n + i) | differ_4(o + i + 4, n + i + 4) << 4;
        uint64_t eight = _pdep_u64(mask, 0x0101010101010101);
        memcpy(out + i, &eight, sizeof eight);
        changed += (unsigned)__builtin_popcount(mask);
    }
    return i < count ? changed + mlr_measure_scalar.differ(o + i, n + i, count - i, out + i)
                     : changed;
}

static void delta(const double *o, const double *n, size_t count, double *out)
{
    const __m256d inf = _mm256_set1_pd((double)INFINITY);
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        __m256d d = _mm256_sub_pd(_mm256_loadu_pd(n + i), _mm256_loadu_pd(o + i));
        __m256d ok = _mm256_cmp_pd(magnitude(d), inf, _CMP_LT_OQ);
        _mm256_storeu_pd(out + i, _mm256_and_pd(d, ok));
    }
    if (i < count) {
        mlr_measure_scalar.delta(o + i, n + i, count - i, out + i);
    }
}

/* --- one side ----------------------------------------------------------------------------
 */

static void side_of_any(mlr_side_sums *s, const double *v, size_t count,
                        double least_normal)
{
    const __m256d inf = _mm256_set1_pd((double)INFINITY), none = _mm256_setzero_pd();
    const __m256d normal = _mm256_set1_pd(least_normal);
    __m256d sum = _mm256_loadu_pd(s->v), abs = _mm256_loadu_pd(s->abs_v);
    __m256d sq = _mm256_loadu_pd(s->vv), least = _mm256_loadu_pd(s->least);
    __m256d min = _mm256_loadu_pd(s->min), max = _mm256_loadu_pd(s->max);
    __m256i nans = _mm256_setzero_si256(), infs = nans, small = nans, zeros = nans;
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        __m256d raw = _mm256_loadu_pd(v + i);
        __m256d ok = _mm256_cmp_pd(magnitude(raw), inf, _CMP_LT_OQ);
        __m256d x = _mm256_and_pd(raw, ok), a = magnitude(x);
        __m256d zero = _mm256_cmp_pd(raw, none, _CMP_EQ_OQ);
        __m256d is_inf = _mm256_cmp_pd(magnitude(raw), inf, _CMP_EQ_OQ);
        __m256d is_nan = _mm256_cmp_pd(raw, raw, _CMP_UNORD_Q);
        __m256d tiny =
            _mm256_andnot_pd(zero, _mm256_cmp_pd(magnitude(raw), normal, _CMP_LT_OQ));
        sum = _mm256_add_pd(sum, x);
        abs = _mm256_add_pd(abs, a);
        sq = _mm256_add_pd(sq, _mm256_mul_pd(x, x));
        min = _mm256_min_pd(_mm256_blendv_pd(inf, x, ok), min);
        max = _mm256_max_pd(_mm256_blendv_pd(_mm256_sub_pd(none, inf), x, ok), max);
        __m256d counts = _mm256_andnot_pd(zero, ok);
        least = _mm256_min_pd(_mm256_blendv_pd(inf, a, counts), least);
        nans = _mm256_sub_epi64(nans, _mm256_castpd_si256(is_nan));
        infs = _mm256_sub_epi64(infs, _mm256_castpd_si256(is_inf));
        small = _mm256_sub_epi64(small, _mm256_castpd_si256(tiny));
        zeros = _mm256_sub_epi64(zeros, _mm256_castpd_si256(zero));
    }
    _mm256_storeu_pd(s->v, sum);
    _mm256_storeu_pd(s->abs_v, abs);
    _mm256_storeu_pd(s->vv, sq);
    _mm256_storeu_pd(s->least, least);
    _mm256_storeu_pd(s->min, min);
    _mm256_storeu_pd(s->max, max);
    s->nan += add_lanes(nans);
    s->infinite += add_lanes(infs);
    s->denormal += add_lanes(small);
    s->zero += add_lanes(zeros);
    if (i < count) {
        mlr_measure_scalar.side(s, v + i, count - i, least_normal);
    }
}

/* What is mostly so: every value is finite. False, and nothing done, where one is not. A
   zero becomes a NaN for `least`, which a minimum passes over. */
static bool side_of_finite(mlr_side_sums *s, const double *v, size_t count,
                           double least_normal)
{
    const __m256d none = _mm256_setzero_pd(), normal = _mm256_set1_pd(least_normal);
    __m256d sum = _mm256_loadu_pd(s->v), abs = _mm256_loadu_pd(s->abs_v);
    __m256d sq = _mm256_loadu_pd(s->vv), least = _mm256_loadu_pd(s->least);
    __m256d min = _mm256_loadu_pd(s->min), max = _mm256_loadu_pd(s->max);
    __m256i small = _mm256_setzero_si256(), zeros = small;
    double lane[MLR_LANES];
    for (size_t i = 0; i < count; i += 4) {
        __m256d x = _mm256_loadu_pd(v + i), a = magnitude(x);
        __m256d zero = _mm256_cmp_pd(x, none, _CMP_EQ_OQ);
        __m256d tiny = _mm256_cmp_pd(a, normal, _CMP_LT_OQ);
        sum = _mm256_add_pd(sum, x);
        abs = _mm256_add_pd(abs, a);
        sq = _mm256_add_pd(sq, _mm256_mul_pd(x, x));
        min = _mm256_min_pd(x, min);
        max = _mm256_max_pd(x, max);
        least = _mm256_min_pd(_mm256_or_pd(a, zero), least);
        small = _mm256_sub_epi64(small, _mm256_castpd_si256(tiny));
        zeros = _mm256_sub_epi64(zeros, _mm256_castpd_si256(zero));
    }
    _mm256_storeu_pd(lane, abs);
    if (!all_finite(lane)) {
        return false;
    }
    _mm256_storeu_pd(s->v, sum);
    _mm256_storeu_pd(s->abs_v, abs);
    _mm256_storeu_pd(s->vv, sq);
    _mm256_storeu_pd(s->least, least);
    _mm256_storeu_pd(s->min, min);
    _mm256_storeu_pd(s->max, max);
    s->zero += add_lanes(zeros);
    s->denormal += add_lanes(small) - (least_normal > 0 ? add_lanes(zeros) : 0);
    return true;
}

static void side(mlr_side_sums *s, const double *v, size_t count, double least_normal)
{
    if (count % 4 != 0 || !side_of_finite(s, v, count, least_normal)) {
        side_of_any(s, v, count, least_normal);
    }
}

/* --- places ------------------------------------------------------------------------------
 */

static double cell(const uint8_t *f, const double *d, size_t count, uint64_t *changed)
{
    double sum[MLR_LANES] = {0};
    uint64_t n = 0;
    size_t i = 0;
    if (count >= 8) {
        __m256d s = _mm256_setzero_pd();
        for (; i + 8 <= count; i += 8) {
            uint64_t eight;
            memcpy(&eight, f + i, sizeof eight);
            n += (unsigned)__builtin_popcountll(eight);
            s = _mm256_add_pd(s, magnitude(_mm256_loadu_pd(d + i)));
            s = _mm256_add_pd(s, magnitude(_mm256_loadu_pd(d + i + 4)));
        }
        _mm256_storeu_pd(sum, s);
    }
    for (; i < count; i++) {
        sum[i % MLR_LANES] += fabs(d[i]);
        n += f[i];
    }
    *changed += n;
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void columns(uint32_t *to, const uint8_t *f, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256i add =
            _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(f + i)));
        __m256i *at = (__m256i *)(void *)(to + i);
        _mm256_storeu_si256(at, _mm256_add_epi32(_mm256_loadu_si256(at), add));
    }
    for (; i < count; i++) {
        to[i] += f[i];
    }
}

const mlr_measure_kernels mlr_measure_avx2 = {"avx2", sums,  sums_of, widen, compare, flags,
                                              differ, delta, side,    cell,  columns};

#else
typedef int mlr_measure_avx2_is_empty_here; /* ISO C wants a declaration */
#endif
