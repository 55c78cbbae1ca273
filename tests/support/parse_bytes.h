/* Parses bytes as a model, and sweeps over what may be wrong with them. */
#ifndef MLR_TESTS_SUPPORT_PARSE_BYTES_H
#define MLR_TESTS_SUPPORT_PARSE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/host/file.h"
#include "apply/host/heap.h"
#include "formats/format.h"
#include "formats/open.h"
#include "tests/support/memory.h"

/* What hostile input may cost. */
enum { PARSE_BUDGET = 64 << 20 };

typedef struct parsed {
    mlr_heap heap; /* budget and fail_at may be set between init and run */
    mlr_pool pool;
    mlr_bytes bytes;
    mem_source plain;
    bool without_view; /* set by the caller: read through windows, as files are */
    mlr_model model;
    mlr_err err;
    mlr_status status;
} parsed;

void parsed_init(parsed *p);

/* Parses by `format`, or probes where it is NULL. Bytes are borrowed until release. */
mlr_status parsed_run(parsed *p, const void *data, size_t n, const mlr_format *format);

/* Releases the model. False where memory is still in use after that. */
bool parsed_release(parsed *p);

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
