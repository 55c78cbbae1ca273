/*
 * The profile beside the models: what its text means, which rule decides about which row,
 * and what is wrong with it. The text itself belongs to the choices, so that undo reaches
 * it.
 */
#ifndef MLR_TUI_RULE_BOOK_H
#define MLR_TUI_RULE_BOOK_H

#include "tui/choices.h"
#include "tui/cli/profile_yaml.h"
#include "tui/rows.h"

/* Rows that travel, counted for one rule. */
typedef struct mlr_rule_facts {
    size_t matched;  /* tensors of any kind whose condition holds */
    size_t hits;     /* rows that travel and that it decides */
    size_t shadowed; /* rows that travel, hold its condition, and an earlier rule decides */
    size_t by_you;   /* of the hits: a choice by hand stands above it */
} mlr_rule_facts;

/* Something to mend, or to know. */
typedef struct mlr_rule_problem {
    bool error;            /* the text cannot be used */
    uint32_t line, column; /* 0: none */
    char text[320];
    char wrong[64], fix[64]; /* what one key puts in place of what; "": nothing */
} mlr_rule_problem;

enum { MLR_RULE_PROBLEMS = 64 };

typedef struct mlr_rule_book {
    const mlr_allocator *alloc; /* borrowed */
    mlr_profile_doc doc;        /* the last text that could be read */
    bool there;                 /* `doc` holds a profile */
    bool bad; /* the text now cannot be read: what it meant before holds */
    const mlr_matching *matching; /* borrowed; NULL: rules decide nothing yet */
    mlr_pick *pick;               /* by row; level 0: the profile says nothing */
    uint16_t *rule;               /* by row: number from 1; 0: defaults, or nothing */
    size_t rows, at;              /* rows; those that were looked at */
    mlr_rule_facts *facts;        /* by rule; one more for what no rule decides */
    size_t rules;
    mlr_rule_problem *problem;
    size_t problems;
} mlr_rule_book;

void mlr_rule_book_init(mlr_rule_book *b, const mlr_allocator *alloc);
void mlr_rule_book_release(mlr_rule_book *b); /* safe on a zeroed book */

/* Reads a text (NULL: there are no rules) and begins to decide about rows anew. */
void mlr_rule_book_read(mlr_rule_book *b, const mlr_rules_text *t, size_t rows);

/* The pairs that the rules are held against. */
void mlr_rule_book_match(mlr_rule_book *b, const mlr_matching *m);

/* Decides about some rows more; whether any were. */
bool mlr_rule_book_work(mlr_rule_book *b, const mlr_ui_rows *rows);

/* Counts hits and finds problems, once every row was decided about. */
void mlr_rule_book_count(mlr_rule_book *b, const mlr_ui_rows *rows,
                         const mlr_pick *by_hand);

/* What a profile says about a row, in full; level 0 and rule 0: nothing. `rule` may be
 * NULL. */
mlr_pick mlr_rule_book_pick(const mlr_profile *p, const mlr_matching *m, size_t row,
                            uint16_t *rule);

/* "rule 3" or its name; printable. */
const char *mlr_rule_name(const mlr_profile *p, size_t rule, char *to, size_t room);

/* What a rule matches, in few words: "*.mlp.*", "kind attention, bf16". */
const char *mlr_rule_match_text(const mlr_rule *r, char *to, size_t room);

/* What a rule or the defaults ask for: "neural 9, block 64K". */
const char *mlr_setting_text(const mlr_setting *s, char *to, size_t room);

#endif
