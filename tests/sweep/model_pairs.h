/* Pairs of models that are there: the corpus, the demo, and small random ones. */
#ifndef MLR_TESTS_SWEEP_MODEL_PAIRS_H
#define MLR_TESTS_SWEEP_MODEL_PAIRS_H

#include <stddef.h>
#include <stdint.h>

enum { PAIR_PATH = 400, MOST_MODEL_PAIRS = 200 };

typedef struct model_path_pair {
    char old_path[PAIR_PATH], new_path[PAIR_PATH];
    uint64_t bytes; /* of the new one */
} model_path_pair;

/* The same pairs in the same order wherever the same files are. */
const model_path_pair *model_pairs(size_t *count);

#endif
