#include "tui/cli/meta_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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

/* Names of llama.cpp's file types by number; NULL where a number is not in use. */
static const char *file_type_name(uint64_t type)
{
    static const char *const name[] = {
        [0] = "F32",      [1] = "F16",     [2] = "Q4_0",    [3] = "Q4_1",
        [7] = "Q8_0",     [8] = "Q5_0",    [9] = "Q5_1",    [10] = "Q2_K",
        [11] = "Q3_K_S",  [12] = "Q3_K_M", [13] = "Q3_K_L", [14] = "Q4_K_S",
        [15] = "Q4_K_M",  [16] = "Q5_K_S", [17] = "Q5_K_M", [18] = "Q6_K",
        [19] = "IQ2_XXS", [20] = "IQ2_XS", [21] = "Q2_K_S", [22] = "IQ3_XS",
        [23] = "IQ3_XXS", [24] = "IQ1_S",  [25] = "IQ4_NL", [26] = "IQ3_S",
        [27] = "IQ3_M",   [28] = "IQ2_S",  [29] = "IQ2_M",  [30] = "IQ4_XS",
        [31] = "IQ1_M",   [32] = "BF16",   [36] = "TQ1_0",  [37] = "TQ2_0",
    };
    return type < sizeof name / sizeof name[0] ? name[type] : NULL;
}

static bool is_file_type(const mlr_meta *m)
{
    static const char key[] = "general.file_type";
    return m->key.n == sizeof key - 1 && memcmp(m->key.p, key, m->key.n) == 0;
}

static void put_uint(const mlr_meta *m, char *to, size_t room)
{
    const char *name = is_file_type(m) ? file_type_name(m->value.u) : NULL;
    if (name != NULL) {
        (void)snprintf(to, room, "%" PRIu64 " (%s)", m->value.u, name);
        return;
    }
    (void)snprintf(to, room, "%" PRIu64, m->value.u);
}

void mlr_meta_text(const mlr_meta *m, char *to, size_t room)
{
    char count[MLR_TEXT];
    switch (m->kind) {
    case MLR_META_UINT:
        put_uint(m, to, room);
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
