#include "apply/decoder.h"

#include "apply/base/checked.h"

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

mlr_status mlr_decoder_need_of(const mlr_record *r, mlr_decoder_need *need, mlr_err *err)
{
    const mlr_decoder *d = r->decoder;
    *need = (mlr_decoder_need){0};
    if (d->terms != NULL && d->terms(r, &need->terms, err) != MLR_OK) {
        return err->status;
    }
    uint64_t state = 0;
    uint64_t work = 0;
    bool ok = mlr_add_u64(need->terms.state, d->own_state, &state) &&
              mlr_add_u64(need->terms.work, d->own_work, &work) &&
              mlr_to_size(state, &need->state_bytes) &&
              mlr_to_size(work, &need->work_bytes);
    return ok ? MLR_OK : mlr_fail(err, MLR_E_LIMIT, MLR_NO_OFFSET, "memory of a decoder");
}
