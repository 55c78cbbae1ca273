#include "formats/probe.h"

#include <string.h>

#include "formats/open.h"

enum { HEAD_BYTES = 64 };

bool mlr_format_has_suffix(const mlr_format *format, const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL) {
        return false;
    }
    size_t n = strlen(dot + 1);
    for (const char *s = format->suffixes; *s != '\0';) {
        size_t len = strcspn(s, ",");
        if (len == n && memcmp(s, dot + 1, n) == 0) {
            return true;
        }
        s += len + (s[len] == ',');
    }
    return false;
}

mlr_status mlr_format_probe(const mlr_format **out, const mlr_source *source,
                            const char *name, mlr_err *err)
{
    uint8_t head[HEAD_BYTES] = {0};
    size_t n = source->size < sizeof head ? (size_t)source->size : sizeof head;
    if (n > 0) {
        mlr_status status = source->read_at(source->ctx, 0, head, n, err);
        if (status != MLR_OK) {
            return status;
        }
    }
    int best = 0;
    *out = &mlr_format_opaque;
    for (size_t i = 0; mlr_formats[i] != NULL; i++) {
        int score = 2 * mlr_formats[i]->probe(head, n, source->size);
        if (score > 0 && mlr_format_has_suffix(mlr_formats[i], name)) {
            score++;
        }
        if (score > best) {
            best = score;
            *out = mlr_formats[i];
        }
    }
    return MLR_OK;
}

mlr_status mlr_parse_member(mlr_builder *b, uint32_t member, const mlr_member *m,
                            const mlr_siblings *siblings, const mlr_allocator *alloc,
                            mlr_err *err)
{
    mlr_window window = {0};
    mlr_pool scratch;
    mlr_pool_init(&scratch, alloc);
    mlr_parse p = {.builder = b,
                   .window = &window,
                   .scratch = &scratch,
                   .member = member,
                   .size = m->source->size};
    if (siblings != NULL) {
        p.sibling = siblings->open;
        p.sibling_ctx = siblings->ctx;
    }
    mlr_builder_begin_file(b, member);
    mlr_status status = mlr_window_init(&window, m->source, alloc, err);
    if (status == MLR_OK) {
        status = m->format->parse(&p, err);
    }
    if (status == MLR_OK) {
        status = mlr_builder_settle(b, err);
    }
    mlr_window_release(&window);
    mlr_pool_release(&scratch);
    return status;
}

mlr_status mlr_model_parse(mlr_model *out, const mlr_source *source,
                           const struct mlr_format *format, mlr_pool *pool, mlr_err *err)
{
    mlr_err unseen = {0};
    err = err == NULL ? &unseen : err;
    mlr_builder *b = NULL;
    mlr_pool scratch;
    mlr_pool_init(&scratch, pool->alloc);
    mlr_member m = {.name = "", .format = format, .source = source};
    uint32_t index = 0;
    mlr_status status = MLR_OK;
    if (format == NULL) {
        status = mlr_format_probe(&m.format, source, "", err);
    }
    if (status == MLR_OK) {
        status = mlr_builder_begin(&b, pool, &scratch, err);
    }
    if (status == MLR_OK) {
        status = mlr_builder_member(b, m.name, m.format, source, &index, err);
    }
    if (status == MLR_OK) {
        status = mlr_parse_member(b, index, &m, NULL, pool->alloc, err);
    }
    if (status == MLR_OK && m.format->relate != NULL) {
        m.format->relate(b);
    }
    if (status == MLR_OK) {
        status = mlr_builder_finish(b, out, err);
    }
    mlr_pool_release(&scratch);
    return status;
}
