/*
 * What the user works on once a pair is open: choices with their history, the forecasts
 * they rest on, budgets, sums. Rows show what the desk knows; screens ask it.
 */
#ifndef MLR_TUI_DESK_H
#define MLR_TUI_DESK_H

#include "tui/choice_log.h"
#include "tui/keys.h"
#include "tui/outlook.h"
#include "tui/rows.h"
#include "tui/rule_book.h"
#include "tui/screen.h"

enum {
    MLR_DESK_LEVEL = 3,      /* of tensors nobody decided about, as on the command line */
    MLR_DESK_STRATEGIES = 24 /* most lines of the menu of strategies */
};

/* In place of a row. */
#define MLR_NO_ROW SIZE_MAX

/* Sums over the whole patch under one set of picks. */
typedef struct mlr_desk_sums {
    size_t to_predict, predicted, picked; /* rows that travel; with a forecast; by hand */
    double bytes, error_bytes;            /* of those with a forecast */
    double encode_s, decode_s; /* on one thread: as measured here; by the table of prices */
    uint64_t memory;           /* of a serial applier, about */
    size_t count_by[MLR_STRATEGY_LIMIT]; /* rows by strategy id */
    double bytes_by[MLR_STRATEGY_LIMIT];
    bool exact; /* every figure was encoded whole */
} mlr_desk_sums;

/* Whom a choice on the Tune screen concerns. */
typedef enum mlr_scope_kind {
    MLR_SCOPE_ALL,
    MLR_SCOPE_MARKED,
    MLR_SCOPE_FOCUS,
    MLR_SCOPE_RULE
} mlr_scope_kind;

/* A strategy to try on many rows: what the Tune screen wants to be known. */
typedef struct mlr_sweep {
    bool on;
    int16_t strategy[12];
    uint8_t level[4];
    size_t strategies, levels;
    size_t at; /* next of rows x strategies x levels */
} mlr_sweep;

typedef struct mlr_desk {
    const mlr_allocator *alloc; /* borrowed */
    mlr_choices choices;
    mlr_choice_log log;
    mlr_rule_book book; /* what the rules' text means */
    char profile[1024]; /* the file of the rules; "": none yet */
    size_t saved_text;  /* of choices.text: what that file holds */
    uint8_t *dict;      /* the dictionary that the rules name; NULL: none */
    size_t dict_bytes, dict_taken;
    char dict_path[1024];
    mlr_scope_kind scope; /* of the Tune screen */
    size_t scope_rule;
    const mlr_pick *wanted[2]; /* by row: other picks to be forecast; NULL: none */
    mlr_budgets budgets;
    mlr_outlook *outlook; /* NULL: the matching is not known yet */
    mlr_job job;
    bool paused;       /* the user stopped forecasts */
    uint32_t *by_size; /* rows that travel, largest first */
    size_t travelling;
    size_t first_at; /* of by_size: nothing before it lacks a first look */
    bool refined;    /* every row was looked at closely */
    mlr_sweep sweep;
    mlr_pick what_if; /* level 0: none; forecasts of it come before the sweep */
    mlr_desk_sums sums;
    uint64_t summed; /* generation of the rows that `sums` is of */
    mlr_pick last;   /* what '.' repeats; level 0: auto */
    bool has_last;
    char detail[MLR_DESK_STRATEGIES][72]; /* of the menu's lines */
    size_t menu_line, menu_due; /* the next of them to be told anew, and how many are */
    size_t menu_row;            /* of by_size: before it every strategy was asked for */
    char command[4096];         /* what `y` copied, */
    char shown[4096];           /* and showed, line by line */
} mlr_desk;

void mlr_desk_init(mlr_desk *d, const mlr_allocator *alloc, int wake_fd);

/* Cancels and joins its job and drops what belongs to the pair. */
void mlr_desk_clear(mlr_desk *d);

/* --- for the app --- */

/* A pair was opened: reads its choices back. */
void mlr_desk_begin(mlr_app *app);
/* Drops forecasts, keeps choices: the matching is about to go. */
void mlr_desk_forget(mlr_app *app);
/* The matching is final: forecasts may start. */
void mlr_desk_matched(mlr_app *app, const mlr_matching *m);
/* Writes what is known into every row. */
void mlr_desk_show(mlr_app *app);
/* Takes what forecasts brought and starts the next ones; whether any run. */
bool mlr_desk_poll(mlr_app *app);
/* Whether the action was one of the desk's. */
bool mlr_desk_act(mlr_app *app, mlr_action action);
/* An answer to a question the desk asked; false: it asked none of this number. */
bool mlr_desk_answer(mlr_app *app, const mlr_answer *a);
/* Stops forecasts; asking for more starts them again. */
void mlr_desk_pause(mlr_app *app);
/* How far forecasts are, in looks at rows. */
void mlr_desk_progress(const mlr_desk *d, uint64_t *done, uint64_t *total);

/* --- for screens --- */

/* Whether a row's bytes have to travel, so that there is something to choose. */
bool mlr_row_travels(const mlr_ui_row *r);

/* Whether actions concern the row: it is marked or, where none is, has the focus; on the
   Tune screen without marks every row. */
bool mlr_desk_in_scope(const mlr_app *app, size_t row);
size_t mlr_desk_scope_count(const mlr_app *app);

/* What holds for a row, and the forecast of it (NULL: not known yet). */
mlr_pick mlr_desk_pick(const mlr_desk *d, size_t row);
const mlr_cast *mlr_desk_cast(const mlr_desk *d, size_t row);
const mlr_cast *mlr_desk_cast_of(const mlr_desk *d, size_t row, mlr_pick pick);

/* Rows that deserve a closer look: those whose forecasts leave most bytes uncertain (the
   size times its error), most first, at most 16. Returns how many. */
size_t mlr_desk_uncertain(const mlr_desk *d, uint32_t *rows, size_t room);

/* Sets the memory budget as if the user had typed it. */
void mlr_desk_set_memory(mlr_app *app, uint64_t bytes);

/* The same of any pick of a row; one that says nothing (level 0) is auto. */
mlr_pick mlr_desk_full_pick(mlr_pick pick);

/* The rules: NULL bytes where there are none. */
const mlr_rules_text *mlr_desk_rules(const mlr_app *app);
/* One step: the rules are this text from now on. */
void mlr_desk_set_rules(mlr_app *app, const char *bytes, size_t n, const char *label);
/* One step: choices by hand become rules above all others, and are taken back. */
void mlr_desk_pin(mlr_app *app);
/* The rules as they are to be written: choices by hand and budgets with them. A new text of
   `*taken` bytes from app->alloc, or NULL. */
char *mlr_desk_profile(const mlr_app *app, size_t *taken);
/* Writes the rules to a file and remembers it; false where that failed (the user is told).
 */
bool mlr_desk_save_rules(mlr_app *app, const char *path);
/* Reads the rules from a file: the first ones, or a step. */
bool mlr_desk_load_rules(mlr_app *app, const char *path);
bool mlr_desk_rules_unsaved(const mlr_app *app);

/* What held for every row after so many steps, rules included, into `to` (by row; level 0:
   auto). False while the rules cannot be held against the pair. */
bool mlr_desk_picks_at(const mlr_app *app, size_t steps, mlr_pick *to);

/* Other picks to be forecast for all rows, before all else but the menu; NULL: none. They
   stay the caller's and must live until taken back. */
void mlr_desk_want(mlr_app *app, int place, const mlr_pick *picks);

/* Asks for a budget: 0 size, 1 memory, 2 time to decode. */
void mlr_desk_ask_budget(mlr_app *app, int which);

/* One step: `pick` (level 0: auto) for all rows in scope. */
void mlr_desk_choose(mlr_app *app, mlr_pick pick);
/* One step for single rows: begin, set any number, end. */
void mlr_desk_step_begin(mlr_app *app, const char *label);
void mlr_desk_step_end(mlr_app *app);

/* The sums with `what_if` in place of the picks of rows in scope (level 0: as decided). */
void mlr_desk_sum(const mlr_app *app, mlr_pick what_if, mlr_desk_sums *out);
/* The sums with `pick` wherever it suits, by hand or not; false where that is not known
   yet, or suits nothing. */
bool mlr_desk_sum_under(const mlr_app *app, mlr_pick pick, mlr_desk_sums *out);
/* The sums under any picks by row; level 0: auto. */
void mlr_desk_sum_picks(const mlr_app *app, const mlr_pick *picks, mlr_desk_sums *out);
/* The same as decided, kept until something changes. */
const mlr_desk_sums *mlr_desk_total(mlr_app *app);

/* Adds a row's forecast to sums. */
void mlr_desk_add(mlr_desk_sums *s, const mlr_ui_row *r, const mlr_cast *c);

/* Forecasts the Tune screen needs; starts over where they changed. */
void mlr_desk_sweep(mlr_app *app, const mlr_sweep *sweep);
void mlr_desk_what_if(mlr_app *app, mlr_pick pick);
/* Whom the Tune screen means. */
void mlr_desk_set_scope(mlr_app *app, mlr_scope_kind kind, size_t rule);

#endif
