/* Every statistic over every element type against NumPy, which knows nothing of this code.
   Skipped where Python or NumPy is missing. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/measure.h"
#include "analysis/measure_kernels.h"
#include "analysis/numeric.h"
#include "apply/host/heap.h"
#include "tests/support/hand_model.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

#define PYTHON "/usr/bin/python3"

static char dir[] = "build/numpy_XXXXXX";
static mlr_heap heap;
static mlr_detail detail;

static bool numpy_is_there(void)
{
    return access(PYTHON, X_OK) == 0 &&
           system(PYTHON " -c 'import numpy' >/dev/null 2>&1") == 0;
}

static void line(FILE *f, const char *key, double value)
{
    fprintf(f, "%s %.17g\n", key, value);
}

static void counts(FILE *f, const char *key, const uint64_t *v, size_t n)
{
    fputs(key, f);
    for (size_t i = 0; i < n; i++) {
        fprintf(f, " %" PRIu64, v[i]);
    }
    fputc('\n', f);
}

static void reals(FILE *f, const char *key, const double *v, size_t n)
{
    fputs(key, f);
    for (size_t i = 0; i < n; i++) {
        fprintf(f, " %.17g", v[i]);
    }
    fputc('\n', f);
}

static void side(FILE *f, const char *name, const mlr_side *s, const mlr_log_histogram *h)
{
    const struct {
        const char *key;
        double value;
    } facts[] = {
        {"nan", (double)s->nan},
        {"infinite", (double)s->infinite},
        {"denormal", (double)s->denormal},
        {"zero", (double)s->zero},
        {"min", s->min},
        {"max", s->max},
        {"least", s->least},
        {"most", s->most},
        {"mean", s->mean},
        {"deviation", s->deviation},
        {"l1", s->l1},
        {"l2", s->l2},
        {"range_db", s->dynamic_range_db},
        {"hist_zero", (double)h->zero},
        {"hist_nan", (double)h->nan},
        {"hist_inf", (double)h->infinite},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        fprintf(f, "%s.", name);
        line(f, facts[i].key, facts[i].value);
    }
    fprintf(f, "%s.", name);
    counts(f, "positive", h->positive, MLR_LOG_BINS);
    fprintf(f, "%s.", name);
    counts(f, "negative", h->negative, MLR_LOG_BINS);
}

static void delta(FILE *f, const mlr_delta *d)
{
    line(f, "pairs", (double)d->elements);
    line(f, "flips", (double)d->sign_flips);
    line(f, "d.mean", d->mean);
    line(f, "d.deviation", d->deviation);
    line(f, "d.min", d->min);
    line(f, "d.max", d->max);
    line(f, "d.most", d->most);
    line(f, "d.most_index", (double)d->most_index);
    line(f, "d.l1", d->l1);
    line(f, "d.l2", d->l2);
    line(f, "d.l1_relative", d->l1_relative);
    line(f, "d.l2_relative", d->l2_relative);
    line(f, "d.rmse", d->rmse);
    line(f, "d.snr_db", d->snr_db);
    line(f, "d.cosine", d->cosine);
    line(f, "d.correlation", d->correlation);
    line(f, "d.scale", d->scale);
    line(f, "d.scale_rest", d->scale_rest);
}

static void bits(FILE *f, const mlr_measure *m)
{
    const mlr_entropies *b = &m->bits;
    line(f, "b.new", b->of_new);
    line(f, "b.delta", b->of_delta);
    line(f, "b.xor", b->of_xor);
    reals(f, "b.plane_new", b->plane_new, b->planes);
    reals(f, "b.plane_delta", b->plane_delta, b->planes);
    reals(f, "b.plane_xor", b->plane_xor, b->planes);
    line(f, "b.sign", b->sign);
    line(f, "b.exponent", b->exponent);
    line(f, "b.mantissa", b->mantissa);
    for (unsigned k = 0; k < b->planes; k++) {
        counts(f, "plane_new", detail.plane_new[k], 256);
        counts(f, "plane_delta", detail.plane_delta[k], 256);
        counts(f, "plane_xor", detail.plane_xor[k], 256);
    }
    if ((m->have & MLR_HAVE_ULPS) != 0) {
        counts(f, "u.count", m->ulps.count, MLR_ULP_BINS);
        counts(f, "u.p", (const uint64_t[]){m->ulps.p50, m->ulps.p90, m->ulps.p99}, 3);
        counts(f, "u.max", &m->ulps.max, 1);
    }
    if ((m->have & MLR_HAVE_BLOCKS) != 0) {
        counts(f, "blocks",
               (const uint64_t[]){m->blocks.blocks, m->blocks.same, m->blocks.scales_only,
                                  m->blocks.codes_only, m->blocks.both},
               5);
    }
}

static void places(FILE *f)
{
    uint64_t top[MLR_TOP], row_changed[MLR_TOP], col[MLR_TOP], col_changed[MLR_TOP];
    double sum[MLR_TOP];
    for (unsigned i = 0; i < MLR_TOP; i++) {
        top[i] = detail.top_row[i].first;
        row_changed[i] = detail.top_row[i].changed;
        sum[i] = detail.top_row[i].sum;
        col[i] = detail.top_col[i].first;
        col_changed[i] = detail.top_col[i].changed;
    }
    for (unsigned r = 0; r < detail.grid_rows; r++) {
        counts(f, "grid", detail.grid_changed[r], detail.grid_cols);
        reals(f, "grid_sum", detail.grid_sum[r], detail.grid_cols);
    }
    counts(f, "top", top, detail.top_rows);
    counts(f, "top_changed", row_changed, detail.top_rows);
    reals(f, "top_sum", sum, detail.top_rows);
    counts(f, "col", col, detail.top_cols);
    counts(f, "col_changed", col_changed, detail.top_cols);
}

static void dump(FILE *f, const mlr_measure *m)
{
    line(f, "have", m->have);
    line(f, "elements", (double)m->elements);
    line(f, "changed", (double)m->changed_elements);
    line(f, "changed_bytes", (double)m->changed_bytes);
    side(f, "old", &m->old_side, &detail.old_values);
    side(f, "new", &m->new_side, &detail.new_values);
    const mlr_log_histogram *h = &detail.delta_values;
    line(f, "delta.hist_zero", (double)h->zero);
    line(f, "delta.hist_nan", (double)h->nan);
    counts(f, "delta.positive", h->positive, MLR_LOG_BINS);
    counts(f, "delta.negative", h->negative, MLR_LOG_BINS);
    delta(f, &m->delta);
    bits(f, m);
    places(f);
}

static void save(const char *name, const char *suffix, const void *data, size_t n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s.%s", dir, name, suffix);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void measure(const char *dtype, const char *kind, const char *shape, const void *o,
                    const void *n, size_t bytes, const mlr_measure_kernels *kernels)
{
    char name[128], path[256];
    hand_model a, b;
    hand_begin(&a, bytes);
    hand_begin(&b, bytes);
    hand_add(&a, "t", dtype, shape, o, bytes);
    hand_add(&b, "t", dtype, shape, n, bytes);
    mlr_pair pair = {&a.model, &b.model, a.tensors, b.tensors};
    mlr_measure_options how = {.depth = MLR_DEPTH_FULL, .kernels = kernels};
    mlr_work work = {.alloc = &heap.alloc};
    mlr_measure m;
    mlr_err err = {.status = MLR_OK};
    mlr_measure_pair(&m, &detail, &pair, &how, &work, &err);
    assert_no_err(&err);
    snprintf(name, sizeof name, "%s-%s-%s-%s", dtype, kind, shape, kernels->name);
    snprintf(path, sizeof path, "%s/%s.txt", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    dump(f, &m);
    assert_int_equal(fclose(f), 0);
    save(name, "old", o, bytes);
    save(name, "new", n, bytes);
    hand_release(&a);
    hand_release(&b);
}

static void both_kernels(const char *dtype, const char *kind, const char *shape,
                         const void *o, const void *n, size_t bytes)
{
    measure(dtype, kind, shape, o, n, bytes, &mlr_measure_scalar);
    measure(dtype, kind, shape, o, n, bytes, mlr_measure_best());
}

/* Half of the bytes anew, the rest as they were, so that some elements stay. */
static void stir(rng *r, uint8_t *to, size_t n, size_t run)
{
    for (size_t at = 0; at < n; at += run) {
        if (rng_below(r, 3) == 0) {
            size_t some = n - at < run ? n - at : run;
            rng_fill(r, to + at, some);
        }
    }
}

static uint8_t old_bytes[1 << 20], new_bytes[1 << 20];

static void random_bits(void)
{
    static const char *const shapes[] = {"37x53", "3x5x7", "12x2048", "0", ""};
    for (unsigned id = 0; id < MLR_DTYPE_LIMIT; id++) {
        const mlr_dtype *t = mlr_dtype_get(id);
        if (t == NULL || t->bits == 0 || t->cls == MLR_CLASS_BLOCK ||
            t->cls == MLR_CLASS_COMPLEX || t->id == MLR_DTYPE_F64) {
            continue;
        }
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            static const uint64_t elements[] = {1961, 105, 24576, 0, 1};
            uint64_t bytes = 0;
            rng r = rng_new(id * 10 + i);
            assert_true(mlr_dtype_bytes(t, elements[i], &bytes));
            rng_fill(&r, old_bytes, (size_t)bytes);
            memcpy(new_bytes, old_bytes, (size_t)bytes);
            stir(&r, new_bytes, (size_t)bytes, t->block_bytes);
            both_kernels(t->name, "bits", shapes[i], old_bytes, new_bytes, (size_t)bytes);
        }
    }
}

static double special(rng *r, double value)
{
    switch (rng_below(r, 300)) {
    case 0:
        return (double)NAN;
    case 1:
        return (double)INFINITY;
    case 2:
        return -(double)INFINITY;
    case 3:
        return -0.0;
    case 4:
        return 0.0;
    case 5:
        return value * 0x1p-1000;
    default:
        return value;
    }
}

static void put(const mlr_dtype *t, uint8_t *to, size_t i, double v)
{
    uint32_t code = 0;
    if (t->id == MLR_DTYPE_F64) {
        memcpy(to + 8 * i, &v, 8);
        return;
    }
    assert_true(mlr_from_f64(t, v, &code));
    memcpy(to + i * t->block_bytes, &code, t->block_bytes);
}

static void weights(void)
{
    static const unsigned types[] = {MLR_DTYPE_F64, MLR_DTYPE_F32, MLR_DTYPE_F16,
                                     MLR_DTYPE_BF16};
    static const char *const kinds[] = {"weights", "clean"};
    for (unsigned k = 0; k < 8; k++) {
        const mlr_dtype *t = mlr_dtype_get(types[k / 2]);
        rng r = rng_new(k);
        enum { ROWS = 130, COLS = 700 };
        for (size_t i = 0; i < ROWS * COLS; i++) {
            double o = rng_normal(&r) * 0.05;
            double n = rng_below(&r, 2) == 0 ? o : o + 1e-3 * rng_normal(&r);
            put(t, old_bytes, i, k % 2 == 0 ? special(&r, o) : o);
            put(t, new_bytes, i, k % 2 == 0 ? special(&r, n) : n);
        }
        both_kernels(t->name, kinds[k % 2], "130x700", old_bytes, new_bytes,
                     (size_t)ROWS * COLS * t->block_bytes);
    }
}

/* Scales of random blocks are made finite, so that the sums say something. */
static void blocks(void)
{
    for (unsigned id = MLR_DTYPE_Q4_0; id < MLR_DTYPE_LIMIT; id++) {
        const mlr_dtype *t = mlr_dtype_get(id);
        if (t == NULL) {
            continue;
        }
        rng r = rng_new(id);
        size_t n = 11 * 512 / t->block_items;
        rng_fill(&r, old_bytes, n * t->block_bytes);
        memcpy(new_bytes, old_bytes, n * t->block_bytes);
        stir(&r, new_bytes, n * t->block_bytes, 7);
        both_kernels(t->name, "blocks", "11x512", old_bytes, new_bytes, n * t->block_bytes);
    }
}

static void every_statistic_agrees_with_numpy(void **state)
{
    (void)state;
    if (!numpy_is_there()) {
        puts("skipped: no NumPy");
        return;
    }
    char command[512];
    mlr_heap_init(&heap);
    assert_non_null(mkdtemp(dir));
    random_bits();
    weights();
    blocks();
    snprintf(command, sizeof command, PYTHON " tests/analysis/numpy_check.py %s", dir);
    int bad = system(command);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(bad, 0);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statistic_agrees_with_numpy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
