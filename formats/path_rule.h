/*
 * Which file names a model may use for its other files. The rule is lexical: it decides by
 * the text alone, before anything is opened. Links are the business of whoever opens.
 */
#ifndef MLR_FORMATS_PATH_RULE_H
#define MLR_FORMATS_PATH_RULE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the n bytes at `p` are a relative path that stays below the directory it starts
 * in: not empty, not absolute, no empty or ".." part, no NUL, backslash or control
 * character, and within MLR_MAX_PATH and MLR_MAX_PATH_PART. "." parts are allowed as long
 * as another part is left.
 */
bool mlr_path_contained(const char *p, size_t n);

/*
 * Writes a contained path without its "." parts and with a NUL after it to `to`, which has
 * room for n + 1 bytes, and returns its length. Two spellings of one path become equal.
 */
size_t mlr_path_plain(char *to, const char *p, size_t n);

#endif
