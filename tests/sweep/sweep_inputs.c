/*
 * R10: the fuzz targets on seeds that were changed at random: their own programs, built by
 * any compiler, which stop at a broken promise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sweep/sweep.h"

enum { PARTS = 4, INPUTS = 10000 };

static const char *const targets[] = {"apply",       "decoders",    "gguf",
                                      "neural",      "onnx",        "profile",
                                      "safetensors", "shard_index", "tflite"};

static unsigned units(void)
{
    return PARTS * (unsigned)(sizeof targets / sizeof targets[0]);
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
