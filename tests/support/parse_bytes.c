#include "tests/support/parse_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    p->status = mlr_model_parse(&p->model, &p->bytes.source, format, &p->pool, &p->err);
    return p->status;
}

bool parsed_release(parsed *p)
{
    mlr_pool_release(&p->pool);
    return p->heap.used == 0;
}

static const char *span_defect(const mlr_model *m, const mlr_span *s)
{
    if (s->tensor == MLR_NO_TENSOR) {
        return NULL;
    }
    if (s->tensor >= m->tensor_count) {
        return "a span names a tensor that is not there";
    }
    const mlr_tensor *t = &m->tensors[s->tensor];
    if (t->data.off != s->bytes.off || t->data.len != s->bytes.len) {
        return "a span differs from its tensor";
    }
    return t->tied_to == MLR_NO_TENSOR ? NULL : "a tied tensor has a span of its own";
}

static const char *member_defect(const mlr_model *m, const mlr_member *member)
{
    uint64_t pos = 0, glue = 0;
    if (member->first_span > m->span_count ||
        member->span_count > m->span_count - member->first_span) {
        return "a member's spans are not there";
    }
    for (size_t i = 0; i < member->span_count; i++) {
        const mlr_span *s = &m->spans[member->first_span + i];
        const char *defect = span_defect(m, s);
        if (defect != NULL) {
            return defect;
        }
        if (s->bytes.off != pos || s->bytes.len == 0) {
            return "spans leave a gap, overlap or are empty";
        }
        pos += s->bytes.len;
        glue += s->tensor == MLR_NO_TENSOR ? s->bytes.len : 0;
    }
    if (pos != member->source->size) {
        return "spans do not end where the file ends";
    }
    return glue == member->glue_bytes ? NULL : "glue is miscounted";
}

static const char *tensor_defect(const mlr_model *m, const mlr_tensor *t)
{
    uint64_t elements = 1;
    if (t->dtype == NULL || t->member >= m->member_count) {
        return "a tensor without type or member";
    }
    uint64_t size = m->members[t->member].source->size;
    if (t->data.len > size || t->data.off > size - t->data.len) {
        return "a tensor outside its file";
    }
    for (unsigned i = 0; i < t->rank; i++) {
        elements *= t->dim[i];
    }
    if (elements != t->elements) {
        return "elements differ from the shape";
    }
    if (mlr_model_find(m, t->key) != t) {
        return "a key does not find its tensor";
    }
    if (t->tied_to != MLR_NO_TENSOR) {
        const mlr_tensor *first = &m->tensors[t->tied_to];
        if (t->tied_to >= m->tensor_count || first->tied_to != MLR_NO_TENSOR ||
            first->data.off != t->data.off || first->data.len != t->data.len) {
            return "a tie that does not hold";
        }
    }
    return NULL;
}

const char *model_defect(const mlr_model *m)
{
    const char *defect = NULL;
    for (size_t i = 0; i < m->member_count && defect == NULL; i++) {
        defect = member_defect(m, &m->members[i]);
    }
    for (size_t i = 0; i < m->tensor_count && defect == NULL; i++) {
        defect = tensor_defect(m, &m->tensors[i]);
    }
    return defect;
}

/* What must hold after any parse; releases it. */
static const char *outcome_defect(parsed *p, size_t size)
{
    const char *defect = NULL;
    if (p->status != p->err.status) {
        defect = "the status differs from the record";
    } else if (p->status == MLR_OK) {
        defect = model_defect(&p->model);
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
            copy[i] = k < sizeof values ? values[k]
                                        : (uint8_t)(data[i] ^ 1u << (k - sizeof values));
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
