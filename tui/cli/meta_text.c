#include "tui/cli/meta_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "apply/host/printable.h"
#include "tui/cli/text.h"

const char *mlr_meta_kind_name(mlr_meta_kind kind)
{
    static const char *const name[] = {
        [MLR_META_UINT] = "uint",     [MLR_META_INT] = "int",
        [MLR_META_FLOAT] = "float",   [MLR_META_BOOL] = "bool",
        [MLR_META_STRING] = "string", [MLR_META_ARRAY] = "array",
        [MLR_META_BYTES] = "bytes",
    };
    return (size_t)kind < sizeof name / sizeof name[0] ? name[kind] : "unknown";
}

void mlr_meta_text(const mlr_meta *m, char *to, size_t room)
{
    char count[MLR_TEXT];
    switch (m->kind) {
    case MLR_META_UINT:
        (void)snprintf(to, room, "%" PRIu64, m->value.u);
        return;
    case MLR_META_INT:
        (void)snprintf(to, room, "%" PRId64, m->value.i);
        return;
    case MLR_META_FLOAT:
        (void)snprintf(to, room, "%.7g", m->value.f);
        return;
    case MLR_META_BOOL:
        (void)snprintf(to, room, "%s", m->value.u != 0 ? "true" : "false");
        return;
    case MLR_META_STRING:
        (void)mlr_printable(to, room, m->text.p, m->text.n);
        return;
    case MLR_META_ARRAY:
        (void)snprintf(to, room, "array of %s %ss", mlr_text_exact(count, m->count),
                       mlr_meta_kind_name(m->element));
        return;
    case MLR_META_BYTES:
        (void)snprintf(to, room, "%s bytes", mlr_text_exact(count, m->count));
        return;
    }
    (void)snprintf(to, room, "?");
}
