/*
 * The application as screens see it: one value that is passed down. It holds what is open,
 * the screens' states, the question being asked and the job that runs; nothing is global.
 */
#ifndef MLR_TUI_APP_CORE_H
#define MLR_TUI_APP_CORE_H

#include "tui/desk.h"
#include "tui/exporter.h"
#include "tui/grid.h"
#include "tui/job.h"
#include "tui/keys.h"
#include "tui/model_pair.h"
#include "tui/screen.h"
#include "tui/survey.h"
#include "tui/theme.h"
#include "tui/watch.h"
#include "tui/widget_list.h"
#include "tui/widget_prompt.h"

/* Below this a screen says what it needs; state is kept. */
enum { MLR_LEAST_ROWS = 8, MLR_LEAST_COLS = 36 };

/* A line of input at the bottom. */
typedef struct mlr_question {
    bool open;
    int number;
    mlr_screen_id owner; /* MLR_SCREEN_NONE: the app itself */
    char label[40];
    mlr_prompt prompt;
} mlr_question;

/* A list to choose from, over the screen. */
typedef struct mlr_menu {
    bool open;
    int number;
    mlr_screen_id owner;
    char title[40];
    mlr_list list;
} mlr_menu;

/* What the app wants of whoever runs it, after an event. */
typedef struct mlr_wishes {
    bool quit, suspend, redraw;
    const char *edit; /* a file in the user's editor; NULL: none */
    const char *copy; /* into the terminal's clipboard; NULL: nothing */
} mlr_wishes;

struct mlr_app {
    const mlr_allocator *alloc;
    const char *config_dir, *state_dir; /* borrowed; NULL: none */
    const char *forecast_dir; /* borrowed: where forecasts are kept; NULL: nowhere */
    const char *profile_path; /* borrowed: rules to begin with; NULL: none */
    const char *patch_path;   /* borrowed: the patch to apply; NULL: none */
    const char *program;      /* borrowed: what applies patches; NULL: this program */
    mlr_theme theme;
    mlr_color_depth depth;
    mlr_glyph_level level;
    mlr_glyphs glyphs;
    int rows, cols;
    uint64_t now_ms; /* set by whoever runs the app: a test's clock stands still */
    mlr_ui_session session;
    void *state[MLR_SCREEN_COUNT]; /* NULL: not opened yet */
    mlr_screen_id tab, over;       /* MLR_SCREEN_NONE: nothing lies over the tab */
    mlr_question question;
    mlr_menu menu;
    mlr_history search_history, filter_history, command_history;
    mlr_job job;
    mlr_watch watch;           /* over the files of the open pair */
    bool stale_old, stale_new; /* a file of this model changed since it was opened */
    uint64_t looked_ms;        /* when the files were looked at last */
    mlr_opened_pair *opening;  /* what the job works on, */
    mlr_survey *survey;        /* or what it found out about the open pair; NULL: nothing */
    mlr_desk desk;             /* choices and forecasts of the open pair */
    mlr_job *aside;            /* a screen's own job, to be shown and stopped; NULL: none */
    mlr_exporter exporter;     /* the export that runs, or ran last */
    size_t focus;              /* row that actions concern where none is marked */
    char edit_path[1024];      /* what the editor works on, */
    bool edit_copy;            /* and whether that is a copy, dropped afterwards */
    char message[256];         /* shown until the next key; "": none */
    mlr_role message_role;
    char unsaved[64]; /* "1 rule": what quitting would lose; "": nothing */
    mlr_wishes wishes;
};

/* `wake_fd` is written when a job has news; -1: none. */
mlr_status mlr_app_init(mlr_app *app, const mlr_allocator *alloc, int wake_fd,
                        mlr_err *err);
void mlr_app_release(mlr_app *app);

void mlr_app_resize(mlr_app *app, int rows, int cols);
void mlr_app_key(mlr_app *app, mlr_key key);
/* A mouse click (1), or the wheel (4 up, 5 down), at a cell. */
void mlr_app_mouse(mlr_app *app, int row, int col, int button);
void mlr_app_act(mlr_app *app, mlr_action action);

/* Takes what jobs brought. Whether something on the screen may have changed. */
bool mlr_app_poll(mlr_app *app);

/* Whether any job runs or has news. */
bool mlr_app_busy(mlr_app *app);

/* Draws everything; `g` is resized to the app's size. */
void mlr_app_draw(mlr_app *app, mlr_grid *g);

/* --- for screens --- */

mlr_status mlr_app_show(mlr_app *app, mlr_screen_id id);
mlr_screen_id mlr_app_top(const mlr_app *app);
const mlr_screen *mlr_screen_get(mlr_screen_id id);

/* Closes what lies over the tab. */
void mlr_app_uncover(mlr_app *app);

/* Starts opening a pair on the worker; the tensor table follows. */
void mlr_app_open_pair(mlr_app *app, const char *old_path, const char *new_path);

/* Whether a file of the open pair is no longer what was read; jobs stop then, and the user
   is told once. */
bool mlr_app_stale(mlr_app *app);

/* Starts the analysis of the pair that is open. */
void mlr_app_analyse(mlr_app *app);

/* Sentences for the status line. */
void mlr_app_say(mlr_app *app, mlr_role role, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void mlr_app_say_err(mlr_app *app, const mlr_err *err);

/* Asks for a line; answers go to the screen on top. */
void mlr_app_ask(mlr_app *app, int number, const char *label, const char *text,
                 mlr_history *history);

/* Opens an empty menu on the screen on top; add items, then call mlr_list_ready(). */
mlr_list *mlr_app_menu(mlr_app *app, int number, const char *title);

mlr_status mlr_app_set_theme(mlr_app *app, const char *name, mlr_err *err);
void mlr_app_set_level(mlr_app *app, mlr_glyph_level level);

/* Writes what is on the screen as SVG, or as text where the name ends in ".txt". */
mlr_status mlr_app_screenshot(mlr_app *app, const char *path, mlr_err *err);

/* Everything that may fill the help and the palette where `where` applies. */
void mlr_app_list_actions(mlr_list *l, unsigned where);

#endif
