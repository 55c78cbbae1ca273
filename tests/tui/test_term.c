/*
 * The terminal on a pseudo-terminal of its own: a child runs it, this process is the other
 * end. What is proven: what a frame costs, that nothing is sent when nothing changed, and
 * that every way out leaves the terminal as it was.
 */
#include "tui/term.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "tests/support/test.h"

typedef struct child {
    pid_t pid;
    int tty;
} child;

/* Runs `body` on a new terminal of 45 by 140. */
static child start(void (*body)(mlr_term *t))
{
    child c = {0};
    struct winsize size = {.ws_row = 45, .ws_col = 140};
    fflush(NULL);
    c.pid = forkpty(&c.tty, NULL, NULL, &size);
    assert_true(c.pid >= 0);
    if (c.pid > 0) {
        return c;
    }
    struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)setenv("TERM", "xterm-256color", 1);
    mlr_heap heap;
    mlr_term *t = NULL;
    mlr_heap_init(&heap);
    mlr_term_options o = {&heap.alloc, false, false};
    if (mlr_term_open(&t, &o, NULL) != MLR_OK) {
        _exit(90);
    }
    body(t);
    mlr_term_close(t);
    _exit(heap.used == 0 ? 0 : 91);
}

/* Reads until `quiet_ms` pass without output; returns the bytes, NUL-terminated. */
static size_t drain(int tty, char *to, size_t room, int quiet_ms)
{
    size_t used = 0;
    struct pollfd p = {tty, POLLIN, 0};
    while (used + 1 < room && poll(&p, 1, quiet_ms) > 0) {
        ssize_t n = read(tty, to + used, room - used - 1);
        if (n <= 0) {
            break;
        }
        used += (size_t)n;
    }
    to[used] = '\0';
    return used;
}

static char output[1 << 20];

static mlr_theme theme;
static mlr_glyphs glyphs;

static void fill(mlr_grid *g, mlr_heap *heap)
{
    mlr_heap_init(heap);
    (void)mlr_theme_load(&theme, "default", NULL, &heap->alloc, NULL);
    mlr_theme_glyphs(&theme, MLR_GLYPHS_BLOCK, &glyphs);
    mlr_grid_init(g, &heap->alloc, &glyphs);
    (void)mlr_grid_resize(g, 45, 140, NULL);
    for (int r = 0; r < 45; r++) {
        mlr_putf(mlr_pane_all(g), r, 0, MLR_ROLE_TEXT, "row %d of the first frame", r);
    }
}

static void meter(mlr_grid *g, double f)
{
    mlr_meter m = {f, 0.8, MLR_ROLE_METER_OK};
    mlr_put_meter(mlr_pane_all(g), 10, 5, 80, &m);
    mlr_putf(mlr_pane_all(g), 10, 90, MLR_ROLE_TEXT, "%5.1f%%", f * 100);
}

/* Waits for one key so that the parent can tell frames apart. */
static void step(mlr_term *t)
{
    while (mlr_term_wait(t, -1).kind != MLR_EVENT_KEY) {
    }
}

static void paint_three(mlr_term *t)
{
    mlr_heap heap;
    mlr_grid g;
    fill(&g, &heap);
    meter(&g, 0.40);
    mlr_term_paint(t, &g, &theme);
    step(t);
    meter(&g, 0.41);
    mlr_term_paint(t, &g, &theme);
    step(t);
    mlr_term_paint(t, &g, &theme); /* nothing changed */
    step(t);
    mlr_grid_release(&g);
}

static int finish(const child *c)
{
    int status = 0;
    (void)drain(c->tty, output, sizeof output, 300);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    return status;
}

static void a_meter_costs_few_bytes_and_nothing_costs_none(void **state)
{
    (void)state;
    child c = start(paint_three);
    size_t first = drain(c.tty, output, sizeof output, 400);
    assert_non_null(strstr(output, "row 44 of the first frame"));
    assert_int_equal(write(c.tty, "a", 1), 1);
    size_t second = drain(c.tty, output, sizeof output, 300);
    assert_int_equal(write(c.tty, "b", 1), 1);
    size_t third = drain(c.tty, output, sizeof output, 300);
    print_message("first frame %zu bytes, meter %zu, nothing %zu\n", first, second, third);
    assert_in_range(second, 1, 399);
    assert_in_range(third, 0, 16);
    assert_int_equal(write(c.tty, "c", 1), 1);
    assert_int_equal(finish(&c), 0);
    close(c.tty);
}

/* Processor time of this thread, in nanoseconds. */
static double cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

enum { UPDATES = 500 };

/* Drawing and painting of a meter that moves each time; tells what one took. */
static void paint_many(mlr_term *t)
{
    mlr_heap heap;
    mlr_grid g;
    fill(&g, &heap);
    meter(&g, 0);
    mlr_term_paint(t, &g, &theme);
    step(t);
    double before = cpu_ns();
    for (int i = 1; i <= UPDATES; i++) {
        meter(&g, (double)i / UPDATES);
        mlr_term_paint(t, &g, &theme);
    }
    double each = (cpu_ns() - before) / UPDATES;
    step(t);
    dprintf(STDERR_FILENO, "<cpu %.0f>", each);
    mlr_grid_release(&g);
}

static void a_meter_update_takes_less_than_a_millisecond(void **state)
{
    (void)state;
    child c = start(paint_many);
    (void)drain(c.tty, output, sizeof output, 400);
    assert_int_equal(write(c.tty, "a", 1), 1);
    size_t sent = drain(c.tty, output, sizeof output, 500);
    assert_int_equal(write(c.tty, "b", 1), 1);
    assert_int_equal(finish(&c), 0);
    const char *told = strstr(output, "<cpu ");
    assert_non_null(told);
    double each = strtod(told + 5, NULL);
    print_message("%d updates: %zu bytes and %.0f us each\n", UPDATES, sent / UPDATES,
                  each / 1000);
    assert_in_range(sent, UPDATES, UPDATES * 400 - 1);
    assert_true(each > 0 && each < 1e6);
    close(c.tty);
}

static void wait_for_the_end(mlr_term *t)
{
    mlr_heap heap;
    mlr_grid g;
    fill(&g, &heap);
    mlr_term_paint(t, &g, &theme);
    while (mlr_term_wait(t, -1).kind != MLR_EVENT_END) {
    }
    mlr_grid_release(&g);
}

static void restored(const char *what, const struct termios *before, const child *c)
{
    struct termios after;
    if (strstr(output, "\033[?1049l") == NULL) {
        fail_msg("%s: the alternate screen was not left", what);
    }
    assert_int_equal(tcgetattr(c->tty, &after), 0);
    assert_int_equal(after.c_lflag & (tcflag_t)(ICANON | ECHO | ISIG),
                     before->c_lflag & (tcflag_t)(ICANON | ECHO | ISIG));
}

static void every_signal_leaves_the_terminal_as_it_was(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGHUP, SIGSEGV, SIGABRT, SIGBUS};
    struct termios before;
    int master = 0;
    int slave = 0;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    assert_int_equal(tcgetattr(slave, &before), 0);
    close(master);
    close(slave);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        child c = start(wait_for_the_end);
        (void)drain(c.tty, output, sizeof output, 300);
        assert_non_null(strstr(output, "\033[?1049h"));
        assert_int_equal(kill(c.pid, signals[i]), 0);
        int status = 0;
        (void)drain(c.tty, output, sizeof output, 200);
        assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
        restored(strsignal(signals[i]), &before, &c);
        bool crash = signals[i] != SIGTERM && signals[i] != SIGHUP;
        if (crash) {
            assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
        } else {
            assert_int_equal(status, 0);
        }
        close(c.tty);
    }
}

static void report_keys(mlr_term *t)
{
    for (int i = 0; i < 7;) {
        mlr_event e = mlr_term_wait(t, 3000);
        if (e.kind == MLR_EVENT_NONE) {
            return;
        }
        if (e.kind == MLR_EVENT_RESIZE) {
            int rows = 0;
            int cols = 0;
            mlr_term_size(t, &rows, &cols);
            dprintf(STDERR_FILENO, "<size %d %d>", rows, cols);
            continue;
        }
        i++;
        dprintf(STDERR_FILENO, "<key %x>", e.key);
    }
}

static void keys_and_sizes_arrive(void **state)
{
    (void)state;
    child c = start(report_keys);
    struct winsize size = {.ws_row = 7, .ws_col = 31};
    (void)drain(c.tty, output, sizeof output, 300);
    assert_int_equal(ioctl(c.tty, TIOCSWINSZ, &size), 0);
    (void)drain(c.tty, output, sizeof output, 200);
    assert_non_null(strstr(output, "<size 7 31>"));
    static const char *const sent[7] = {"j",    "\r", "\033OA", "\033[6~",
                                        "\x7f", "é",  "\033"};
    static const char *const want[7] = {"<key 6a>",     "<key d>",  "<key 200000>",
                                        "<key 200007>", "<key 7f>", "<key e9>",
                                        "<key 1b>"};
    for (int i = 0; i < 7; i++) {
        bool plain = i == 5 && MB_CUR_MAX < 2; /* no UTF-8 locale: the bytes arrive */
        const char *keys = plain ? "x" : sent[i];
        assert_true(write(c.tty, keys, strlen(keys)) > 0);
        (void)drain(c.tty, output, sizeof output, 150);
        if (strstr(output, plain ? "<key 78>" : want[i]) == NULL) {
            fail_msg("key %d gave %s", i, output);
        }
    }
    assert_int_equal(finish(&c), 0);
    close(c.tty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_meter_costs_few_bytes_and_nothing_costs_none),
        cmocka_unit_test(a_meter_update_takes_less_than_a_millisecond),
        cmocka_unit_test(every_signal_leaves_the_terminal_as_it_was),
        cmocka_unit_test(keys_and_sizes_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
