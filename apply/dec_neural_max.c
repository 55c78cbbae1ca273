#include "apply/neural_block.h"

/* The decoder of blocks is shared: the record's model says how they were coded. */
const mlr_decoder mlr_decoder_neural_max = {.id = MLR_STRATEGY_neural_max,
                                            .traits = 0,
                                            .name = "neural-max",
                                            .own_state = MLR_NEURAL_OWN_STATE,
                                            .own_work = MLR_NEURAL_OWN_WORK,
                                            .terms = mlr_neural_terms,
                                            .prepare = mlr_neural_prepare,
                                            .decode = mlr_neural_max_block_decode};
