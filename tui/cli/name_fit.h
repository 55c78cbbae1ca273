/*
 * Names of tensors shortened part by part, so that what tells them apart stays: the numbers
 * in them and the last two parts. Tables of the command line and of the screens share it.
 */
#ifndef MLR_TUI_CLI_NAME_FIT_H
#define MLR_TUI_CLI_NAME_FIT_H

#include <stddef.h>

/*
 * Writes the name `s` without the parts that it can do without to take `columns`, `mark`
 * where parts are left out, and returns `to`. In this order: what stands before the first
 * number, from its end ("model…12.self_attn.q_proj.weight") and then wholly ("…12."); the
 * letters of ".weight" or ".bias" but for one; what stands between the numbers and the last
 * two parts ("…12…q_proj.w"). The result may still be too wide: then the caller cuts it.
 */
char *mlr_name_fit(char *to, size_t room, const char *s, size_t n, size_t columns,
                   const char *mark);

#endif
