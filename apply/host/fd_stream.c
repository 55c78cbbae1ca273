#include "apply/host/fd_stream.h"

#include <errno.h>
#include <poll.h>

#include "apply/host/sys_call.h"

/*
 * Decides what a failed call means: MLR_OK to try again, after waiting where the descriptor
 * was not ready; the descriptor may be shared with a process that made it non-blocking.
 */
static mlr_status after_failure(const mlr_fd_stream *s, short events, const char *rule,
                                mlr_err *err)
{
    int why = errno;
    if (why == EAGAIN || why == EWOULDBLOCK) {
        struct pollfd p = {.fd = s->fd, .events = events};
        why = poll(&p, 1, -1) < 0 ? errno : 0;
    }
    if (why == 0) {
        return MLR_OK;
    }
    if (why != EINTR) {
        return mlr_fail_os(err, why, MLR_IN_NONE, s->name, rule);
    }
    if (!mlr_keep_going(s->tick, s->done, 0)) {
        return mlr_fail(err, MLR_E_CANCELLED, s->done, "work that is not cancelled");
    }
    return MLR_OK;
}

static mlr_status stream_read(void *ctx, void *dst, size_t n, size_t *got, mlr_err *err)
{
    mlr_fd_stream *s = ctx;
    *got = 0;
    size_t most = n < MLR_SYS_LARGEST ? n : MLR_SYS_LARGEST;
    for (;;) {
        ssize_t part = s->sys->read(s->sys->ctx, s->fd, dst, most);
        if (part >= 0) {
            *got = (size_t)part;
            s->done += (uint64_t)part;
            return MLR_OK;
        }
        mlr_status status = after_failure(s, POLLIN, "readable input", err);
        if (status != MLR_OK) {
            return status;
        }
    }
}

static mlr_status sink_write(void *ctx, const void *src, size_t n, mlr_err *err)
{
    mlr_fd_stream *s = ctx;
    const uint8_t *from = src;
    while (n > 0) {
        size_t most = n < MLR_SYS_LARGEST ? n : MLR_SYS_LARGEST;
        ssize_t put = s->sys->write(s->sys->ctx, s->fd, from, most);
        if (put == 0) {
            return mlr_fail_os(err, EIO, MLR_IN_NONE, s->name, "output that takes bytes");
        }
        if (put < 0) {
            mlr_status status = after_failure(s, POLLOUT, "output that takes bytes", err);
            if (status != MLR_OK) {
                return status;
            }
            continue;
        }
        from += put;
        n -= (size_t)put;
        s->done += (uint64_t)put;
    }
    return MLR_OK;
}

void mlr_fd_stream_init(mlr_fd_stream *s, int fd, const char *name, const mlr_sys *sys)
{
    *s = (mlr_fd_stream){
        .stream = {.ctx = s, .read = stream_read},
        .sink = {.ctx = s, .write = sink_write},
        .sys = sys != NULL ? sys : &mlr_sys_posix,
        .name = name,
        .fd = fd,
    };
}
