#include "codec/lowrank_ops.h"

enum { LANES = 8 };

void mlr_sketch_rows(float *restrict y, const float *restrict d,
                     const float *restrict omega, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i++) {
        float sum[MLR_SKETCH] = {0};
        const float *line = d + i * columns;
        for (size_t j = 0; j < columns; j++) {
            const float *at = omega + j * MLR_SKETCH;
            for (size_t l = 0; l < MLR_SKETCH; l++) {
                sum[l] += line[j] * at[l];
            }
        }
        for (size_t l = 0; l < MLR_SKETCH; l++) {
            y[i * MLR_SKETCH + l] = sum[l];
        }
    }
}

static void gather_rows(float *restrict z, const float *restrict d, const float *restrict y,
                        size_t rows, size_t columns)
{
    for (size_t j = 0; j < columns; j++) {
        float sum[MLR_SKETCH];
        for (size_t l = 0; l < MLR_SKETCH; l++) {
            sum[l] = z[j * MLR_SKETCH + l];
        }
        for (size_t i = 0; i < rows; i++) {
            float x = d[i * columns + j];
            for (size_t l = 0; l < MLR_SKETCH; l++) {
                sum[l] += x * y[i * MLR_SKETCH + l];
            }
        }
        for (size_t l = 0; l < MLR_SKETCH; l++) {
            z[j * MLR_SKETCH + l] = sum[l];
        }
    }
}

void mlr_sketch_columns(float *z, const float *d, const float *y, size_t rows,
                        size_t columns)
{
    enum { STRIP = 32 }; /* rows of y that stay in the first cache */
    for (size_t i = 0; i < rows; i += STRIP) {
        size_t n = rows - i < STRIP ? rows - i : STRIP;
        gather_rows(z, d + i * columns, y + i * MLR_SKETCH, n, columns);
    }
}

static void tile(float *gram, const float *restrict a, const float *restrict b, size_t n)
{
    float sum[2][4][LANES] = {{{0}}};
    for (size_t j = 0; j < n; j += LANES) {
        for (size_t k = 0; k < 2; k++) {
            for (size_t l = 0; l < 4; l++) {
                for (size_t x = 0; x < LANES; x++) {
                    sum[k][l][x] += a[k * n + j + x] * b[l * n + j + x];
                }
            }
        }
    }
    for (size_t k = 0; k < 2; k++) {
        for (size_t l = 0; l < 4; l++) {
            const float *s = sum[k][l];
            gram[k * MLR_GRAM_STRIDE + l] =
                ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
        }
    }
}

void mlr_gram(float *restrict out, const float *restrict f, float *restrict scaled,
              const float *restrict weight, size_t rank, size_t n)
{
    for (size_t k = 0; k < rank; k++) {
        for (size_t j = 0; j < n; j++) {
            scaled[k * n + j] = f[k * n + j] * weight[j];
        }
    }
    for (size_t k = 0; k < rank; k += 2) {
        for (size_t l = k & ~(size_t)3; l <= rank; l += 4) {
            tile(out + k * MLR_GRAM_STRIDE + l, scaled + k * n, f + l * n, n);
        }
    }
}

void mlr_line_subtract(float *restrict line, const float *restrict other, float x, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        line[j] -= other[j] * x;
    }
}
