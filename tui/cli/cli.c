#include "tui/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

const char *mlr_cli_on(const mlr_cli *cli, mlr_style style)
{
    static const char *const code[] = {
        [MLR_STYLE_PLAIN] = "",        [MLR_STYLE_TITLE] = "\033[1m",
        [MLR_STYLE_DIM] = "\033[2m",   [MLR_STYLE_ACCENT] = "\033[36m",
        [MLR_STYLE_WARN] = "\033[33m", [MLR_STYLE_BAD] = "\033[31m",
        [MLR_STYLE_GOOD] = "\033[32m",
    };
    return cli->out_colour ? code[style] : "";
}

const char *mlr_cli_off(const mlr_cli *cli, mlr_style style)
{
    return cli->out_colour && style != MLR_STYLE_PLAIN ? "\033[0m" : "";
}

const char *mlr_cli_env(const mlr_cli *cli, const char *name)
{
    const char *value = cli->env == NULL ? NULL : cli->env(name);
    return value == NULL ? "" : value;
}

static bool colour_for(const mlr_cli *cli, mlr_colour_when when, bool tty)
{
    if (when != MLR_COLOUR_AUTO) {
        return when == MLR_COLOUR_ALWAYS;
    }
    if (mlr_cli_env(cli, "NO_COLOR")[0] != '\0') {
        return false;
    }
    const char *force = mlr_cli_env(cli, "CLICOLOR_FORCE");
    if (force[0] != '\0' && strcmp(force, "0") != 0) {
        return true;
    }
    return tty && strcmp(mlr_cli_env(cli, "TERM"), "dumb") != 0;
}

void mlr_cli_choose_colour(mlr_cli *cli, mlr_colour_when when)
{
    cli->out_colour = colour_for(cli, when, cli->out_tty);
    cli->err_colour = colour_for(cli, when, cli->err_tty);
}

mlr_status mlr_cli_fail(mlr_cli *cli, mlr_err *err, mlr_status status, const char *fmt, ...)
{
    if (err->status == MLR_OK) {
        va_list list;
        va_start(list, fmt);
        (void)vsnprintf(cli->message, sizeof cli->message, fmt, list);
        va_end(list);
    }
    return mlr_fail(err, status, MLR_NO_OFFSET, "command line");
}

void mlr_cli_keep_error(mlr_cli *cli, mlr_err *err)
{
    if (err->input != NULL && err->input != cli->input) {
        size_t n = strnlen(err->input, sizeof cli->input - 1);
        memcpy(cli->input, err->input, n);
        cli->input[n] = '\0';
        err->input = cli->input;
    }
}

bool mlr_cli_output_lost(mlr_cli *cli)
{
    if (ferror(cli->out) == 0) {
        return false;
    }
    if (cli->out_error == 0) {
        cli->out_error = errno == 0 ? EIO : errno;
    }
    return true;
}
