#include "analysis/measure_kernels.h"

#include <math.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "apply/base/mem.h"

mlr_sums mlr_sums_start(void)
{
    mlr_sums s = {.finite = 0};
    for (unsigned i = 0; i < MLR_LANES; i++) {
        s.min[i] = (double)INFINITY;
        s.max[i] = -(double)INFINITY;
    }
    return s;
}

mlr_side_sums mlr_side_sums_start(void)
{
    mlr_side_sums s = {.nan = 0};
    for (unsigned i = 0; i < MLR_LANES; i++) {
        s.min[i] = s.least[i] = (double)INFINITY;
        s.max[i] = -(double)INFINITY;
    }
    return s;
}

static void sums(mlr_sums *s, const double *o, const double *n, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned k = i % MLR_LANES;
        double d = n[i] - o[i];
        if (!(fabs(d) < (double)INFINITY)) {
            continue;
        }
        s->finite++;
        s->flips += (o[i] < 0 && n[i] > 0) || (o[i] > 0 && n[i] < 0);
        s->d[k] += d;
        s->abs_d[k] += fabs(d);
        s->dd[k] += d * d;
        s->o[k] += o[i];
        s->abs_o[k] += fabs(o[i]);
        s->oo[k] += o[i] * o[i];
        s->nn[k] += n[i] * n[i];
        s->on[k] += o[i] * n[i];
        s->min[k] = d < s->min[k] ? d : s->min[k];
        s->max[k] = d > s->max[k] ? d : s->max[k];
    }
}

static bool sums_of(mlr_sums *s, unsigned dtype, const uint8_t *o, const uint8_t *n,
                    size_t count)
{
    (void)s, (void)dtype, (void)o, (void)n, (void)count;
    return false;
}

static bool widen(const mlr_dtype *t, const uint8_t *src, size_t count, double *out)
{
    (void)t, (void)src, (void)count, (void)out;
    return false;
}

static void compare(unsigned width, const uint8_t *o, const uint8_t *n, size_t count,
                    uint64_t out[2])
{
    if (memcmp(o, n, count * width) == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        unsigned bytes = 0;
        for (unsigned k = 0; k < width; k++) {
            bytes += o[i * width + k] != n[i * width + k];
        }
        out[0] += bytes != 0;
        out[1] += bytes;
    }
}

static size_t flags(unsigned width, const uint8_t *o, const uint8_t *n, size_t count,
                    uint8_t *out)
{
    size_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = memcmp(o + i * width, n + i * width, width) != 0;
        changed += out[i];
    }
    return changed;
}

static size_t differ(const double *o, const double *n, size_t count, uint8_t *out)
{
    size_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        /* without a branch: what changes is hard to foresee */
        out[i] = (uint8_t)((o[i] != n[i]) & ((o[i] == o[i]) | (n[i] == n[i])));
        changed += out[i];
    }
    return changed;
}

static void delta(const double *o, const double *n, size_t count, double *out)
{
    for (size_t i = 0; i < count; i++) {
        double d = n[i] - o[i];
        out[i] = fabs(d) < (double)INFINITY ? d : 0.0;
    }
}

static void side(mlr_side_sums *s, const double *v, size_t count, double least_normal)
{
    for (size_t i = 0; i < count; i++) {
        unsigned k = i % MLR_LANES;
        double x = v[i], a = fabs(x);
        if (!(a < (double)INFINITY)) {
            s->nan += x != x;
            s->infinite += x == x;
            continue;
        }
        s->zero += x == 0;
        s->denormal += a < least_normal && x != 0;
        s->v[k] += x;
        s->abs_v[k] += a;
        s->vv[k] += x * x;
        s->min[k] = x < s->min[k] ? x : s->min[k];
        s->max[k] = x > s->max[k] ? x : s->max[k];
        double magnitude = x == 0 ? (double)INFINITY : a;
        s->least[k] = magnitude < s->least[k] ? magnitude : s->least[k];
    }
}

static double cell(const uint8_t *f, const double *d, size_t count, uint64_t *changed)
{
    double sum[MLR_LANES] = {0};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        sum[i % MLR_LANES] += fabs(d[i]);
        n += f[i];
    }
    *changed += n;
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void columns(uint32_t *to, const uint8_t *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] += f[i];
    }
}

const mlr_measure_kernels mlr_measure_scalar = {
    "scalar", sums, sums_of, widen, compare, flags, differ, delta, side, cell, columns};

#if defined(__x86_64__)
/* __builtin_cpu_supports() knows this one in some compilers only. */
static int has_lzcnt(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LZCNT) != 0;
}
#endif

const mlr_measure_kernels *mlr_measure_best(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2") && has_lzcnt()) {
        return &mlr_measure_avx2;
    }
#endif
    return &mlr_measure_scalar;
}
