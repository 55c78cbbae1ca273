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

void mlr_choices_release(mlr_choices *c)
{
    if (c->alloc != NULL) {
        mlr_give(c->alloc, c->pick, (c->rows + 1) * sizeof *c->pick);
        mlr_give(c->alloc, c->change, c->change_room * sizeof *c->change);
        mlr_give(c->alloc, c->step, c->step_room * sizeof *c->step);
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

void mlr_choices_begin(mlr_choices *c, const char *label)
{
    void *steps = c->step;
    c->step_count = c->done;
    c->change_count =
        c->done == 0 ? 0 : c->step[c->done - 1].first + c->step[c->done - 1].count;
    c->lost = !make_room(c->alloc, &steps, &c->step_room, c->step_count, sizeof *c->step);
    c->step = steps;
    if (!c->lost) {
        mlr_step *s = &c->step[c->step_count];
        *s = (mlr_step){.first = c->change_count};
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
    if (c->step_room == 0 || c->step_count != c->done ||
        c->step[c->step_count].count == 0) {
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
    return s;
}
