/*
 * The list of rules in the text of a profile: entries are added, moved and taken away as
 * whole lines, with the comments that stand above them. Everything else stays as it was.
 */
#ifndef MLR_TUI_CLI_PROFILE_RULES_H
#define MLR_TUI_CLI_PROFILE_RULES_H

#include <stddef.h>

#include "apply/base/pool.h"
#include "apply/base/status.h"

/* A text and where its new version lives: in the pool, NUL-terminated. */
typedef struct mlr_rules_edit {
    const char *text;
    size_t n;
    mlr_pool *pool;
    char *out;
    size_t out_n;
} mlr_rules_edit;

/*
 * Each is MLR_E_FORMAT where the text is no YAML, and MLR_E_USAGE where its rules are not
 * written as lines of their own ("rules: [...]") or there is no such rule. Places count
 * from 0.
 */

/* Puts all rules of the profile `from` before the rule at `at` (behind the last: the end).
 */
mlr_status mlr_rules_insert(mlr_rules_edit *e, size_t at, const char *from, size_t from_n,
                            mlr_err *err);

/* Exchanges a rule with the one that follows it. */
mlr_status mlr_rules_swap(mlr_rules_edit *e, size_t at, mlr_err *err);

mlr_status mlr_rules_remove(mlr_rules_edit *e, size_t at, mlr_err *err);

#endif
