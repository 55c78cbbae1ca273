#include "tests/sweep/sweep_job.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/host/patcher.h"
#include "tui/cli/cmd.h"

enum { CHECKPOINT = 1500, LEAST_MODEL = 1500, MOST_MODEL = 60000 };

#define P     JOB_PATCH
#define T     JOB_TARGET
#define QUIET "--quiet", "--threads", "1"

const job apply_jobs[] = {
    {"patch", P, "out", {"patch", "old", "p", "-o", "out", QUIET}},
    {"patch -f", P | JOB_STANDS, "out", {"patch", "old", "p", "-o", "out", "-f", QUIET}},
    {"patch over its base", P, "old", {"patch", "old", "p", "-o", "old", "-f", QUIET}},
    {"patch --dict",
     P | JOB_DICT,
     "out",
     {"patch", "old", "p", "-o", "out", "--dict", "d", QUIET}},
    {"patch from a pipe", P | JOB_PIPE, "out", {"patch", "old", "-", "-o", "out", QUIET}},
    {"patch --resume", P | JOB_RESUMES, "out", {NULL}},
    {"patch -f --resume", P | JOB_RESUMES | JOB_STANDS, "out", {NULL}},
    {"patch, several files",
     P | JOB_FOLDERS,
     "out",
     {"patch", "old", "p", "-o", "out", QUIET}},
    {"patch -f, several files",
     P | JOB_FOLDERS | JOB_STANDS,
     "out",
     {"patch", "old", "p", "-o", "out", "-f", QUIET}},
    {"verify", P, NULL, {"verify", "old", "p", QUIET}},
    {.name = NULL},
};

const job make_jobs[] = {
    {"diff", T, "out", {"diff", "old", "new", "-o", "out", QUIET}},
    {"diff -f", T | JOB_STANDS, "out", {"diff", "old", "new", "-o", "out", "-f", QUIET}},
    {"diff --neural", T, "out", {"diff", "old", "new", "-o", "out", "--neural", QUIET}},
    {"diff --device micro",
     T,
     "out",
     {"diff", "old", "new", "-o", "out", "--device", "micro", QUIET}},
    {"diff --dict",
     T | JOB_DICT,
     "out",
     {"diff", "old", "new", "-o", "out", "--dict", "d", "--embed-dict", QUIET}},
    {"diff, several files",
     T | JOB_FOLDERS,
     "out",
     {"diff", "old", "new", "-o", "out", QUIET}},
    {"dict train",
     T,
     "out",
     {"dict", "train", "old", "new", "-o", "out", "--max-size", "2000", "-q"}},
    {"profile init", T, "out", {"profile", "init", "old", "new", "-o", "out"}},
    {.name = NULL},
};

const job read_jobs[] = {
    {"info", 0, NULL, {"info", "-tsmd", "old"}},
    {"info --json", 0, NULL, {"info", "-jsd", "old"}},
    {"info, several files", JOB_FOLDERS, NULL, {"info", "-t", "old"}},
    {"analyze", T, NULL, {"analyze", "old", "new", "--threads", "1"}},
    {"analyze --json", T, NULL, {"analyze", "old", "new", "--json", "--threads", "1"}},
    {"inspect", P, NULL, {"inspect", "p"}},
    {"inspect --json", P, NULL, {"inspect", "p", "--json"}},
    {"compare", P, NULL, {"compare", "p", "p"}},
    {"dict info", JOB_DICT, NULL, {"dict", "info", "d"}},
    {"tune", T, NULL, {"tune", "old", "new", "--threads", "1"}},
    {.name = NULL},
};

#define THREADS "--quiet", "--threads", "3"

const job threaded_jobs[] = {
    {"patch --threads 3", P, "out", {"patch", "old", "p", "-o", "out", THREADS}},
    {"diff --threads 3", T, "out", {"diff", "old", "new", "-o", "out", THREADS}},
    {"analyze --threads 3", T, NULL, {"analyze", "old", "new", "--threads", "3"}},
    {.name = NULL},
};

/* --- running ---------------------------------------------------------------------------
 */

void job_heal(job_run *r)
{
    fault_sys_init(&r->fault);
    r->fault.no_sync = true;
    if (r->weak) {
        r->fault.no_replace_unknown = true;
        r->fault.always[FAULT_OPENAT_BENEATH] = ENOSYS;
        r->fault.always[FAULT_FALLOCATE] = EOPNOTSUPP;
        r->fault.always[FAULT_EXCHANGE] = EINVAL;
        r->fault.always[FAULT_COPY_FILE_RANGE] = ENOSYS;
    }
    mlr_heap_init(&r->heap);
    r->cancel_at = 0;
}

static bool keep_going(void *ctx, uint64_t done, uint64_t total)
{
    const job_run *r = ctx;
    (void)done, (void)total;
    return r->cancel_at == 0 || r->fault.calls < r->cancel_at;
}

static const mlr_sys *sys_of(job_run *r)
{
    return r->sys != NULL ? r->sys : &r->fault.sys;
}

/* Dictionaries hold the time. */
static const char *environment(const char *name)
{
    return strcmp(name, "SOURCE_DATE_EPOCH") == 0 ? "1700000000" : NULL;
}

static int run_command(job_run *r, const char *const *word)
{
    const char *argv[JOB_WORDS + 2] = {"mallorn"};
    int argc = 1;
    for (; argc <= JOB_WORDS && word[argc - 1] != NULL; argc++) {
        argv[argc] = word[argc - 1];
    }
    char *out = NULL, *said = NULL;
    size_t out_n = 0, said_n = 0;
    mlr_tick tick = {.ctx = r, .keep_going = keep_going};
    mlr_cli cli = {.alloc = &r->heap.alloc,
                   .sys = sys_of(r),
                   .tick = &tick,
                   .env = environment,
                   .width = 80,
                   .utf8 = true,
                   .out = open_memstream(&out, &out_n),
                   .err = open_memstream(&said, &said_n)};
    r->cli = &cli;
    int code = mlr_cli_run(&cli, argc, argv);
    r->cli = NULL;
    fclose(cli.out);
    fclose(cli.err);
    snprintf(r->said, sizeof r->said, "%s", said);
    free(out);
    free(said);
    return code;
}

static int run_patcher(job_run *r)
{
    mlr_tick tick = {.ctx = r, .keep_going = keep_going};
    mlr_patcher_wish wish = {.base_path = "old",
                             .patch_path = "p",
                             .out_path = "out",
                             .overwrite = (r->job->flags & JOB_STANDS) != 0
                                              ? MLR_REPLACE_EXISTING
                                              : MLR_KEEP_EXISTING,
                             .resume = true,
                             .checkpoint_bytes = CHECKPOINT,
                             .tick = &tick,
                             .alloc = &r->heap.alloc,
                             .sys = sys_of(r)};
    mlr_err err = {0};
    mlr_status status = mlr_patcher_open(&r->patcher, &wish, &err);
    for (status = status == MLR_OK ? MLR_MORE : status; status == MLR_MORE;) {
        status = keep_going(r, 0, 0)
                     ? mlr_patcher_step(r->patcher, &err)
                     : mlr_fail(&err, MLR_E_CANCELLED, MLR_NO_OFFSET, "patch");
    }
    if (status == MLR_OK) {
        mlr_patcher_publish(r->patcher, &err);
    }
    mlr_patcher *p = r->patcher;
    r->patcher = NULL;
    mlr_patcher_close(p, &err);
    snprintf(r->said, sizeof r->said, "%s: %s", mlr_status_name(err.status),
             err.rule == NULL ? "-" : err.rule);
    return mlr_exit_code(&err);
}

int job_command(job_run *r, const char *const *word)
{
    job_heal(r);
    return run_command(r, word);
}

void job_look(job_run *r)
{
    tree_release(&r->now);
    tree_read(&r->now);
}

/* Small enough for the pipe to hold all of it. */
static void put_into_pipe(void)
{
    static uint8_t bytes[1 << 16];
    int ends[2], fd = open("p", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (n < 0 || n == sizeof bytes || pipe2(ends, O_CLOEXEC) != 0 ||
        write(ends[1], bytes, (size_t)n) != n || dup2(ends[0], STDIN_FILENO) < 0) {
        abort();
    }
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

int job_do(job_run *r)
{
    if ((r->job->flags & JOB_PIPE) != 0) {
        put_into_pipe();
    }
    bool resumes = (r->job->flags & JOB_RESUMES) != 0;
    int code = resumes ? run_patcher(r) : run_command(r, r->job->word);
    job_look(r);
    return code;
}

void job_reset(job_run *r)
{
    tree_write(&r->before);
}

/* --- what must hold --------------------------------------------------------------------
 */

static bool documented(int code)
{
    static const int codes[] = {0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 75, 130};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] == code) {
            return true;
        }
    }
    return false;
}

const char *job_torn(const job_run *r)
{
    const char *old_diff = tree_differs(&r->now, &r->before, true);
    return old_diff == NULL || tree_differs(&r->now, &r->after, true) == NULL ? NULL
                                                                              : old_diff;
}

const char *job_broken(const job_run *r, int code)
{
    if (!documented(code)) {
        return "exit code";
    }
    if (r->heap.used != 0) {
        return "memory that is given back";
    }
    if (code == 0) {
        return tree_differs(&r->now, &r->after, false);
    }
    bool keeps = (r->job->flags & JOB_RESUMES) != 0;
    const char *old_diff = tree_differs(&r->now, &r->before, keeps);
    /* Where only the directory's sync failed, what is new stays and the error says so. */
    return old_diff == NULL || tree_differs(&r->now, &r->after, keeps) == NULL ? NULL
                                                                               : old_diff;
}

const char *job_again(job_run *r)
{
    const mlr_sys *sys = r->sys;
    job_heal(r);
    r->sys = NULL;
    bool is_new = tree_differs(&r->now, &r->after, true) == NULL &&
                  tree_differs(&r->after, &r->before, false) != NULL;
    /* Nothing happened: then the next run is the good one, which was seen already. */
    bool is_old = !is_new && tree_differs(&r->now, &r->before, false) == NULL;
    int code = is_new || is_old ? 0 : job_do(r);
    r->sys = sys;
    if (is_old) {
        return NULL;
    }
    if (code != 0) {
        return r->said;
    }
    const char *diff = tree_differs(&r->now, &r->after, true);
    for (size_t i = 0; diff == NULL && !is_new && i < r->now.count; i++) {
        const char *path = r->now.file[i].path;
        bool left = strstr(path, ".mallorn-part") != NULL ||
                    strstr(path, ".mallorn-journal") != NULL;
        diff = left ? path : NULL;
    }
    return diff;
}

/* --- the folder ------------------------------------------------------------------------
 */

static void put_file(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(data, 1, n, f) != n || fclose(f) != 0) {
        perror(path);
        abort();
    }
}

static void put_pair(rng *g, random_format format, const char *old_path,
                     const char *new_path)
{
    random_file a, b;
    for (int tries = 0;; tries++) {
        random_pair_small(g, format, &a, &b);
        bool good = a.n >= LEAST_MODEL && b.n >= LEAST_MODEL && a.n <= MOST_MODEL &&
                    b.n <= MOST_MODEL && (a.n != b.n || memcmp(a.data, b.data, a.n) != 0);
        if (good || tries > 200) {
            break;
        }
        free(a.data);
        free(b.data);
    }
    put_file(old_path, a.data, a.n);
    put_file(new_path, b.data, b.n);
    free(a.data);
    free(b.data);
}

static void put_models(const job *j, random_format format, uint64_t seed)
{
    rng g = rng_new(seed * 1000003 + (uint64_t)format);
    if ((j->flags & JOB_FOLDERS) == 0) {
        put_pair(&g, format, "old", "new");
        return;
    }
    mkdir("old", 0755);
    mkdir("new", 0755);
    put_pair(&g, format, "old/a.model", "new/a.model");
    put_pair(&g, (random_format)((format + 1) % RANDOM_FORMATS), "old/b.model",
             "new/b.model");
    put_pair(&g, RANDOM_BYTES, "old/notes.txt", "new/notes.txt");
}

static bool prepare(job_run *r)
{
    static const char *const train[] = {"dict", "train",      "old",  "new", "-o",
                                        "d",    "--max-size", "2000", "-q",  NULL};
    static const char *const diff[] = {"diff", "old",     "new",  "-o", "p",
                                       "-q",   "--block", "1024", NULL};
    static const char *const with[] = {"diff", "old", "new",        "-o",   "p", "--dict",
                                       "d",    "-q",  "--strategy", "zstd", NULL};
    const job *j = r->job;
    bool dict = (j->flags & JOB_DICT) != 0;
    if (dict && run_command(r, train) != 0) {
        return false;
    }
    if ((j->flags & JOB_PATCH) != 0 && run_command(r, dict ? with : diff) != 0) {
        return false;
    }
    if ((j->flags & JOB_STANDS) != 0 && (j->flags & JOB_FOLDERS) != 0) {
        mkdir("out", 0755);
        put_file("out/a.model", "before", 6);
    } else if ((j->flags & JOB_STANDS) != 0) {
        put_file("out", "before", 6);
    }
    return true;
}

/* The result must be the very files that the patch was made from. */
static bool gives_new(const job_run *r, const tree *whole)
{
    if ((r->job->flags & JOB_PATCH) == 0 || r->job->out == NULL) {
        return true;
    }
    size_t seen = 0, n = strlen(r->job->out);
    for (size_t i = 0; i < whole->count; i++) {
        const tree_file *f = &whole->file[i];
        char path[TREE_PATH];
        if (strncmp(f->path, "new", 3) == 0 && f->n > 0) {
            snprintf(path, sizeof path, "%s%s", r->job->out, f->path + 3);
            const tree_file *made = tree_find(&r->after, path);
            if (made == NULL || made->n != f->n || memcmp(made->data, f->data, f->n) != 0) {
                return false;
            }
            seen++;
        }
    }
    return seen > 0 && n > 0;
}

static void remove_new(tree *t)
{
    for (size_t i = t->count; i-- > 0;) {
        if (strncmp(t->file[i].path, "new", 3) == 0) {
            tree_drop(t, t->file[i].path);
        }
    }
}

bool job_begin(job_run *r, const job *j, random_format format, uint64_t seed)
{
    bool weak = r->weak;
    memset(r, 0, sizeof *r);
    r->weak = weak;
    r->job = j;
    job_heal(r);
    temp_dir_make(&r->dir);
    if (chdir(r->dir.path) != 0) {
        abort();
    }
    put_models(j, format, seed);
    if (!prepare(r)) {
        return false;
    }
    tree whole;
    tree_read(&whole);
    tree_copy(&r->before, &whole);
    if ((j->flags & JOB_TARGET) == 0) {
        remove_new(&r->before);
    }
    job_reset(r);
    job_heal(r);
    int code = job_do(r);
    r->takes = r->heap.takes;
    r->calls = r->fault.calls;
    tree_copy(&r->after, &r->now);
    bool good = code == 0 && gives_new(r, &whole);
    if (!good) {
        printf("     %s, format %d, seed %llu: exit %d, %s\n", j->name, (int)format,
               (unsigned long long)seed, code, r->said);
    }
    tree_release(&whole);
    return good;
}

void job_end(job_run *r)
{
    tree_release(&r->before);
    tree_release(&r->after);
    tree_release(&r->now);
    if (chdir("/") != 0) {
        abort();
    }
    temp_dir_remove(&r->dir);
}
