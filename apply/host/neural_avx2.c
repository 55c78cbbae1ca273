#include "apply/host/neural_avx2.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "apply/host/map_avx2.h"
#include "apply/host/neural32_avx2.h"
#include "apply/host/quant_avx2.h"
#include "apply/host/quant_mix_avx2.h"
#include "apply/host/rans_avx2.h"
#include "apply/host/rans_encode_avx2.h"
#include "apply/token.h"

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline void store(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

/* --- U * V -----------------------------------------------------------------------------
 */

static void dot(int32_t *sums, const int16_t *u, const int16_t *v, size_t stride,
                unsigned pairs, size_t n)
{
    size_t j = 0;
    for (; j + 16 <= n; j += 16) {
        __m256i low = _mm256_setzero_si256();
        __m256i high = low;
        const int16_t *at = v + 2 * j;
        for (unsigned k = 0; k < pairs; k++, at += 2 * stride) {
            uint32_t two = (uint16_t)u[2 * k] | (uint32_t)(uint16_t)u[2 * k + 1] << 16;
            __m256i both = _mm256_set1_epi32((int)two);
            low = _mm256_add_epi32(low, _mm256_madd_epi16(both, load(at)));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(both, load(at + 16)));
        }
        store(sums + j, low);
        store(sums + j + 8, high);
    }
    mlr_dot(sums + j, u, v + 2 * j, stride, pairs, n - j);
}

/* --- 16-bit floats ---------------------------------------------------------------------
 */

/* The base's own value as expectation. */
static size_t expect_base16(const mlr_chunk *c)
{
    const mlr_neural *m = c->model;
    const __m256i sign = _mm256_set1_epi16((short)0x8000);
    const __m256i limit = _mm256_set1_epi16((short)m->now.exp_limit);
    const __m256i top = _mm256_set1_epi16((short)m->top);
    const __m256i last = _mm256_set1_epi16((short)(m->classes - 1));
    const __m128i shift = _mm_cvtsi32_si128(m->now.mantissa);
    const __m128i map = _mm_loadu_si128((const __m128i *)(const void *)m->map);
    size_t i = 0;
    for (; i + 16 <= c->n; i += 16) {
        __m256i x = load(c->old + 2 * i);
        __m256i flip = _mm256_or_si256(_mm256_srai_epi16(x, 15), sign);
        store(c->expected + 2 * i, _mm256_xor_si256(x, flip));
        __m256i scale = _mm256_and_si256(_mm256_srl_epi16(x, shift), limit);
        __m256i class = _mm256_min_epu16(_mm256_subs_epu16(top, scale), last);
        __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(class),
                                         _mm256_extracti128_si256(class, 1));
        _mm_storeu_si128((__m128i *)(void *)(c->context + i), _mm_shuffle_epi8(map, bytes));
    }
    return i;
}

/* floor(log2(x)) of 0 < x < 2^31 in each lane: clearing low bits keeps the conversion from
   rounding up to the next power. */
static inline __m256i log2_of(__m256i x)
{
    __m256i exact = _mm256_andnot_si256(_mm256_srli_epi32(x, 8), x);
    __m256i bits = _mm256_castps_si256(_mm256_cvtepi32_ps(exact));
    return _mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(127));
}

static inline __m256i scaled(__m256i sum, int shift)
{
    const __m256i most = _mm256_set1_epi32((1 << 30) - 1);
    __m256i s = shift < 0 ? _mm256_sra_epi32(sum, _mm_cvtsi32_si128(-shift))
                          : _mm256_sll_epi32(sum, _mm_cvtsi32_si128(shift));
    s = _mm256_min_epi32(s, most);
    return _mm256_max_epi32(s, _mm256_sub_epi32(_mm256_setzero_si256(), most));
}

typedef struct lanes {
    __m256i bits, raw, flip;
} lanes;

/* predict.c's moved() for eight elements of one 16-bit type. */
static inline lanes move8(const mlr_neural *m, __m256i old, __m256i sum)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i one = _mm256_set1_epi32(1);
    const __m256i limit = _mm256_set1_epi32(m->now.exp_limit);
    const __m256i implied = _mm256_set1_epi32(1 << m->now.mantissa);
    const __m128i width = _mm_cvtsi32_si128(m->now.mantissa);
    const __m256i least = _mm256_set1_epi32(m->s_least);
    __m256i s = scaled(sum, m->shift);
    __m256i field = _mm256_and_si256(_mm256_srl_epi32(old, width), limit);
    __m256i tiny = _mm256_cmpeq_epi32(field, zero);
    __m256i mantissa = _mm256_and_si256(old, _mm256_sub_epi32(implied, one));
    mantissa = _mm256_or_si256(mantissa, _mm256_andnot_si256(tiny, implied));
    field = _mm256_sub_epi32(field, tiny);
    __m256i k = _mm256_sub_epi32(field, _mm256_set1_epi32(m->k_base));
    __m256i keep = _mm256_or_si256(_mm256_cmpeq_epi32(s, zero),
                                   _mm256_cmpgt_epi32(k, _mm256_set1_epi32(m->k_most)));
    /* shifts by 32 and more, and by negative counts, give zero: one of the two holds */
    __m256i x = _mm256_or_si256(_mm256_sllv_epi32(mantissa, k),
                                _mm256_srlv_epi32(mantissa, _mm256_sub_epi32(zero, k)));
    __m256i minus = _mm256_srai_epi32(_mm256_slli_epi32(old, 16), 31);
    x = _mm256_sub_epi32(_mm256_xor_si256(x, minus), minus);
    x = _mm256_add_epi32(x, s);
    __m256i negative = _mm256_srai_epi32(x, 31);
    __m256i size = _mm256_abs_epi32(x);
    __m256i none = _mm256_cmpeq_epi32(size, zero);
    __m256i shift =
        _mm256_sub_epi32(log2_of(_mm256_or_si256(size, _mm256_and_si256(none, one))),
                         _mm256_set1_epi32(m->now.mantissa));
    shift = _mm256_max_epi32(shift, least);
    __m256i up_shift = _mm256_max_epi32(shift, zero);
    __m256i unit = _mm256_sllv_epi32(one, up_shift);
    __m256i rest = _mm256_and_si256(size, _mm256_sub_epi32(unit, one));
    __m256i half = _mm256_srli_epi32(unit, 1);
    /* without a fraction nothing is rounded: the half of a unit of 1 would be 0 */
    __m256i whole = _mm256_cmpgt_epi32(one, shift);
    __m256i up =
        _mm256_andnot_si256(whole, _mm256_cmpgt_epi32(_mm256_add_epi32(rest, one), half));
    __m256i q = _mm256_srlv_epi32(size, up_shift);
    q = _mm256_blendv_epi8(q, _mm256_sllv_epi32(size, _mm256_sub_epi32(zero, shift)),
                           whole);
    q = _mm256_sub_epi32(q, up);
    __m256i far = _mm256_blendv_epi8(rest, _mm256_sub_epi32(unit, rest), up);
    __m256i four = _mm256_set1_epi32(4);
    __m256i edge = _mm256_or_si256(_mm256_srlv_epi32(far, _mm256_sub_epi32(shift, four)),
                                   _mm256_sllv_epi32(far, _mm256_sub_epi32(four, shift)));
    edge = _mm256_andnot_si256(whole, _mm256_min_epi32(edge, _mm256_set1_epi32(7)));
    __m256i bits = _mm256_sll_epi32(_mm256_sub_epi32(shift, least), width);
    bits = _mm256_add_epi32(bits, q);
    bits = _mm256_min_epi32(bits, _mm256_set1_epi32((int)m->now.max_bits));
    bits = _mm256_andnot_si256(none, bits);
    edge = _mm256_andnot_si256(none, edge);
    up = _mm256_andnot_si256(none, up);
    __m256i flip = _mm256_andnot_si256(none, _mm256_xor_si256(up, negative));
    bits = _mm256_or_si256(bits, _mm256_and_si256(negative, _mm256_set1_epi32(0x8000)));
    bits = _mm256_blendv_epi8(bits, old, keep);
    edge = _mm256_andnot_si256(keep, edge);
    flip = _mm256_andnot_si256(keep, flip);
    __m256i scale = _mm256_and_si256(_mm256_srl_epi32(bits, width), limit);
    __m256i class = _mm256_sub_epi32(_mm256_set1_epi32(m->top), scale);
    class =
        _mm256_max_epi32(_mm256_min_epi32(class, _mm256_set1_epi32(m->classes - 1)), zero);
    return (lanes){.bits = bits,
                   .raw = _mm256_add_epi32(_mm256_slli_epi32(class, 3), edge),
                   .flip = flip};
}

static inline __m256i pack16(__m256i a, __m256i b)
{
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
}

static size_t expect_moved16(const mlr_chunk *c)
{
    const mlr_neural *m = c->model;
    const __m256i sign = _mm256_set1_epi16((short)0x8000);
    size_t i = 0;
    for (; i + 16 <= c->n; i += 16) {
        __m256i x = load(c->old + 2 * i);
        lanes a =
            move8(m, _mm256_cvtepu16_epi32(_mm256_castsi256_si128(x)), load(c->sums + i));
        lanes b = move8(m, _mm256_cvtepu16_epi32(_mm256_extracti128_si256(x, 1)),
                        load(c->sums + i + 8));
        __m256i bits = pack16(a.bits, b.bits);
        __m256i flip = _mm256_or_si256(_mm256_srai_epi16(bits, 15), sign);
        store(c->expected + 2 * i, _mm256_xor_si256(bits, flip));
        __m256i raw = pack16(a.raw, b.raw);
        __m128i bytes =
            _mm_packus_epi16(_mm256_castsi256_si128(raw), _mm256_extracti128_si256(raw, 1));
        __m256i turn = pack16(_mm256_srli_epi32(a.flip, 24), _mm256_srli_epi32(b.flip, 24));
        __m128i turns = _mm_packus_epi16(_mm256_castsi256_si128(turn),
                                         _mm256_extracti128_si256(turn, 1));
        turns = _mm_and_si128(turns, _mm_set1_epi8((char)MLR_NEURAL_FLIP));
        __m128i table = mlr_map16(m->map, bytes);
        _mm_storeu_si128((__m128i *)(void *)(c->context + i), _mm_or_si128(table, turns));
    }
    return i;
}

static void predict_rest(const mlr_chunk *c, size_t done)
{
    mlr_chunk rest = *c;
    rest.element += done;
    rest.before += done;
    rest.n -= done;
    rest.old += done * c->model->was.bytes;
    rest.out = c->out == NULL ? NULL : c->out + done * c->model->now.bytes;
    rest.expected += done * c->model->now.bytes;
    rest.context += done;
    rest.sums = c->sums == NULL ? NULL : c->sums + done;
    mlr_predict(&rest);
}

static void predict(const mlr_chunk *c)
{
    const mlr_neural *m = c->model;
    size_t done = 0;
    bool plain = m->rank == 0 && m->edges == 1;
    bool moved = m->rank > 0 && m->edges == MLR_NEURAL_EDGES;
    bool simple = m->now.is_float && !m->convert && m->lag == 0 && (plain || moved);
    if (simple && m->now.bytes == 2) {
        done = plain ? expect_base16(c) : expect_moved16(c);
    } else if (simple && m->now.bytes == 4) {
        done = plain ? mlr_expect_base32_avx2(c) : mlr_expect_moved32_avx2(c);
    }
    predict_rest(c, done);
}

/* --- residuals -------------------------------------------------------------------------
 */

/* Tokens of 16 elements to zigzag values; those with raw bits are done one by one. */
static inline __m256i zigzag16(const uint8_t *token, mlr_rawbits *raw)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)token);
    __m128i large =
        _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(MLR_TOKEN_DIRECT)), bytes);
    __m256i z = _mm256_cvtepu8_epi16(bytes);
    unsigned mask = (unsigned)_mm_movemask_epi8(large);
    if (mask == 0) {
        return z;
    }
    uint16_t value[16];
    store(value, z);
    for (; mask != 0; mask &= mask - 1) {
        unsigned i = (unsigned)__builtin_ctz(mask);
        unsigned bits = mlr_token_bits(token[i], 2);
        value[i] = (uint16_t)(mlr_token_base(token[i], 2) | mlr_rawbits_take(raw, bits));
    }
    return load(value);
}

static inline void add16(const mlr_residual *r, size_t i, mlr_rawbits *raw)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i sign = _mm256_set1_epi16((short)0x8000);
    __m256i z = zigzag16(r->token + i, raw);
    __m256i odd = _mm256_sub_epi16(zero, _mm256_and_si256(z, _mm256_set1_epi16(1)));
    __m256i d = _mm256_xor_si256(_mm256_srli_epi16(z, 1), odd);
    __m256i context = _mm256_cvtepi8_epi16(
        _mm_loadu_si128((const __m128i *)(const void *)(r->context + i)));
    __m256i turn = _mm256_srai_epi16(context, 15);
    d = _mm256_sub_epi16(_mm256_xor_si256(d, turn), turn);
    __m256i o = _mm256_add_epi16(load(r->expected + 2 * i), d);
    /* back from ordered: the sign bit of positives goes, negatives turn all over */
    __m256i back = _mm256_xor_si256(_mm256_srai_epi16(o, 15), _mm256_set1_epi16(-1));
    store(r->out + 2 * i, _mm256_xor_si256(o, _mm256_or_si256(back, sign)));
}

static void add_part(const mlr_residual *r, size_t from, size_t n)
{
    mlr_residual part = *r;
    part.n = n;
    part.expected += from * r->now->bytes;
    part.out += from * r->now->bytes;
    part.context += from;
    part.token += from;
    mlr_residual_add(&part);
}

static void add(const mlr_residual *r)
{
    size_t i = 0;
    if (r->now->bytes == 2 && r->now->is_float) {
        mlr_rawbits raw = *r->raw;
        for (; i + 16 <= r->n; i += 16) {
            add16(r, i, &raw);
        }
        *r->raw = raw;
    } else if (r->now->bytes == 4 && r->now->is_float) {
        mlr_add32_avx2(r);
        i = r->n;
    }
    add_part(r, i, r->n - i);
}

/* --- the encoder's residuals -----------------------------------------------------------
 */

static inline __m256i value16(const mlr_values16 *v, size_t i)
{
    const __m256i sign = _mm256_set1_epi16((short)0x8000);
    __m256i x = load(v->new_bytes + 2 * i);
    x = _mm256_xor_si256(x, _mm256_or_si256(_mm256_srai_epi16(x, 15), sign));
    __m256i d = _mm256_sub_epi16(x, load(v->expected + 2 * i));
    __m256i context = _mm256_cvtepi8_epi16(
        _mm_loadu_si128((const __m128i *)(const void *)(v->context + i)));
    __m256i turn = _mm256_srai_epi16(context, 15);
    d = _mm256_sub_epi16(_mm256_xor_si256(d, turn), turn);
    return _mm256_xor_si256(_mm256_add_epi16(d, d), _mm256_srai_epi16(d, 15));
}

static void values16(const mlr_values16 *v)
{
    const __m256i last = _mm256_set1_epi8(MLR_TOKEN_DIRECT - 1);
    size_t i = 0;
    for (; i + 32 <= v->n; i += 32) {
        __m256i a = value16(v, i);
        __m256i b = value16(v, i + 16);
        store(v->z + i, a);
        store(v->z + i + 16, b);
        /* values saturate as unsigned only below 2^15: cut them first */
        const __m256i most = _mm256_set1_epi16(255);
        __m256i both =
            _mm256_packus_epi16(_mm256_min_epu16(a, most), _mm256_min_epu16(b, most));
        both = _mm256_permute4x64_epi64(both, 0xd8);
        __m256i direct = _mm256_cmpeq_epi8(_mm256_min_epu8(both, last), both);
        store(v->token + i,
              _mm256_or_si256(both, _mm256_xor_si256(direct, _mm256_set1_epi8(-1))));
    }
    for (; i < v->n; i++) {
        uint16_t x = mlr_load16(v->new_bytes + 2 * i);
        uint16_t o = (uint16_t)((x & 0x8000) != 0 ? ~x : x | 0x8000);
        uint16_t d = (uint16_t)(o - mlr_load16(v->expected + 2 * i));
        uint16_t turn = (uint16_t)(0 - (v->context[i] >> 7));
        d = (uint16_t)((d ^ turn) - turn);
        v->z[i] = (uint16_t)((d << 1) ^ (0 - (d >> 15)));
        v->token[i] = (uint8_t)(v->z[i] < MLR_TOKEN_DIRECT ? v->z[i] : 255);
    }
}

const mlr_neural_kernels mlr_neural_avx2 = {.rans = mlr_rans_decode_avx2,
                                            .dot = dot,
                                            .predict = predict,
                                            .add = add,
                                            .rans_encode = mlr_rans_encode_avx2,
                                            .values16 = values16,
                                            .requant = mlr_requant_run_avx2,
                                            .quant_mixed = mlr_quant_mixed_avx2};

#endif
