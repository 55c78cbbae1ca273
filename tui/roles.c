#include "tui/roles.h"

#include <string.h>

static const struct {
    const char *name;
    mlr_role_kind kind;
} roles[MLR_ROLE_COUNT] = {
#define MLR_ROLE(sym, name, kind) {name, kind},
#include "tui/roles.def"
#undef MLR_ROLE
};

const char *mlr_role_name(mlr_role role)
{
    return roles[role < MLR_ROLE_COUNT ? role : MLR_ROLE_TEXT].name;
}

mlr_role_kind mlr_role_kind_of(mlr_role role)
{
    return roles[role < MLR_ROLE_COUNT ? role : MLR_ROLE_TEXT].kind;
}

mlr_role mlr_role_named(const char *name, size_t n)
{
    for (int i = 0; i < MLR_ROLE_COUNT; i++) {
        if (strlen(roles[i].name) == n && memcmp(roles[i].name, name, n) == 0) {
            return (mlr_role)i;
        }
    }
    return MLR_ROLE_COUNT;
}
