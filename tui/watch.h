/* Tells when files of the open models may have changed, without ever looking by itself: the
 * system writes to a descriptor that the user interface waits on. */
#ifndef MLR_TUI_WATCH_H
#define MLR_TUI_WATCH_H

#include <stdbool.h>

#include "formats/open.h"

typedef struct mlr_watch {
    int fd; /* -1: none */
} mlr_watch;

void mlr_watch_init(mlr_watch *w);
void mlr_watch_release(mlr_watch *w);

/* Watches these models' files instead of the ones before; either may be NULL. Where the
   system cannot, nothing is told. */
void mlr_watch_begin(mlr_watch *w, const mlr_opened *a, const mlr_opened *b);

/* Whether something happened since the last call. */
bool mlr_watch_any(mlr_watch *w);

#endif
