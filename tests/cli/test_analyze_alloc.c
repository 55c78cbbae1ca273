/* Allocations of `analyze` fail in turn: a clean error or a report, nothing leaked. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/temp_dir.h"
#include "tui/cli/cmd.h"

enum { MOST_TAKES = 60000 };

static temp_dir folder;
static char old_path[512], new_path[512], cache[512];

static const char *environment(const char *name)
{
    return strcmp(name, "XDG_CACHE_HOME") == 0 ? cache : NULL;
}

/* Runs one command line on a heap whose n-th request fails (0: none). */
static int run(const char *const *argv, size_t fail_at, int from_then_on, size_t *takes)
{
    mlr_heap heap;
    char *out = NULL, *said = NULL;
    size_t out_len = 0, said_len = 0;
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    mlr_heap_init(&heap);
    heap.fail_at = fail_at;
    heap.fail_from_then_on = from_then_on;
    mlr_cli cli = {.alloc = &heap.alloc, .width = 80, .utf8 = true, .env = environment};
    cli.out = open_memstream(&out, &out_len);
    cli.err = open_memstream(&said, &said_len);
    int code = mlr_cli_run(&cli, argc, argv);
    (void)fclose(cli.out);
    (void)fclose(cli.err);
    if (code != 0) {
        assert_int_equal(code, 8);
        assert_non_null(strstr(said, "memory"));
    }
    free(out);
    free(said);
    assert_int_equal(heap.used, 0);
    *takes = heap.takes;
    return code;
}

/* Every `step`-th request fails, alone or with all that follow. */
static void sweep(const char *const *argv, size_t step)
{
    size_t takes, most;
    assert_int_equal(run(argv, 0, 0, &most), 0);
    assert_in_range(most, 10, MOST_TAKES);
    for (size_t n = 1; n <= most; n += n < 24 ? 1 : step) {
        for (int from_then_on = 0; from_then_on < 2; from_then_on++) {
            (void)run(argv, n, from_then_on, &takes);
        }
    }
    print_message("%s: %zu requests\n", argv[5], most);
}

static void measuring_survives(void **state)
{
    const char *text[] = {"mallorn",     "analyze",      old_path, new_path,
                          "--threads=1", "--no-predict", NULL};
    (void)state;
    sweep(text, 3);
}

static void predicting_survives(void **state)
{
    const char *json[] = {"mallorn",   "analyze", old_path, new_path, "--threads=1",
                          "--predict", "--quick", "--json", NULL};
    (void)state;
    sweep(json, 61);
}

static void one_tensor_survives(void **state)
{
    const char *one[] = {"mallorn",
                         "analyze",
                         old_path,
                         new_path,
                         "--threads=1",
                         "-t",
                         "main/cnn/fc/MatMul",
                         "--no-cache",
                         NULL};
    (void)state;
    sweep(one, 331);
}

static int begin(void **state)
{
    size_t takes;
    (void)state;
    temp_dir_make(&folder);
    const char *make[] = {"mallorn", "make-demo", folder.path, "--only", NULL, NULL};
    make[4] = "base.int8.tflite";
    assert_int_equal(run(make, 0, 0, &takes), 0);
    make[4] = "tuned.int8.tflite";
    assert_int_equal(run(make, 0, 0, &takes), 0);
    (void)snprintf(old_path, sizeof old_path, "%s/base.int8.tflite", folder.path);
    (void)snprintf(new_path, sizeof new_path, "%s/tuned.int8.tflite", folder.path);
    (void)snprintf(cache, sizeof cache, "%s/cache", folder.path);
    return 0;
}

static int end(void **state)
{
    (void)state;
    temp_dir_remove(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measuring_survives),
        cmocka_unit_test(predicting_survives),
        cmocka_unit_test(one_tensor_survives),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
