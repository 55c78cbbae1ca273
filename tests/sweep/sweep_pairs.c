/* R9: random updates of random models under random options come back byte for byte. */
#include <stdio.h>
#include <stdlib.h>

#include "apply/host/heap.h"
#include "apply/host/threads.h"
#include "tests/support/random_trip.h"
#include "tests/support/temp_dir.h"
#include "tests/sweep/sweep.h"

enum { UNITS = 20, PAIRS = 50 };

static unsigned units(void)
{
    return UNITS;
}

static void run(sweep *s)
{
    mlr_heap heap;
    mlr_threads *threads = NULL;
    mlr_err err = {0};
    temp_dir dir;
    patching p;
    mlr_heap_init(&heap);
    mlr_threads_start(&threads, 3, &heap.alloc, &err);
    patching_init(&p, &heap.alloc);
    p.exec = mlr_threads_exec(threads);
    temp_dir_make(&dir);
    for (unsigned i = 0; i < PAIRS; i++) {
        uint64_t seed = (s->seed << 32) + s->unit * PAIRS + i;
        for (int format = 0; format < RANDOM_FORMATS; format++) {
            char why[256];
            if (sweep_next(s) && !random_trip(&p, &dir, (random_format)format, seed, why)) {
                sweep_fail(s, "%s", why);
            }
        }
    }
    temp_dir_remove(&dir);
    mlr_threads_stop(threads);
}

const sweep_class sweep_pairs = {
    "R9", "random pairs of every format, made, applied and compared", units, run};
