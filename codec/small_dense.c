#include "codec/small_dense.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

void mlr_gram_of(const float *y, size_t rows, unsigned n, mlr_square *g)
{
    memset(g, 0, sizeof *g);
    for (size_t i = 0; i < rows; i++) {
        const float *line = y + i * MLR_SKETCH;
        for (unsigned k = 0; k < n; k++) {
            for (unsigned l = k; l < n; l++) {
                g->a[k][l] += (double)line[k] * (double)line[l];
            }
        }
    }
    for (unsigned k = 0; k < n; k++) {
        for (unsigned l = 0; l < k; l++) {
            g->a[k][l] = g->a[l][k];
        }
    }
}

/* Turns p and q so that a[p][q] becomes 0; false where it is small enough already. */
static bool rotate(mlr_square *g, mlr_square *vectors, unsigned n, unsigned p, unsigned q)
{
    if (fabs(g->a[p][q]) <= 1e-9 * sqrt(fabs(g->a[p][p] * g->a[q][q]))) {
        return false;
    }
    double theta = (g->a[q][q] - g->a[p][p]) / (2 * g->a[p][q]);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1);
    double s = t * c;
    for (unsigned k = 0; k < n; k++) {
        double x = g->a[k][p];
        double y = g->a[k][q];
        g->a[k][p] = c * x - s * y;
        g->a[k][q] = s * x + c * y;
    }
    for (unsigned k = 0; k < n; k++) {
        double x = g->a[p][k];
        double y = g->a[q][k];
        g->a[p][k] = c * x - s * y;
        g->a[q][k] = s * x + c * y;
        x = vectors->a[k][p];
        y = vectors->a[k][q];
        vectors->a[k][p] = c * x - s * y;
        vectors->a[k][q] = s * x + c * y;
    }
    return true;
}

/* Eigenvalues of a symmetric matrix, largest first, and its vectors as columns (Jacobi). */
void mlr_eigen(mlr_square *g, unsigned n, mlr_square *vectors, double *value)
{
    memset(vectors, 0, sizeof *vectors);
    for (unsigned k = 0; k < n; k++) {
        vectors->a[k][k] = 1;
    }
    bool moved = true;
    for (int sweep = 0; sweep < 12 && moved; sweep++) {
        moved = false;
        for (unsigned p = 0; p + 1 < n; p++) {
            for (unsigned q = p + 1; q < n; q++) {
                moved = rotate(g, vectors, n, p, q) || moved;
            }
        }
    }
    for (unsigned k = 0; k < n; k++) {
        value[k] = g->a[k][k];
    }
    for (unsigned k = 0; k < n; k++) {
        unsigned best = k;
        for (unsigned l = k + 1; l < n; l++) {
            best = value[l] > value[best] ? l : best;
        }
        double v = value[k];
        value[k] = value[best];
        value[best] = v;
        for (unsigned i = 0; i < n && best != k; i++) {
            v = vectors->a[i][k];
            vectors->a[i][k] = vectors->a[i][best];
            vectors->a[i][best] = v;
        }
    }
}

/* y becomes y * q, line by line. */
void mlr_turn_lines(float *y, size_t rows, unsigned n, const mlr_square *q)
{
    double line[MLR_SKETCH];
    for (size_t i = 0; i < rows; i++) {
        float *at = y + i * MLR_SKETCH;
        for (unsigned l = 0; l < n; l++) {
            line[l] = 0;
            for (unsigned k = 0; k < n; k++) {
                line[l] += (double)at[k] * q->a[k][l];
            }
        }
        for (unsigned l = 0; l < n; l++) {
            at[l] = (float)line[l];
        }
    }
}

/* Makes the columns orthonormal (Cholesky of the Gram matrix); those that depend on others
   become zero. */
void mlr_orthonormal(float *y, size_t rows, unsigned n)
{
    mlr_square g;
    mlr_square l = {{{0}}};
    mlr_square inverse = {{{0}}};
    mlr_gram_of(y, rows, n, &g);
    for (unsigned k = 0; k < n; k++) {
        for (unsigned i = 0; i <= k; i++) {
            double sum = g.a[k][i];
            for (unsigned x = 0; x < i; x++) {
                sum -= l.a[k][x] * l.a[i][x];
            }
            if (k == i) {
                l.a[k][k] = sum > 1e-9 * g.a[k][k] ? sqrt(sum) : 0;
            } else {
                l.a[k][i] = l.a[i][i] > 0 ? sum / l.a[i][i] : 0;
            }
        }
    }
    /* y * inverse(l)^T */
    for (unsigned k = 0; k < n; k++) {
        if (!(l.a[k][k] > 0)) {
            continue;
        }
        inverse.a[k][k] = 1 / l.a[k][k];
        for (unsigned i = k + 1; i < n; i++) {
            double sum = 0;
            for (unsigned x = k; x < i; x++) {
                sum -= l.a[i][x] * inverse.a[k][x];
            }
            inverse.a[k][i] = l.a[i][i] > 0 ? sum / l.a[i][i] : 0;
        }
    }
    mlr_turn_lines(y, rows, n, &inverse);
}

/* Solves gram * x = target by Cholesky; `gram` holds the upper triangle and the target. */
void mlr_solve(const float *gram, unsigned rank, float *x)
{
    double a[MLR_RANK_MAX][MLR_RANK_MAX];
    double b[MLR_RANK_MAX];
    double trace = 0;
    for (unsigned k = 0; k < rank; k++) {
        trace += (double)gram[k * MLR_GRAM_STRIDE + k];
    }
    double ridge = trace / rank * 1e-6 + 1e-30;
    for (unsigned k = 0; k < rank; k++) {
        b[k] = (double)gram[k * MLR_GRAM_STRIDE + rank];
        for (unsigned l = 0; l <= k; l++) {
            double sum = (double)gram[l * MLR_GRAM_STRIDE + k] + (k == l ? ridge : 0);
            for (unsigned i = 0; i < l; i++) {
                sum -= a[k][i] * a[l][i];
            }
            a[k][l] = k == l ? sqrt(sum > ridge * 0.5 ? sum : ridge * 0.5) : sum / a[l][l];
        }
    }
    for (unsigned k = 0; k < rank; k++) {
        for (unsigned i = 0; i < k; i++) {
            b[k] -= a[k][i] * b[i];
        }
        b[k] /= a[k][k];
    }
    for (unsigned k = rank; k-- > 0;) {
        for (unsigned i = k + 1; i < rank; i++) {
            b[k] -= a[i][k] * b[i];
        }
        b[k] /= a[k][k];
        x[k] = (float)b[k];
    }
}
