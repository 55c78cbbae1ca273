/*
 * Makes text from a file safe to show. A terminal must never receive control characters,
 * direction overrides, invisible characters or broken UTF-8 from a model's names.
 */
#ifndef MLR_APPLY_HOST_PRINTABLE_H
#define MLR_APPLY_HOST_PRINTABLE_H

#include <stddef.h>

/*
 * Writes n bytes of `src` as printable UTF-8 and a NUL. C0, DEL, C1, bidirectional
 * controls, zero-width and tag characters become \u{XXXX}; bytes that are no UTF-8 become
 * \x{XX}. What does not fit in `room` bytes is cut at a whole character. Returns bytes
 * written without the NUL.
 */
size_t mlr_printable(char *to, size_t room, const char *src, size_t n);

#endif
