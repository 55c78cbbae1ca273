#include "tui/widget_list.h"

#include <string.h>

#include "tui/cell_text.h"

void mlr_list_begin(mlr_list *l)
{
    l->count = 0;
    l->shown_count = 0;
    l->cursor = 0;
    l->none = NULL;
    mlr_prompt_begin(&l->prompt, "", NULL);
}

void mlr_list_add(mlr_list *l, const mlr_item *item)
{
    if (l->count < MLR_LIST_ITEMS) {
        l->item[l->count++] = *item;
    }
}

static bool has_word(const mlr_item *i, const char *word, size_t n)
{
    return mlr_text_contains(i->label, strlen(i->label), word, n) ||
           mlr_text_contains(i->detail, strlen(i->detail), word, n) ||
           (i->heading != NULL &&
            mlr_text_contains(i->heading, strlen(i->heading), word, n)) ||
           (strlen(i->keys) >= n && memcmp(i->keys, word, n) == 0);
}

static bool matches(const mlr_item *i, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        if (n > 0 && !has_word(i, text, n)) {
            return false;
        }
        text += n;
        text += *text == ' ';
    }
    return true;
}

static void narrow(mlr_list *l)
{
    l->shown_count = 0;
    l->cursor = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (matches(&l->item[i], l->prompt.text)) {
            l->shown[l->shown_count++] = (uint16_t)i;
        }
    }
    /* A label that starts with what was typed is what was meant. */
    for (size_t i = 0; i < l->shown_count && l->prompt.n > 0; i++) {
        if (strncmp(l->item[l->shown[i]].label, l->prompt.text, l->prompt.n) == 0) {
            l->cursor = i;
            return;
        }
    }
}

void mlr_list_ready(mlr_list *l)
{
    narrow(l);
}

const mlr_item *mlr_list_at(const mlr_list *l)
{
    return l->cursor < l->shown_count ? &l->item[l->shown[l->cursor]] : NULL;
}

void mlr_list_select(mlr_list *l, int value)
{
    for (size_t i = 0; i < l->shown_count; i++) {
        if (l->item[l->shown[i]].value == value) {
            l->cursor = i;
        }
    }
}

static mlr_list_result move(mlr_list *l, size_t to)
{
    size_t last = l->shown_count == 0 ? 0 : l->shown_count - 1;
    l->cursor = to > last ? last : to;
    return MLR_LIST_MOVED;
}

mlr_list_result mlr_list_key(mlr_list *l, mlr_key key)
{
    switch (key) {
    case MLR_KEY_DOWN:
    case MLR_CTRL('n'):
    case MLR_KEY_TAB:
        return move(l, l->cursor + 1);
    case MLR_KEY_UP:
    case MLR_CTRL('p'):
    case MLR_KEY_BACK_TAB:
        return move(l, l->cursor > 0 ? l->cursor - 1 : 0);
    case MLR_KEY_PAGE_DOWN:
        return move(l, l->cursor + 10);
    case MLR_KEY_PAGE_UP:
        return move(l, l->cursor > 10 ? l->cursor - 10 : 0);
    default:
        break;
    }
    switch (mlr_prompt_key(&l->prompt, key)) {
    case MLR_PROMPT_CHANGED:
        narrow(l);
        return MLR_LIST_MOVED;
    case MLR_PROMPT_ACCEPTED:
        return MLR_LIST_CHOSEN;
    case MLR_PROMPT_CANCELLED:
        return MLR_LIST_CLOSED;
    default:
        return MLR_LIST_NONE;
    }
}

void mlr_list_widths(const mlr_list *l, int *label, int *detail)
{
    *label = 0;
    *detail = 0;
    for (size_t i = 0; i < l->count; i++) {
        const mlr_item *m = &l->item[i];
        int w = mlr_text_width(m->label, strlen(m->label));
        int d = mlr_text_width(m->detail, strlen(m->detail));
        *label = w > *label ? w : *label;
        *detail = d > *detail ? d : *detail;
    }
}

static int keys_width(const mlr_list *l)
{
    int most = 0;
    for (size_t i = 0; i < l->count; i++) {
        int w = mlr_text_width(l->item[i].keys, strlen(l->item[i].keys));
        most = w > most ? w : most;
    }
    return most;
}

static int heading_width(const mlr_list *l)
{
    int most = 0;
    for (size_t i = 0; i < l->count; i++) {
        const char *h = l->item[i].heading;
        int w = h == NULL ? 0 : mlr_text_width(h, strlen(h));
        most = w > most ? w : most;
    }
    return most == 0 ? 0 : most + 2;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Where the columns of a list stand. */
typedef struct plan {
    int heading, keys, label, detail;
} plan;

static plan place(const mlr_list *l, int cols)
{
    int label = 0;
    int detail = 0;
    plan p;
    mlr_list_widths(l, &label, &detail);
    int keys = keys_width(l);
    p.heading = 2;
    p.keys = p.heading + (cols >= 64 ? heading_width(l) : 0);
    p.label = p.keys + (keys == 0 || cols < 34 ? 0 : keys + 2);
    p.detail = p.label + label + 2;
    return p;
}

static void draw_item(const mlr_list *l, size_t i, mlr_pane v, int row, const plan *p)
{
    const mlr_item *m = &l->item[l->shown[i]];
    bool first = i == 0 || !same(l->item[l->shown[i - 1]].heading, m->heading);
    if (i == l->cursor) {
        v = mlr_pane_over(v, MLR_ROLE_SELECTION);
        mlr_fill(mlr_pane_part(v, row, 0, 1, v.cols), MLR_ROLE_TEXT);
        mlr_put_glyph(v, row, 0, MLR_ROLE_TEXT, MLR_G_CURSOR);
    }
    if (p->keys > p->heading && m->heading != NULL && first) {
        mlr_put(v, row, p->heading, MLR_ROLE_GROUP, m->heading);
    }
    if (p->label > p->keys) {
        mlr_put(v, row, p->keys, MLR_ROLE_KEY, m->keys);
    }
    mlr_put(v, row, p->label, MLR_ROLE_TEXT, m->label);
    int room = v.cols - p->detail;
    if (room >= 8) {
        char text[256];
        mlr_elide_middle(text, sizeof text, m->detail, strlen(m->detail), room);
        mlr_put(v, row, p->detail, MLR_ROLE_DIM, text);
    }
}

void mlr_list_draw(const mlr_list *l, mlr_pane v)
{
    mlr_prompt_draw(&l->prompt, mlr_pane_part(v, 0, 1, 1, v.cols - 1), 0, "> ");
    mlr_pane body = mlr_pane_part(v, 1, 0, v.rows - 1, v.cols);
    plan p = place(l, body.cols);
    size_t page = body.rows > 0 ? (size_t)body.rows : 1;
    size_t top = l->cursor < page / 2 ? 0 : l->cursor - page / 2;
    size_t most = l->shown_count > page ? l->shown_count - page : 0;
    top = top > most ? most : top;
    for (size_t i = top; i < l->shown_count && i - top < page; i++) {
        draw_item(l, i, body, (int)(i - top), &p);
    }
    if (l->shown_count == 0) {
        mlr_put(body, 0, 2, MLR_ROLE_DIM, l->none == NULL ? "nothing matches" : l->none);
    }
}
