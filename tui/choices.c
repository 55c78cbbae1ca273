#include "tui/choices.h"

#include <stdio.h>
#include <string.h>

mlr_status mlr_choices_init(mlr_choices *c, size_t rows, const mlr_allocator *alloc,
                            mlr_err *err)
{
    *c = (mlr_choices){.alloc = alloc, .rows = rows};
    c->pick = mlr_take(alloc, (rows + 1) * sizeof *c->pick);
    if (c->pick == NULL) {
        *c = (mlr_choices){0};
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for choices");
    }
    memset(c->pick, 0, (rows + 1) * sizeof *c->pick);
    return MLR_OK;
}

/* Drops the texts behind the first `kept`. */
static void drop_texts(mlr_choices *c, size_t kept)
{
    while (c->text_count > kept) {
        const mlr_rules_text *t = &c->text[--c->text_count];
        mlr_give(c->alloc, t->bytes, t->bytes == NULL ? 0 : t->n + 1);
    }
}

void mlr_choices_release(mlr_choices *c)
{
    if (c->alloc != NULL) {
        mlr_give(c->alloc, c->pick, (c->rows + 1) * sizeof *c->pick);
        mlr_give(c->alloc, c->change, c->change_room * sizeof *c->change);
        mlr_give(c->alloc, c->step, c->step_room * sizeof *c->step);
        drop_texts(c, 0);
        mlr_give(c->alloc, c->text, c->text_room * sizeof *c->text);
    }
    *c = (mlr_choices){0};
}

/* Room for one more of `count` items; where memory is short the old table stays. */
static bool make_room(const mlr_allocator *alloc, void **items, size_t *room, size_t count,
                      size_t bytes)
{
    if (count < *room) {
        return true;
    }
    size_t wanted = *room == 0 ? 64 : *room * 2;
    void *more = mlr_take(alloc, wanted * bytes);
    if (more == NULL) {
        return false;
    }
    if (count > 0) {
        memcpy(more, *items, count * bytes);
    }
    mlr_give(alloc, *items, *room * bytes);
    *items = more;
    *room = wanted;
    return true;
}

static void put(mlr_choices *c, uint32_t row, mlr_pick pick)
{
    c->picked -= c->pick[row].level != 0;
    c->picked += pick.level != 0;
    c->pick[row] = pick;
}

/* --- the text of the rules --------------------------------------------------------------
 */

static bool add_text(mlr_choices *c, const char *bytes, size_t n)
{
    void *texts = c->text;
    bool room = make_room(c->alloc, &texts, &c->text_room, c->text_count, sizeof *c->text);
    c->text = texts;
    char *copy = room ? mlr_take(c->alloc, n + 1) : NULL;
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, bytes, n);
    copy[n] = '\0';
    c->text[c->text_count++] = (mlr_rules_text){copy, n};
    return true;
}

/* Place 0 is for what was there before any step, be it nothing. */
static bool have_first_text(mlr_choices *c)
{
    void *texts = c->text;
    if (c->text_count > 0) {
        return true;
    }
    bool room = make_room(c->alloc, &texts, &c->text_room, 0, sizeof *c->text);
    c->text = texts;
    if (room) {
        c->text[c->text_count++] = (mlr_rules_text){0};
    }
    return room;
}

bool mlr_choices_begin_text(mlr_choices *c, const char *bytes, size_t n)
{
    if (c->step_count > 0) {
        return false;
    }
    drop_texts(c, 0);
    c->text_now = 0;
    return add_text(c, bytes, n);
}

const mlr_rules_text *mlr_choices_text(const mlr_choices *c)
{
    static const mlr_rules_text none;
    return c->text_now < c->text_count ? &c->text[c->text_now] : &none;
}

const mlr_rules_text *mlr_choices_text_at(const mlr_choices *c, size_t steps)
{
    static const mlr_rules_text none;
    size_t at = c->step_count == 0       ? c->text_now
                : steps == 0             ? c->step[0].text_before
                : steps <= c->step_count ? c->step[steps - 1].text_after
                                         : c->text_now;
    return at < c->text_count ? &c->text[at] : &none;
}

void mlr_choices_set_text(mlr_choices *c, const char *bytes, size_t n)
{
    const mlr_rules_text *now = mlr_choices_text(c);
    bool same = now->bytes != NULL && now->n == n && memcmp(now->bytes, bytes, n) == 0;
    if (c->lost || same || (now->bytes == NULL && n == 0)) {
        return;
    }
    if (!have_first_text(c) || !add_text(c, bytes, n)) {
        c->lost = true;
        return;
    }
    c->text_now = c->text_count - 1;
    c->step[c->step_count].text_after = c->text_now;
}

void mlr_choices_at(const mlr_choices *c, size_t steps, mlr_pick *to)
{
    memcpy(to, c->pick, c->rows * sizeof *to);
    for (size_t k = c->done; k > steps; k--) {
        const mlr_step *s = &c->step[k - 1];
        for (size_t i = s->count; i-- > 0;) {
            to[c->change[s->first + i].row] = c->change[s->first + i].before;
        }
    }
    for (size_t k = c->done; k < steps && k < c->step_count; k++) {
        const mlr_step *s = &c->step[k];
        for (size_t i = 0; i < s->count; i++) {
            to[c->change[s->first + i].row] = c->change[s->first + i].after;
        }
    }
}

/* --- steps ------------------------------------------------------------------------------
 */

void mlr_choices_begin(mlr_choices *c, const char *label)
{
    void *steps = c->step;
    size_t newest = c->text_now;
    for (size_t i = 0; i < c->done; i++) {
        newest = c->step[i].text_after > newest ? c->step[i].text_after : newest;
    }
    drop_texts(c, newest + 1 < c->text_count ? newest + 1 : c->text_count);
    c->step_count = c->done;
    c->change_count =
        c->done == 0 ? 0 : c->step[c->done - 1].first + c->step[c->done - 1].count;
    c->lost = !make_room(c->alloc, &steps, &c->step_room, c->step_count, sizeof *c->step);
    c->step = steps;
    if (!c->lost) {
        mlr_step *s = &c->step[c->step_count];
        *s = (mlr_step){.first = c->change_count,
                        .text_before = c->text_now,
                        .text_after = c->text_now};
        snprintf(s->label, sizeof s->label, "%s", label);
    }
}

void mlr_choices_set(mlr_choices *c, uint32_t row, mlr_pick pick)
{
    if (c->lost || row >= c->rows || mlr_pick_equal(c->pick[row], pick)) {
        return;
    }
    void *changes = c->change;
    bool room =
        make_room(c->alloc, &changes, &c->change_room, c->change_count, sizeof *c->change);
    c->change = changes;
    if (!room) {
        c->lost = true; /* what cannot be undone is not done */
        return;
    }
    c->change[c->change_count++] = (mlr_pick_change){row, c->pick[row], pick};
    c->step[c->step_count].count++;
    put(c, row, pick);
}

const mlr_step *mlr_choices_end(mlr_choices *c)
{
    if (c->step_room == 0 || c->step_count != c->done) {
        return NULL;
    }
    const mlr_step *s = &c->step[c->step_count];
    if (s->count == 0 && s->text_before == s->text_after) {
        return NULL;
    }
    c->step_count++;
    c->done = c->step_count;
    return &c->step[c->done - 1];
}

const mlr_step *mlr_choices_undo(mlr_choices *c)
{
    if (c->done == 0) {
        return NULL;
    }
    const mlr_step *s = &c->step[--c->done];
    for (size_t i = s->count; i-- > 0;) {
        put(c, c->change[s->first + i].row, c->change[s->first + i].before);
    }
    c->text_now = s->text_before;
    return s;
}

const mlr_step *mlr_choices_redo(mlr_choices *c)
{
    if (c->done == c->step_count) {
        return NULL;
    }
    const mlr_step *s = &c->step[c->done++];
    for (size_t i = 0; i < s->count; i++) {
        put(c, c->change[s->first + i].row, c->change[s->first + i].after);
    }
    c->text_now = s->text_after;
    return s;
}
