#include "tui/keys.h"

#include <stdio.h>
#include <string.h>

#include "tui/cell_text.h"

static const mlr_action_row actions[MLR_ACTION_COUNT] = {
    {0, "", "", "", "", ""},
#define MLR_ACTION(sym, where, keys, name, group, help, bar)                               \
    {where, keys, name, group, help, bar},
#include "tui/keys.def"
#undef MLR_ACTION
};

static const struct {
    const char *name; /* in scripts */
    const char *show; /* for people */
    mlr_key key;
} named[] = {
    {"Tab", "Tab", MLR_KEY_TAB},
    {"Enter", "Enter", MLR_KEY_ENTER},
    {"Esc", "Esc", MLR_KEY_ESC},
    {"Space", "Space", ' '},
    {"lt", "<", '<'},
    {"BS", "Backspace", MLR_KEY_BACKSPACE},
    {"Up", "↑", MLR_KEY_UP},
    {"Down", "↓", MLR_KEY_DOWN},
    {"Left", "←", MLR_KEY_LEFT},
    {"Right", "→", MLR_KEY_RIGHT},
    {"Home", "Home", MLR_KEY_HOME},
    {"End", "End", MLR_KEY_END},
    {"PgUp", "PgUp", MLR_KEY_PAGE_UP},
    {"PgDn", "PgDn", MLR_KEY_PAGE_DOWN},
    {"Del", "Del", MLR_KEY_DELETE},
    {"S-Tab", "Shift-Tab", MLR_KEY_BACK_TAB},
    {"F1", "F1", MLR_KEY_F1},
};

enum { NAMED = sizeof named / sizeof *named };

static mlr_key read_named(const char *s, size_t n)
{
    if (n == 3 && s[0] == 'C' && s[1] == '-') {
        return MLR_CTRL(s[2]);
    }
    for (size_t i = 0; i < NAMED; i++) {
        if (strlen(named[i].name) == n && memcmp(named[i].name, s, n) == 0) {
            return named[i].key;
        }
    }
    return MLR_KEY_NONE;
}

mlr_key mlr_key_read(const char **p)
{
    const char *s = *p;
    const char *close = s[0] == '<' ? strchr(s, '>') : NULL;
    if (s[0] == '\0') {
        return MLR_KEY_NONE;
    }
    if (close != NULL) {
        mlr_key key = read_named(s + 1, (size_t)(close - s - 1));
        if (key != MLR_KEY_NONE) {
            *p = close + 1;
        }
        return key;
    }
    return mlr_cp_next(p, s + strlen(s));
}

char *mlr_key_show(mlr_key key, char *to, size_t room)
{
    for (size_t i = 0; i < NAMED; i++) {
        if (named[i].key == key) {
            snprintf(to, room, "%s", named[i].show);
            return to;
        }
    }
    if (key < 0x20) {
        snprintf(to, room, "^%c", (char)(key + 0x40));
        return to;
    }
    char utf8[4];
    snprintf(to, room, "%.*s", (int)mlr_cp_put(utf8, key), utf8);
    return to;
}

const mlr_action_row *mlr_action_get(mlr_action action)
{
    return &actions[action < MLR_ACTION_COUNT ? action : MLR_DO_NOTHING];
}

static bool has_key(const char *keys, mlr_key key)
{
    for (const char *p = keys; *p != '\0';) {
        if (*p == ' ') {
            p++;
            continue;
        }
        mlr_key k = mlr_key_read(&p);
        if (k == key) {
            return true;
        }
        if (k == MLR_KEY_NONE) {
            return false;
        }
    }
    return false;
}

mlr_action mlr_action_for(mlr_key key, unsigned where)
{
    mlr_action found = MLR_DO_NOTHING;
    for (int i = 1; i < MLR_ACTION_COUNT; i++) {
        const mlr_action_row *a = &actions[i];
        if ((a->where & where) != 0 && has_key(a->keys, key) &&
            a->where > actions[found].where) {
            found = (mlr_action)i;
        }
    }
    return found;
}

static char *show_keys(mlr_action action, char *to, size_t room, int most)
{
    size_t used = 0;
    to[0] = '\0';
    for (const char *p = mlr_action_get(action)->keys; *p != '\0' && most > 0;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        char one[16];
        mlr_key_show(mlr_key_read(&p), one, sizeof one);
        size_t n = strlen(one);
        if (used + n + 2 > room) {
            break;
        }
        if (used > 0) {
            to[used++] = ' ';
        }
        memcpy(to + used, one, n + 1);
        used += n;
        most--;
    }
    return to;
}

char *mlr_action_keys(mlr_action action, char *to, size_t room)
{
    return show_keys(action, to, room, 8);
}

char *mlr_action_key(mlr_action action, char *to, size_t room)
{
    return show_keys(action, to, room, 1);
}
