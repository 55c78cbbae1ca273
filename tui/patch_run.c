#include "tui/patch_run.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply/host/file.h"
#include "tui/cli/json_out.h"

extern char **environ;

/* --- progress lines ---------------------------------------------------------------------
 */

static uint64_t number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    json_int_t n = json_is_integer(v) ? json_integer_value(v) : 0;
    return n > 0 ? (uint64_t)n : 0;
}

static void text(const json_t *o, const char *key, char *to, size_t room)
{
    const char *s = json_string_value(json_object_get(o, key));
    snprintf(to, room, "%s", s == NULL ? "" : s);
}

static void read_arena(const json_t *o, mlr_run_at *at)
{
    const json_t *a = json_object_get(o, "arena");
    at->fixed = number(a, "fixed_bytes");
    at->input = number(a, "input_bytes");
    at->record_bytes = number(a, "record_bytes");
    at->state = number(a, "state_bytes");
    at->glue = number(a, "glue_bytes");
    at->dict = number(a, "dict_bytes");
    at->lane = number(a, "lane_bytes");
}

static float rate(uint64_t now, uint64_t before, double seconds)
{
    return seconds > 0 && now > before ? (float)((double)(now - before) / seconds) : 0;
}

static mlr_run_sample sample_of(const mlr_patch_run *r)
{
    static const mlr_run_sample none;
    const mlr_run_at *at = &r->at;
    const mlr_run_sample *last = r->samples > 0 ? &r->sample[r->samples - 1] : &none;
    mlr_run_sample s = {.elapsed = (float)at->elapsed,
                        .rss = at->rss,
                        .data = at->data,
                        .base_done = at->base_done,
                        .new_done = at->new_done,
                        .patch_done = at->patch_done,
                        .record = (uint32_t)at->record,
                        .phase = (uint8_t)at->phase[0]};
    double passed = at->elapsed - (double)last->elapsed;
    s.in_rate =
        rate(at->base_done + at->patch_done, last->base_done + last->patch_done, passed);
    s.out_rate = rate(at->new_done, last->new_done, passed);
    return s;
}

/* Where the room is full every second sample goes and the rest stands for twice the time.
 */
static void keep_sample(mlr_patch_run *r)
{
    if (++r->skipped < r->every) {
        return;
    }
    r->skipped = 0;
    if (r->samples == MLR_RUN_SAMPLES) {
        for (size_t i = 0; i < MLR_RUN_SAMPLES / 2; i++) {
            r->sample[i] = r->sample[2 * i + 1];
        }
        r->samples = MLR_RUN_SAMPLES / 2;
        r->skipped = r->every; /* this line is the first half of the next sample */
        r->every *= 2;
        return;
    }
    r->sample[r->samples] = sample_of(r);
    r->samples++;
}

static void take_peaks(mlr_patch_run *r)
{
    const mlr_run_at *at = &r->at;
    if (at->data > r->peak_data) {
        r->peak_data = at->data;
        snprintf(r->peak_in, sizeof r->peak_in, "%s",
                 at->strategy[0] != '\0'          ? at->strategy
                 : strcmp(at->phase, "base") == 0 ? "checking the base"
                                                  : "");
    }
    r->peak_rss = at->rss > r->peak_rss ? at->rss : r->peak_rss;
}

/* The time since the last line belongs to the phase that was told then; what follows the
   last one is spent on making the result durable. */
static void take_time(mlr_patch_run *r, double passed)
{
    static const char *const names[] = {"base", "apply"};
    int i = 0;
    while (i < MLR_RUN_PHASES - 1 && strcmp(r->at.phase, names[i]) != 0) {
        i++;
    }
    if (r->at.phase[0] != '\0' && passed > 0) {
        r->phase_s[i] += passed;
    }
}

bool mlr_run_line(mlr_patch_run *r, const char *line, size_t n)
{
    json_t *o = n > 0 && line[0] == '{' ? json_loadb(line, n, 0, NULL) : NULL;
    const char *schema = json_string_value(json_object_get(o, "schema"));
    if (schema == NULL || strcmp(schema, "mallorn.progress/1") != 0) {
        json_decref(o);
        return false;
    }
    mlr_run_at *at = &r->at;
    double elapsed = json_number_value(json_object_get(o, "elapsed_s"));
    take_time(r, elapsed - at->elapsed);
    text(o, "phase", at->phase, sizeof at->phase);
    at->elapsed = elapsed;
    const json_t *left = json_object_get(o, "left_s");
    at->left = json_is_number(left) ? json_number_value(left) : -1;
    if (json_object_get(o, "rss_bytes") != NULL) {
        at->rss = number(o, "rss_bytes");
        at->data = number(o, "data_bytes");
    }
    if (json_object_get(o, "base_total") != NULL) {
        at->base_done = number(o, "base_done");
        at->base_total = number(o, "base_total");
        at->new_done = number(o, "new_done");
        at->new_total = number(o, "new_total");
        at->patch_done = number(o, "patch_done");
        at->record = number(o, "record");
        at->records = number(o, "records");
        at->block = number(o, "block");
        at->blocks = number(o, "blocks");
        at->arena = number(o, "arena_bytes");
        at->lanes = number(o, "lanes");
        text(o, "strategy", at->strategy, sizeof at->strategy);
        read_arena(o, at);
        r->has_at = true;
    }
    take_peaks(r);
    if (json_object_get(o, "base_total") != NULL) { /* the last line has no meters */
        keep_sample(r);
    }
    json_decref(o);
    return true;
}

/* --- the child --------------------------------------------------------------------------
 */

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

static bool make_pipe(int end[2])
{
    if (pipe2(end, O_CLOEXEC) != 0) {
        return false;
    }
    int flags = fcntl(end[0], F_GETFL);
    return flags >= 0 && fcntl(end[0], F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Signals as a fresh process has them; a group of its own, so that ^Z stops only us. */
static int spawn(pid_t *pid, const char *program, char *const argv[], int out, int err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigemptyset(&all);
    static const int usual[] = {SIGINT,  SIGTERM, SIGHUP,  SIGPIPE,
                                SIGTSTP, SIGQUIT, SIGALRM, SIGWINCH};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        (void)sigaddset(&all, usual[i]);
    }
    int e = posix_spawn_file_actions_init(&files);
    e = e != 0 ? e : posix_spawnattr_init(&how);
    if (e != 0) {
        return e;
    }
    (void)posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&files, out, 1);
    (void)posix_spawn_file_actions_adddup2(&files, err, 2);
    (void)posix_spawnattr_setsigmask(&how, &none);
    (void)posix_spawnattr_setsigdefault(&how, &all);
    (void)posix_spawnattr_setpgroup(&how, 0);
    (void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                             POSIX_SPAWN_SETPGROUP);
    e = posix_spawn(pid, program, &files, &how, argv, environ);
    (void)posix_spawnattr_destroy(&how);
    (void)posix_spawn_file_actions_destroy(&files);
    return e;
}

enum { ARGUMENTS = 16 };

static size_t arguments(const mlr_run_wish *w, char *number_text, size_t room,
                        const char *argv[ARGUMENTS])
{
    size_t n = 0;
    argv[n++] = "mallorn";
    argv[n++] = "patch";
    argv[n++] = "--output";
    argv[n++] = w->out;
    if (w->ceiling > 0) {
        snprintf(number_text, room, "%llu", (unsigned long long)w->ceiling);
        argv[n++] = "--streaming";
        argv[n++] = "--buffer-size";
        argv[n++] = number_text;
    }
    if (w->replace) {
        argv[n++] = "--force";
    }
    return n;
}

mlr_status mlr_run_start(mlr_patch_run *r, const mlr_run_wish *wish, mlr_err *err)
{
    int out[2] = {-1, -1};
    int talk[2] = {-1, -1};
    char ceiling[32];
    const char *argv[ARGUMENTS];
    mlr_run_wish own = *wish;
    if (r->pid > 0) {
        return mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET, "one run at a time");
    }
    memset(r, 0, sizeof *r);
    r->wish = own;
    r->every = 1;
    r->at.left = -1;
    r->out_fd = -1;
    r->err_fd = -1;
    size_t n = arguments(&r->wish, ceiling, sizeof ceiling, argv);
    argv[n++] = "--progress=json";
    argv[n++] = "--json";
    argv[n++] = "--color=never";
    argv[n++] = "--"; /* names may begin with '-' */
    argv[n++] = r->wish.base;
    argv[n++] = r->wish.patch;
    argv[n] = NULL;
    const char *program = r->wish.program != NULL ? r->wish.program : "/proc/self/exe";
    int e = make_pipe(out) && make_pipe(talk) ? 0 : errno;
    if (e == 0) {
        e = spawn(&r->pid, program, (char *const *)argv, out[1], talk[1]);
    }
    close_fd(&out[1]);
    close_fd(&talk[1]);
    if (e != 0) {
        close_fd(&out[0]);
        close_fd(&talk[0]);
        r->pid = 0;
        r->state = MLR_RUN_FAILED;
        snprintf(r->message, sizeof r->message, "the applier could not be started: %s",
                 strerror(e));
        return mlr_fail_os(err, e, MLR_IN_NONE, NULL, "start of the applier");
    }
    r->out_fd = out[0];
    r->err_fd = talk[0];
    r->state = MLR_RUN_RUNNING;
    return MLR_OK;
}

static void take_lines(mlr_patch_run *r, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            if (r->line_n < sizeof r->line) {
                r->line[r->line_n++] = bytes[i];
            }
            continue;
        }
        (void)mlr_run_line(r, r->line, r->line_n);
        r->line_n = 0;
    }
}

static void take_report(mlr_patch_run *r, const char *bytes, size_t n)
{
    size_t room = sizeof r->report - r->report_n;
    n = n < room ? n : room;
    memcpy(r->report + r->report_n, bytes, n);
    r->report_n += n;
}

/* At most some reads, so that a child that talks without end cannot hold us. */
static void drain(mlr_patch_run *r, int *fd,
                  void (*take)(mlr_patch_run *, const char *, size_t))
{
    char bytes[4096];
    for (int i = 0; i < 16 && *fd >= 0; i++) {
        ssize_t n = read(*fd, bytes, sizeof bytes);
        if (n > 0) {
            take(r, bytes, (size_t)n);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            close_fd(fd);
        } else {
            return;
        }
    }
}

/* What it said on standard output: its report, or its error. */
static void read_report(mlr_patch_run *r)
{
    json_t *o = json_loadb(r->report, r->report_n, 0, NULL);
    const json_t *e = json_object_get(o, "error");
    r->seconds = json_number_value(json_object_get(o, "seconds"));
    r->new_bytes = number(o, "new_bytes");
    r->arena = number(o, "arena_bytes");
    bool proven = json_is_true(json_object_get(o, "verified"));
    const char *status = json_string_value(json_object_get(e, "status"));
    if (status != NULL) {
        text(e, "message", r->message, sizeof r->message);
        r->smallest = number(e, "limit");
        r->state = strcmp(status, "no-memory") == 0 && r->smallest > 0 ? MLR_RUN_REFUSED
                                                                       : MLR_RUN_FAILED;
    } else if (r->exit_code == 0 && proven) {
        r->state = MLR_RUN_DONE;
        r->at.new_done = r->at.new_total;
        r->at.block = r->at.blocks;
        r->at.left = -1;
    } else {
        r->state = MLR_RUN_FAILED;
        snprintf(r->message, sizeof r->message,
                 "the applier ended with exit code %d and said nothing", r->exit_code);
    }
    json_decref(o);
}

static void finish(mlr_patch_run *r, int status)
{
    drain(r, &r->out_fd, take_report);
    drain(r, &r->err_fd, take_lines);
    close_fd(&r->out_fd);
    close_fd(&r->err_fd);
    r->pid = 0;
    r->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    r->by_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (r->stopping) {
        r->state = MLR_RUN_STOPPED;
        snprintf(r->message, sizeof r->message,
                 "stopped as you asked; nothing was left behind");
    } else if (r->by_signal != 0) {
        r->state = MLR_RUN_FAILED;
        snprintf(r->message, sizeof r->message, "the applier was killed by signal %d (%s)",
                 r->by_signal, strsignal(r->by_signal));
    } else {
        read_report(r);
    }
    if (r->seconds <= 0) {
        r->seconds = r->at.elapsed;
    }
}

bool mlr_run_poll(mlr_patch_run *r)
{
    int status = 0;
    if (r->pid <= 0) {
        return false;
    }
    drain(r, &r->err_fd, take_lines);
    drain(r, &r->out_fd, take_report);
    if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
        finish(r, status);
    }
    return r->pid > 0;
}

void mlr_run_pause(mlr_patch_run *r, bool paused)
{
    if (r->pid > 0 && kill(r->pid, paused ? SIGSTOP : SIGCONT) == 0) {
        r->state = paused ? MLR_RUN_PAUSED : MLR_RUN_RUNNING;
    }
}

void mlr_run_stop(mlr_patch_run *r)
{
    if (r->pid > 0) {
        r->stopping = true;
        (void)kill(r->pid, SIGTERM);
        (void)kill(r->pid, SIGCONT); /* one that is stopped hears nothing */
        r->state = MLR_RUN_RUNNING;
    }
}

void mlr_run_release(mlr_patch_run *r)
{
    enum { TRIES = 100 };
    if (r->pid <= 0) {
        return;
    }
    mlr_run_stop(r);
    for (int i = 0; i < TRIES && mlr_run_poll(r); i++) {
        (void)usleep(5000);
    }
    if (r->pid > 0) {
        (void)kill(r->pid, SIGKILL);
        while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        r->pid = 0;
        close_fd(&r->out_fd);
        close_fd(&r->err_fd);
    }
}

/* --- telling about it -------------------------------------------------------------------
 */

static size_t quote(char *to, size_t used, size_t room, const char *s)
{
    bool plain =
        s[0] != '\0' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                                  "WXYZ0123456789_./,:=+-") == strlen(s);
    if (used > 0 && used + 1 < room) {
        to[used++] = ' ';
    }
    if (!plain && used + 1 < room) {
        to[used++] = '\'';
    }
    for (; *s != '\0' && used + 6 < room; s++) {
        if (*s == '\'') {
            memcpy(to + used, "'\\''", 4);
            used += 4;
        } else {
            to[used++] = *s;
        }
    }
    if (!plain && used + 1 < room) {
        to[used++] = '\'';
    }
    return used;
}

char *mlr_run_command(const mlr_run_wish *w, char *to, size_t room)
{
    char ceiling[32];
    const char *argv[ARGUMENTS];
    size_t n = arguments(w, ceiling, sizeof ceiling, argv);
    argv[n++] = w->base;
    argv[n++] = w->patch;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        used = quote(to, used, room, argv[i]);
    }
    to[used < room ? used : room - 1] = '\0';
    return to;
}

static const char *state_word(mlr_run_state s)
{
    static const char *const words[] = {"none",    "running", "paused", "done",
                                        "refused", "failed",  "stopped"};
    return words[s];
}

static void write_samples(const mlr_patch_run *r, mlr_json *j)
{
    mlr_json_array(j, "samples");
    for (size_t i = 0; i < r->samples; i++) {
        const mlr_run_sample *s = &r->sample[i];
        char phase[2] = {(char)s->phase, '\0'};
        mlr_json_object(j, NULL);
        mlr_json_real(j, "elapsed_s", (double)s->elapsed);
        mlr_json_text(j, "phase", phase);
        mlr_json_u64(j, "rss_bytes", s->rss);
        mlr_json_u64(j, "data_bytes", s->data);
        mlr_json_u64(j, "base_done", s->base_done);
        mlr_json_u64(j, "patch_done", s->patch_done);
        mlr_json_u64(j, "new_done", s->new_done);
        mlr_json_u64(j, "record", s->record);
        mlr_json_real(j, "in_bytes_per_s", (double)s->in_rate);
        mlr_json_real(j, "out_bytes_per_s", (double)s->out_rate);
        mlr_json_end(j);
    }
    mlr_json_end(j);
}

static void write_trace(const mlr_patch_run *r, FILE *f)
{
    char command[3 * MLR_PATH_BYTES];
    mlr_json j;
    mlr_json_init(&j, f);
    mlr_json_object(&j, NULL);
    mlr_json_text(&j, "schema", "mallorn.trace/1");
    mlr_json_text(&j, "command", mlr_run_command(&r->wish, command, sizeof command));
    mlr_json_u64(&j, "ceiling_bytes", r->wish.ceiling);
    mlr_json_text(&j, "result", state_word(r->state));
    mlr_json_i64(&j, "exit_code", r->exit_code);
    mlr_json_i64(&j, "signal", r->by_signal);
    mlr_json_text(&j, "message", r->message);
    mlr_json_real(&j, "seconds", r->seconds);
    mlr_json_u64(&j, "peak_rss_bytes", r->peak_rss);
    mlr_json_u64(&j, "peak_data_bytes", r->peak_data);
    mlr_json_u64(&j, "arena_bytes", r->at.arena);
    mlr_json_real(&j, "base_s", r->phase_s[0]);
    mlr_json_real(&j, "apply_s", r->phase_s[1]);
    mlr_json_real(&j, "sync_s", r->phase_s[2]);
    write_samples(r, &j);
    mlr_json_end(&j);
}

mlr_status mlr_run_trace(const mlr_patch_run *r, const char *path, mlr_err *err)
{
    errno = 0;
    FILE *f = fopen(path, "wx");
    if (f == NULL) {
        return mlr_fail_os(err, errno, MLR_IN_OUTPUT, path, "a trace file that is new");
    }
    write_trace(r, f);
    bool good = ferror(f) == 0;
    if (fclose(f) != 0 || !good) {
        return mlr_fail_os(err, errno, MLR_IN_OUTPUT, path, "writing the trace");
    }
    return MLR_OK;
}
