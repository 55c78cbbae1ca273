#include "codec/profile.h"

#include "analysis/summary.h"

#define NAME_ROW(id, name, unit, text) [id] = {name, unit, text},
static const struct {
    const char *name, *unit, *text;
} checks[MLR_CHECK_COUNT] = {MLR_CHECK_TABLE(NAME_ROW)};
#undef NAME_ROW

const char *mlr_check_name(unsigned kind)
{
    return kind < MLR_CHECK_COUNT ? checks[kind].name : "";
}

const char *mlr_check_unit(unsigned kind)
{
    return kind < MLR_CHECK_COUNT ? checks[kind].unit : "";
}

const char *mlr_check_text(unsigned kind)
{
    return kind < MLR_CHECK_COUNT ? checks[kind].text : "";
}

/* --- names ---------------------------------------------------------------------------- */

bool mlr_glob(mlr_str pattern, mlr_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, held = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            held = t;
        } else if (p < pattern.n && (pattern.p[p] == '?' || pattern.p[p] == text.p[t])) {
            p++;
            t++;
        } else if (star !=
                   SIZE_MAX) { /* the last star takes one more; earlier ones need not */
            p = star + 1;
            t = ++held;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*') {
        p++;
    }
    return p == pattern.n;
}

bool mlr_listed(const mlr_str_list *list, const mlr_tensor *t)
{
    for (size_t i = 0; i < list->count; i++) {
        if (mlr_glob(list->item[i], t->key) || mlr_glob(list->item[i], t->name)) {
            return true;
        }
    }
    return false;
}

const mlr_tensor *mlr_pairing_tensor(const mlr_matching *m, size_t pair)
{
    const mlr_pairing *q = &m->pairs[pair];
    return q->new_tensor != MLR_NO_TENSOR ? &m->new_model->tensors[q->new_tensor]
                                          : &m->old_model->tensors[q->old_tensor];
}

/* --- conditions ----------------------------------------------------------------------- */

static bool inside(const mlr_bounds *b, uint64_t n)
{
    return b->least <= n && n <= b->most;
}

static bool shape_holds(const mlr_bounds_list *shape, const mlr_tensor *t)
{
    if (shape->count != t->rank) {
        return false;
    }
    for (size_t i = 0; i < shape->count; i++) {
        if (!inside(&shape->item[i], t->dim[i])) {
            return false;
        }
    }
    return true;
}

static bool layer_holds(const mlr_bounds_list *layers, mlr_str key)
{
    mlr_str layer;
    uint64_t number;
    if (!mlr_layer_of(key, &layer, &number)) {
        return false;
    }
    for (size_t i = 0; i < layers->count; i++) {
        if (inside(&layers->item[i], number)) {
            return true;
        }
    }
    return false;
}

static bool change_holds(uint32_t changes, const mlr_pairing *q)
{
    return (changes & (MLR_CHANGE_BIT(q->change) | MLR_FLAG_BIT(q->flags))) != 0;
}

const char *mlr_condition_fails(const mlr_condition *c, const mlr_matching *m, size_t pair)
{
    const mlr_tensor *t = mlr_pairing_tensor(m, pair);
    unsigned id = t->dtype->id;
    if (c->changes != 0 && !change_holds(c->changes, &m->pairs[pair])) {
        return "change";
    }
    if (c->has_dtypes && (c->dtypes[id / 64] >> id % 64 & 1) == 0) {
        return "dtype";
    }
    if (c->has_bytes && !inside(&c->bytes, t->data.len)) {
        return "size";
    }
    if (c->has_shape && !shape_holds(&c->shape, t)) {
        return "shape";
    }
    if (c->names.count > 0 && !mlr_listed(&c->names, t)) {
        return "names";
    }
    if (mlr_listed(&c->except, t)) {
        return "except";
    }
    if (c->kinds != 0 && (c->kinds >> mlr_module_kind_of(t->key) & 1) == 0) {
        return "kind";
    }
    return c->layers.count > 0 && !layer_holds(&c->layers, t->key) ? "layers" : NULL;
}

const char *mlr_rule_fails(const mlr_rule *r, const mlr_matching *m, size_t pair)
{
    return r->off ? "enabled" : mlr_condition_fails(&r->when, m, pair);
}

size_t mlr_profile_rule_of(const mlr_profile *p, const mlr_matching *m, size_t pair)
{
    size_t i = 0;
    while (i < p->rule_count && mlr_rule_fails(&p->rules[i], m, pair) != NULL) {
        i++;
    }
    return i;
}

/* --- choices -------------------------------------------------------------------------- */

void mlr_setting_apply(const mlr_setting *s, mlr_choice *choice)
{
    if (s->has_strategy) {
        choice->strategy = s->choice.strategy;
    }
    if (s->has_level) {
        choice->level = s->choice.level;
    }
    if (s->has_dict) {
        choice->dict = s->choice.dict;
    }
    if (s->has_block) {
        choice->block_bytes = s->choice.block_bytes;
    }
}

bool mlr_profile_choose(void *chooser, const mlr_matching *m, size_t pair,
                        mlr_choice *choice)
{
    const mlr_profile_chooser *c = chooser;
    const mlr_profile *p = c->profile;
    *choice = c->fallback;
    mlr_setting_apply(&p->defaults, choice);
    size_t rule = mlr_profile_rule_of(p, m, pair);
    if (rule < p->rule_count) {
        mlr_setting_apply(&p->rules[rule].then, choice);
        choice->by = MLR_CHOSEN_BY_RULE;
        choice->rule = (uint16_t)(rule + 1);
    }
    return true;
}
