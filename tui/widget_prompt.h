/* One line of text being edited, with the lines entered before. */
#ifndef MLR_TUI_WIDGET_PROMPT_H
#define MLR_TUI_WIDGET_PROMPT_H

#include "tui/grid.h"
#include "tui/keys.h"

enum { MLR_PROMPT_BYTES = 512, MLR_PROMPT_HISTORY = 16 };

typedef struct mlr_history {
    char line[MLR_PROMPT_HISTORY][MLR_PROMPT_BYTES]; /* newest last */
    size_t count;
} mlr_history;

typedef struct mlr_prompt {
    char text[MLR_PROMPT_BYTES]; /* NUL-terminated UTF-8 */
    size_t n, cursor;            /* bytes */
    mlr_history *history;        /* borrowed; NULL: none */
    size_t back;                 /* lines gone back in history */
    char draft[MLR_PROMPT_BYTES];
} mlr_prompt;

typedef enum mlr_prompt_result {
    MLR_PROMPT_IGNORED,
    MLR_PROMPT_MOVED,
    MLR_PROMPT_CHANGED,
    MLR_PROMPT_ACCEPTED, /* the line is in the history now */
    MLR_PROMPT_CANCELLED
} mlr_prompt_result;

void mlr_prompt_begin(mlr_prompt *p, const char *text, mlr_history *history);
void mlr_prompt_set(mlr_prompt *p, const char *text);
mlr_prompt_result mlr_prompt_key(mlr_prompt *p, mlr_key key);

/* "label text", scrolled so that the cursor shows; places the hardware cursor. */
void mlr_prompt_draw(const mlr_prompt *p, mlr_pane v, int row, const char *label);

#endif
