/*
 * Writes JSON as it goes, without a document in memory. The caller keeps the nesting right
 * (asserted); whatever bytes a string holds, the output is valid JSON and safe to show.
 */
#ifndef MLR_TUI_CLI_JSON_OUT_H
#define MLR_TUI_CLI_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MLR_JSON_DEPTH = 16 };

typedef struct mlr_json {
    FILE *out; /* borrowed */
    unsigned depth;
    bool one_line; /* set after init: no line breaks inside a value */
    struct {
        bool array, filled;
    } level[MLR_JSON_DEPTH];
} mlr_json;

void mlr_json_init(mlr_json *j, FILE *out);

/* `key` is NULL inside an array and for the outermost value. Literal keys need no escape.
 */
void mlr_json_object(mlr_json *j, const char *key);
void mlr_json_array(mlr_json *j, const char *key);

/* Closes the innermost object or array; a newline follows the outermost. */
void mlr_json_end(mlr_json *j);

/*
 * n bytes as a string. C0, DEL, C1, direction controls and zero-width characters are
 * written as \uXXXX; bytes that are no UTF-8 become U+FFFD.
 */
void mlr_json_str(mlr_json *j, const char *key, const char *p, size_t n);
void mlr_json_text(mlr_json *j, const char *key, const char *text); /* NULL: null */
void mlr_json_hex(mlr_json *j, const char *key, const uint8_t *p, size_t n);
void mlr_json_u64(mlr_json *j, const char *key, uint64_t value);
void mlr_json_i64(mlr_json *j, const char *key, int64_t value);
void mlr_json_bool(mlr_json *j, const char *key, bool value);
void mlr_json_null(mlr_json *j, const char *key);

/* The shortest digits that read back as the same double; "NaN", "Infinity" and "-Infinity"
   are strings, as JSON has no such numbers. */
void mlr_json_real(mlr_json *j, const char *key, double value);

/* Closes everything but the outermost object, so that an error can still be added. */
void mlr_json_unwind(mlr_json *j);

/* Whether n bytes are well-formed UTF-8, and so survive mlr_json_str() unchanged. */
bool mlr_utf8_valid(const char *p, size_t n);

/* Length of the well-formed character at p (1 to 4), its code in *code; 0 where there is
   none. n >= 1. */
size_t mlr_utf8_next(const char *p, size_t n, uint32_t *code);

#endif
