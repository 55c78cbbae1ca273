/* The command line that does what the export screen would do. */
#ifndef MLR_TUI_COMMAND_LINE_H
#define MLR_TUI_COMMAND_LINE_H

#include <stddef.h>

#include "tui/choices.h"
#include "tui/screen.h"
#include "tui/widget_list.h"

/* Words are quoted for a POSIX shell; words of one option stay on one line. */
void mlr_command_line(const mlr_app *app, char *to, size_t room);

/* Whether options alone say it: no rules, and one pick (`*pick`) for all that travels. */
bool mlr_command_is_plain(const mlr_app *app, mlr_pick *pick);

/* One item per line of `text`, which is cut at its line breaks and must outlive the list.
 */
void mlr_command_lines(char *text, mlr_list *l);

/* "tuned.sftp": a name for the patch of the open pair. */
void mlr_patch_name(const mlr_app *app, char *to, size_t room);

#endif
