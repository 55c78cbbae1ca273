/*
 * Reads JSON forward through a window, value by value, without building a tree: the header
 * of a model may be 100 MB. What is read is bounded by `end`; strings are proven to be
 * strict UTF-8 and are unescaped. The first failure freezes the scanner.
 */
#ifndef MLR_FORMATS_JSON_SCAN_H
#define MLR_FORMATS_JSON_SCAN_H

#include <stdbool.h>

#include "formats/model.h"
#include "formats/window.h"

enum { MLR_JSON_TEXT = 4096, MLR_JSON_DEPTH = 32 };

/* A string of the document. */
typedef struct mlr_json_text {
    mlr_str text;   /* unescaped, cut at MLR_JSON_TEXT bytes; valid until the next string */
    uint64_t bytes; /* unescaped, all of it */
    mlr_region raw; /* between the quotes */
    bool has_control; /* holds a byte below 0x20 or 0x7f */
} mlr_json_text;

typedef struct mlr_json {
    mlr_window *window; /* borrowed; nobody else may use it meanwhile */
    mlr_err *err;       /* borrowed, never NULL */
    uint64_t end;       /* first byte that is not ours */
    uint64_t loaded;    /* file offset of `stop` */
    const uint8_t *p, *stop;
    char text[MLR_JSON_TEXT];
} mlr_json;

/* [from, end) must lie inside the window's source. */
void mlr_json_begin(mlr_json *j, mlr_window *window, uint64_t from, uint64_t end,
                    mlr_err *err);

static inline bool mlr_json_ok(const mlr_json *j)
{
    return j->err->status == MLR_OK;
}

/* File offset of the next byte. */
static inline uint64_t mlr_json_at(const mlr_json *j)
{
    return j->loaded - (uint64_t)(j->stop - j->p);
}

/* The next byte that is not white space, left where it is; 0 at the end or after a failure.
 */
uint8_t mlr_json_peek(mlr_json *j);

/* Takes `c`, or fails with `rule` at the byte that stands in its place. */
bool mlr_json_expect(mlr_json *j, char c, const char *rule);

/*
 * Goes through the elements of an object or array whose opening byte was taken: true with
 * the next element ahead, false after taking `close` or failing. `first` starts as true.
 */
bool mlr_json_next(mlr_json *j, char close, bool *first);

bool mlr_json_string(mlr_json *j, mlr_json_text *out);

/* A string and the colon after it. */
bool mlr_json_key(mlr_json *j, mlr_json_text *out);

/* Digits alone: no sign, fraction, exponent or leading zero, at most 2^63 - 1. */
bool mlr_json_uint(mlr_json *j, uint64_t *out);

/* Passes over any value, nested at most MLR_JSON_DEPTH deep. */
bool mlr_json_skip(mlr_json *j);

#endif
