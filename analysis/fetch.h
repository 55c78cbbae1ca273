/* Bytes of a source for reading once: its own memory where it offers a view, else a copy.
 */
#ifndef MLR_ANALYSIS_FETCH_H
#define MLR_ANALYSIS_FETCH_H

#include "apply/base/io.h"

/* n bytes at `off` of `s`, in place or in `room` (n bytes); NULL with the error recorded.
 */
static inline const uint8_t *mlr_fetch(const mlr_source *s, uint64_t off, size_t n,
                                       uint8_t *room, mlr_err *err)
{
    const void *view = s->view == NULL ? NULL : s->view(s->ctx, off, n);
    if (view != NULL) {
        return view;
    }
    return s->read_at(s->ctx, off, room, n, err) == MLR_OK ? room : NULL;
}

#endif
