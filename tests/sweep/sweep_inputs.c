/*
 * R10: the fuzz targets on seeds that were changed at random: their own programs, built by
 * any compiler, which stop at a broken promise.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sweep/sweep.h"

enum { PARTS = 4, INPUTS = 10000, MOST_TARGETS = 64, NAME = 64 };

static char targets[MOST_TARGETS][NAME];
static size_t target_count;

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Each target has a folder of seeds. */
static unsigned units(void)
{
    DIR *d = target_count == 0 ? opendir("tests/fuzz/corpus") : NULL;
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.' && target_count < MOST_TARGETS &&
            strlen(e->d_name) < NAME) {
            memcpy(targets[target_count++], e->d_name, strlen(e->d_name) + 1);
        }
    }
    if (d != NULL) {
        closedir(d);
        qsort(targets, target_count, NAME, by_name);
    }
    return PARTS * (unsigned)target_count;
}

static void run(sweep *s)
{
    char program[512], folder[128], seed[32], count[32];
    const char *target = targets[s->unit / PARTS];
    uint64_t cases = 0;
    for (unsigned i = 0; i < INPUTS; i++) {
        cases += sweep_next(s);
    }
    snprintf(program, sizeof program, "%s/tests/fuzz/replay_%s",
             s->programs == NULL ? "build/release" : s->programs, target);
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", target);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)(s->seed * 1000 + s->unit));
    snprintf(count, sizeof count, "%llu", (unsigned long long)cases);
    if (access(program, X_OK) != 0 || access(folder, R_OK) != 0) {
        s->tally->cases -= cases;
        sweep_skip(s, program);
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, "--changed", count, seed, folder, (char *)NULL);
        _exit(127);
    }
    int how = 0;
    if (child < 0 || waitpid(child, &how, 0) != child || how != 0) {
        sweep_fail(s, "%s --changed %s %s %s ended badly (%d)", program, count, seed,
                   folder, how);
    }
}

const sweep_class sweep_inputs = {"R10", "fuzz targets on changed seeds", units, run};
