#include "tests/support/model_fault.h"

#include <string.h>

#include "apply/base/checked.h"

static const char *member_fault(const mlr_model *m, const mlr_member *f)
{
    uint64_t pos = 0, glue = 0;
    for (size_t i = f->first_span; i < f->first_span + f->span_count; i++) {
        const mlr_span *s = &m->spans[i];
        if (s->bytes.off != pos || s->bytes.len == 0) {
            return "span that starts where the last one ended";
        }
        pos += s->bytes.len;
        if (s->tensor == MLR_NO_TENSOR) {
            glue += s->bytes.len;
        } else if (s->tensor >= m->tensor_count ||
                   memcmp(&m->tensors[s->tensor].data, &s->bytes, sizeof s->bytes) != 0 ||
                   &m->members[m->tensors[s->tensor].member] != f) {
            return "span of its own tensor";
        }
    }
    if (pos != f->source->size) {
        return "spans as long as the file";
    }
    return glue == f->glue_bytes ? NULL : "glue that adds up";
}

static const char *tensor_fault(const mlr_model *m, uint32_t i)
{
    const mlr_tensor *t = &m->tensors[i];
    uint64_t elements = 1, bytes = 0;
    if (t->member >= m->member_count ||
        !mlr_inside(t->data.off, t->data.len, m->members[t->member].source->size)) {
        return "tensor inside its member";
    }
    for (unsigned d = 0; d < t->rank; d++) {
        if (!mlr_mul_u64(elements, t->dim[d], &elements)) {
            return "element count that fits";
        }
    }
    if (elements != t->elements) {
        return "element count of the shape";
    }
    if (t->dtype->cls != MLR_CLASS_OPAQUE &&
        (!mlr_dtype_bytes(t->dtype, elements, &bytes) || bytes != t->data.len)) {
        return "typed length of shape and type";
    }
    if (t->tied_to != MLR_NO_TENSOR &&
        (t->tied_to >= m->tensor_count ||
         memcmp(&m->tensors[t->tied_to].data, &t->data, sizeof t->data) != 0)) {
        return "tie of equal ranges";
    }
    return mlr_model_find(m, t->key) == t ? NULL : "key that finds its tensor";
}

const char *model_fault(const mlr_model *m)
{
    const char *fault = NULL;
    size_t next = 0;
    for (size_t i = 0; i < m->member_count && fault == NULL; i++) {
        if (m->members[i].first_span != next) {
            return "spans in the order of members";
        }
        next += m->members[i].span_count;
        fault = member_fault(m, &m->members[i]);
    }
    for (uint32_t i = 0; i < m->tensor_count && fault == NULL; i++) {
        fault = tensor_fault(m, i);
    }
    return fault != NULL || next == m->span_count ? fault : "as many spans as members have";
}
