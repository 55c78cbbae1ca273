#include "tui/term.h"

#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

enum { PAIRS = 512 };

typedef struct pair {
    int32_t fg, bg;
    int number; /* of curses; 0: free */
} pair;

struct mlr_term {
    const mlr_allocator *alloc;
    SCREEN *screen;
    mlr_color_depth depth;
    int wake_fd, signal_fd, watch_fd;
    sigset_t signals, before;
    pair pairs[PAIRS];
    int pair_count;
    mlr_grid shown;   /* what the terminal has */
    mlr_theme *theme; /* it was painted with; a copy */
    bool all;         /* paint everything next time */
    bool mouse;
    int rows, cols;
};

/* --- a crash
   ------------------------------------------------------------------------------ The
   handler may only write() bytes and set the terminal's mode, so both are captured at the
   start. There is one terminal a process: this record is the one writable global. */

static struct {
    char leave[512]; /* sequences that undo what was set up */
    size_t n;
    struct termios mode;
    int fd;
    bool armed;
} rescue;

static int capture(int c)
{
    if (rescue.n < sizeof rescue.leave) {
        rescue.leave[rescue.n++] = (char)c;
    }
    return c;
}

static void capture_cap(const char *cap)
{
    char *s = tigetstr(cap);
    if (s != NULL && s != (char *)-1) {
        tputs(s, 1, capture);
    }
}

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { CRASHES = sizeof crashes / sizeof *crashes };

static void on_crash(int number)
{
    if (rescue.armed) {
        rescue.armed = false;
        size_t done = 0;
        while (done < rescue.n) {
            ssize_t n = write(rescue.fd, rescue.leave + done, rescue.n - done);
            if (n <= 0) {
                break;
            }
            done += (size_t)n;
        }
        (void)tcsetattr(rescue.fd, TCSANOW, &rescue.mode);
    }
    (void)raise(number); /* SA_RESETHAND: the default action now, with its core dump */
}

static void arm_rescue(bool mouse)
{
    static char stack[32768];
    stack_t alt = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction sa = {.sa_handler = on_crash};
    static const char mouse_off[] = "\033[?1000l\033[?1002l\033[?1003l\033[?1006l";
    rescue.n = 0;
    capture_cap("sgr0");
    capture_cap("rmkx");
    capture_cap("cnorm");
    for (const char *p = mouse_off; mouse && *p != '\0'; p++) {
        (void)capture(*p);
    }
    capture_cap("rmcup");
    rescue.fd = STDOUT_FILENO;
    rescue.armed = true;
    sa.sa_flags = (int)(SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
    (void)sigaltstack(&alt, NULL);
    for (int i = 0; i < CRASHES; i++) {
        (void)sigaction(crashes[i], &sa, NULL);
    }
}

static void disarm_rescue(void)
{
    rescue.armed = false;
    for (int i = 0; i < CRASHES; i++) {
        (void)signal(crashes[i], SIG_DFL);
    }
}

/* --- set-up
 * ------------------------------------------------------------------------------- */

static void block_signals(mlr_term *t)
{
    static const int taken[] = {SIGTERM, SIGHUP,   SIGINT, SIGQUIT,
                                SIGTSTP, SIGWINCH, SIGCONT};
    sigemptyset(&t->signals);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        sigaddset(&t->signals, taken[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &t->signals, &t->before);
    t->signal_fd = signalfd(-1, &t->signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

static mlr_color_depth find_depth(bool no_color)
{
    if (no_color || !has_colors() || start_color() == ERR) {
        return MLR_DEPTH_MONO;
    }
    (void)use_default_colors();
    if (COLORS >= 1 << 24) {
        return MLR_DEPTH_RGB;
    }
    return COLORS >= 256 ? MLR_DEPTH_256 : COLORS >= 16 ? MLR_DEPTH_16 : MLR_DEPTH_8;
}

static void set_modes(mlr_term *t)
{
    raw();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    if (t->mouse) {
        mousemask(BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED,
                  NULL);
        mouseinterval(0);
    }
}

mlr_status mlr_term_open(mlr_term **out, const mlr_term_options *o, mlr_err *err)
{
    mlr_term *t = mlr_take(o->alloc, sizeof *t);
    mlr_theme *theme = mlr_take(o->alloc, sizeof *theme);
    if (t == NULL || theme == NULL) {
        mlr_give(o->alloc, t, sizeof *t);
        mlr_give(o->alloc, theme, sizeof *theme);
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the terminal");
    }
    *t = (mlr_term){.alloc = o->alloc,
                    .all = true,
                    .mouse = !o->no_mouse,
                    .theme = theme,
                    .watch_fd = -1};
    (void)tcgetattr(STDIN_FILENO, &rescue.mode);
    t->screen = newterm(NULL, stdout, stdin);
    if (t->screen == NULL) {
        mlr_give(o->alloc, theme, sizeof *theme);
        mlr_give(o->alloc, t, sizeof *t);
        return mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET,
                        "a terminal that TERM describes");
    }
    (void)set_term(t->screen);
    mlr_grid_init(&t->shown, o->alloc, NULL);
    t->depth = find_depth(o->no_color);
    t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    block_signals(t);
    set_modes(t);
    arm_rescue(t->mouse);
    getmaxyx(stdscr, t->rows, t->cols);
    *out = t;
    return MLR_OK;
}

void mlr_term_close(mlr_term *t)
{
    if (t == NULL) {
        return;
    }
    (void)endwin();
    disarm_rescue();
    delscreen(t->screen);
    (void)close(t->wake_fd);
    (void)close(t->signal_fd);
    (void)pthread_sigmask(SIG_SETMASK, &t->before, NULL);
    mlr_grid_release(&t->shown);
    mlr_give(t->alloc, t->theme, sizeof *t->theme);
    mlr_give(t->alloc, t, sizeof *t);
}

void mlr_term_size(const mlr_term *t, int *rows, int *cols)
{
    *rows = t->rows;
    *cols = t->cols;
}

mlr_color_depth mlr_term_depth(const mlr_term *t)
{
    return t->depth;
}

int mlr_term_wake_fd(const mlr_term *t)
{
    return t->wake_fd;
}

void mlr_term_watch(mlr_term *t, int fd)
{
    t->watch_fd = fd;
}

bool mlr_term_has_blocks(void)
{
    if (MB_CUR_MAX < 3) {
        return false;
    }
    for (int i = 0; i < MLR_GLYPH_COUNT; i++) {
        uint32_t cp = mlr_glyph_block((mlr_glyph_id)i);
        if (cp > 0x7f && wcwidth((wchar_t)cp) != 1) {
            return false;
        }
    }
    return true;
}

/* --- painting
 * ----------------------------------------------------------------------------- */

static int color_number(const mlr_term *t, int32_t c)
{
    /* Direct colour terminals keep their palette in the first eight numbers. */
    return t->depth == MLR_DEPTH_RGB && c >= 0 && c < 8 ? 8 : (int)c;
}

/* A pair with these colours; 0, the terminal's own, where no more can be had. */
static int pair_for(mlr_term *t, int32_t fg, int32_t bg)
{
    if (t->depth == MLR_DEPTH_MONO || (fg < 0 && bg < 0)) {
        return 0;
    }
    uint32_t h = ((uint32_t)fg * 2654435761U ^ (uint32_t)bg * 40503U) % PAIRS;
    for (int i = 0; i < PAIRS; i++, h = (h + 1) % PAIRS) {
        pair *p = &t->pairs[h];
        if (p->number != 0 && p->fg == fg && p->bg == bg) {
            return p->number;
        }
        if (p->number != 0) {
            continue;
        }
        int number = t->pair_count + 1;
        if (number >= COLOR_PAIRS || number >= PAIRS - 1 ||
            init_extended_pair(number, color_number(t, fg), color_number(t, bg)) == ERR) {
            return 0;
        }
        t->pair_count = number;
        *p = (pair){fg, bg, number};
        return number;
    }
    return 0;
}

static attr_t attr_of(uint8_t a)
{
    return ((a & MLR_BOLD) != 0 ? A_BOLD : 0) | ((a & MLR_DIM) != 0 ? A_DIM : 0) |
           ((a & MLR_UNDERLINE) != 0 ? A_UNDERLINE : 0) |
           ((a & MLR_REVERSE) != 0 ? A_REVERSE : 0) |
           ((a & MLR_ITALIC) != 0 ? A_ITALIC : 0);
}

static bool same_cell(const mlr_ui_cell *a, const mlr_ui_cell *b)
{
    return a->glyph == b->glyph && a->mark == b->mark && a->role == b->role &&
           a->over == b->over && a->attr == b->attr;
}

static void paint_cell(mlr_term *t, const mlr_theme *theme, const mlr_ui_cell *c, int row,
                       int col)
{
    cchar_t cc;
    wchar_t text[3] = {(wchar_t)c->glyph, (wchar_t)c->mark, 0};
    mlr_ui_style s = mlr_theme_style(theme, t->depth, c);
    int number = pair_for(t, s.fg, s.bg);
    if (c->glyph != 0 && setcchar(&cc, text, attr_of(s.attr), 0, &number) == OK) {
        (void)mvadd_wch(row, col, &cc);
    }
}

static bool prepare(mlr_term *t, const mlr_grid *g, const mlr_theme *theme)
{
    bool other = memcmp(t->theme, theme, sizeof *theme) != 0;
    if (other) {
        memcpy(t->theme, theme, sizeof *theme);
        memset(t->pairs, 0, sizeof t->pairs);
        t->pair_count = 0;
    }
    if (g->rows != t->shown.rows || g->cols != t->shown.cols) {
        t->shown.glyphs = g->glyphs;
        if (mlr_grid_resize(&t->shown, g->rows, g->cols, NULL) != MLR_OK) {
            return false;
        }
        (void)clearok(stdscr, TRUE); /* terminals reflow as they like */
        other = true;
    }
    t->all = t->all || other;
    return true;
}

void mlr_term_paint(mlr_term *t, const mlr_grid *g, const mlr_theme *theme)
{
    if (!prepare(t, g, theme)) {
        return;
    }
    for (int r = 0; r < g->rows; r++) {
        for (int c = 0; c < g->cols; c++) {
            const mlr_ui_cell *cell = &g->cells[r * g->cols + c];
            mlr_ui_cell *old = &t->shown.cells[r * g->cols + c];
            if (t->all || !same_cell(cell, old)) {
                paint_cell(t, theme, cell, r, c);
                *old = *cell;
            }
        }
    }
    t->all = false;
    if (g->cursor_row >= 0) {
        (void)move(g->cursor_row, g->cursor_col);
    }
    (void)curs_set(g->cursor_row >= 0);
    (void)refresh();
}

void mlr_term_forget(mlr_term *t)
{
    t->all = true;
    (void)clearok(stdscr, TRUE);
}

/* --- stopping
 * ----------------------------------------------------------------------------- */

static void measure(mlr_term *t)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
        size.ws_col > 0) {
        (void)resize_term(size.ws_row, size.ws_col); /* resizeterm() would post a key */
    }
    getmaxyx(stdscr, t->rows, t->cols);
}

static void leave(mlr_term *t)
{
    (void)t;
    (void)def_prog_mode();
    (void)endwin();
}

static void come_back(mlr_term *t)
{
    (void)reset_prog_mode();
    (void)refresh();
    set_modes(t);
    measure(t);
    mlr_term_forget(t);
}

void mlr_term_suspend(mlr_term *t)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigaddset(&stop, SIGCONT);
    leave(t);
    (void)signal(SIGTSTP, SIG_DFL);
    (void)pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
    (void)kill(0, SIGTSTP); /* the whole foreground group, as the terminal would */
    (void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
    come_back(t);
}

extern char **environ;

int mlr_term_run(mlr_term *t, char *const argv[])
{
    pid_t pid = 0;
    int status = -1;
    posix_spawnattr_t attr;
    sigset_t normal;
    sigemptyset(&normal);
    sigaddset(&normal, SIGINT);
    leave(t);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setsigmask(&attr, &t->before);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    int failed = posix_spawnp(&pid, argv[0], NULL, &attr, argv, environ);
    (void)posix_spawnattr_destroy(&attr);
    while (failed == 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    come_back(t);
    return failed == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- events
 * ------------------------------------------------------------------------------- */

static mlr_key special_key(wint_t k)
{
    static const struct {
        wint_t curses;
        mlr_key key;
    } map[] = {
        {KEY_UP, MLR_KEY_UP},         {KEY_DOWN, MLR_KEY_DOWN},
        {KEY_LEFT, MLR_KEY_LEFT},     {KEY_RIGHT, MLR_KEY_RIGHT},
        {KEY_HOME, MLR_KEY_HOME},     {KEY_END, MLR_KEY_END},
        {KEY_PPAGE, MLR_KEY_PAGE_UP}, {KEY_NPAGE, MLR_KEY_PAGE_DOWN},
        {KEY_DC, MLR_KEY_DELETE},     {KEY_BTAB, MLR_KEY_BACK_TAB},
        {KEY_F(1), MLR_KEY_F1},       {KEY_BACKSPACE, MLR_KEY_BACKSPACE},
        {KEY_ENTER, MLR_KEY_ENTER},
    };
    for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
        if (map[i].curses == k) {
            return map[i].key;
        }
    }
    return MLR_KEY_NONE;
}

void mlr_term_copy(mlr_term *t, const char *text)
{
    static const char code[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text);
    (void)t;
    fputs("\033]52;c;", stdout);
    for (size_t i = 0; i < n; i += 3) {
        uint32_t three = 0;
        for (size_t k = 0; k < 3; k++) {
            three = three << 8 | (i + k < n ? (unsigned char)text[i + k] : 0U);
        }
        for (size_t k = 0; k < 4; k++) {
            bool pad = i + k > n; /* of the last group: 1 byte fills 2 digits, 2 fill 3 */
            putchar(pad ? '=' : code[three >> (18 - 6 * k) & 63]);
        }
    }
    fputs("\a", stdout);
    (void)fflush(stdout);
}

static mlr_event mouse_event(void)
{
    MEVENT m;
    mlr_event e = {.kind = MLR_EVENT_NONE};
    if (getmouse(&m) != OK) {
        return e;
    }
    e.kind = MLR_EVENT_MOUSE;
    e.row = m.y;
    e.col = m.x;
    e.button = (m.bstate & BUTTON4_PRESSED) != 0   ? 4
               : (m.bstate & BUTTON5_PRESSED) != 0 ? 5
                                                   : 1;
    return e;
}

static mlr_event read_key(void)
{
    wint_t k = 0;
    int got = get_wch(&k);
    if (got == ERR) {
        return (mlr_event){.kind = MLR_EVENT_NONE};
    }
    if (got == KEY_CODE_YES && k == KEY_RESIZE) {
        return (mlr_event){.kind = MLR_EVENT_NONE}; /* SIGWINCH says so already */
    }
    if (got == KEY_CODE_YES && k == KEY_MOUSE) {
        return mouse_event();
    }
    mlr_event e = {.kind = MLR_EVENT_KEY};
    e.key = got == KEY_CODE_YES ? special_key(k) : k == 8 ? MLR_KEY_BACKSPACE : (mlr_key)k;
    return e;
}

static mlr_event read_signal(mlr_term *t)
{
    struct signalfd_siginfo info;
    if (read(t->signal_fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return (mlr_event){.kind = MLR_EVENT_NONE};
    }
    switch (info.ssi_signo) {
    case SIGWINCH:
        measure(t);
        return (mlr_event){.kind = MLR_EVENT_RESIZE};
    case SIGTSTP:
        mlr_term_suspend(t);
        return (mlr_event){.kind = MLR_EVENT_RESIZE};
    case SIGCONT: /* stopped by SIGSTOP: nobody told us before */
        come_back(t);
        return (mlr_event){.kind = MLR_EVENT_RESIZE};
    default:
        return (mlr_event){.kind = MLR_EVENT_END, .key = info.ssi_signo};
    }
}

mlr_event mlr_term_wait(mlr_term *t, int wait_ms)
{
    mlr_event e = read_key(); /* curses may hold keys that poll() cannot see */
    if (e.kind != MLR_EVENT_NONE) {
        return e;
    }
    struct pollfd fds[4] = {{STDIN_FILENO, POLLIN, 0},
                            {t->wake_fd, POLLIN, 0},
                            {t->signal_fd, POLLIN, 0},
                            {t->watch_fd, POLLIN, 0}};
    int n = poll(fds, 4, wait_ms);
    if (n <= 0) {
        return e;
    }
    if (fds[2].revents != 0) {
        return read_signal(t);
    }
    if (fds[1].revents != 0) {
        uint64_t count = 0;
        (void)!read(t->wake_fd, &count, sizeof count);
        return (mlr_event){.kind = MLR_EVENT_WAKE};
    }
    if (fds[0].revents == 0 && fds[3].revents != 0) {
        return (mlr_event){.kind = MLR_EVENT_WAKE};
    }
    if ((fds[0].revents & POLLIN) != 0) {
        e = read_key();
        char byte = 0;
        if (e.kind == MLR_EVENT_NONE && (fds[0].revents & POLLHUP) != 0 &&
            read(STDIN_FILENO, &byte, 1) == 0) {
            return (mlr_event){.kind = MLR_EVENT_END, .key = SIGHUP};
        }
        return e;
    }
    return (mlr_event){.kind = MLR_EVENT_END, .key = SIGHUP};
}
