/* What every long computation of this folder is handed: memory, lanes and a way to stop. */
#ifndef MLR_ANALYSIS_WORK_H
#define MLR_ANALYSIS_WORK_H

#include "apply/base/alloc.h"
#include "apply/base/exec.h"
#include "apply/base/tick.h"

/* All borrowed. Results never depend on the number of lanes. */
typedef struct mlr_work {
    const mlr_allocator *alloc; /* scratch memory, given back before the call returns */
    const mlr_exec *exec;       /* NULL: everything runs in the caller */
    const mlr_tick *tick; /* NULL: never cancelled; counts bytes. Called by the caller's
                             thread only */
} mlr_work;

#endif
