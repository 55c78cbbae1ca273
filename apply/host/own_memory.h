/* How much memory this process takes, as the system counts it. */
#ifndef MLR_APPLY_HOST_OWN_MEMORY_H
#define MLR_APPLY_HOST_OWN_MEMORY_H

#include <stdint.h>

/* What one large block costs beyond its size: the allocator's page and rounding. */
enum { MLR_ARENA_OVERHEAD = 8192 };

/* Private writable memory, which RLIMIT_DATA limits: all of it, touched or not, but the
   stack. 0 where the system does not say. */
uint64_t mlr_own_data_bytes(void);

/* Resident set. 0 where the system does not say. */
uint64_t mlr_own_resident_bytes(void);

#endif
