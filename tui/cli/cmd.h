/* The table of commands and what runs them. */
#ifndef MLR_TUI_CLI_CMD_H
#define MLR_TUI_CLI_CMD_H

#include "tui/cli/cli.h"
#include "tui/cli/opt.h"

/* One command: one file cmd_NAME.c that defines it, one row in cmd.c. */
typedef struct mlr_cmd {
    const char *name;
    const char *group;    /* heading in the list of commands; NULL hides the command */
    const char *summary;  /* "Show what a model holds.": one sentence */
    const char *operands; /* "MODEL", "OLD NEW", "[COMMAND]" */
    size_t least, most;   /* operands */
    const char *about;    /* paragraphs, separated by an empty line */
    const char *examples; /* lines: "command line\twhat it does" */
    const char *schema;   /* "mallorn.info/1" where it has --json, else NULL */
    const mlr_opt *opt;   /* its own; the common ones are added */
    size_t opts;
    size_t values_bytes; /* of its option struct; at most MLR_CMD_VALUES */
    mlr_status (*run)(mlr_cli *cli, const mlr_args *args, mlr_err *err);
} mlr_cmd;

enum { MLR_CMD_VALUES = 1024, MLR_CMD_COMMON_OPTS = 2 };

/* Ends with NULL. */
extern const mlr_cmd *const mlr_cmds[];

/* --help and --color, which every command has. */
extern const mlr_opt mlr_common_opts[MLR_CMD_COMMON_OPTS];

/* NULL where the name is unknown. */
const mlr_cmd *mlr_cmd_named(const char *name);

/* Fails with "unknown command", and the closest name if one is close. */
mlr_status mlr_cmd_unknown(mlr_cli *cli, const char *name, mlr_err *err);

/*
 * Runs a command line (argv[0] is the program) and returns the process exit code. Prints
 * the error, if any, as one sentence to cli->err, and ends --json output with an object
 * that holds it. Output that could not be written is an error too; that the reader has gone
 * (EPIPE) is silent: 141.
 */
int mlr_cli_run(mlr_cli *cli, int argc, const char *const *argv);

#endif
