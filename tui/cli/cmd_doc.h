/* Help, manual pages and shell completions, all made from the command and option tables. */
#ifndef MLR_TUI_CLI_CMD_DOC_H
#define MLR_TUI_CLI_CMD_DOC_H

#include "tui/cli/cmd.h"

/* The list of commands by group. */
void mlr_doc_commands(const mlr_cli *cli, FILE *to);

/* Usage, description, options and examples of one command. */
void mlr_doc_help(mlr_cli *cli, const mlr_cmd *cmd);

/* mdoc source of mallorn(1), or of mallorn-NAME(1). */
void mlr_doc_man(FILE *to);
void mlr_doc_man_command(FILE *to, const mlr_cmd *cmd);

void mlr_doc_bash(FILE *to);
void mlr_doc_zsh(FILE *to);
void mlr_doc_fish(FILE *to);

#endif
