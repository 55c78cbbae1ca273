/* The 32-lane rANS encoder, eight lanes at a time. */
#ifndef MLR_APPLY_HOST_RANS_ENCODE_AVX2_H
#define MLR_APPLY_HOST_RANS_ENCODE_AVX2_H

#include "apply/rans.h"

/* Of jobs with 32 lanes only. */
size_t mlr_rans_encode_avx2(const mlr_rans_job *j, uint16_t *words,
                            uint32_t state[MLR_RANS_LANES]);

#endif
