/* The golden patches of tests/golden as values in memory: patch, base, and what comes out.
 */
#ifndef MLR_TESTS_SWEEP_GOLDEN_H
#define MLR_TESTS_SWEEP_GOLDEN_H

#include "tests/support/apply_run.h"

typedef struct golden {
    char name[64];
    uint8_t *patch; /* owned */
    size_t patch_bytes;
    uint8_t *base[APPLY_MEMBERS]; /* owned */
    size_t base_bytes[APPLY_MEMBERS];
    size_t bases;
    uint8_t *want; /* what the undamaged patch gives; owned */
    size_t want_bytes;
    mlr_apply_need need;
    mlr_inflater inflater;
    apply_run run; /* of the undamaged patch */
} golden;

/* How many there are; 0 where the tree is not the present directory. */
size_t golden_count(void);

/* False where it cannot be read or does not apply. */
bool golden_load(golden *g, size_t which);
void golden_release(golden *g);

/* Whether an outcome is what it must be: the same output, or a failure that says why. */
const char *golden_broken(const golden *g, const apply_outcome *o);

#endif
