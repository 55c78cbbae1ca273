#include "tui/cli/cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

#include "apply/host/err_text.h"
#include "apply/host/printable.h"
#include "apply/version.h"
#include "tui/cli/cmd_doc.h"
#include "tui/cli/config.h"

#define MLR_COMMAND(name) extern const mlr_cmd mlr_cmd_##name;
#include "tui/cli/commands.def"
#undef MLR_COMMAND

const mlr_cmd *const mlr_cmds[] = {
#define MLR_COMMAND(name) &mlr_cmd_##name,
#include "tui/cli/commands.def"
#undef MLR_COMMAND
    NULL};

typedef struct common_values {
    bool help;
    unsigned color;
} common_values;

const mlr_opt mlr_common_opts[MLR_CMD_COMMON_OPTS] = {
    {.name = "color",
     .kind = MLR_OPT_CHOICE,
     .metavar = "WHEN",
     .help = "Colour the output: auto, always or never.",
     .field = offsetof(common_values, color),
     .fallback = "auto",
     .choices = "auto|always|never"},
    {.name = "help",
     .letter = 'h',
     .kind = MLR_OPT_FLAG,
     .help = "Show this help.",
     .field = offsetof(common_values, help)},
};

/* What one run carries from step to step. */
typedef struct run {
    mlr_cli *cli;
    const mlr_cmd *cmd; /* NULL: none was named */
    mlr_pool pool;
    mlr_err err;
    bool json; /* asked for, so the error goes there too */
} run;

const mlr_cmd *mlr_cmd_named(const char *name)
{
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        if (strcmp(mlr_cmds[i]->name, name) == 0) {
            return mlr_cmds[i];
        }
    }
    return NULL;
}

mlr_status mlr_cmd_unknown(mlr_cli *cli, const char *name, mlr_err *err)
{
    const mlr_cmd *best = NULL;
    unsigned best_distance = 0;
    char text[80];
    (void)mlr_printable(text, sizeof text, name, strlen(name));
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        unsigned distance;
        if (mlr_opt_resembles(name, mlr_cmds[i]->name, &distance) &&
            (best == NULL || distance < best_distance)) {
            best = mlr_cmds[i];
            best_distance = distance;
        }
    }
    if (best == NULL) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE, "there is no command '%s'", text);
    }
    return mlr_cli_fail(cli, err, MLR_E_USAGE,
                        "there is no command '%s'; did you mean '%s'?", text, best->name);
}

/* --- errors ------------------------------------------------------------------------------
 */

/* Whether the file is named twice: as the input and as what the failure is about. */
static bool repeats_input(const mlr_err *err)
{
    size_t input = err->input == NULL ? 0 : strlen(err->input);
    size_t subject = strlen(err->subject);
    return subject <= input && strcmp(err->input + input - subject, err->subject) == 0;
}

static const char *sentence(const run *r, char *to, size_t n)
{
    mlr_err err = r->err;
    if (r->cli->message[0] != '\0') {
        (void)snprintf(to, n, "%s", r->cli->message);
        return to;
    }
    if (err.subject[0] != '\0' && repeats_input(&err)) {
        err.subject[0] = '\0';
    }
    return mlr_err_text(&err, to, n);
}

static void print_error(run *r, const char *text)
{
    FILE *to = r->cli->err;
    const char *on = r->cli->err_colour ? "\033[31m" : "";
    const char *off = r->cli->err_colour ? "\033[0m" : "";
    fprintf(to, "%smallorn%s%s:%s %s", on, r->cmd == NULL ? "" : " ",
            r->cmd == NULL ? "" : r->cmd->name, off, text);
    if (r->err.status == MLR_E_USAGE) {
        fprintf(to, " (see 'mallorn %s%s--help')", r->cmd == NULL ? "" : r->cmd->name,
                r->cmd == NULL ? "" : " ");
    }
    putc('\n', to);
}

static void optional_text(mlr_json *j, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        mlr_json_text(j, key, text);
    }
}

/* Whatever was printed so far becomes a complete object that tells of the error. */
static void end_json(run *r, const char *text)
{
    mlr_json *j = &r->cli->json;
    if (j->out == NULL) {
        mlr_json_init(j, r->cli->out);
        mlr_json_object(j, NULL);
        mlr_json_text(j, "schema", r->cmd->schema);
    }
    if (j->depth == 0) {
        return; /* the report was complete when the failure came */
    }
    mlr_json_unwind(j);
    mlr_json_object(j, "error");
    mlr_json_text(j, "status", mlr_status_name(r->err.status));
    mlr_json_i64(j, "exit_code", mlr_exit_code(&r->err));
    mlr_json_text(j, "message", text);
    optional_text(j, "input", r->err.input);
    optional_text(j, "rule", r->err.rule);
    optional_text(j, "subject", r->err.subject);
    if (r->err.offset != MLR_NO_OFFSET) {
        mlr_json_u64(j, "offset", r->err.offset);
    }
    if (r->err.limit != 0) {
        mlr_json_u64(j, "found", r->err.found);
        mlr_json_u64(j, "limit", r->err.limit);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

/* Nothing may be reported as done that did not reach its reader. */
static int finish_output(run *r, int code)
{
    errno = 0;
    bool whole = fflush(r->cli->out) == 0;
    if (!mlr_cli_output_lost(r->cli) && whole) {
        return code;
    }
    int cause = r->cli->out_error;
    if (cause == EPIPE) {
        return 128 + SIGPIPE;
    }
    if (code != 0) {
        return code;
    }
    mlr_status status = cause == ENOSPC ? MLR_E_NO_SPACE : MLR_E_IO;
    r->err = (mlr_err){.status = MLR_OK};
    r->cli->message[0] = '\0';
    r->err.os_error = cause;
    (void)mlr_fail(&r->err, status, MLR_NO_OFFSET, "writing to standard output");
    char text[512];
    print_error(r, sentence(r, text, sizeof text));
    return mlr_exit_code(&r->err);
}

static int finish(run *r)
{
    int code = mlr_exit_code(&r->err);
    if (code != 0 && !mlr_cli_output_lost(r->cli)) {
        char text[512];
        (void)sentence(r, text, sizeof text);
        if (r->json) {
            end_json(r, text);
        }
        (void)fflush(r->cli->out); /* so that the two streams meet in the right order */
        print_error(r, text);
    }
    mlr_pool_release(&r->pool);
    return finish_output(r, code);
}

/* --- running -----------------------------------------------------------------------------
 */

static mlr_status check_operands(run *r, const mlr_args *args)
{
    if (args->count < r->cmd->least) {
        return mlr_cli_fail(r->cli, &r->err, MLR_E_USAGE, "%s missing: mallorn %s %s",
                            r->cmd->least - args->count > 1 ? "operands are"
                                                            : "an operand is",
                            r->cmd->name, r->cmd->operands);
    }
    if (args->count > r->cmd->most) {
        char text[80];
        const char *extra = args->operand[r->cmd->most];
        (void)mlr_printable(text, sizeof text, extra, strlen(extra));
        return mlr_cli_fail(r->cli, &r->err, MLR_E_USAGE, "unexpected operand '%s'", text);
    }
    return MLR_OK;
}

static const mlr_opt *option_with(const mlr_cmd *cmd, char letter)
{
    for (size_t i = 0; i < cmd->opts; i++) {
        if (cmd->opt[i].letter == letter) {
            return &cmd->opt[i];
        }
    }
    return NULL;
}

/* Whether a word such as -tj holds the letter of --json before one that takes a value. */
static bool letters_ask_for_json(const mlr_cmd *cmd, const char *letters)
{
    for (const char *p = letters; *p != '\0'; p++) {
        const mlr_opt *o = option_with(cmd, *p);
        if (o == NULL || o->kind != MLR_OPT_FLAG) {
            return false;
        }
        if (strcmp(o->name, "json") == 0) {
            return true;
        }
    }
    return false;
}

/* Counts even where the words around it are wrong: who asked for JSON gets JSON. */
static bool asks_for_json(const mlr_cmd *cmd, int argc, const char *const *argv)
{
    bool found = false;
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        bool letters = argv[i][0] == '-' && argv[i][1] != '-';
        found = found || strcmp(argv[i], "--json") == 0 ||
                (letters && letters_ask_for_json(cmd, argv[i] + 1));
    }
    return found && cmd->schema != NULL;
}

static mlr_status run_command(run *r, int argc, const char *const *argv)
{
    alignas(max_align_t) unsigned char values[MLR_CMD_VALUES] = {0};
    common_values common = {0};
    const mlr_opt_set sets[] = {
        {r->cmd->opt, r->cmd->opts, values},
        {mlr_common_opts, MLR_CMD_COMMON_OPTS, &common},
    };
    mlr_config config;
    const mlr_opt_parser parser = {sets, 2, &r->pool, r->cli, mlr_config_value, &config};
    mlr_args args = {.values = values};
    r->json = asks_for_json(r->cmd, argc, argv);
    if (mlr_config_load(&config, r->cmd, r->cli, &r->pool, &r->err) != MLR_OK ||
        mlr_opt_parse(&parser, argc, argv, &args, &r->err) != MLR_OK) {
        return r->err.status;
    }
    mlr_cli_choose_colour(r->cli, (mlr_colour_when)common.color);
    if (common.help) {
        r->json = false;
        mlr_doc_help(r->cli, r->cmd);
        return MLR_OK;
    }
    if (check_operands(r, &args) != MLR_OK) {
        return r->err.status;
    }
    return r->cmd->run(r->cli, &args, &r->err);
}

/* A model may be a file, a folder or a reference to the Hugging Face cache. */
static bool names_model(const char *word)
{
    return strncmp(word, "hf://", 5) == 0 || access(word, F_OK) == 0;
}

static mlr_status run_ui(run *r, int argc, const char *const *argv)
{
    if (r->cli->open_ui == NULL) {
        return mlr_cli_fail(r->cli, &r->err, MLR_E_UNSUPPORTED,
                            "this build has no terminal interface; 'mallorn info' shows a "
                            "model");
    }
    return r->cli->open_ui(r->cli, argv, (size_t)argc, &r->err);
}

static mlr_status run_words(run *r, int argc, const char *const *argv)
{
    if (argc < 2) {
        mlr_doc_commands(r->cli, r->cli->err);
        return mlr_cli_fail(r->cli, &r->err, MLR_E_USAGE, "no command given");
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        fputs("mallorn " MLR_VERSION "\n", r->cli->out);
        return MLR_OK;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        mlr_doc_commands(r->cli, r->cli->out);
        return MLR_OK;
    }
    if (word[0] == '-' && word[1] != '\0') {
        char text[80];
        (void)mlr_printable(text, sizeof text, word, strlen(word));
        return mlr_cli_fail(r->cli, &r->err, MLR_E_USAGE, "unknown option '%s'", text);
    }
    if (strcmp(word, "tui") == 0) {
        return run_ui(r, argc - 2, argv + 2);
    }
    r->cmd = mlr_cmd_named(word);
    if (r->cmd != NULL) {
        return run_command(r, argc - 2, argv + 2);
    }
    if (names_model(word)) {
        return run_ui(r, argc - 1, argv + 1);
    }
    return mlr_cmd_unknown(r->cli, word, &r->err);
}

int mlr_cli_run(mlr_cli *cli, int argc, const char *const *argv)
{
    run r = {.cli = cli};
    cli->message[0] = '\0';
    cli->json = (mlr_json){0};
    cli->out_error = 0;
    mlr_pool_init(&r.pool, cli->alloc);
    mlr_cli_choose_colour(cli, MLR_COLOUR_AUTO);
    (void)run_words(&r, argc, argv);
    return finish(&r);
}
