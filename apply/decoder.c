#include "apply/decoder.h"

static const mlr_decoder *const table[MLR_STRATEGY_LIMIT] = {
#define MLR_STRATEGY(id, sym, name, traits) [id] = &mlr_decoder_##sym,
#include "apply/strategies.def"
#undef MLR_STRATEGY
};

const mlr_decoder *mlr_decoder_get(unsigned id)
{
    return id < MLR_STRATEGY_LIMIT ? table[id] : NULL;
}
