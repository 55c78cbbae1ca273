/* Lets many threads poll one progress callback that must never run twice at once. */
#ifndef MLR_CODEC_GATE_H
#define MLR_CODEC_GATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "apply/base/tick.h"

typedef struct mlr_gate {
    mlr_tick tick;         /* hand this one to workers */
    const mlr_tick *outer; /* borrowed; may be NULL */
    atomic_flag busy;
    atomic_bool stopped;
    _Atomic uint64_t done;
    uint64_t total;
} mlr_gate;

void mlr_gate_init(mlr_gate *g, const mlr_tick *outer, uint64_t total);

/* Counts n more bytes as done. */
void mlr_gate_add(mlr_gate *g, uint64_t n);

/* Whether the caller wanted to stop at any poll so far. */
bool mlr_gate_stopped(const mlr_gate *g);

#endif
