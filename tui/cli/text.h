/* Figures and words for people: sizes, counts, shares, bars, display width. */
#ifndef MLR_TUI_CLI_TEXT_H
#define MLR_TUI_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/model.h"

enum { MLR_TEXT = 32 }; /* room for any figure below */

/* All write to `to`, which has MLR_TEXT bytes, and return it. */
char *mlr_text_size(char *to, uint64_t bytes); /* "24.1 MiB"; exact below 1 KiB: "512 B" */
char *mlr_text_count(char *to, uint64_t n);    /* "12.1 M"; exact below 10,000 */
char *mlr_text_exact(char *to, uint64_t n);    /* "12,058,624" */
char *mlr_text_share(char *to, uint64_t part, uint64_t whole); /* "99.9%"; "-" of nothing */

/* "[1024, 256]", cut with an ellipsis where `room` is too small. */
char *mlr_text_shape(char *to, size_t room, const uint64_t *dim, size_t rank);

/* A bar of part/whole in `cells` columns, in eighths where utf8. `room` >= 3 * cells + 1.
 */
char *mlr_text_bar(char *to, size_t room, uint64_t part, uint64_t whole, unsigned cells,
                   bool utf8);

/* Columns that printable UTF-8 takes on a terminal. */
size_t mlr_text_columns(const char *text);

/* Cuts the middle out of `text` in place so that it takes at most `columns` (>= 5). `room`
   is the buffer's size: the mark may be longer than what it replaces. */
void mlr_text_elide(char *text, size_t room, size_t columns, bool utf8);

/* The same for the name of a tensor, of which the layer and the leaf stay longest. */
void mlr_text_elide_name(char *text, size_t room, size_t columns, bool utf8);

#endif
