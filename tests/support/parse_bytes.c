#include "tests/support/parse_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/model_fault.h"

void parsed_init(parsed *p)
{
    *p = (parsed){0};
    mlr_heap_init(&p->heap);
    p->heap.budget = PARSE_BUDGET;
    mlr_pool_init(&p->pool, &p->heap.alloc);
}

mlr_status parsed_run(parsed *p, const void *data, size_t n, const mlr_format *format)
{
    mlr_bytes_init(&p->bytes, data, n);
    mem_source_init(&p->plain, data, n);
    const mlr_source *source = p->without_view ? &p->plain.source : &p->bytes.source;
    p->status = mlr_model_parse(&p->model, source, format, &p->pool, &p->err);
    return p->status;
}

bool parsed_release(parsed *p)
{
    mlr_pool_release(&p->pool);
    return p->heap.used == 0;
}

/* What must hold after any parse; releases it. */
static const char *outcome_defect(parsed *p, size_t size)
{
    const char *defect = NULL;
    if (p->status != p->err.status) {
        defect = "the status differs from the record";
    } else if (p->status == MLR_OK) {
        defect = model_fault(&p->model);
    } else if (p->status == MLR_E_INTERNAL || p->err.rule == NULL) {
        defect = "a failure without a proper reason";
    } else if (p->status != MLR_E_NO_MEMORY && p->err.offset > size) {
        defect = "an offset outside the file";
    }
    if (!parsed_release(p) && defect == NULL) {
        defect = "memory leaks";
    }
    return defect;
}

/* Parses a copy of exactly n bytes, so that reading beyond them shows under a sanitizer. */
static const char *parse_exactly(const uint8_t *data, size_t n, const mlr_format *format)
{
    parsed p;
    uint8_t *copy = malloc(n > 0 ? n : 1);
    if (copy == NULL) {
        return "no memory for the test itself";
    }
    if (n > 0) {
        memcpy(copy, data, n);
    }
    parsed_init(&p);
    p.without_view = n % 2 == 0; /* both ways, without doing all twice */
    mlr_status status = parsed_run(&p, copy, n, format);
    const char *defect = outcome_defect(&p, n);
    free(copy);
    return status == MLR_E_NO_MEMORY && defect == NULL ? "over the budget" : defect;
}

void parse_or_abort(const uint8_t *data, size_t n, const mlr_format *format)
{
    parsed p;
    parsed_init(&p);
    p.heap.budget = 0; /* the fuzzer has a limit of its own */
    parsed_run(&p, data, n, format);
    const char *defect = outcome_defect(&p, n);
    if (defect != NULL) {
        fprintf(stderr, "%s\n", defect);
        abort();
    }
}

const char *every_truncation(const uint8_t *data, size_t n, const mlr_format *format)
{
    for (size_t cut = 0; cut < n; cut++) {
        const char *defect = parse_exactly(data, cut, format);
        if (defect != NULL) {
            return defect;
        }
    }
    return NULL;
}

const char *every_mutation(const uint8_t *data, size_t n, const mlr_format *format)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '{', '9'};
    const char *defect = NULL;
    uint8_t *copy = malloc(n);
    if (copy == NULL) {
        return "no memory for the test itself";
    }
    memcpy(copy, data, n);
    for (size_t i = 0; i < n && defect == NULL; i++) {
        for (size_t k = 0; k < sizeof values + 8 && defect == NULL; k++) {
            uint8_t flipped = (uint8_t)(data[i] ^ 1u << (k % 8));
            copy[i] = k < sizeof values ? values[k] : flipped;
            defect = parse_exactly(copy, n, format);
        }
        copy[i] = data[i];
    }
    free(copy);
    return defect;
}

const char *every_allocation_failing(const uint8_t *data, size_t n,
                                     const mlr_format *format)
{
    for (size_t nth = 1;; nth++) {
        for (int on = 0; on < 2; on++) {
            parsed p;
            parsed_init(&p);
            p.without_view = true; /* then the windows take memory too */
            p.heap.fail_at = nth;
            p.heap.fail_from_then_on = on;
            parsed_run(&p, data, n, format);
            bool reached = p.heap.takes >= nth;
            mlr_status status = p.status;
            const char *defect = outcome_defect(&p, n);
            if (defect != NULL) {
                return defect;
            }
            if (!reached) {
                return status == MLR_OK ? NULL : "the good file does not parse";
            }
            if (status != MLR_E_NO_MEMORY) {
                return "a failed allocation goes unnoticed";
            }
        }
    }
}
