#include "analysis/rank_energy.h"

#include <math.h>

#include "analysis/numeric.h"
#include "analysis/overlay.h"
#include "apply/base/mem.h"

enum {
    EXTRA = 8, /* directions beyond the ranks asked for, which sharpen the last ones */
    MOST_WIDTH = MLR_MOST_RANK + EXTRA,
    ITERATIONS = 2,
    SWEEPS = 12, /* of Jacobi rotations; 6 to 8 converge at this size */
    RUN = 2048
};

typedef struct sketch {
    size_t m, n, k; /* the sample is m x n; k directions */
    double *a;      /* m x n */
    double *q;      /* k x m: orthonormal directions, one a row */
    double *b;      /* k x n */
    double *g;      /* k x k */
} sketch;

/* --- sampling ----------------------------------------------------------------------------
 */

typedef struct reader {
    const mlr_overlay *view;
    uint8_t *room[2];
    double *v[2];
} reader;

static uint64_t spaced(uint64_t i, uint64_t of, uint64_t size)
{
    return size / of * i + size % of * i / of;
}

/* Differences at evenly spaced columns of a row; those that are not finite become 0. */
static bool sample_row(reader *r, uint64_t row, double *to, size_t n, mlr_err *err)
{
    const mlr_overlay *v = r->view;
    size_t next = 0;
    for (uint64_t at = 0; at < v->cols && next < n; at += RUN) {
        size_t some = v->cols - at < RUN ? (size_t)(v->cols - at) : RUN;
        if (spaced(next, n, v->cols) >= at + some) {
            continue;
        }
        for (unsigned side = 0; side < 2; side++) {
            const uint8_t *p =
                mlr_overlay_read(v, side, row * v->cols + at, some, r->room[side], err);
            if (p == NULL) {
                return false;
            }
            (void)mlr_to_f64(v->side[side].dtype, p, some, r->v[side], false);
        }
        for (; next < n && spaced(next, n, v->cols) < at + some; next++) {
            size_t i = (size_t)(spaced(next, n, v->cols) - at);
            double d = r->v[1][i] - r->v[0][i];
            to[next] = fabs(d) < (double)INFINITY ? d : 0;
        }
    }
    return true;
}

/* --- linear algebra ----------------------------------------------------------------------
 */

static double dot(const double *x, const double *y, size_t n)
{
    double s[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        s[0] += x[i] * y[i];
        s[1] += x[i + 1] * y[i + 1];
        s[2] += x[i + 2] * y[i + 2];
        s[3] += x[i + 3] * y[i + 3];
    }
    for (; i < n; i++) {
        s[0] += x[i] * y[i];
    }
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static void add_scaled(double *to, double by, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        to[i] += by * x[i];
    }
}

/* Makes the k rows orthonormal (Gram-Schmidt, twice for stability); a row that depends on
   the others becomes 0. */
static void orthonormalise(double *rows, size_t k, size_t n)
{
    for (size_t i = 0; i < k; i++) {
        double *x = rows + i * n;
        double before = dot(x, x, n);
        for (unsigned pass = 0; pass < 2; pass++) {
            for (size_t j = 0; j < i; j++) {
                add_scaled(x, -dot(x, rows + j * n, n), rows + j * n, n);
            }
        }
        double length = dot(x, x, n);
        double scale = length > 1e-24 * before && length > 0 ? 1 / sqrt(length) : 0;
        for (size_t j = 0; j < n; j++) {
            x[j] *= scale;
        }
    }
}

/* b = q a */
static void project(sketch *s)
{
    memset(s->b, 0, s->k * s->n * sizeof *s->b);
    for (size_t r = 0; r < s->m; r++) {
        for (size_t i = 0; i < s->k; i++) {
            add_scaled(s->b + i * s->n, s->q[i * s->m + r], s->a + r * s->n, s->n);
        }
    }
}

/* q = b a' */
static void lift(sketch *s)
{
    for (size_t r = 0; r < s->m; r++) {
        for (size_t i = 0; i < s->k; i++) {
            s->q[i * s->m + r] = dot(s->b + i * s->n, s->a + r * s->n, s->n);
        }
    }
}

static void start(sketch *s)
{
    uint64_t state = 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < s->k * s->n; i++) {
        uint64_t z = state += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        s->b[i] = (z >> 63) != 0 ? 1.0 : -1.0;
    }
}

/* Turns rows and columns p and q of a symmetric matrix so that g[p][q] becomes 0. */
static void rotate(double *g, size_t k, size_t p, size_t q)
{
    double theta = (g[q * k + q] - g[p * k + p]) / (2 * g[p * k + q]);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (size_t i = 0; i < k; i++) {
        double x = g[i * k + p], y = g[i * k + q];
        g[i * k + p] = c * x - s * y;
        g[i * k + q] = s * x + c * y;
    }
    for (size_t i = 0; i < k; i++) {
        double x = g[p * k + i], y = g[q * k + i];
        g[p * k + i] = c * x - s * y;
        g[q * k + i] = s * x + c * y;
    }
}

/* Leaves the eigenvalues of a symmetric matrix on its diagonal. */
static void jacobi(double *g, size_t k)
{
    for (unsigned sweep = 0; sweep < SWEEPS; sweep++) {
        for (size_t p = 0; p + 1 < k; p++) {
            for (size_t q = p + 1; q < k; q++) {
                double limit = 1e-15 * sqrt(fabs(g[p * k + p] * g[q * k + q]));
                if (fabs(g[p * k + q]) > limit) {
                    rotate(g, k, p, q);
                }
            }
        }
    }
}

static void sort_falling(double *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        double keep = v[i];
        size_t at = i;
        for (; at > 0 && v[at - 1] < keep; at--) {
            v[at] = v[at - 1];
        }
        v[at] = keep;
    }
}

static void solve(sketch *s, mlr_low_rank *out)
{
    double value[MOST_WIDTH];
    double total = dot(s->a, s->a, s->m * s->n);
    if (!(total > 0)) {
        return;
    }
    start(s);
    for (unsigned i = 0; i <= ITERATIONS; i++) {
        lift(s);
        orthonormalise(s->q, s->k, s->m);
        project(s);
    }
    for (size_t i = 0; i < s->k; i++) {
        for (size_t j = 0; j < s->k; j++) {
            s->g[i * s->k + j] = dot(s->b + i * s->n, s->b + j * s->n, s->n);
        }
    }
    jacobi(s->g, s->k);
    for (size_t i = 0; i < s->k; i++) {
        value[i] = s->g[i * s->k + i];
    }
    sort_falling(value, s->k);
    out->ranks = (uint32_t)(s->k < MLR_MOST_RANK ? s->k : MLR_MOST_RANK);
    for (size_t r = 1; r <= out->ranks; r++) {
        double more = value[r - 1] > 0 ? value[r - 1] / total : 0;
        double sum = out->energy[r - 1] + more;
        out->energy[r] = sum > 1 ? 1 : sum;
    }
}

static bool open_sketch(sketch *s, reader *r, const mlr_overlay *v, mlr_pool *pool)
{
    s->m = v->rows < MLR_LOWRANK_SAMPLE ? (size_t)v->rows : MLR_LOWRANK_SAMPLE;
    s->n = v->cols < MLR_LOWRANK_SAMPLE ? (size_t)v->cols : MLR_LOWRANK_SAMPLE;
    s->k = s->m < s->n ? s->m : s->n;
    s->k = s->k < MOST_WIDTH ? s->k : MOST_WIDTH;
    s->a = mlr_pool_take(pool, s->m * s->n * sizeof *s->a);
    s->q = mlr_pool_take(pool, s->k * s->m * sizeof *s->q);
    s->b = mlr_pool_take(pool, s->k * s->n * sizeof *s->b);
    s->g = mlr_pool_take(pool, s->k * s->k * sizeof *s->g);
    *r = (reader){.view = v};
    for (unsigned side = 0; side < 2; side++) {
        r->room[side] = mlr_pool_take(pool, mlr_overlay_bytes(&v->side[side], RUN));
        r->v[side] = mlr_pool_take(pool, RUN * sizeof(double));
        if (r->room[side] == NULL || r->v[side] == NULL) {
            return false;
        }
    }
    return s->a != NULL && s->q != NULL && s->b != NULL && s->g != NULL;
}

static mlr_status read_sample(sketch *s, reader *r, const mlr_work *work, mlr_err *err)
{
    for (size_t i = 0; i < s->m; i++) {
        if (!mlr_keep_going(work->tick, i, s->m)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "stopped on request");
        }
        mlr_err failed = {.status = MLR_OK};
        uint64_t row = spaced(i, s->m, r->view->rows);
        if (!sample_row(r, row, s->a + i * s->n, s->n, &failed)) {
            if (err != NULL && err->status == MLR_OK) {
                *err = failed;
            }
            return failed.status;
        }
    }
    return MLR_OK;
}

mlr_status mlr_measure_low_rank(mlr_low_rank *out, const mlr_pair *pair,
                                const mlr_work *work, mlr_err *err)
{
    mlr_overlay v;
    *out = (mlr_low_rank){.rows = 0};
    mlr_overlay_of(&v, pair);
    if (!v.comparable || v.rows < 2 || v.cols < 2 || !mlr_numeric_known(v.side[0].dtype) ||
        !mlr_numeric_known(v.side[1].dtype)) {
        return MLR_OK;
    }
    mlr_pool pool;
    mlr_pool_init(&pool, work->alloc);
    sketch s;
    reader r;
    mlr_status status = MLR_E_NO_MEMORY;
    if (!open_sketch(&s, &r, &v, &pool)) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a low-rank sketch");
    } else {
        status = read_sample(&s, &r, work, err);
    }
    if (status == MLR_OK) {
        out->rows = (uint32_t)s.m;
        out->cols = (uint32_t)s.n;
        out->whole = s.m == v.rows && s.n == v.cols;
        solve(&s, out);
    }
    mlr_pool_release(&pool);
    return status;
}
