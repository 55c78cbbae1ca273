/*
 * Text as a terminal sees it: UTF-8 decoding, cell widths, shortening, and the short forms
 * of numbers that every screen shares. Widths come from a table of our own, so that drawing
 * and tests do not depend on the locale.
 */
#ifndef MLR_TUI_CELL_TEXT_H
#define MLR_TUI_CELL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The next code point of [*p, end), which is not empty; bytes that are no UTF-8 yield
   U+FFFD one at a time. */
uint32_t mlr_cp_next(const char **p, const char *end);

/* Writes 1 to 4 bytes (no NUL) and returns their number. */
size_t mlr_cp_put(char to[4], uint32_t cp);

/* Cells a code point takes: 0 (combining), 1 or 2. Controls count 1: they draw as '?'. */
int mlr_cp_width(uint32_t cp);

/* Whether a code point must never reach a terminal: controls, direction overrides, tags. */
bool mlr_cp_unsafe(uint32_t cp);

/* Cells of n bytes of UTF-8. */
int mlr_text_width(const char *s, size_t n);

/* Shortens the name of a tensor to `cols` cells, part by part (mlr_name_fit), then in the
   middle. Writes at most `room` bytes with the NUL; returns `to`. */
char *mlr_elide_name(char *to, size_t room, const char *s, size_t n, int cols);

/* Shortens in the middle only: for paths and sentences. */
char *mlr_elide_middle(char *to, size_t room, const char *s, size_t n, int cols);

/* The first `cols` cells. */
char *mlr_text_cut(char *to, size_t room, const char *s, int cols);

/* "812", "9.1K", "28.4M", "222M": at most five cells; K is 1,024 bytes. Returns `to`. */
char *mlr_fmt_bytes(char *to, size_t room, uint64_t bytes);

/* "1,234,567". */
char *mlr_fmt_count(char *to, size_t room, uint64_t n);

/* "4 s", "2 min 05 s", "3 h 12 min". */
char *mlr_fmt_seconds(char *to, size_t room, uint64_t seconds);

/* Reads "12", "1.5M", "4 KiB": a number with an optional unit of 1,024. False where it is
   none. */
bool mlr_parse_bytes(const char *s, size_t n, double *out);

/* Case is ignored for ASCII letters. */
bool mlr_text_contains(const char *s, size_t n, const char *part, size_t m);

/* '*' any run, '?' one character; no other magic. Case counts. Linear in n * m. */
bool mlr_text_glob(const char *s, size_t n, const char *pattern, size_t m);

#endif
