#include "apply/decoder.h"

/* A build for a small device may name a table with fewer rows. */
#ifndef MLR_STRATEGY_TABLE
#define MLR_STRATEGY_TABLE "apply/strategies.def"
#endif

static const mlr_decoder *const table[MLR_STRATEGY_LIMIT] = {
#define MLR_STRATEGY(id, sym, name, traits) [id] = &mlr_decoder_##sym,
#include MLR_STRATEGY_TABLE
#undef MLR_STRATEGY
};

const mlr_decoder *mlr_decoder_get(unsigned id)
{
    return id < MLR_STRATEGY_LIMIT ? table[id] : NULL;
}
