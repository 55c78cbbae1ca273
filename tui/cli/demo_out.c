#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tui/cli/demo.h"

static void flush_buffer(mlr_demo_out *o)
{
    if (o->err->status == MLR_OK && o->used != 0) {
        (void)o->file.sink.write(o->file.sink.ctx, o->buffer, o->used, o->err);
    }
    o->used = 0;
}

/* n == 0 flushes. */
void mlr_demo_put(mlr_demo_out *o, const void *p, size_t n)
{
    const uint8_t *from = p;
    o->total += n;
    if (n == 0) {
        flush_buffer(o);
    }
    while (n > 0 && o->err->status == MLR_OK) {
        size_t room = MLR_DEMO_BUFFER - o->used;
        size_t take = n < room ? n : room;
        memcpy(o->buffer + o->used, from, take);
        o->used += take;
        from += take;
        n -= take;
        if (o->used == MLR_DEMO_BUFFER) {
            flush_buffer(o);
        }
    }
}

void mlr_demo_zeros(mlr_demo_out *o, size_t n)
{
    static const uint8_t zero[64];
    while (n > 0) {
        size_t take = n < sizeof zero ? n : sizeof zero;
        mlr_demo_put(o, zero, take);
        n -= take;
    }
}

static bool make_room(mlr_demo_buf *b, size_t n)
{
    if (b->failed || n <= b->room - b->n) {
        return !b->failed;
    }
    size_t room = (b->room + n) * 2 + 4096;
    uint8_t *p = mlr_take(b->alloc, room);
    if (p == NULL) {
        b->failed = true;
        return false;
    }
    if (b->n != 0) {
        memcpy(p, b->p, b->n);
    }
    mlr_give(b->alloc, b->p, b->room);
    b->p = p;
    b->room = room;
    return true;
}

void mlr_demo_add(mlr_demo_buf *b, const void *p, size_t n)
{
    if (n != 0 && make_room(b, n)) {
        memcpy(b->p + b->n, p, n);
        b->n += n;
    }
}

void mlr_demo_le(mlr_demo_buf *b, uint64_t v, unsigned bytes)
{
    uint8_t le[8];
    for (unsigned i = 0; i < 8; i++) {
        le[i] = (uint8_t)(v >> (8 * i) & 0xFF);
    }
    mlr_demo_add(b, le, bytes);
}

void mlr_demo_text(mlr_demo_buf *b, const char *text)
{
    mlr_demo_add(b, text, strlen(text));
}

void mlr_demo_printf(mlr_demo_buf *b, const char *fmt, ...)
{
    char text[512];
    va_list list;
    va_start(list, fmt);
    int n = vsnprintf(text, sizeof text, fmt, list);
    va_end(list);
    b->failed = b->failed || n < 0 || (size_t)n >= sizeof text;
    mlr_demo_text(b, text);
}

void mlr_demo_drop(mlr_demo_buf *b)
{
    mlr_give(b->alloc, b->p, b->room);
    *b = (mlr_demo_buf){.alloc = b->alloc};
}
