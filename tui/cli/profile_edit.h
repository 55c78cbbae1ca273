/*
 * Changes one value of a YAML text and nothing around it: comments, order and spacing stay
 * as a person left them. The program edits profiles by this alone.
 */
#ifndef MLR_TUI_CLI_PROFILE_EDIT_H
#define MLR_TUI_CLI_PROFILE_EDIT_H

#include <stddef.h>

#include "apply/base/pool.h"
#include "apply/base/status.h"

/*
 * Sets the value at `path` ("budgets.patch-size", "rules[0].use.level") to `value`, which
 * is YAML text of one line. Keys that are missing are added at the end of their map; list
 * entries are not. MLR_E_USAGE where the path leads nowhere, MLR_E_FORMAT where the text is
 * no YAML. The new text lives in `pool`.
 */
mlr_status mlr_yaml_set(const char *text, size_t n, const char *path, const char *value,
                        mlr_pool *pool, char **out, size_t *out_n, mlr_err *err);

#endif
