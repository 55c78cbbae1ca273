/* Keys as numbers and as text, and the table of actions that keys, help and palette share.
 */
#ifndef MLR_TUI_KEYS_H
#define MLR_TUI_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A code point, a control character, or one of these. */
typedef uint32_t mlr_key;

enum {
    MLR_KEY_NONE = 0,
    MLR_KEY_TAB = 9,
    MLR_KEY_ENTER = 13,
    MLR_KEY_ESC = 27,
    MLR_KEY_BACKSPACE = 127,
    MLR_KEY_UP = 0x200000,
    MLR_KEY_DOWN,
    MLR_KEY_LEFT,
    MLR_KEY_RIGHT,
    MLR_KEY_HOME,
    MLR_KEY_END,
    MLR_KEY_PAGE_UP,
    MLR_KEY_PAGE_DOWN,
    MLR_KEY_DELETE,
    MLR_KEY_BACK_TAB,
    MLR_KEY_F1
};

#define MLR_CTRL(c) ((mlr_key)((c)&0x1f))

/* Reads one key from script notation: "j", "<Enter>", "<C-p>", "<Space>", "<lt>". Moves *p
   past it; MLR_KEY_NONE where the notation is wrong. */
mlr_key mlr_key_read(const char **p);

/* As people write it: "j", "Enter", "^P", "Space", "↑". Returns `to`. */
char *mlr_key_show(mlr_key key, char *to, size_t room);

/* Where an action applies: a screen takes the union of some of these. */
enum {
    MLR_IN_ALL = 1,  /* everywhere */
    MLR_IN_LIST = 2, /* wherever a cursor moves over rows */
    MLR_IN_OPEN = 4,
    MLR_IN_TENSORS = 8,
    MLR_IN_THEMES = 16,
    MLR_IN_PAIR = 32, /* wherever a tensor of the open pair has the focus */
    MLR_IN_TUNE = 64,
    MLR_IN_EXPORT = 128,
    MLR_IN_DETAIL = 256,
    MLR_IN_TREE = 512,
    MLR_IN_APPLY = 1024,
    MLR_IN_RULES = 2048,
    MLR_IN_HISTORY = 4096
};

typedef enum mlr_action {
    MLR_DO_NOTHING,
#define MLR_ACTION(sym, where, keys, name, group, help, bar) MLR_DO_##sym,
#include "tui/keys.def"
#undef MLR_ACTION
    MLR_ACTION_COUNT
} mlr_action;

typedef struct mlr_action_row {
    unsigned where;
    const char *keys;  /* script notation, separated by blanks; may be "" */
    const char *name;  /* in the palette */
    const char *group; /* heading in help */
    const char *help;  /* one sentence without full stop */
    const char *bar;   /* in the key bar; "" keeps it out */
} mlr_action_row;

const mlr_action_row *mlr_action_get(mlr_action action);

/* The action of `key` where `where` applies; the more special place wins. */
mlr_action mlr_action_for(mlr_key key, unsigned where);

/* The keys of an action for people: "j ↓". Returns `to`. */
char *mlr_action_keys(mlr_action action, char *to, size_t room);

/* Its first key only. */
char *mlr_action_key(mlr_action action, char *to, size_t room);

#endif
