/* Open descriptors, such as standard input and output, as a stream and a sink. Neither
 * closes them. */
#ifndef MLR_APPLY_HOST_FD_STREAM_H
#define MLR_APPLY_HOST_FD_STREAM_H

#include "apply/base/io.h"
#include "apply/base/tick.h"
#include "apply/host/file.h"

/* Must not move while `stream` or `sink` is in use. */
typedef struct mlr_fd_stream {
    mlr_stream stream; /* reads from where the descriptor stands */
    mlr_sink sink;     /* writes all it is given */
    const mlr_sys *sys;
    const char *name; /* borrowed, for errors */
    /* Asked when a signal interrupts a call that waits, so that a pipe which stays silent
       can be given up (MLR_E_CANCELLED). Borrowed; NULL never gives up. */
    const mlr_tick *tick;
    uint64_t done; /* bytes that went through */
    int fd;
} mlr_fd_stream;

/* `sys` NULL means mlr_sys_posix. Works on descriptors that do not block as well. */
void mlr_fd_stream_init(mlr_fd_stream *s, int fd, const char *name, const mlr_sys *sys);

#endif
