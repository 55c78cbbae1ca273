/* Parses bytes as a model and proves what must hold whatever they are. */
#ifndef MLR_TESTS_SUPPORT_PARSE_BYTES_H
#define MLR_TESTS_SUPPORT_PARSE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/host/file.h"
#include "apply/host/heap.h"
#include "formats/format.h"
#include "formats/open.h"

/* What hostile input may cost. */
enum { PARSE_BUDGET = 64 << 20 };

typedef struct parsed {
    mlr_heap heap; /* budget and fail_at may be set between init and run */
    mlr_pool pool;
    mlr_bytes bytes;
    mlr_model model;
    mlr_err err;
    mlr_status status;
} parsed;

void parsed_init(parsed *p);

/* Parses by `format`, or probes where it is NULL. Bytes are borrowed until release. */
mlr_status parsed_run(parsed *p, const void *data, size_t n, const mlr_format *format);

/* Releases the model. False where memory is still in use after that. */
bool parsed_release(parsed *p);

/*
 * The first promise that a model breaks, or NULL: members are tiled without gap or overlap,
 * tensors lie inside, tied ones share their range, keys are found.
 */
const char *model_defect(const mlr_model *m);

/* For fuzzing: parses and stops the process at a broken promise. */
void parse_or_abort(const uint8_t *data, size_t n, const mlr_format *format);

/*
 * For test_<format>.c; each returns the first breach as text, or NULL.
 * Every proper prefix of a file fails, or opens with a correct tiling.
 */
const char *every_truncation(const uint8_t *data, size_t n, const mlr_format *format);

/* Every byte takes several values; nothing may crash, cost more than the budget, or leak.
 */
const char *every_mutation(const uint8_t *data, size_t n, const mlr_format *format);

/* The n-th allocation fails, for all n, once and from then on. */
const char *every_allocation_failing(const uint8_t *data, size_t n,
                                     const mlr_format *format);

#endif
