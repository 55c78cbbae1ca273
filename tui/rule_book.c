#include "tui/rule_book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/printable.h"
#include "tui/cell_text.h"
#include "tui/choice_log.h"
#include "tui/desk.h"

/* Conditions that are held against rows at once: a frame is not to wait. */
enum { AT_ONCE = 100000 };

void mlr_rule_book_init(mlr_rule_book *b, const mlr_allocator *alloc)
{
    *b = (mlr_rule_book){.alloc = alloc};
}

static void drop(mlr_rule_book *b)
{
    mlr_give(b->alloc, b->facts, (b->rules + 1) * sizeof *b->facts);
    b->facts = NULL;
    if (b->there) {
        mlr_profile_release(&b->doc);
    }
    b->there = false;
    b->rules = 0;
}

void mlr_rule_book_release(mlr_rule_book *b)
{
    if (b->alloc == NULL) {
        return;
    }
    drop(b);
    mlr_give(b->alloc, b->pick, (b->rows + 1) * sizeof *b->pick);
    mlr_give(b->alloc, b->rule, (b->rows + 1) * sizeof *b->rule);
    mlr_give(b->alloc, b->problem, MLR_RULE_PROBLEMS * sizeof *b->problem);
    *b = (mlr_rule_book){.alloc = b->alloc};
}

/* --- reading ----------------------------------------------------------------------------
 */

static bool have_room(mlr_rule_book *b, size_t rows)
{
    if (b->rows != rows || b->pick == NULL) {
        mlr_give(b->alloc, b->pick, (b->rows + 1) * sizeof *b->pick);
        mlr_give(b->alloc, b->rule, (b->rows + 1) * sizeof *b->rule);
        b->pick = mlr_take(b->alloc, (rows + 1) * sizeof *b->pick);
        b->rule = mlr_take(b->alloc, (rows + 1) * sizeof *b->rule);
        b->rows = rows;
    }
    if (b->problem == NULL) {
        b->problem = mlr_take(b->alloc, MLR_RULE_PROBLEMS * sizeof *b->problem);
    }
    return b->pick != NULL && b->rule != NULL && b->problem != NULL;
}

static mlr_rule_problem *add_problem(mlr_rule_book *b, uint32_t line, uint32_t column)
{
    if (b->problem == NULL || b->problems == MLR_RULE_PROBLEMS) {
        return NULL;
    }
    mlr_rule_problem *p = &b->problem[b->problems++];
    *p = (mlr_rule_problem){.line = line, .column = column};
    return p;
}

/* Text between quotes after `before`; "" where there is none. */
static void quoted_after(const char *text, const char *before, char *to, size_t room)
{
    const char *p = strstr(text, before);
    to[0] = '\0';
    if (p != NULL) {
        p += strlen(before);
        size_t n = strcspn(p, "'");
        snprintf(to, room, "%.*s", (int)n, p);
    }
}

/* "did you mean 'X'?" and "from 1 to 22, not 25" name what to put in place of what. */
static void find_fix(mlr_rule_problem *p)
{
    unsigned long long least = 0;
    unsigned long long most = 0;
    unsigned long long found = 0;
    quoted_after(p->text, "did you mean '", p->fix, sizeof p->fix);
    const char *from = strstr(p->text, " from ");
    const char *not_this = strstr(p->text, ", not '");
    if (p->fix[0] == '\0' && from != NULL && not_this != NULL &&
        sscanf(from, " from %llu to %llu", &least, &most) == 2 &&
        sscanf(not_this, ", not '%llu'", &found) == 1) {
        snprintf(p->wrong, sizeof p->wrong, "%llu", found);
        snprintf(p->fix, sizeof p->fix, "%llu", found < least ? least : most);
    }
}

void mlr_rule_book_read(mlr_rule_book *b, const mlr_rules_text *t, size_t rows)
{
    mlr_profile_doc doc;
    mlr_err err = {0};
    b->at = 0;
    b->problems = 0;
    b->bad = false;
    if (!have_room(b, rows)) {
        return;
    }
    memset(b->pick, 0, rows * sizeof *b->pick);
    memset(b->rule, 0, rows * sizeof *b->rule);
    if (t->bytes == NULL || t->n == 0) {
        drop(b);
        return;
    }
    if (mlr_profile_read(&doc, t->bytes, t->n, b->alloc, &err) != MLR_OK) {
        b->bad = true;
        mlr_rule_problem *p = add_problem(b, doc.at.line, doc.at.column);
        if (p != NULL) {
            p->error = true;
            snprintf(p->text, sizeof p->text, "%s",
                     doc.message[0] != '\0' ? doc.message : "no memory for this profile");
            find_fix(p);
        }
        mlr_profile_release(&doc);
        return;
    }
    drop(b);
    b->doc = doc;
    b->there = true;
    b->rules = doc.profile.rule_count;
    b->facts = mlr_take(b->alloc, (b->rules + 1) * sizeof *b->facts);
    if (b->facts == NULL) {
        b->rules = 0;
        drop(b);
        return;
    }
    memset(b->facts, 0, (b->rules + 1) * sizeof *b->facts);
}

void mlr_rule_book_match(mlr_rule_book *b, const mlr_matching *m)
{
    b->matching = m;
    b->at = 0;
}

/* --- deciding ---------------------------------------------------------------------------
 */

static mlr_pick pick_of(const mlr_choice *c)
{
    return (mlr_pick){.strategy = c->strategy,
                      .level = c->level,
                      .dict = c->dict,
                      .block_bytes = c->block_bytes};
}

mlr_pick mlr_rule_book_pick(const mlr_profile *p, const mlr_matching *m, size_t row,
                            uint16_t *rule)
{
    mlr_profile_chooser c = {.profile = p,
                             .fallback = {.strategy = MLR_AUTO, .level = MLR_DESK_LEVEL}};
    mlr_choice choice;
    (void)mlr_profile_choose(&c, m, row, &choice);
    bool said = choice.by == MLR_CHOSEN_BY_RULE || p->defaults.has_strategy ||
                p->defaults.has_level || p->defaults.has_dict || p->defaults.has_block;
    if (rule != NULL) {
        *rule = choice.rule;
    }
    return said ? pick_of(&choice) : (mlr_pick){0};
}

/* Which rules would take a row if no other did. */
static void count_matches(mlr_rule_book *b, const mlr_ui_row *r, size_t row)
{
    size_t decides = b->rule[row] == 0 ? b->rules : (size_t)b->rule[row] - 1;
    for (size_t i = 0; i < b->rules; i++) {
        const mlr_rule *rule = &b->doc.profile.rules[i];
        if (i == decides || mlr_rule_fails(rule, b->matching, row) == NULL) {
            b->facts[i].matched++;
            b->facts[i].shadowed += i > decides && mlr_row_travels(r);
        }
    }
}

bool mlr_rule_book_work(mlr_rule_book *b, const mlr_ui_rows *rows)
{
    size_t each = b->rules + 1;
    if (!b->there || b->matching == NULL || b->pick == NULL || b->at >= b->rows) {
        return false;
    }
    size_t last = b->at + AT_ONCE / each + 1;
    last = last < b->rows ? last : b->rows;
    if (b->at == 0) {
        memset(b->facts, 0, (b->rules + 1) * sizeof *b->facts);
    }
    for (; b->at < last; b->at++) {
        if (b->at < b->matching->count && b->at < rows->count) {
            b->pick[b->at] =
                mlr_rule_book_pick(&b->doc.profile, b->matching, b->at, &b->rule[b->at]);
            count_matches(b, &rows->row[b->at], b->at);
        }
    }
    return true;
}

/* --- counting ---------------------------------------------------------------------------
 */

/* The name of the tensor that a pattern came closest to: the longest common start. */
static void closest(const mlr_rule_book *b, const mlr_rule *r, char *to, size_t room)
{
    size_t most = 0;
    mlr_str best = {0};
    mlr_str want = r->when.names.count > 0 ? r->when.names.item[0] : (mlr_str){0};
    size_t skip = 0;
    while (skip < want.n && (want.p[skip] == '*' || want.p[skip] == '?')) {
        skip++;
    }
    mlr_str part = {want.p + skip, want.n - skip};
    size_t stop = 0;
    while (stop < part.n && part.p[stop] != '*' && part.p[stop] != '?') {
        stop++;
    }
    to[0] = '\0';
    for (size_t i = 0; i < b->matching->new_count && stop > 0; i++) {
        mlr_str name = b->matching->new_model->tensors[i].name;
        for (size_t at = 0; at < name.n && (skip > 0 || at == 0); at++) {
            size_t n = 0;
            while (n < stop && at + n < name.n && name.p[at + n] == part.p[n]) {
                n++;
            }
            if (n > most) {
                most = n;
                best = name;
            }
        }
    }
    if (most >= 3) {
        (void)mlr_printable(to, room, best.p, best.n);
    }
}

static void look_at_rule(mlr_rule_book *b, size_t i)
{
    const mlr_rule *r = &b->doc.profile.rules[i];
    const mlr_rule_facts *f = &b->facts[i];
    char near[128];
    if (r->off) {
        return;
    }
    if (f->matched == 0) {
        mlr_rule_problem *p = add_problem(b, r->line, 0);
        closest(b, r, near, sizeof near);
        if (p != NULL) {
            snprintf(p->text, sizeof p->text, "r%zu matches no tensor of this pair%s%s%s",
                     i + 1, near[0] == '\0' ? "" : "; the closest is '", near,
                     near[0] == '\0' ? "" : "'");
        }
    } else if (f->hits == 0 && f->shadowed > 0) {
        mlr_rule_problem *p = add_problem(b, r->line, 0);
        if (p != NULL) {
            snprintf(p->text, sizeof p->text,
                     "r%zu decides nothing: rules above it take all %zu; K moves it up",
                     i + 1, f->shadowed);
        }
    }
}

void mlr_rule_book_count(mlr_rule_book *b, const mlr_ui_rows *rows, const mlr_pick *by_hand)
{
    size_t you = 0;
    if (b->facts == NULL || b->matching == NULL || b->at < b->rows) {
        return;
    }
    for (size_t i = 0; i <= b->rules; i++) {
        b->facts[i].hits = b->facts[i].by_you = 0;
    }
    b->problems = b->bad ? 1 : 0;
    for (size_t i = 0; i < rows->count && i < b->rows; i++) {
        bool travels = mlr_row_travels(&rows->row[i]);
        bool hand = travels && by_hand != NULL && by_hand[i].level != 0;
        mlr_rule_facts *f = &b->facts[b->rule[i] == 0 ? b->rules : (size_t)b->rule[i] - 1];
        f->hits += travels;
        f->by_you += hand;
        you += hand;
    }
    for (size_t i = 0; i < b->rules && !b->bad; i++) {
        look_at_rule(b, i);
    }
    mlr_rule_problem *p = you > 0 ? add_problem(b, 0, 0) : NULL;
    if (p != NULL) {
        snprintf(p->text, sizeof p->text,
                 "%zu tensor%s decided by hand, above every rule; P makes rules of that",
                 you, you == 1 ? " is" : "s are");
    }
}

/* --- words ------------------------------------------------------------------------------
 */

const char *mlr_rule_name(const mlr_profile *p, size_t rule, char *to, size_t room)
{
    const char *label = rule < p->rule_count ? p->rules[rule].label : "";
    if (label[0] == '\0') {
        snprintf(to, room, "rule %zu", rule + 1);
    } else {
        (void)mlr_printable(to, room, label, strlen(label));
    }
    return to;
}

static void add_words(char *to, size_t room, const char *what, const char *word)
{
    size_t n = strlen(to);
    if (n < room) {
        snprintf(to + n, room - n, "%s%s%s", n == 0 ? "" : ", ", what, word);
    }
}

static void add_names(char *to, size_t room, const mlr_str_list *l, const char *what)
{
    char text[96];
    if (l->count == 0) {
        return;
    }
    (void)mlr_printable(text, sizeof text, l->item[0].p, l->item[0].n);
    add_words(to, room, what, text);
    if (l->count > 1) {
        size_t n = strlen(to);
        snprintf(to + n, room - n, " +%zu", l->count - 1);
    }
}

const char *mlr_rule_match_text(const mlr_rule *r, char *to, size_t room)
{
    const mlr_condition *c = &r->when;
    char text[48];
    to[0] = '\0';
    add_names(to, room, &c->names, "");
    for (unsigned i = 0; i < MLR_KIND_COUNT; i++) {
        if ((c->kinds >> i & 1) != 0) {
            add_words(to, room, "", mlr_module_kind_name(i));
        }
    }
    for (unsigned id = 0; c->has_dtypes && id < 256; id++) {
        if ((c->dtypes[id / 64] >> id % 64 & 1) != 0) {
            const mlr_dtype *d = mlr_dtype_get(id);
            add_words(to, room, "", d == NULL ? "?" : d->name);
        }
    }
    for (size_t i = 0; i < c->layers.count; i++) {
        const mlr_bounds *l = &c->layers.item[i];
        snprintf(text, sizeof text, l->most == UINT64_MAX ? "%llu-" : "%llu-%llu",
                 (unsigned long long)l->least, (unsigned long long)l->most);
        add_words(to, room, "layers ", text);
    }
    if (c->has_bytes) {
        char least[16];
        char most[16];
        mlr_fmt_bytes(least, sizeof least, c->bytes.least);
        mlr_fmt_bytes(most, sizeof most, c->bytes.most);
        snprintf(text, sizeof text, "%s-%s", least,
                 c->bytes.most == UINT64_MAX ? "" : most);
        add_words(to, room, "", text);
    }
    if (c->has_shape) {
        add_words(to, room, "by shape", "");
    }
    if (c->changes != 0) {
        add_words(to, room, "by change", "");
    }
    add_names(to, room, &c->except, "not ");
    if (to[0] == '\0') {
        snprintf(to, room, "(every tensor)");
    }
    return to;
}

const char *mlr_setting_text(const mlr_setting *s, char *to, size_t room)
{
    char text[24];
    to[0] = '\0';
    if (s->has_strategy) {
        add_words(to, room, "", mlr_strategy_word(s->choice.strategy));
    }
    if (s->has_level) {
        snprintf(text, sizeof text, "%s%u", s->has_strategy ? " " : "level ",
                 s->choice.level);
        size_t n = strlen(to);
        snprintf(to + n, room - n, "%s", text);
    }
    if (s->has_dict) {
        add_words(to, room, s->choice.dict ? "dictionary" : "no dictionary", "");
    }
    if (s->has_block) {
        add_words(to, room, "block ",
                  mlr_fmt_bytes(text, sizeof text, s->choice.block_bytes));
    }
    if (to[0] == '\0') {
        snprintf(to, room, "nothing");
    }
    return to;
}
