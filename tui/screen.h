/* What a screen provides. One file and one row of screens.def per screen. */
#ifndef MLR_TUI_SCREEN_H
#define MLR_TUI_SCREEN_H

#include <stdbool.h>

#include "apply/base/status.h"
#include "tui/grid.h"
#include "tui/keys.h"

typedef struct mlr_app mlr_app;

/* What happened to a question the screen asked. */
typedef enum mlr_reply {
    MLR_REPLY_CHANGED, /* typed or moved; nothing is decided yet */
    MLR_REPLY_ACCEPTED,
    MLR_REPLY_CANCELLED
} mlr_reply;

/* An answer: the text of a prompt, or the value of a menu's item. */
typedef struct mlr_answer {
    int question; /* the screen's own number */
    mlr_reply reply;
    const char *text; /* of a prompt; "" for menus */
    int value;        /* of a menu; -1 where no item is under the cursor */
} mlr_answer;

typedef struct mlr_screen {
    const char *title;
    unsigned where;    /* kinds of actions it takes: MLR_IN_... */
    const char *hints; /* key bar of a screen that takes typing: "Enter run|Esc close" */
    char tab;          /* key of its tab, or 0: lies over the others until Esc */
    mlr_status (*open)(mlr_app *app, void **state, mlr_err *err);
    /* Before drawing: fits what depends on the size. May change the state. */
    void (*arrange)(mlr_app *app, void *state, int rows, int cols);
    /* A pure function of app and state. */
    void (*draw)(const mlr_app *app, const void *state, mlr_pane body);
    /* Whether the action was taken. */
    bool (*act)(mlr_app *app, void *state, mlr_action action);
    /* NULL, or sees keys before they become actions; whether it took this one. */
    bool (*key)(mlr_app *app, void *state, mlr_key key);
    /* NULL, or a click into the body; whether it meant something. */
    bool (*click)(mlr_app *app, void *state, int row, int col);
    /* NULL where it asks nothing. */
    void (*answer)(mlr_app *app, void *state, const mlr_answer *a);
    /* The left part of the status line. */
    void (*status)(const mlr_app *app, const void *state, char *to, size_t room);
    /* Drops its own record of what is open, where that changed. NULL: it keeps none. */
    void (*renew)(mlr_app *app, void *state);
    /* NULL, or looks after work of its own, shown or not; whether some is running. */
    bool (*poll)(mlr_app *app, void *state);
    /* NULL, or ends its work on the open pair, whose models close now. */
    void (*halt)(mlr_app *app, void *state);
    void (*close)(mlr_app *app, void *state);
} mlr_screen;

typedef enum mlr_screen_id {
#define MLR_SCREEN(sym, screen) MLR_SCREEN_##sym,
#include "tui/screens.def"
#undef MLR_SCREEN
    MLR_SCREEN_COUNT,
    MLR_SCREEN_NONE
} mlr_screen_id;

#define MLR_SCREEN(sym, screen) extern const mlr_screen screen;
#include "tui/screens.def"
#undef MLR_SCREEN

#endif
