#include "tui/widget_prompt.h"

#include <stdio.h>
#include <string.h>

#include "tui/cell_text.h"

void mlr_prompt_set(mlr_prompt *p, const char *text)
{
    snprintf(p->text, sizeof p->text, "%s", text);
    p->n = strlen(p->text);
    p->cursor = p->n;
}

void mlr_prompt_begin(mlr_prompt *p, const char *text, mlr_history *history)
{
    *p = (mlr_prompt){.history = history};
    mlr_prompt_set(p, text);
}

static size_t step_back(const mlr_prompt *p, size_t at)
{
    do {
        at -= at > 0;
    } while (at > 0 && ((unsigned char)p->text[at] & 0xc0) == 0x80);
    return at;
}

static size_t step_on(const mlr_prompt *p, size_t at)
{
    do {
        at += at < p->n;
    } while (at < p->n && ((unsigned char)p->text[at] & 0xc0) == 0x80);
    return at;
}

static mlr_prompt_result cut(mlr_prompt *p, size_t from, size_t to)
{
    if (from == to) {
        return MLR_PROMPT_MOVED;
    }
    memmove(p->text + from, p->text + to, p->n - to + 1);
    p->n -= to - from;
    p->cursor = from;
    return MLR_PROMPT_CHANGED;
}

static mlr_prompt_result insert(mlr_prompt *p, mlr_key key)
{
    char utf8[4];
    size_t n = mlr_cp_put(utf8, key);
    if (p->n + n >= sizeof p->text) {
        return MLR_PROMPT_MOVED;
    }
    memmove(p->text + p->cursor + n, p->text + p->cursor, p->n - p->cursor + 1);
    memcpy(p->text + p->cursor, utf8, n);
    p->n += n;
    p->cursor += n;
    return MLR_PROMPT_CHANGED;
}

static size_t word_start(const mlr_prompt *p)
{
    size_t at = p->cursor;
    while (at > 0 && p->text[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && p->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

static mlr_prompt_result recall(mlr_prompt *p, size_t back)
{
    if (p->history == NULL || back > p->history->count) {
        return MLR_PROMPT_MOVED;
    }
    if (p->back == 0) {
        memcpy(p->draft, p->text, sizeof p->draft);
    }
    p->back = back;
    mlr_prompt_set(p, back == 0 ? p->draft : p->history->line[p->history->count - back]);
    return MLR_PROMPT_CHANGED;
}

static void remember(mlr_prompt *p)
{
    mlr_history *h = p->history;
    if (h == NULL || p->n == 0 ||
        (h->count > 0 && strcmp(h->line[h->count - 1], p->text) == 0)) {
        return;
    }
    if (h->count == MLR_PROMPT_HISTORY) {
        memmove(h->line[0], h->line[1], sizeof h->line - sizeof h->line[0]);
        h->count--;
    }
    memcpy(h->line[h->count++], p->text, sizeof p->text);
}

mlr_prompt_result mlr_prompt_key(mlr_prompt *p, mlr_key key)
{
    switch (key) {
    case MLR_KEY_ENTER:
        remember(p);
        return MLR_PROMPT_ACCEPTED;
    case MLR_KEY_ESC:
    case MLR_CTRL('c'):
    case MLR_CTRL('g'):
        return MLR_PROMPT_CANCELLED;
    case MLR_KEY_LEFT:
    case MLR_CTRL('b'):
        p->cursor = step_back(p, p->cursor);
        return MLR_PROMPT_MOVED;
    case MLR_KEY_RIGHT:
    case MLR_CTRL('f'):
        p->cursor = step_on(p, p->cursor);
        return MLR_PROMPT_MOVED;
    case MLR_KEY_HOME:
    case MLR_CTRL('a'):
        p->cursor = 0;
        return MLR_PROMPT_MOVED;
    case MLR_KEY_END:
    case MLR_CTRL('e'):
        p->cursor = p->n;
        return MLR_PROMPT_MOVED;
    case MLR_KEY_BACKSPACE:
        return cut(p, step_back(p, p->cursor), p->cursor);
    case MLR_KEY_DELETE:
    case MLR_CTRL('d'):
        return cut(p, p->cursor, step_on(p, p->cursor));
    case MLR_CTRL('u'):
        return cut(p, 0, p->cursor);
    case MLR_CTRL('k'):
        return cut(p, p->cursor, p->n);
    case MLR_CTRL('w'):
        return cut(p, word_start(p), p->cursor);
    case MLR_KEY_UP:
        return recall(p, p->back + 1);
    case MLR_KEY_DOWN:
        return p->back > 0 ? recall(p, p->back - 1) : MLR_PROMPT_MOVED;
    default:
        return key >= ' ' && key < 0x110000 ? insert(p, key) : MLR_PROMPT_IGNORED;
    }
}

void mlr_prompt_draw(const mlr_prompt *p, mlr_pane v, int row, const char *label)
{
    int at = mlr_put(v, row, 0, MLR_ROLE_INPUT_LABEL, label);
    mlr_pane box = mlr_pane_part(v, row, at, 1, v.cols - at);
    int before = mlr_text_width(p->text, p->cursor);
    int shift = before >= box.cols ? before - box.cols + 1 : 0;
    mlr_put(box, 0, -shift, MLR_ROLE_INPUT, p->text);
    mlr_cursor_at(box, 0, before - shift);
}
