#include "codec/price.h"

#include <string.h>

#include "apply/decoder.h"

/* MB/s of one desktop thread. An id without a row costs as the slowest. */
static const unsigned speed[] = {
    [MLR_STRATEGY_raw] = 4000,         [MLR_STRATEGY_copy] = 4000,
    [MLR_STRATEGY_zstd] = 700,         [MLR_STRATEGY_zstd_ref] = 500,
    [MLR_STRATEGY_xor] = 550,          [MLR_STRATEGY_xor_planes] = 650,
    [MLR_STRATEGY_sub] = 550,          [MLR_STRATEGY_sub_planes] = 650,
    [MLR_STRATEGY_exp_man] = 500,      [MLR_STRATEGY_sparse] = 230,
    [MLR_STRATEGY_block_fields] = 500, [MLR_STRATEGY_mix] = 1,
    [MLR_STRATEGY_neural] = 400,       [MLR_STRATEGY_neural_quant] = 250,
    [MLR_STRATEGY_neural_max] = 130,
};

enum { SLOWEST = 1 };

unsigned mlr_price_speed(unsigned strategy)
{
    if (strategy >= sizeof speed / sizeof speed[0] || speed[strategy] == 0) {
        return mlr_decoder_get(strategy) == NULL ? 0 : SLOWEST;
    }
    return speed[strategy];
}

unsigned mlr_price_factor(const mlr_device *device)
{
    static const struct {
        const char *name;
        unsigned factor;
    } row[] = {{"64M", 4}, {"16M", 8}, {"1M", 20}, {"256K", 40}, {"micro", 80}};
    for (size_t i = 0; device != NULL && i < sizeof row / sizeof row[0]; i++) {
        if (strcmp(device->name, row[i].name) == 0) {
            return row[i].factor;
        }
    }
    return 1;
}

uint64_t mlr_price_decode_us(unsigned strategy, uint64_t new_bytes,
                             const mlr_device *device)
{
    unsigned mb_s = mlr_price_speed(strategy);
    if (mb_s == 0) {
        mb_s = SLOWEST;
    }
    uint64_t us = new_bytes / mb_s + (new_bytes % mb_s != 0);
    unsigned factor = mlr_price_factor(device);
    return us > UINT64_MAX / factor ? UINT64_MAX : us * factor;
}
