/* Sources, streams and sinks in memory that can fail on purpose. */
#ifndef MLR_TESTS_SUPPORT_MEMORY_H
#define MLR_TESTS_SUPPORT_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/io.h"

/* Records what is written. Zero-initialise through mem_sink_init; free by mem_sink_release.
 */
typedef struct mem_sink {
    mlr_sink sink;
    uint8_t *data; /* owned */
    size_t n, room;
    size_t writes;  /* calls so far */
    size_t fail_at; /* 0: never; n: the write that would store the n-th byte fails, with
                       MLR_E_NO_SPACE, after storing what comes before it */
} mem_sink;

void mem_sink_init(mem_sink *m);
void mem_sink_release(mem_sink *m);

/* Borrowed bytes as a source without a view. May be used from several threads. */
typedef struct mem_source {
    mlr_source source;
    const uint8_t *data;
    atomic_size_t reads; /* calls so far */
    size_t fail_at;      /* 0: never; n: the n-th read fails with MLR_E_IO */
} mem_source;

void mem_source_init(mem_source *m, const void *data, size_t n);

/* Borrowed bytes as a pipe that hands out short reads. */
typedef struct mem_stream {
    mlr_stream stream;
    const uint8_t *data;
    size_t n, pos;
    size_t most;    /* 0: as much as is asked for; else no read returns more */
    size_t reads;   /* calls so far */
    size_t fail_at; /* 0: never; n: the n-th read fails with MLR_E_IO */
} mem_stream;

void mem_stream_init(mem_stream *m, const void *data, size_t n);

#endif
