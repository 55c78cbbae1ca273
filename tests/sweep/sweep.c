/*
 * sweep: runs classes of fault cases, on several processes, and prints how many cases each
 * class has and how many failed. What is finished is kept in a state file, so that a run
 * that was interrupted goes on.
 *
 *   --seed N  --share N (one case in N)  --jobs N  --state FILE  --programs FOLDER
 *   --class ID  --unit N  --case N       narrow a run down to what failed
 */
#include "tests/sweep/sweep.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply/base/xxh64.h"

enum { MOST_JOBS = 64, MOST_UNITS = 4096, MOST_TOLD = 8, CASE_SECONDS = 1200 };

static const sweep_class *const classes[] = {
    &sweep_calls,  &sweep_weak_calls, &sweep_kills,     &sweep_stops,   &sweep_power,
    &sweep_allocs, &sweep_damage,     &sweep_leftovers, &sweep_models,  &sweep_budgets,
    &sweep_pairs,  &sweep_inputs,     &sweep_cover,     &sweep_product,
};
enum { CLASSES = sizeof classes / sizeof classes[0] };

typedef struct unit {
    size_t cls;
    unsigned number;
    bool done;
} unit;

typedef struct worker {
    pid_t pid;
    size_t unit;
} worker;

typedef struct driver {
    sweep plan;
    const char *only_class, *state_path;
    long only_unit;
    unsigned jobs;
    FILE *state;
    unit units[MOST_UNITS];
    size_t unit_count;
    sweep_tally sum[CLASSES];
    worker workers[MOST_JOBS];
    sweep_tally *tally; /* one a worker, shared */
} driver;

/* --- for the classes -------------------------------------------------------------------
 */

bool sweep_next(sweep *s)
{
    uint64_t nth = ++s->tally->seen;
    uint64_t mix = (nth + s->unit * 1000003u + s->seed) * 0x9E3779B97F4A7C15u;
    bool take = s->only != 0 ? nth == s->only : (mix >> 32) % s->stride == 0;
    alarm(CASE_SECONDS); /* what never ends is a failure too */
    s->failed = false;
    s->tally->cases += take;
    return take;
}

void sweep_fail(sweep *s, const char *fmt, ...)
{
    if (s->failed) {
        return;
    }
    s->failed = true;
    if (++s->tally->failures > MOST_TOLD) {
        return;
    }
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    printf("FAIL %s: %s\n     again: --seed %" PRIu64
           " --class %s --unit %u --case %" PRIu64 "\n",
           s->id, text, s->seed, s->id, s->unit, s->tally->seen);
    fflush(stdout);
}

void sweep_skip(sweep *s, const char *why)
{
    printf("  skipped: %s unit %u: %s\n", s->id, s->unit, why);
    fflush(stdout);
}

/* --- the state file --------------------------------------------------------------------
 */

/* The program's own bytes: what an older build found says nothing about this one. */
static uint64_t own_hash(void)
{
    static uint8_t piece[1 << 16];
    mlr_xxh64 h;
    mlr_xxh64_begin(&h);
    FILE *f = fopen("/proc/self/exe", "rb");
    size_t n = 0;
    while (f != NULL && (n = fread(piece, 1, sizeof piece, f)) > 0) {
        mlr_xxh64_add(&h, piece, n);
    }
    if (f != NULL) {
        fclose(f);
    }
    return mlr_xxh64_end(&h);
}

static void count(driver *d, size_t cls, uint64_t cases, uint64_t failures)
{
    d->sum[cls].cases += cases;
    d->sum[cls].failures += failures;
}

static void take_line(driver *d, const char *line)
{
    char id[16];
    unsigned number;
    uint64_t cases;
    if (sscanf(line, "%15s %u %" SCNu64, id, &number, &cases) != 3) {
        return;
    }
    for (size_t i = 0; i < d->unit_count; i++) {
        unit *u = &d->units[i];
        if (!u->done && u->number == number && strcmp(classes[u->cls]->id, id) == 0) {
            u->done = true;
            count(d, u->cls, cases, 0);
        }
    }
}

static void open_state(driver *d)
{
    char head[128], line[128];
    if (d->state_path == NULL) {
        return;
    }
    snprintf(head, sizeof head, "sweep %016" PRIx64 " seed %" PRIu64 " share %" PRIu64 "\n",
             own_hash(), d->plan.seed, d->plan.stride);
    FILE *f = fopen(d->state_path, "r");
    bool ours = f != NULL && fgets(line, sizeof line, f) != NULL && strcmp(line, head) == 0;
    while (ours && fgets(line, sizeof line, f) != NULL) {
        take_line(d, line);
    }
    if (f != NULL) {
        fclose(f);
    }
    d->state = fopen(d->state_path, ours ? "a" : "w");
    if (d->state == NULL) {
        perror(d->state_path);
        exit(2);
    }
    if (!ours) {
        fputs(head, d->state);
        fflush(d->state);
    }
}

/* A share is taken among units and inside them, as preparing a unit costs time. */
static uint64_t unit_stride(const driver *d)
{
    uint64_t n = 1;
    while ((n + 1) * (n + 1) <= d->plan.stride) {
        n++;
    }
    return d->plan.only != 0 || d->only_unit >= 0 ? 1 : n;
}

static bool takes_unit(const driver *d, size_t cls, unsigned number)
{
    if (d->only_unit >= 0) {
        return (unsigned)d->only_unit == number;
    }
    return (number + cls + d->plan.seed) % unit_stride(d) == 0;
}

/* --- running ---------------------------------------------------------------------------
 */

static bool wanted(const driver *d, const sweep_class *c)
{
    return d->only_class == NULL ? c->id[0] != 'C' : strcmp(d->only_class, c->id) == 0;
}

static void list_units(driver *d)
{
    for (size_t c = 0; c < CLASSES; c++) {
        unsigned n = classes[c]->units();
        for (unsigned u = 0; wanted(d, classes[c]) && u < n && d->unit_count < MOST_UNITS;
             u++) {
            if (takes_unit(d, c, u)) {
                d->units[d->unit_count++] = (unit){.cls = c, .number = u};
            }
        }
    }
}

static void run_unit(driver *d, size_t slot, const unit *u)
{
    sweep s = d->plan;
    s.stride = s.stride / unit_stride(d);
    s.id = classes[u->cls]->id;
    s.unit = u->number;
    s.tally = &d->tally[slot];
    classes[u->cls]->run(&s);
    exit(0); /* not _exit(): coverage counts are written on the way out */
}

static void start(driver *d, size_t slot, size_t i)
{
    d->tally[slot] = (sweep_tally){0};
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        run_unit(d, slot, &d->units[i]);
    }
    if (pid < 0) {
        perror("fork");
        exit(2);
    }
    d->workers[slot] = (worker){.pid = pid, .unit = i};
}

static void finish(driver *d, size_t slot, int how)
{
    unit *u = &d->units[d->workers[slot].unit];
    sweep_tally *t = &d->tally[slot];
    const char *id = classes[u->cls]->id;
    if (how != 0) {
        t->failures++;
        printf("FAIL %s: unit %u ended by %s %d in case %" PRIu64 "\n", id, u->number,
               WIFSIGNALED(how) ? "signal" : "exit",
               WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how), t->seen);
    }
    u->done = true;
    count(d, u->cls, t->cases, t->failures);
    if (d->state != NULL && t->failures == 0) {
        fprintf(d->state, "%s %u %" PRIu64 "\n", id, u->number, t->cases);
        fflush(d->state);
    }
    d->workers[slot].pid = 0;
}

static void wait_for_one(driver *d)
{
    int how = 0;
    pid_t pid = wait(&how);
    for (size_t w = 0; w < d->jobs; w++) {
        if (pid > 0 && d->workers[w].pid == pid) {
            finish(d, w, how);
        }
    }
}

static void run_all(driver *d)
{
    size_t busy = 0;
    for (size_t i = 0; i < d->unit_count; i++) {
        if (d->units[i].done) {
            continue;
        }
        size_t slot = 0;
        if (busy == d->jobs) {
            wait_for_one(d);
            busy--;
        }
        while (d->workers[slot].pid != 0) {
            slot++;
        }
        start(d, slot, i);
        busy++;
    }
    while (busy-- > 0) {
        wait_for_one(d);
    }
}

static int report(driver *d)
{
    sweep_tally all = {0};
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    for (size_t c = 0; c < CLASSES; c++) {
        if (!wanted(d, classes[c])) {
            continue;
        }
        printf("%-4s %9" PRIu64 " cases %6" PRIu64 " failures  %s\n", classes[c]->id,
               d->sum[c].cases, d->sum[c].failures, classes[c]->name);
        all.cases += d->sum[c].cases;
        all.failures += d->sum[c].failures;
    }
    printf("all  %9" PRIu64 " cases %6" PRIu64 " failures  seed %" PRIu64
           ", %ld s of CPU\n",
           all.cases, all.failures, d->plan.seed,
           (long)(used.ru_utime.tv_sec + used.ru_stime.tv_sec));
    if (d->state != NULL) {
        fclose(d->state);
    }
    if (all.failures == 0 && d->state_path != NULL) {
        (void)remove(d->state_path); /* the next run is a new one */
    }
    return all.failures == 0 ? 0 : 1;
}

static void options(driver *d, int argc, char **argv)
{
    static const struct option known[] = {
        {"seed", 1, NULL, 's'},  {"share", 1, NULL, 'n'},    {"jobs", 1, NULL, 'j'},
        {"state", 1, NULL, 'f'}, {"programs", 1, NULL, 'p'}, {"class", 1, NULL, 'c'},
        {"unit", 1, NULL, 'u'},  {"case", 1, NULL, 'k'},     {NULL, 0, NULL, 0}};
    for (int o; (o = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        uint64_t n = optarg == NULL ? 0 : strtoull(optarg, NULL, 10);
        switch (o) {
        case 's':
            d->plan.seed = n;
            break;
        case 'n':
            d->plan.stride = n == 0 ? 1 : n;
            break;
        case 'j':
            d->jobs = n == 0 ? 1 : n > MOST_JOBS ? MOST_JOBS : (unsigned)n;
            break;
        case 'f':
            d->state_path = optarg;
            break;
        case 'p':
            d->plan.programs = optarg;
            break;
        case 'c':
            d->only_class = optarg;
            break;
        case 'u':
            d->only_unit = (long)n;
            break;
        case 'k':
            d->plan.only = n;
            break;
        default:
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    static driver d = {.plan = {.seed = 1, .stride = 1}, .only_unit = -1, .jobs = 1};
    options(&d, argc, argv);
    d.tally = mmap(NULL, MOST_JOBS * sizeof *d.tally, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (d.tally == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    list_units(&d);
    open_state(&d);
    run_all(&d);
    return report(&d);
}
