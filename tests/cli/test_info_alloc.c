/* Every allocation of `info` and `make-demo` fails in turn: a clean error, nothing leaked.
 */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "tui/cli/cmd.h"

enum { MOST_TAKES = 20000 };

static char folder[256];

/* Runs one command line on a heap whose n-th request fails (0: none). */
static int run(const char *const *argv, size_t fail_at, int from_then_on, char **said)
{
    mlr_heap heap;
    char *out = NULL;
    size_t out_len = 0;
    size_t said_len = 0;
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    mlr_heap_init(&heap);
    heap.fail_at = fail_at;
    heap.fail_from_then_on = from_then_on;
    *said = NULL;
    mlr_cli cli = {.alloc = &heap.alloc, .width = 80, .utf8 = true};
    cli.out = open_memstream(&out, &out_len);
    cli.err = open_memstream(said, &said_len);
    int code = mlr_cli_run(&cli, argc, argv);
    (void)fclose(cli.out);
    (void)fclose(cli.err);
    free(out);
    assert_int_equal(heap.used, 0);
    return code;
}

static void says_out_of_memory(const char *said)
{
    assert_int_equal(strncmp(said, "mallorn ", 8), 0);
    assert_non_null(strstr(said, "memory"));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

/* Each request fails, alone or with all that follow, until a run needs no more of them. */
static void sweep(const char *const *argv)
{
    char *said;
    for (int from_then_on = 0; from_then_on < 2; from_then_on++) {
        size_t n = 1;
        for (; n < MOST_TAKES; n++) {
            int code = run(argv, n, from_then_on, &said);
            if (code == 0) {
                free(said);
                break;
            }
            if (code != 8) {
                print_message("request %zu: exit %d: %s", n, code, said);
            }
            assert_int_equal(code, 8);
            says_out_of_memory(said);
            free(said);
        }
        assert_in_range(n, 3, MOST_TAKES - 1);
        print_message("%s: %zu requests\n", argv[argv[3] == NULL ? 2 : 3], n - 1);
    }
}

static void sweep_info(const char *name)
{
    char path[512];
    char *said;
    const char *make[] = {"mallorn", "make-demo", folder, "--only", name, NULL};
    const char *text[] = {"mallorn", "info", "-tsmd", path, NULL};
    const char *json[] = {"mallorn", "info", "-jsd", path, NULL};
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(run(make, 0, 0, &said), 0);
    free(said);
    sweep(text);
    sweep(json);
    (void)unlink(path);
}

static void info_survives_safetensors(void **state)
{
    (void)state;
    sweep_info("base.int8.safetensors");
}

static void info_survives_gguf(void **state)
{
    (void)state;
    sweep_info("base.q4_k_m.gguf");
}

static void info_survives_onnx(void **state)
{
    (void)state;
    sweep_info("base.int8.onnx");
}

static void info_survives_tflite(void **state)
{
    (void)state;
    sweep_info("base.int8.tflite");
}

static void make_demo_survives_and_leaves_no_file(void **state)
{
    char path[512];
    char *said;
    const char *make[] = {"mallorn", "make-demo",        folder,
                          "--only",  "base.int8.tflite", NULL};
    (void)state;
    (void)snprintf(path, sizeof path, "%s/base.int8.tflite", folder);
    for (size_t n = 1; n < MOST_TAKES; n++) {
        int code = run(make, n, 0, &said);
        free(said);
        if (code == 0) {
            assert_in_range(n, 3, MOST_TAKES);
            assert_int_equal(unlink(path), 0);
            return;
        }
        assert_int_equal(code, 8);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    fail();
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "%s/mlr-info-XXXXXX", P_tmpdir);
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails where debris is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_survives_safetensors),
        cmocka_unit_test(info_survives_gguf),
        cmocka_unit_test(info_survives_onnx),
        cmocka_unit_test(info_survives_tflite),
        cmocka_unit_test(make_demo_survives_and_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
