/* A metadata value as one line of printable text. */
#ifndef MLR_TUI_CLI_META_TEXT_H
#define MLR_TUI_CLI_META_TEXT_H

#include <stddef.h>

#include "formats/model.h"

/* Cuts it to `room` bytes. */
void mlr_meta_text(const mlr_meta *m, char *to, size_t room);

/* "uint", "string", ...: for reports. */
const char *mlr_meta_kind_name(mlr_meta_kind kind);

#endif
