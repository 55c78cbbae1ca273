#include <string.h>

#include "codec/strategy.h"

static const mlr_encoder *const table[MLR_STRATEGY_LIMIT] = {
#define MLR_STRATEGY(id, sym, name, traits) [id] = &mlr_encoder_##sym,
#include "apply/strategies.def"
#undef MLR_STRATEGY
};

const mlr_encoder *mlr_encoder_get(unsigned id)
{
    return id < MLR_STRATEGY_LIMIT ? table[id] : NULL;
}

int mlr_strategy_named(const char *name)
{
    static const struct {
        int id;
        const char *name;
    } names[] = {
#define MLR_STRATEGY(id, sym, name, traits) {id, name},
#include "apply/strategies.def"
#undef MLR_STRATEGY
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return names[i].id;
        }
    }
    return -1;
}
