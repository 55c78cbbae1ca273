/* The style roles as numbers and names; how they look is the theme's business. */
#ifndef MLR_TUI_ROLES_H
#define MLR_TUI_ROLES_H

#include <stddef.h>

typedef enum mlr_role_kind {
    MLR_ROLE_OF_TEXT,
    MLR_ROLE_OF_MARK,
    MLR_ROLE_OF_OVER,
    MLR_ROLE_OF_HEAT
} mlr_role_kind;

typedef enum mlr_role {
#define MLR_ROLE(sym, name, kind) MLR_ROLE_##sym,
#include "tui/roles.def"
#undef MLR_ROLE
    MLR_ROLE_COUNT
} mlr_role;

enum { MLR_HEAT_STEPS = 8 };

const char *mlr_role_name(mlr_role role);
mlr_role_kind mlr_role_kind_of(mlr_role role);

/* The role of this name, or MLR_ROLE_COUNT. */
mlr_role mlr_role_named(const char *name, size_t n);

#endif
