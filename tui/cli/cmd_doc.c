#include "tui/cli/cmd_doc.h"

#include <string.h>

#include "apply/version.h"

enum { HELP_COLUMN = 26, HELP_WIDTH = 80 };

static unsigned text_width(const mlr_cli *cli)
{
    return cli->width < HELP_WIDTH ? cli->width : HELP_WIDTH;
}

/* Prints n bytes word by word, starting at column `at`, further lines at `indent`. */
static void wrap(FILE *to, const char *text, size_t n, unsigned indent, unsigned width)
{
    unsigned at = indent;
    for (size_t i = 0; i < n;) {
        size_t word = 0;
        while (i + word < n && text[i + word] != ' ') {
            word++;
        }
        if (at > indent && at + 1 + word > width) {
            fprintf(to, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            putc(' ', to);
            at++;
        }
        fwrite(text + i, 1, word, to);
        at += (unsigned)word;
        i += word;
        while (i < n && text[i] == ' ') {
            i++;
        }
    }
    putc('\n', to);
}

/* Calls `each` for the pieces of `text` between separators. */
static const char *next_piece(const char **text, const char *separator, size_t *n)
{
    const char *from = *text;
    if (from == NULL || *from == '\0') {
        return NULL;
    }
    const char *end = strstr(from, separator);
    *n = end == NULL ? strlen(from) : (size_t)(end - from);
    *text = end == NULL ? from + *n : end + strlen(separator);
    return from;
}

static bool group_seen(size_t until)
{
    for (size_t i = 0; i < until; i++) {
        if (mlr_cmds[i]->group != NULL &&
            strcmp(mlr_cmds[i]->group, mlr_cmds[until]->group) == 0) {
            return true;
        }
    }
    return false;
}

static void print_group(const char *group, FILE *to)
{
    fprintf(to, "\n%s:\n", group);
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        if (mlr_cmds[i]->group != NULL && strcmp(mlr_cmds[i]->group, group) == 0) {
            fprintf(to, "  %-14s%s\n", mlr_cmds[i]->name, mlr_cmds[i]->summary);
        }
    }
}

void mlr_doc_commands(const mlr_cli *cli, FILE *to)
{
    (void)cli;
    fputs("Usage: mallorn COMMAND [OPTION...] [OPERAND...]\n"
          "       mallorn OLD NEW        opens both models in the terminal interface\n\n"
          "Shows what changed between two model files, makes small lossless patches, and\n"
          "applies them in bounded memory.\n",
          to);
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        if (mlr_cmds[i]->group != NULL && !group_seen(i)) {
            print_group(mlr_cmds[i]->group, to);
        }
    }
    fputs("\n'mallorn help COMMAND' explains a command; 'mallorn --version' tells the "
          "version.\n",
          to);
}

static void print_option(const mlr_opt *o, FILE *to, unsigned width)
{
    char left[64];
    char letter[8] = "    ";
    char help[400];
    if (o->letter != 0) {
        (void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
    }
    int n = snprintf(left, sizeof left, "  %s--%s%s%s", letter, o->name,
                     o->metavar == NULL ? "" : " ", o->metavar == NULL ? "" : o->metavar);
    if (n < HELP_COLUMN - 1) {
        fprintf(to, "%-*s", HELP_COLUMN, left);
    } else {
        fprintf(to, "%s\n%*s", left, HELP_COLUMN, "");
    }
    (void)snprintf(help, sizeof help, "%s%s%s%s", o->help, o->fallback == NULL ? "" : " (",
                   o->fallback == NULL ? "" : o->fallback, o->fallback == NULL ? "" : ")");
    wrap(to, help, strlen(help), HELP_COLUMN, width);
}

static void print_examples(const char *examples, FILE *to)
{
    size_t n;
    const char *line;
    fputs("\nExamples:\n", to);
    while ((line = next_piece(&examples, "\n", &n)) != NULL) {
        const char *tab = memchr(line, '\t', n);
        size_t command = tab == NULL ? n : (size_t)(tab - line);
        if (tab != NULL) {
            fprintf(to, "  # %.*s\n", (int)(n - command - 1), tab + 1);
        }
        fprintf(to, "  %.*s\n", (int)command, line);
    }
}

void mlr_doc_help(mlr_cli *cli, const mlr_cmd *cmd)
{
    FILE *to = cli->out;
    unsigned width = text_width(cli);
    const char *about = cmd->about;
    const char *paragraph;
    size_t n;
    fprintf(to, "Usage: mallorn %s [OPTION...]%s%s\n\n", cmd->name,
            cmd->operands[0] == '\0' ? "" : " ", cmd->operands);
    wrap(to, cmd->summary, strlen(cmd->summary), 0, width);
    while ((paragraph = next_piece(&about, "\n\n", &n)) != NULL) {
        putc('\n', to);
        wrap(to, paragraph, n, 0, width);
    }
    fputs("\nOptions:\n", to);
    for (size_t i = 0; i < cmd->opts; i++) {
        print_option(&cmd->opt[i], to, width);
    }
    for (size_t i = 0; i < MLR_CMD_COMMON_OPTS; i++) {
        print_option(&mlr_common_opts[i], to, width);
    }
    if (cmd->examples != NULL) {
        print_examples(cmd->examples, to);
    }
}
