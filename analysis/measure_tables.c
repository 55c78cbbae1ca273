#include "analysis/measure_tables.h"

#include <math.h>

#include "analysis/compensated.h"
#include "analysis/small_float.h"
#include "apply/base/cursor.h"
#include "apply/base/mem.h"

mlr_code_kind mlr_code_kind_of(const mlr_dtype *t)
{
    mlr_order order = mlr_code_order(t);
    mlr_code_kind k = {.width = mlr_code_bytes(t), .bits = mlr_code_bits(t)};
    uint64_t top = (uint64_t)1 << (k.bits - 1);
    k.top = order == MLR_ORDER_UNSIGNED ? 0 : top;
    k.negative = order == MLR_ORDER_FLOAT ? top | (top - 1) : 0;
    return k;
}

/* --- counting ----------------------------------------------------------------------------
 */

/* Room for the counters of every other byte: a counter that is raised twice in a row waits
   for itself, and where few bytes change it is one and the same counter. */
enum { ODD_OLD = 0, ODD_NEW = 256, ODD_XOR = 512, ODD_DELTA = 768, ODD_COUNT = 1280 };

static void add_odd(uint32_t *t, const uint32_t *odd, unsigned bits)
{
    size_t zero = ((size_t)1 << bits) - 1;
    for (size_t i = 0; i < 256; i++) {
        t[MLR_T_OLD + i] += odd[ODD_OLD + i];
        t[MLR_T_NEW + i] += odd[ODD_NEW + i];
        t[MLR_T_XOR + i] += odd[ODD_XOR + i];
    }
    for (size_t i = 0; i <= 2 * zero; i++) {
        t[MLR_T_DELTA + i] += odd[ODD_DELTA + i];
    }
}

/* Bytes in the order of unsigned or signed integers, none to be skipped. */
static void count_bytes(uint32_t *t, const mlr_code_kind *k, const uint8_t *o,
                        const uint8_t *n, size_t count)
{
    uint32_t odd[ODD_COUNT] = {0};
    const size_t zero = ((size_t)1 << k->bits) - 1;
    const unsigned flip = (unsigned)k->top;
    uint32_t *delta = t + MLR_T_DELTA + zero, *odd_delta = odd + ODD_DELTA + zero;
    for (size_t i = 0; i + 2 <= count; i += 2) {
        unsigned a = o[i], b = n[i], c = o[i + 1], d = n[i + 1];
        t[MLR_T_OLD + a]++;
        t[MLR_T_NEW + b]++;
        t[MLR_T_XOR + (a ^ b)]++;
        delta[(int)(b ^ flip) - (int)(a ^ flip)]++;
        odd[ODD_OLD + c]++;
        odd[ODD_NEW + d]++;
        odd[ODD_XOR + (c ^ d)]++;
        odd_delta[(int)(d ^ flip) - (int)(c ^ flip)]++;
    }
    if (count % 2 != 0) {
        unsigned a = o[count - 1], b = n[count - 1];
        t[MLR_T_OLD + a]++;
        t[MLR_T_NEW + b]++;
        t[MLR_T_XOR + (a ^ b)]++;
        delta[(int)(b ^ flip) - (int)(a ^ flip)]++;
    }
    add_odd(t, odd, k->bits);
}

static void count_1(uint32_t *t, const mlr_code_kind *k, const uint8_t *o, const uint8_t *n,
                    size_t count, const uint8_t *skip)
{
    uint32_t odd[ODD_COUNT] = {0};
    size_t zero = ((size_t)1 << k->bits) - 1;
    uint32_t *const old_at[2] = {t + MLR_T_OLD, odd + ODD_OLD};
    uint32_t *const new_at[2] = {t + MLR_T_NEW, odd + ODD_NEW};
    uint32_t *const xor_at[2] = {t + MLR_T_XOR, odd + ODD_XOR};
    uint32_t *const delta_at[2] = {t + MLR_T_DELTA + zero, odd + ODD_DELTA + zero};
    for (size_t i = 0; i < count; i++) {
        unsigned a = o[i], b = n[i];
        old_at[i & 1][a]++;
        new_at[i & 1][b]++;
        xor_at[i & 1][a ^ b]++;
        int d = (int)mlr_order_code(k, b) - (int)mlr_order_code(k, a);
        if (skip == NULL || !skip[i]) {
            delta_at[i & 1][d]++;
        }
    }
    add_odd(t, odd, k->bits);
}

static inline void count_2(uint32_t *t, const mlr_code_kind *k, const uint8_t *o,
                           const uint8_t *n, size_t count, const uint8_t *skip)
{
    uint32_t *distance = t + MLR_T_DELTA + 65535;
    const uint32_t negative = (uint32_t)k->negative, top = (uint32_t)k->top;
    for (size_t i = 0; i < count; i++) {
        uint32_t a = mlr_load16(o + 2 * i), b = mlr_load16(n + 2 * i);
        t[MLR_T_OLD + a]++;
        t[MLR_T_NEW + b]++;
        t[MLR_T_XOR + (a ^ b)]++;
        uint32_t x = a ^ (((0 - (a >> 15)) & negative) | top);
        uint32_t y = b ^ (((0 - (b >> 15)) & negative) | top);
        if (skip == NULL || !skip[i]) {
            distance[(int)y - (int)x]++;
        }
    }
}

/* With a constant width these come down to a few instructions, if only they are inlined. */
#define FORCED static inline __attribute__((always_inline))

/* Counts a value of `width` bytes: the upper two together, the lower ones apart. */
FORCED void count_wide(uint32_t *top, uint32_t *low, uint64_t v, unsigned width)
{
    top[v >> (8 * (width - 2))]++;
    for (unsigned k = 0; k + 2 < width; k++) {
        low[k * 256 + (v >> (8 * k) & 255)]++;
    }
}

FORCED void count_wide_move(uint32_t *t, const mlr_code_kind *k, uint64_t a, uint64_t b,
                            bool skip, uint64_t *largest)
{
    unsigned width = k->width;
    count_wide(t + MLR_T_XOR, t + MLR_T_XOR_LOW, a ^ b, width);
    if (skip) {
        return;
    }
    uint64_t x = mlr_order_code(k, a), y = mlr_order_code(k, b);
    uint64_t far = y > x ? y - x : x - y;
    uint64_t d = width == 4 ? (uint32_t)(y - x) : y - x;
    count_wide(t + MLR_T_DELTA, t + MLR_T_DELTA_LOW, d, width);
    t[MLR_T_DISTANCE + mlr_distance_bin(far)]++;
    *largest = far > *largest ? far : *largest;
}

static void count_4(uint32_t *t, const mlr_code_kind *kind, const mlr_codes *c,
                    uint64_t *largest)
{
    const mlr_code_kind k = {4, 32, kind->negative, kind->top};
    uint64_t far = *largest;
    for (size_t i = 0; i < c->count; i++) {
        uint64_t a = mlr_load32(c->o + 4 * i), b = mlr_load32(c->n + 4 * i);
        count_wide(t + MLR_T_NEW, t + MLR_T_NEW_LOW, b, 4);
        count_wide_move(t, &k, a, b, c->skip != NULL && c->skip[i], &far);
    }
    *largest = far;
}

static void count_8(uint32_t *t, const mlr_code_kind *kind, const mlr_codes *c,
                    uint64_t *largest)
{
    const mlr_code_kind k = {8, 64, kind->negative, kind->top};
    uint64_t far = *largest;
    for (size_t i = 0; i < c->count; i++) {
        uint64_t a = mlr_load64(c->o + 8 * i), b = mlr_load64(c->n + 8 * i);
        count_wide(t + MLR_T_NEW, t + MLR_T_NEW_LOW, b, 8);
        count_wide_move(t, &k, a, b, c->skip != NULL && c->skip[i], &far);
    }
    *largest = far;
}

/* --- few differ --------------------------------------------------------------------------
 */

static void count_old(uint32_t *t, const mlr_code_kind *k, const uint8_t *o, size_t count)
{
    if (k->width == 1) {
        for (size_t i = 0; i < count; i++) {
            t[MLR_T_OLD + o[i]]++;
        }
    } else if (k->width == 2) {
        for (size_t i = 0; i < count; i++) {
            t[MLR_T_OLD + mlr_load16(o + 2 * i)]++;
        }
    }
}

static uint64_t load_code(const uint8_t *p, unsigned width)
{
    switch (width) {
    case 1:
        return p[0];
    case 2:
        return mlr_load16(p);
    case 4:
        return mlr_load32(p);
    default:
        return mlr_load64(p);
    }
}

/* `n` pairs that do not differ. */
static void count_still(uint32_t *t, const mlr_code_kind *k, uint32_t n)
{
    unsigned low = k->width > 2 ? k->width - 2 : 0;
    size_t zero = k->width > 2 ? 0 : ((size_t)1 << k->bits) - 1;
    t[MLR_T_XOR] += n;
    t[MLR_T_DELTA + zero] += n;
    for (unsigned i = 0; i < low; i++) {
        t[MLR_T_XOR_LOW + i * 256] += n;
        t[MLR_T_DELTA_LOW + i * 256] += n;
    }
    t[MLR_T_DISTANCE] += k->width > 2 ? n : 0;
}

static void count_sparse(uint32_t *t, const mlr_code_kind *k, const mlr_codes *c,
                         uint64_t *largest)
{
    count_old(t, k, c->o, c->count);
    mlr_count_new(t, k, c->n, c->count);
    count_still(t, k, (uint32_t)(c->count - c->moved_count));
    uint32_t *distance = t + MLR_T_DELTA + (((size_t)1 << (k->bits & 31)) - 1);
    for (size_t i = 0; i < c->moved_count; i++) {
        size_t at = (size_t)c->moved[i] * k->width;
        uint64_t a = load_code(c->o + at, k->width), b = load_code(c->n + at, k->width);
        if (k->width == 4) {
            const mlr_code_kind four = {4, 32, k->negative, k->top};
            count_wide_move(t, &four, a, b, false, largest);
            continue;
        }
        if (k->width == 8) {
            const mlr_code_kind eight = {8, 64, k->negative, k->top};
            count_wide_move(t, &eight, a, b, false, largest);
            continue;
        }
        t[MLR_T_XOR + (a ^ b)]++;
        distance[(int)mlr_order_code(k, b) - (int)mlr_order_code(k, a)]++;
    }
}

void mlr_count_pair(uint32_t *t, const mlr_code_kind *k, const mlr_codes *c,
                    uint64_t *largest)
{
    bool few = c->moved != NULL && c->skip == NULL && c->moved_count < c->count / 4;
    if (few) {
        count_sparse(t, k, c, largest);
    } else if (k->width == 1 && k->negative == 0 && c->skip == NULL) {
        count_bytes(t, k, c->o, c->n, c->count);
    } else if (k->width == 1) {
        count_1(t, k, c->o, c->n, c->count, c->skip);
    } else if (k->width == 2 && c->skip == NULL) {
        count_2(t, k, c->o, c->n, c->count, NULL);
    } else if (k->width == 2) {
        count_2(t, k, c->o, c->n, c->count, c->skip);
    } else if (k->width == 4) {
        count_4(t, k, c, largest);
    } else {
        count_8(t, k, c, largest);
    }
}

void mlr_count_new(uint32_t *t, const mlr_code_kind *k, const uint8_t *n, size_t count)
{
    uint32_t *top = t + MLR_T_NEW, *low = t + MLR_T_NEW_LOW;
    switch (k->width) {
    case 1:
        for (size_t i = 0; i < count; i++) {
            top[n[i]]++;
        }
        break;
    case 2:
        for (size_t i = 0; i < count; i++) {
            top[mlr_load16(n + 2 * i)]++;
        }
        break;
    case 4:
        for (size_t i = 0; i < count; i++) {
            count_wide(top, low, mlr_load32(n + 4 * i), 4);
        }
        break;
    default:
        for (size_t i = 0; i < count; i++) {
            count_wide(top, low, mlr_load64(n + 8 * i), 8);
        }
    }
}

void mlr_count_values(uint32_t *t, const double *v, size_t count)
{
    uint32_t *twin = t + (MLR_T_VALUE_TWINS - MLR_T_OLD_VALUE);
    size_t i = 0;
    for (; i + 2 <= count; i += 2) {
        t[mlr_f64_to_bits(v[i]) >> 52]++;
        twin[mlr_f64_to_bits(v[i + 1]) >> 52]++;
    }
    if (i < count) {
        t[mlr_f64_to_bits(v[i]) >> 52]++;
    }
}

void mlr_tables_flush(uint64_t *total, uint32_t *t)
{
    enum { STRIDE = 16 };
    for (size_t i = 0; i < MLR_T_COUNT; i += STRIDE) {
        static const uint32_t none[STRIDE];
        if (memcmp(t + i, none, sizeof none) == 0) {
            continue;
        }
        size_t back = i < MLR_T_VALUE_TWINS ? 0 : MLR_T_VALUE_TWINS - MLR_T_OLD_VALUE;
        for (size_t k = i; k < i + STRIDE; k++) {
            total[k - back] += t[k];
            t[k] = 0;
        }
    }
}

/* --- what follows from the counts --------------------------------------------------------
 */

static void add_value(mlr_side *out, double v, uint64_t n, double least_normal)
{
    double a = fabs(v);
    out->zero += v == 0 ? n : 0;
    out->denormal += a < least_normal && v != 0 ? n : 0;
    out->min = v < out->min ? v : out->min;
    out->max = v > out->max ? v : out->max;
    out->most = a > out->most ? a : out->most;
    out->least = v != 0 && (out->least == 0 || a < out->least) ? a : out->least;
}

/* The first element of a packed group has the low bits, so its code can stand alone. */
static double code_value(const mlr_dtype *t, unsigned code)
{
    uint8_t bytes[4] = {(uint8_t)code, (uint8_t)(code >> 8), 0, 0};
    double v = 0;
    (void)mlr_to_f64(t, bytes, 1, &v, false);
    return v;
}

void mlr_side_of_table(mlr_side *out, mlr_log_histogram *values, const uint64_t *top,
                       const mlr_dtype *t)
{
    mlr_compensated sum = {0, 0}, abs = {0, 0}, sq = {0, 0};
    double least_normal = mlr_least_normal(t);
    uint64_t finite = 0;
    *out = (mlr_side){.min = (double)INFINITY, .max = -(double)INFINITY};
    const size_t codes = (size_t)1 << mlr_code_bits(t);
    for (size_t code = mlr_next_count(top, 0, codes); code < codes;
         code = mlr_next_count(top, code + 1, codes)) {
        double v = code_value(t, (unsigned)code), n = (double)top[code];
        out->elements += top[code];
        out->nan += v != v ? top[code] : 0;
        out->infinite += isinf(v) ? top[code] : 0;
        if (values != NULL) {
            mlr_log_add(values, v, top[code]);
        }
        if (!(fabs(v) < (double)INFINITY)) {
            continue;
        }
        finite += top[code];
        add_value(out, v, top[code], least_normal);
        mlr_compensated_add(&sum, n * v);
        mlr_compensated_add(&abs, n * fabs(v));
        mlr_compensated_add(&sq, n * v * v);
    }
    mlr_side_finish(out, finite,
                    (double[3]){mlr_compensated_value(&sum), mlr_compensated_value(&abs),
                                mlr_compensated_value(&sq)});
}

void mlr_side_finish(mlr_side *out, uint64_t finite, const double sums[3])
{
    if (finite == 0) {
        out->min = out->max = 0;
        return;
    }
    double n = (double)finite;
    double variance = sums[2] / n - sums[0] / n * (sums[0] / n);
    out->mean = sums[0] / n;
    out->deviation = variance > 0 ? sqrt(variance) : 0;
    out->l1 = sums[1];
    out->l2 = sqrt(sums[2]);
    out->dynamic_range_db = out->least > 0 ? 20 * log10(out->most / out->least) : 0;
}

void mlr_values_of_table(mlr_log_histogram *out, const uint64_t *t)
{
    for (uint64_t i = 0; i < 4096; i++) {
        if (t[i] == 0) {
            continue;
        }
        if ((i & 0x7ff) == 0x7ff) { /* the mantissa would tell: the side facts do */
            out->nan += t[i];
            continue;
        }
        mlr_log_add(out, mlr_bits_to_f64(i << 52), t[i]);
    }
}

/* One of new, delta, xor: `top` counts 2^top_bits symbols, `low` the bytes below. */
typedef struct stream {
    const uint64_t *top, *low;
    unsigned width;
} stream;

static double stream_entropy(const stream *s, double plane[MLR_PLANES],
                             uint64_t counts[MLR_PLANES][256])
{
    size_t symbols = s->width == 1 ? 256 : 65536;
    double whole = mlr_entropy64(s->top, symbols);
    unsigned top_plane = s->width == 1 ? 0 : s->width - 2;
    for (size_t i = mlr_next_count(s->top, 0, symbols); i < symbols;
         i = mlr_next_count(s->top, i + 1, symbols)) {
        counts[top_plane][i & 255] += s->top[i];
        if (s->width > 1) {
            counts[top_plane + 1][i >> 8] += s->top[i];
        }
    }
    for (unsigned k = 0; k < top_plane; k++) {
        memcpy(counts[k], s->low + (size_t)k * 256, 256 * sizeof **counts);
        whole += mlr_entropy64(counts[k], 256);
    }
    for (unsigned k = 0; k < s->width; k++) {
        plane[k] = mlr_entropy64(counts[k], 256);
    }
    return whole;
}

/* Folds signed differences of narrow codes modulo their width, in place of the top table.
 */
static void fold(uint64_t *to, const uint64_t *distance, unsigned bits)
{
    size_t size = (size_t)1 << bits;
    memset(to, 0, 65536 * sizeof *to);
    for (size_t i = mlr_next_count(distance, 0, 2 * size - 1); i < 2 * size - 1;
         i = mlr_next_count(distance, i + 1, 2 * size - 1)) {
        to[(i + 1) & (size - 1)] += distance[i]; /* i is the difference + size - 1 */
    }
}

/* Sums the top table over all but `count` bits from `shift` on. */
static double field_entropy(const uint64_t *top, unsigned shift, unsigned count,
                            uint64_t *room)
{
    size_t mask = ((size_t)1 << count) - 1;
    memset(room, 0, (mask + 1) * sizeof *room);
    for (size_t i = mlr_next_count(top, 0, 65536); i < 65536;
         i = mlr_next_count(top, i + 1, 65536)) {
        room[i >> shift & mask] += top[i];
    }
    return mlr_entropy64(room, mask + 1);
}

static void fields(mlr_entropies *out, const uint64_t *t, const mlr_dtype *d,
                   uint64_t *room)
{
    mlr_order order = mlr_code_order(d);
    unsigned bits = mlr_code_bits(d), low = out->planes > 2 ? out->planes - 2u : 0;
    unsigned top_bits = bits < 16 ? bits : 16;
    if (order != MLR_ORDER_UNSIGNED) {
        out->sign = field_entropy(t + MLR_T_NEW, top_bits - 1, 1, room);
    }
    if (order != MLR_ORDER_FLOAT) {
        return;
    }
    unsigned mantissa = top_bits - 1 - d->exp_bits;
    out->exponent = field_entropy(t + MLR_T_NEW, mantissa, d->exp_bits, room);
    out->mantissa = field_entropy(t + MLR_T_NEW, 0, mantissa, room);
    for (unsigned k = 0; k < low; k++) {
        out->mantissa += out->plane_new[k];
    }
}

void mlr_bits_of_tables(mlr_entropies *out, mlr_detail *detail, uint64_t *t,
                        const mlr_dtype *dtype, bool pair)
{
    uint64_t(*counts)[MLR_PLANES][256] = (void *)(t + MLR_T_COUNT);
    unsigned width = mlr_code_bytes(dtype);
    *out = (mlr_entropies){.planes = (uint8_t)width,
                           .symbol_bits = (uint8_t)mlr_code_bits(dtype)};
    memset(counts, 0, 3 * sizeof *counts);
    for (size_t i = mlr_next_count(t + MLR_T_NEW, 0, 65536); i < 65536;
         i = mlr_next_count(t + MLR_T_NEW, i + 1, 65536)) {
        out->symbols += t[MLR_T_NEW + i];
    }
    out->of_new = stream_entropy(&(stream){t + MLR_T_NEW, t + MLR_T_NEW_LOW, width},
                                 out->plane_new, counts[0]);
    if (pair) {
        out->of_xor = stream_entropy(&(stream){t + MLR_T_XOR, t + MLR_T_XOR_LOW, width},
                                     out->plane_xor, counts[2]);
        uint64_t *folded = t + MLR_T_XOR; /* done with: narrow differences go here */
        if (width <= 2) {
            fold(folded, t + MLR_T_DELTA, mlr_code_bits(dtype));
        }
        out->of_delta = stream_entropy(
            &(stream){width <= 2 ? folded : t + MLR_T_DELTA, t + MLR_T_DELTA_LOW, width},
            out->plane_delta, counts[1]);
    }
    fields(out, t, dtype, t + MLR_T_XOR);
    if (detail != NULL) {
        memcpy(detail->plane_new, counts[0], sizeof *counts);
        memcpy(detail->plane_delta, counts[1], sizeof *counts);
        memcpy(detail->plane_xor, counts[2], sizeof *counts);
    }
}

/* --- distances ---------------------------------------------------------------------------
 */

/* Distances in rising order with their counts, whatever table they come from. */
typedef struct distances {
    const uint64_t *t;
    const mlr_code_kind *k;
    size_t size; /* how many there are, 0 included */
} distances;

static uint64_t distance_at(const distances *d, size_t i, uint64_t *count)
{
    if (d->k->width > 2) {
        *count = d->t[MLR_T_DISTANCE + i];
        return mlr_distance_of_bin((unsigned)i);
    }
    const uint64_t *middle = d->t + MLR_T_DELTA + (((size_t)1 << d->k->bits) - 1);
    *count = i == 0 ? middle[0] : middle[i] + *(middle - i);
    return i;
}

static uint64_t quantile(const distances *d, uint64_t changed, unsigned percent)
{
    /* the smallest distance that at least `percent` of the changed ones do not exceed */
    uint64_t need = changed / 100 * percent + (changed % 100 * percent + 99) / 100;
    uint64_t seen = 0;
    for (size_t i = 1; i < d->size; i++) {
        uint64_t count = 0;
        uint64_t distance = distance_at(d, i, &count);
        seen += count;
        if (count != 0 && seen >= need) {
            return distance;
        }
    }
    return 0;
}

/* Narrow codes have distances up to 65,535, of which few tensors hold the larger ones. */
static size_t without_zeros(const distances *d)
{
    size_t n = d->size;
    const uint64_t *middle = d->t + MLR_T_DELTA + (((size_t)1 << d->k->bits) - 1);
    while (n > 8 && mlr_eight_zeros(middle + n - 8) && mlr_eight_zeros(middle - (n - 1))) {
        n -= 8;
    }
    return n;
}

static uint64_t at_most(uint64_t v, uint64_t limit)
{
    return v < limit ? v : limit;
}

void mlr_ulps_of_tables(mlr_ulps *out, const uint64_t *t, const mlr_code_kind *k,
                        uint64_t largest)
{
    distances d = {t, k, k->width > 2 ? MLR_DISTANCE_BINS : (size_t)1 << k->bits};
    uint64_t changed = 0;
    d.size = k->width > 2 ? d.size : without_zeros(&d);
    *out = (mlr_ulps){.max = largest};
    for (size_t i = 0; i < d.size; i++) {
        uint64_t count = 0;
        uint64_t distance = distance_at(&d, i, &count);
        if (count == 0) {
            continue;
        }
        unsigned bin = distance == 0 ? 0 : 64u - (unsigned)__builtin_clzll(distance);
        out->count[bin] += count;
        changed += distance == 0 ? 0 : count;
        out->max = k->width <= 2 ? distance : out->max;
    }
    if (changed > 0) {
        out->p50 = at_most(quantile(&d, changed, 50), out->max);
        out->p90 = at_most(quantile(&d, changed, 90), out->max);
        out->p99 = at_most(quantile(&d, changed, 99), out->max);
    }
}
