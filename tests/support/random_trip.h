/* One random pair under random options: made, applied and compared. */
#ifndef MLR_TESTS_SUPPORT_RANDOM_TRIP_H
#define MLR_TESTS_SUPPORT_RANDOM_TRIP_H

#include <stdbool.h>

#include "tests/support/patching.h"
#include "tests/support/random_pair.h"
#include "tests/support/temp_dir.h"

/* False where the new model does not come back byte for byte, or where the patch is much
   larger than it; `why` then names the seed and what is wrong. */
bool random_trip(patching *p, const temp_dir *dir, random_format format, uint64_t seed,
                 char why[256]);

#endif
