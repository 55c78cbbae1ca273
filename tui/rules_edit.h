/*
 * Changes to single rules, each one step that undo takes back: they patch the text and
 * leave comments and order alone. And the way through the user's own editor.
 */
#ifndef MLR_TUI_RULES_EDIT_H
#define MLR_TUI_RULES_EDIT_H

#include "tui/desk.h"

/* In place of a rule: the defaults, for what no rule decides. */
#define MLR_DEFAULTS SIZE_MAX

/* What a rule (or the defaults) asks for becomes this pick. */
void mlr_rule_use(mlr_app *app, size_t rule, mlr_pick pick);
/* What it asks for now, with auto where it says nothing. */
mlr_pick mlr_rule_used(const mlr_app *app, size_t rule);

void mlr_rule_toggle(mlr_app *app, size_t rule);
void mlr_rule_remove(mlr_app *app, size_t rule);
/* Exchanges a rule with the next one; whether it could. */
bool mlr_rule_swap(mlr_app *app, size_t rule);
/* A new rule for names that match a pattern, above the rule at `at`. */
void mlr_rule_add(mlr_app *app, size_t at, const char *pattern);
/* The text with all rules of `more` (a profile's text; NULL: none) above the others, and
   with these defaults (NULL: as they are): `*taken` bytes from app->alloc, or NULL. */
char *mlr_rules_with(const mlr_app *app, const char *more, size_t n,
                     const mlr_setting *defaults, size_t *taken);

/* The dictionary that the rules name. */
void mlr_rules_set_dict(mlr_app *app, const char *path);

/* What a problem proposes, in place of what is wrong. */
void mlr_rules_fix(mlr_app *app, const mlr_rule_problem *p);

/* Opens the user's editor on the rules (app->wishes.edit), and what follows. */
void mlr_rules_open_editor(mlr_app *app);
void mlr_rules_edited(mlr_app *app, int status);

/* Runs $VISUAL or $EDITOR without a terminal of ours: for scripts. Its exit status or -1.
 */
int mlr_editor_run(const char *path);
/* The words of that command; `word` has room for five. */
void mlr_editor_words(const char *path, char *word[5]);

#endif
