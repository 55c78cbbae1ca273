/*
 * Command-line options as tables. One table per command serves parsing, --help, manual page
 * and shell completion, so they cannot disagree.
 */
#ifndef MLR_TUI_CLI_OPT_H
#define MLR_TUI_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/pool.h"
#include "tui/cli/cli.h"

/* What follows the option, and the C type of the member that receives it. */
typedef enum mlr_opt_kind {
    MLR_OPT_FLAG,   /* nothing; bool */
    MLR_OPT_TEXT,   /* any text; const char * */
    MLR_OPT_FILE,   /* a path; const char * */
    MLR_OPT_DIR,    /* a folder; const char * */
    MLR_OPT_CHOICE, /* one of `choices`; unsigned, its place among them */
    MLR_OPT_NUMBER, /* decimal, within least..most; uint64_t */
    MLR_OPT_SIZE,   /* 1048576, 64K, 1M, 1GiB, 1GB, within least..most; uint64_t */
    MLR_OPT_EACH    /* any text, may be repeated; mlr_opt_list. Where there are `choices`,
                       one of them takes the next word as well: "json" "f" is "json=f" */
} mlr_opt_kind;

typedef struct mlr_opt_list {
    const char **item;
    size_t count;
} mlr_opt_list;

typedef struct mlr_opt {
    const char *name; /* "max-size", without dashes */
    char letter;      /* 'm', or 0 */
    mlr_opt_kind kind;
    const char *metavar;  /* "N"; NULL for flags */
    const char *help;     /* one sentence, capital and full stop */
    size_t field;         /* offsetof the receiving member */
    const char *fallback; /* the default as it would be typed, or NULL: zero */
    const char *choices;  /* of CHOICE and EACH: "auto|always|never" */
    uint64_t least, most; /* of NUMBER and SIZE; most 0: no bound */
} mlr_opt;

/* A table and the struct its values go to. */
typedef struct mlr_opt_set {
    const mlr_opt *opt;
    size_t count;
    void *values; /* zeroed by the caller */
} mlr_opt_set;

typedef struct mlr_args {
    const char **operand;
    size_t count;
    const void *values; /* the command's option struct */
} mlr_args;

typedef struct mlr_opt_parser {
    const mlr_opt_set *set;
    size_t sets;
    mlr_pool *pool; /* keeps operands and lists; argv's strings are borrowed */
    mlr_cli *cli;   /* for messages */
    /* What stands in for an option that is not given, before its own default; NULL for
       nothing. The text lives as long as the values. NULL: nobody knows. */
    const char *(*configured)(void *ctx, const mlr_opt *o);
    void *ctx;
} mlr_opt_parser;

/*
 * Gives every option its default, then reads argv[0..argc): --name=value, --name value,
 * -abc, -ovalue, -o value; "--" ends options; "-" is an operand; operands and options mix.
 */
mlr_status mlr_opt_parse(const mlr_opt_parser *p, int argc, const char *const *argv,
                         mlr_args *args, mlr_err *err);

/* Bytes: digits and K, M, G, T (also KiB: powers of 1024; KB: powers of 1000). */
bool mlr_opt_size(const char *text, uint64_t *out);
bool mlr_opt_number(const char *text, uint64_t *out);

/* The i-th of "a|b|c" into `to`; false beyond the last. */
bool mlr_opt_choice(const char *choices, size_t i, char *to, size_t room);

/* Damerau-Levenshtein distance, of texts up to 40 bytes (longer ones are cut). */
unsigned mlr_opt_distance(const char *a, const char *b);

/* Whether `candidate` is close enough to `typed` to suggest it; lower is closer. */
bool mlr_opt_resembles(const char *typed, const char *candidate, unsigned *distance);

#endif
