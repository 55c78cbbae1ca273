#include "tui/watch.h"

#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

void mlr_watch_init(mlr_watch *w)
{
    w->fd = -1;
}

void mlr_watch_release(mlr_watch *w)
{
    if (w->fd >= 0) {
        (void)close(w->fd);
    }
    w->fd = -1;
}

/* By descriptor, so that it is the file that was opened, whatever its name is now. */
static void add(int fd, const mlr_opened *o)
{
    static const uint32_t events =
        IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_CLOSE_WRITE;
    const mlr_model *m = o == NULL ? NULL : mlr_opened_model(o);
    for (size_t i = 0; m != NULL && i < m->member_count; i++) {
        char path[48];
        snprintf(path, sizeof path, "/proc/self/fd/%d", mlr_opened_file(o, i)->fd);
        (void)inotify_add_watch(fd, path, events);
    }
}

void mlr_watch_begin(mlr_watch *w, const mlr_opened *a, const mlr_opened *b)
{
    mlr_watch_release(w);
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd >= 0) {
        add(w->fd, a);
        add(w->fd, b);
    }
}

bool mlr_watch_any(mlr_watch *w)
{
    char bytes[4096];
    bool any = false;
    while (w->fd >= 0 && read(w->fd, bytes, sizeof bytes) > 0) {
        any = true;
    }
    return any;
}
