/* Manual pages in mdoc. */
#include <ctype.h>
#include <string.h>

#include "apply/version.h"
#include "tui/cli/cmd_doc.h"

/* The date of the text, not of the build: equal sources give equal pages. */
#define MAN_DATE "November 20, 2026"

/* Text with what roff would take for its own made literal. */
static void put_text(FILE *to, const char *p, size_t n)
{
    bool line_start = true;
    for (size_t i = 0; i < n; i++) {
        if (line_start && (p[i] == '.' || p[i] == '\'')) {
            fputs("\\&", to);
        }
        line_start = p[i] == '\n';
        switch (p[i]) {
        case '\\':
            fputs("\\e", to);
            break;
        case '-':
            fputs("\\-", to);
            break;
        default:
            putc(p[i], to);
        }
    }
}

/* Sentences on lines of their own, as mdoc wants them. */
static void put_prose(FILE *to, const char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && !(p[end] == '.' && end + 1 < n && p[end + 1] == ' ')) {
            end++;
        }
        size_t len = end < n ? end + 1 - i : n - i;
        put_text(to, p + i, len);
        putc('\n', to);
        i += len;
        while (i < n && p[i] == ' ') {
            i++;
        }
    }
}

static void put_line(FILE *to, const char *text)
{
    put_prose(to, text, strlen(text));
}

static void upper(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        putc(toupper((unsigned char)*text), to);
    }
}

static void put_option_line(FILE *to, const mlr_opt *o)
{
    fputs(".It", to);
    if (o->letter != 0) {
        fprintf(to, " Fl %c ,", o->letter);
    }
    fprintf(to, " Fl \\-%s", o->name);
    if (o->metavar != NULL) {
        fprintf(to, " Ar %s", o->metavar); /* several words are several arguments */
    }
    putc('\n', to);
    put_line(to, o->help);
    if (o->fallback != NULL) {
        fputs("The default is\n.Cm ", to);
        put_text(to, o->fallback, strlen(o->fallback));
        fputs(" .\n", to);
    }
}

static void put_operands(FILE *to, const char *operands)
{
    while (*operands != '\0') {
        size_t n = strcspn(operands, " ");
        bool optional = operands[0] == '[';
        size_t from = optional ? 1 : 0;
        size_t len = n - (optional ? 2 : 0);
        bool many = len > 3 && strncmp(operands + from + len - 3, "...", 3) == 0;
        fprintf(to, "%s %.*s%s\n", optional ? ".Op Ar" : ".Ar", (int)(len - (many ? 3 : 0)),
                operands + from, many ? " ..." : "");
        operands += n;
        operands += strspn(operands, " ");
    }
}

static void put_synopsis(FILE *to, const mlr_cmd *cmd)
{
    fprintf(to, ".Sh SYNOPSIS\n.Nm mallorn %s\n", cmd->name);
    for (size_t i = 0; i < cmd->opts; i++) {
        const mlr_opt *o = &cmd->opt[i];
        if (o->letter != 0) {
            fprintf(to, ".Op Fl %c%s%s\n", o->letter, o->metavar == NULL ? "" : " Ar ",
                    o->metavar == NULL ? "" : o->metavar);
        } else {
            fprintf(to, ".Op Fl \\-%s%s%s\n", o->name, o->metavar == NULL ? "" : " Ar ",
                    o->metavar == NULL ? "" : o->metavar);
        }
    }
    put_operands(to, cmd->operands);
}

static void put_exit_status(FILE *to)
{
    fputs(".Sh EXIT STATUS\n.Bl -tag -width 5n -compact\n", to);
    static const char *const row[][2] = {
        {"0", "Success."},
        {"1", "A defect in mallorn."},
        {"2", "The command line, a profile or a theme is wrong."},
        {"3", "The base is not the one the patch was made for."},
        {"4", "The patch or dictionary is refused."},
        {"5", "Content does not match its recorded digest."},
        {"6", "Input or output failed."},
        {"7", "No space left where the output goes."},
        {"8", "Not enough memory, or the memory budget is exhausted."},
        {"9", "Valid, but not supported here."},
        {"10", "A gate or budget is broken."},
        {"11", "A signature does not hold."},
        {"12", "The model is refused."},
        {"75", "Another run is using this output."},
        {"128+n", "Ended by signal n."},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        fprintf(to, ".It %s\n%s\n", row[i][0], row[i][1]);
    }
    fputs(".El\n", to);
}

static void put_head(FILE *to, const char *command)
{
    fputs(".Dd " MAN_DATE "\n.Dt MALLORN", to);
    if (command != NULL) {
        putc('-', to);
        upper(to, command);
    }
    fputs(" 1\n.Os mallorn " MLR_VERSION "\n.Sh NAME\n.Nm mallorn", to);
    if (command != NULL) {
        fprintf(to, "-%s", command);
    }
    putc('\n', to);
}

/* mdoc wants the one-line description without its full stop. */
static void put_summary(FILE *to, const char *summary)
{
    size_t n = strlen(summary);
    fputs(".Nd ", to);
    putc(tolower((unsigned char)summary[0]), to);
    put_text(to, summary + 1, n - (summary[n - 1] == '.' ? 2 : 1));
    putc('\n', to);
}

static void put_examples(FILE *to, const char *examples)
{
    fputs(".Sh EXAMPLES\n", to);
    while (*examples != '\0') {
        size_t n = strcspn(examples, "\n");
        size_t command = strcspn(examples, "\t\n");
        if (command < n) {
            put_text(to, examples + command + 1, n - command - 1);
            fputs(":\n.Pp\n", to);
        }
        fputs(".Dl ", to);
        put_text(to, examples, command);
        fputs("\n", to);
        examples += n;
        examples += strspn(examples, "\n");
        fputs(*examples == '\0' ? "" : ".Pp\n", to);
    }
}

void mlr_doc_man_command(FILE *to, const mlr_cmd *cmd)
{
    put_head(to, cmd->name);
    put_summary(to, cmd->summary);
    put_synopsis(to, cmd);
    fputs(".Sh DESCRIPTION\n", to);
    for (const char *p = cmd->about; *p != '\0';) {
        const char *end = strstr(p, "\n\n");
        size_t n = end == NULL ? strlen(p) : (size_t)(end - p);
        put_prose(to, p, n);
        p = end == NULL ? p + n : end + 2;
        fputs(".Pp\n", to);
    }
    fputs("The options are as follows:\n.Bl -tag -width Ds\n", to);
    for (size_t i = 0; i < cmd->opts; i++) {
        put_option_line(to, &cmd->opt[i]);
    }
    for (size_t i = 0; i < MLR_CMD_COMMON_OPTS; i++) {
        put_option_line(to, &mlr_common_opts[i]);
    }
    fputs(".El\n", to);
    put_exit_status(to);
    if (cmd->examples != NULL) {
        put_examples(to, cmd->examples);
    }
    fputs(".Sh SEE ALSO\n.Xr mallorn 1\n", to);
}

/* References to the pages of all commands, in the order of their names as mdoc wants it. */
static void put_pages(FILE *to)
{
    const char *last = "";
    for (;;) {
        const mlr_cmd *next = NULL;
        for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
            const mlr_cmd *c = mlr_cmds[i];
            bool later = c->group != NULL && strcmp(c->name, last) > 0;
            if (later && (next == NULL || strcmp(c->name, next->name) < 0)) {
                next = c;
            }
        }
        if (next == NULL) {
            return;
        }
        fprintf(to, "%s.Xr mallorn-%s 1", last[0] == '\0' ? "" : " ,\n", next->name);
        last = next->name;
    }
}

void mlr_doc_man(FILE *to)
{
    put_head(to, NULL);
    fputs(".Nd show, patch and tune changes between model files\n"
          ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar option ...\n.Op Ar operand ...\n"
          ".Nm\n.Ar old new\n.Nm\n.Fl \\-version\n"
          ".Sh DESCRIPTION\n.Nm\nreads SafeTensors, GGUF, ONNX and TFLite models,\n"
          "shows tensor by tensor what changed between two of them,\n"
          "makes small lossless patches and applies them in bounded memory.\n"
          "With two models and no command it opens its terminal interface.\n.Pp\n"
          "The commands are as follows; each has a page of its own:\n"
          ".Bl -tag -width make\\-demo\n",
          to);
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        if (mlr_cmds[i]->group != NULL) {
            fputs(".It Cm ", to);
            put_text(to, mlr_cmds[i]->name, strlen(mlr_cmds[i]->name));
            putc('\n', to);
            put_line(to, mlr_cmds[i]->summary);
        }
    }
    fputs(".El\n.Sh ENVIRONMENT\n.Bl -tag -width CLICOLOR_FORCE\n"
          ".It Ev NO_COLOR\nNot empty: no colour unless asked for.\n"
          ".It Ev CLICOLOR_FORCE\nNot empty and not 0: colour even where there is no "
          "terminal.\n"
          ".It Ev COLUMNS\nWidth of text output.\n"
          ".It Ev HF_HUB_CACHE , Ev HF_HOME\nWhere hf:// references are looked up.\n.El\n",
          to);
    put_exit_status(to);
    fputs(".Sh SEE ALSO\n", to);
    put_pages(to);
    putc('\n', to);
}
