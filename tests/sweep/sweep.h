/*
 * What every class of fault cases is made of: numbered units that run alone in a process,
 * and inside them cases, numbered too, of which a run may take a seeded share.
 */
#ifndef MLR_TESTS_SWEEP_SWEEP_H
#define MLR_TESTS_SWEEP_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Shared with the driver, which reads it also where the unit's process crashed. */
typedef struct sweep_tally {
    uint64_t seen, cases, failures;
} sweep_tally;

typedef struct sweep {
    uint64_t seed;   /* of the whole run */
    uint64_t stride; /* one case in so many is run */
    uint64_t only;   /* 0: no; else the number of the one case that is run */
    const char *id;  /* of the class */
    unsigned unit;
    const char *programs; /* folder that holds the built programs */
    sweep_tally *tally;
    bool failed; /* the present case */
} sweep;

/* Whether the next case is to be run; counts it where it is. */
bool sweep_next(sweep *s);

/* Counts a failure of the present case, once, and says what is wrong. */
void sweep_fail(sweep *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Tells the driver that the unit cannot be run here. */
void sweep_skip(sweep *s, const char *why);

/* One whose id begins with 'C' is run only where it is named. */
typedef struct sweep_class {
    const char *id, *name;
    unsigned (*units)(void);
    void (*run)(sweep *s);
} sweep_class;

extern const sweep_class sweep_calls, sweep_weak_calls, sweep_kills, sweep_stops,
    sweep_power, sweep_allocs, sweep_damage, sweep_leftovers, sweep_models, sweep_budgets,
    sweep_pairs, sweep_inputs, sweep_cover, sweep_product;

#endif
