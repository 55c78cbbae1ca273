#include "analysis/histogram.h"

#include <math.h>

#include "analysis/small_float.h"

void mlr_log_add(mlr_log_histogram *h, double value, uint64_t n)
{
    if (value != value) {
        h->nan += n;
        return;
    }
    if (isinf(value)) {
        h->infinite += n;
        return;
    }
    int exponent = (int)(mlr_f64_to_bits(value) >> 52 & 0x7ff);
    if (exponent == 0) {
        h->zero += n; /* f64 denormals too: they are nothing on this axis */
        return;
    }
    int bin = exponent - 1023 + MLR_LOG_BIAS;
    bin = bin < 0 ? 0 : bin;
    bin = bin >= MLR_LOG_BINS ? MLR_LOG_BINS - 1 : bin;
    uint64_t *side = value < 0 ? h->negative : h->positive;
    side[bin] += n;
}

double mlr_entropy64(const uint64_t *count, size_t n)
{
    double total = 0, sum = 0;
    for (size_t i = mlr_next_count(count, 0, n); i < n;
         i = mlr_next_count(count, i + 1, n)) {
        total += (double)count[i];
    }
    for (size_t i = mlr_next_count(count, 0, n); i < n;
         i = mlr_next_count(count, i + 1, n)) {
        double c = (double)count[i];
        sum += c * log2(total / c);
    }
    return total > 0 ? sum / total : 0.0;
}

uint64_t mlr_distance_of_bin(unsigned bin)
{
    if (bin < 32) {
        return bin;
    }
    unsigned log = (bin - 32) / 16 + 5;
    uint64_t step = (uint64_t)1 << (log - 4);
    return ((uint64_t)1 << log) + step * ((bin - 32) % 16 + 1) - 1;
}
