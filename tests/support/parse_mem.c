#include "tests/support/parse_mem.h"

#include <string.h>

#include "formats/probe.h"
#include "tests/support/model_fault.h"
#include "tests/support/test.h"

static mlr_status open_sibling(void *ctx, const char *path, uint32_t *member,
                               uint64_t *size, mlr_err *err)
{
    parse_mem *p = ctx;
    for (size_t i = 0; i < p->sibling_count; i++) {
        const mem_sibling *s = &p->siblings[i];
        if (strcmp(s->path, path) != 0) {
            continue;
        }
        *size = s->n;
        if (p->sibling_member[i] == 0) {
            mem_source_init(&p->sibling_source[i], s->data, s->n);
            mlr_status status =
                mlr_builder_member(p->builder, path, &mlr_format_opaque,
                                   &p->sibling_source[i].source, member, err);
            if (status != MLR_OK) {
                return status;
            }
            p->sibling_member[i] = *member + 1;
        }
        *member = p->sibling_member[i] - 1;
        return MLR_OK;
    }
    return mlr_fail(err, MLR_E_IO, MLR_NO_OFFSET, "file that exists");
}

static mlr_status parse(parse_mem *p)
{
    mlr_member m = {.name = "model", .format = p->format, .source = &p->source.source};
    mlr_siblings siblings = {.open = open_sibling, .ctx = p};
    uint32_t index = 0;
    if (mlr_builder_begin(&p->builder, &p->pool, &p->scratch, &p->err) != MLR_OK ||
        mlr_builder_member(p->builder, m.name, m.format, m.source, &index, &p->err) !=
            MLR_OK ||
        mlr_parse_member(p->builder, index, &m, p->siblings == NULL ? NULL : &siblings,
                         &p->heap.alloc, &p->err) != MLR_OK) {
        return p->err.status;
    }
    return mlr_builder_finish(p->builder, &p->model, &p->err);
}

mlr_status parse_mem_run(parse_mem *p)
{
    mlr_heap_init(&p->heap);
    p->heap.budget = p->budget;
    p->heap.fail_at = p->fail_at;
    mlr_pool_init(&p->pool, &p->heap.alloc);
    mlr_pool_init(&p->scratch, &p->heap.alloc);
    mem_source_init(&p->source, p->data, p->n);
    mlr_status status = parse(p);
    assert_int_equal(status, p->err.status);
    const char *fault = status == MLR_OK ? model_fault(&p->model) : NULL;
    if (fault != NULL) {
        fail_msg("the model breaks: %s", fault);
    }
    return status;
}

void parse_mem_end(parse_mem *p)
{
    mlr_pool_release(&p->pool);
    mlr_pool_release(&p->scratch);
    assert_int_equal(p->heap.used, 0);
}

mlr_err parse_mem_once(const mlr_format *format, const void *data, size_t n)
{
    parse_mem p = {.format = format, .data = data, .n = n, .budget = 64 << 20};
    parse_mem_run(&p);
    parse_mem_end(&p);
    return p.err;
}

const mlr_tensor *parse_mem_tensor(const parse_mem *p, const char *key)
{
    const mlr_tensor *t = mlr_model_find(&p->model, (mlr_str){.p = key, .n = strlen(key)});
    if (t == NULL) {
        for (size_t i = 0; i < p->model.tensor_count; i++) {
            mlr_str k = p->model.tensors[i].key;
            print_message("have %.*s\n", (int)k.n, k.p);
        }
        fail_msg("no tensor %s", key);
    }
    return t;
}

const mlr_meta *parse_mem_meta(const parse_mem *p, const char *key)
{
    for (size_t i = 0; i < p->model.meta_count; i++) {
        const mlr_meta *m = &p->model.metas[i];
        if (m->key.n == strlen(key) && memcmp(m->key.p, key, m->key.n) == 0) {
            return m;
        }
    }
    fail_msg("no metadata %s", key);
    return NULL;
}
