#include "tests/support/memory.h"

#include <stdlib.h>
#include <string.h>

static void grow(mem_sink *m, size_t need)
{
    if (need <= m->room) {
        return;
    }
    size_t room = m->room == 0 ? 4096 : m->room;
    while (room < need) {
        room *= 2;
    }
    m->data = realloc(m->data, room);
    if (m->data == NULL) {
        abort();
    }
    m->room = room;
}

static mlr_status sink_write(void *ctx, const void *src, size_t n, mlr_err *err)
{
    mem_sink *m = ctx;
    bool full = m->fail_at != 0 && n > 0 && m->n + n >= m->fail_at;
    size_t keep = !full ? n : m->fail_at > m->n ? m->fail_at - 1 - m->n : 0;
    m->writes++;
    grow(m, m->n + keep);
    if (keep > 0) {
        memcpy(m->data + m->n, src, keep);
    }
    m->n += keep;
    if (full) {
        return mlr_fail(err, MLR_E_NO_SPACE, m->n, "room in the test's sink");
    }
    return MLR_OK;
}

void mem_sink_init(mem_sink *m)
{
    *m = (mem_sink){.sink = {.ctx = m, .write = sink_write}};
}

void mem_sink_release(mem_sink *m)
{
    free(m->data);
    m->data = NULL;
    m->n = m->room = 0;
}

static mlr_status source_read(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    mem_source *m = ctx;
    size_t nth = atomic_fetch_add(&m->reads, 1) + 1;
    if (nth == m->fail_at) {
        return mlr_fail(err, MLR_E_IO, off, "read the test allows");
    }
    if (off > m->source.size || n > m->source.size - off) {
        return mlr_fail(err, MLR_E_TRUNCATED, off, "bytes inside the source");
    }
    if (n > 0) {
        memcpy(dst, m->data + off, n);
    }
    return MLR_OK;
}

void mem_source_init(mem_source *m, const void *data, size_t n)
{
    m->source = (mlr_source){.ctx = m, .size = n, .read_at = source_read};
    m->data = data;
    atomic_init(&m->reads, 0);
    m->fail_at = 0;
}

static mlr_status stream_read(void *ctx, void *dst, size_t n, size_t *got, mlr_err *err)
{
    mem_stream *m = ctx;
    m->reads++;
    if (m->reads == m->fail_at) {
        return mlr_fail(err, MLR_E_IO, m->pos, "read the test allows");
    }
    size_t left = m->n - m->pos;
    size_t give = n < left ? n : left;
    if (m->most != 0 && give > m->most) {
        give = m->most;
    }
    if (give > 0) {
        memcpy(dst, m->data + m->pos, give);
    }
    m->pos += give;
    *got = give;
    return MLR_OK;
}

void mem_stream_init(mem_stream *m, const void *data, size_t n)
{
    *m = (mem_stream){.stream = {.ctx = m, .read = stream_read}, .data = data, .n = n};
}
