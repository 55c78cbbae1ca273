/* `mallorn help`: explains commands; also prints manual pages and completions. */
#include <string.h>

#include "tui/cli/cmd.h"
#include "tui/cli/cmd_doc.h"

typedef struct help_values {
    bool man;
    bool names;
    const char *completion;
} help_values;

static const mlr_opt help_opts[] = {
    {.name = "man",
     .kind = MLR_OPT_FLAG,
     .help = "Print the manual page of COMMAND (or of mallorn) as mdoc source.",
     .field = offsetof(help_values, man)},
    {.name = "completion",
     .kind = MLR_OPT_TEXT,
     .metavar = "SHELL",
     .help = "Print completions for bash, zsh or fish.",
     .field = offsetof(help_values, completion)},
    {.name = "names",
     .kind = MLR_OPT_FLAG,
     .help = "Print the names of all commands, one a line.",
     .field = offsetof(help_values, names)},
};

static mlr_status print_completion(mlr_cli *cli, const char *shell, mlr_err *err)
{
    if (strcmp(shell, "bash") == 0) {
        mlr_doc_bash(cli->out);
    } else if (strcmp(shell, "zsh") == 0) {
        mlr_doc_zsh(cli->out);
    } else if (strcmp(shell, "fish") == 0) {
        mlr_doc_fish(cli->out);
    } else {
        return mlr_cli_fail(cli, err, MLR_E_USAGE,
                            "option '--completion' is one of bash, zsh, fish");
    }
    return MLR_OK;
}

static mlr_status run_help(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const help_values *v = args->values;
    if (v->completion != NULL) {
        return print_completion(cli, v->completion, err);
    }
    if (v->names) {
        for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
            if (mlr_cmds[i]->group != NULL) {
                fprintf(cli->out, "%s\n", mlr_cmds[i]->name);
            }
        }
        return MLR_OK;
    }
    if (args->count == 0) {
        v->man ? mlr_doc_man(cli->out) : mlr_doc_commands(cli, cli->out);
        return MLR_OK;
    }
    const mlr_cmd *cmd = mlr_cmd_named(args->operand[0]);
    if (cmd == NULL) {
        return mlr_cmd_unknown(cli, args->operand[0], err);
    }
    v->man ? mlr_doc_man_command(cli->out, cmd) : mlr_doc_help(cli, cmd);
    return MLR_OK;
}

const mlr_cmd mlr_cmd_help = {
    .name = "help",
    .group = "Other",
    .summary = "Explain mallorn or one of its commands.",
    .operands = "[COMMAND]",
    .least = 0,
    .most = 1,
    .about = "Help texts, manual pages and shell completions are made from one table of "
             "options, so that they always agree with what the program accepts.",
    .examples =
        "mallorn help info\tExplain a command\n"
        "mallorn help --man info | man -l -\tRead its manual page without installing "
        "it\n"
        "mallorn help --completion bash > mallorn.bash\tMake completions for bash",
    .opt = help_opts,
    .opts = sizeof help_opts / sizeof help_opts[0],
    .values_bytes = sizeof(help_values),
    .run = run_help,
};
