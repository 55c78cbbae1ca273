/* The process: signals, streams and terminal facts for the command line. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "apply/patch_format.h"
#include "tui/cli/cmd.h"
#if MLR_TUI
#include "tui/app.h"
#endif

static volatile sig_atomic_t caught; /* the signal that asks this run to stop */

static mlr_cli *volatile running; /* what there is to clean up after */

/*
 * Slow decoders work for a while without looking up. So the run gets a moment to stop by
 * itself; then its temporary files are removed right here and the process ends.
 */
static void on_signal(int number)
{
    struct itimerval grace = {.it_value.tv_usec = MLR_CLI_GRACE_MS * 1000};
    caught = number;
    (void)setitimer(ITIMER_REAL, &grace, NULL);
}

static void on_grace_over(int number)
{
    mlr_cli *cli = running;
    (void)number;
    if (cli != NULL && cli->abandon != NULL) {
        cli->abandon(cli->abandon_ctx);
        (void)signal(caught, SIG_DFL);
        sigset_t set;
        (void)sigemptyset(&set);
        (void)sigaddset(&set, caught);
        (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
        (void)raise(caught);
    }
}

static bool keep_going(void *ctx, uint64_t done, uint64_t total)
{
    (void)ctx;
    (void)done;
    (void)total;
    return caught == 0;
}

static void install_signals(void)
{
    static const int stop[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    /* A second signal of the same kind kills, should the first one not be heard. */
    action.sa_flags = (int)(SA_RESETHAND | SA_RESTART);
    for (size_t i = 0; i < sizeof stop / sizeof stop[0]; i++) {
        (void)sigaction(stop[i], &action, NULL);
    }
    action.sa_handler = on_grace_over;
    (void)sigaction(SIGALRM, &action, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL); /* shows as EPIPE, after cleaning up */
}

static const char *environment(const char *name)
{
    return getenv(name);
}

static unsigned terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    long n = columns == NULL ? 0 : strtol(columns, NULL, 10);
    struct winsize size;
    if (n <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        n = size.ws_col;
    }
    if (n <= 0) {
        return 80;
    }
    return n < 40 ? 40 : n > 1000 ? 1000 : (unsigned)n;
}

/* By the same three variables as setlocale(), without changing this process's locale. */
static bool utf8_wanted(void)
{
    static const char *const name[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        const char *value = getenv(name[i]);
        if (value != NULL && value[0] != '\0') {
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
        }
    }
    return false;
}

/* The shell should see what ended us, not a number that resembles it. */
static int end_by_signal(int number)
{
    (void)signal(number, SIG_DFL);
    (void)raise(number);
    return 128 + number;
}

#if MLR_TUI
/* Whether a path is a patch, by its first bytes; pipes are left alone. */
static bool is_patch(const char *path)
{
    struct stat st;
    char magic[sizeof MLR_PATCH_MAGIC - 1] = {0};
    FILE *f = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;
    bool yes = f != NULL && fread(magic, 1, sizeof magic, f) == sizeof magic &&
               memcmp(magic, MLR_PATCH_MAGIC, sizeof magic) == 0;
    if (f != NULL) {
        (void)fclose(f);
    }
    return yes;
}

/* "--name VALUE" or "--name=VALUE" at *i, which moves to the last word taken. */
static bool take_option(const char *const *word, size_t count, size_t *i, const char *name,
                        const char **value)
{
    size_t n = strlen(name);
    if (strncmp(word[*i], name, n) != 0) {
        return false;
    }
    if (word[*i][n] == '=') {
        *value = word[*i] + n + 1;
        return true;
    }
    if (word[*i][n] != '\0' || *i + 1 >= count) {
        return false;
    }
    *value = word[++*i];
    return true;
}

/* Options of the interface leave the words, paths stay. */
static mlr_status take_options(mlr_cli *cli, const char *const *word, size_t *count,
                               const char **path, mlr_tui_options *o, mlr_err *err)
{
    size_t paths = 0;
    for (size_t i = 0; i < *count; i++) {
        if (take_option(word, *count, &i, "--profile", &o->profile) ||
            take_option(word, *count, &i, "--theme", &o->theme) ||
            take_option(word, *count, &i, "--glyphs", &o->glyphs)) {
            continue;
        }
        bool option = word[i][0] == '-' && word[i][1] != '\0';
        if (option || paths == 2) {
            return mlr_cli_fail(
                cli, err, MLR_E_USAGE,
                "the terminal interface takes [OLD NEW] or PATCH, --profile "
                "FILE, --theme NAME and --glyphs ascii|block|braille");
        }
        path[paths++] = word[i];
    }
    *count = paths;
    return MLR_OK;
}

static mlr_status open_ui(mlr_cli *cli, const char *const *words, size_t count,
                          mlr_err *err)
{
    const char *paths[2] = {NULL, NULL};
    mlr_tui_options given = {.alloc = cli->alloc};
    if (take_options(cli, words, &count, paths, &given, err) != MLR_OK) {
        return err->status;
    }
    bool patch = count == 1 && is_patch(paths[0]);
    mlr_tui_options o = {.alloc = cli->alloc,
                         .profile = given.profile,
                         .theme = given.theme,
                         .glyphs = given.glyphs,
                         .patch_path = patch ? paths[0] : NULL,
                         .old_path = count > 0 && !patch ? paths[0] : NULL,
                         .new_path = count > 1 ? paths[1] : NULL,
                         .script = getenv("MALLORN_SCRIPT")};
    return mlr_tui_run(&o, err);
}
#endif

int main(int argc, char **argv)
{
    mlr_heap heap;
    mlr_tick tick = {.keep_going = keep_going};
    mlr_heap_init(&heap);
    install_signals();
    mlr_cli cli = {
        .alloc = &heap.alloc,
        .tick = &tick,
        .env = environment,
        .out = stdout,
        .err = stderr,
        .width = terminal_width(),
        .utf8 = utf8_wanted(),
        .out_tty = isatty(STDOUT_FILENO) == 1,
        .err_tty = isatty(STDERR_FILENO) == 1,
#if MLR_TUI
        .open_ui = open_ui,
#endif
    };
    running = &cli;
    int code = mlr_cli_run(&cli, argc, (const char *const *)argv);
    if (code == 128 + SIGPIPE) {
        return end_by_signal(SIGPIPE);
    }
    if (code == 128 + SIGINT && caught != 0) {
        return end_by_signal(caught);
    }
    return code;
}
