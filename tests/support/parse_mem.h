/* Parses bytes in memory as one format, with other files of the model in memory too. */
#ifndef MLR_TESTS_SUPPORT_PARSE_MEM_H
#define MLR_TESTS_SUPPORT_PARSE_MEM_H

#include "apply/base/pool.h"
#include "apply/host/heap.h"
#include "formats/format.h"
#include "tests/support/memory.h"

/* A file that the model may name. */
typedef struct mem_sibling {
    const char *path;
    const void *data;
    size_t n;
} mem_sibling;

typedef struct parse_mem {
    /* set by the caller; the rest by parse_mem_run() */
    const mlr_format *format;
    const void *data;
    size_t n;
    const mem_sibling *siblings; /* NULL: none may be opened */
    size_t sibling_count;        /* at most 4 */
    size_t budget;               /* bytes of memory; 0: any */
    size_t fail_at;              /* allocation that fails; 0: none */

    mlr_model model;
    mlr_err err;
    mlr_heap heap;
    mlr_pool pool, scratch;
    mlr_builder *builder;
    mem_source source, sibling_source[4];
    uint32_t sibling_member[4]; /* + 1; 0: not opened */
} parse_mem;

/* Parses and asserts that success keeps the model's invariants. */
mlr_status parse_mem_run(parse_mem *p);

/* Releases what the parse took and asserts that nothing is left. */
void parse_mem_end(parse_mem *p);

/* Run and end in one. */
mlr_err parse_mem_once(const mlr_format *format, const void *data, size_t n);

/* The tensor with this key; fails the test where there is none. */
const mlr_tensor *parse_mem_tensor(const parse_mem *p, const char *key);

/* The metadata with this key; fails the test where there is none. */
const mlr_meta *parse_mem_meta(const parse_mem *p, const char *key);

#endif
