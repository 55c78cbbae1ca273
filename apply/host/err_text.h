/* Turns an error record into one line for people. */
#ifndef MLR_APPLY_HOST_ERR_TEXT_H
#define MLR_APPLY_HOST_ERR_TEXT_H

#include <stddef.h>

#include "apply/base/status.h"

/*
 * Writes "model a.gguf: 'x': data breaks a rule of its format: offset that is a multiple of
 * the alignment (at byte 1234)" and a NUL; cuts it to `n` bytes, at a whole character.
 * Nothing unprintable gets through. Returns `to`.
 */
char *mlr_err_text(const mlr_err *err, char *to, size_t n);

#endif
