/* Random small models and random updates of them, in each format, for round-trip tests. */
#ifndef MLR_TESTS_SUPPORT_RANDOM_PAIR_H
#define MLR_TESTS_SUPPORT_RANDOM_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include "tests/support/rng.h"

typedef enum random_format {
    RANDOM_ST,
    RANDOM_GGUF,
    RANDOM_ONNX,
    RANDOM_TFLITE,
    RANDOM_BYTES
} random_format;

enum { RANDOM_FORMATS = RANDOM_BYTES + 1 };

typedef struct random_file {
    uint8_t *data; /* from malloc */
    size_t n;
} random_file;

/*
 * An old and a new model. The new one has tensors whose values moved a little, in part, or
 * altogether, and some that were added, removed, renamed, grown, reordered or cast.
 */
void random_pair(rng *r, random_format format, random_file *old_file,
                 random_file *new_file);

/* The same with a few rows per tensor: some kilobytes. */
void random_pair_small(rng *r, random_format format, random_file *old_file,
                       random_file *new_file);

#endif
