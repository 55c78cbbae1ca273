/* Running command lines: colour, cancelling, lost output, the terminal interface's door. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tests/support/temp_dir.h"
#include "tui/cli/cmd.h"

typedef struct fixture {
    mlr_heap heap;
    mlr_cli cli;
    char *out, *said;
    size_t out_len, said_len;
} fixture;

static fixture f;
static temp_dir folder;

static int begin(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    mlr_heap_init(&f.heap);
    f.cli = (mlr_cli){.alloc = &f.heap.alloc, .width = 80, .utf8 = true};
    f.cli.out = open_memstream(&f.out, &f.out_len);
    f.cli.err = open_memstream(&f.said, &f.said_len);
    return f.cli.err == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    (void)fclose(f.cli.out);
    (void)fclose(f.cli.err);
    free(f.out);
    free(f.said);
    return f.heap.used == 0 ? 0 : -1;
}

static int run(const char *const *argv)
{
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    int code = mlr_cli_run(&f.cli, argc, argv);
    (void)fflush(f.cli.out);
    (void)fflush(f.cli.err);
    return code;
}

#define RUN(...) run((const char *const[]){"mallorn", __VA_ARGS__, NULL})

/* --- colour ------------------------------------------------------------------------------
 */

static const char *no_color, *force, *term;

static const char *environment(const char *name)
{
    return strcmp(name, "NO_COLOR") == 0         ? no_color
           : strcmp(name, "CLICOLOR_FORCE") == 0 ? force
           : strcmp(name, "TERM") == 0           ? term
                                                 : NULL;
}

static bool coloured(mlr_colour_when when, bool tty)
{
    f.cli.env = environment;
    f.cli.out_tty = tty;
    mlr_cli_choose_colour(&f.cli, when);
    return f.cli.out_colour;
}

static void colours_on_a_terminal_only(void **state)
{
    (void)state;
    no_color = force = term = NULL;
    assert_true(coloured(MLR_COLOUR_AUTO, true));
    assert_false(coloured(MLR_COLOUR_AUTO, false));
    term = "dumb";
    assert_false(coloured(MLR_COLOUR_AUTO, true));
}

static void no_color_beats_force_and_the_option_beats_both(void **state)
{
    (void)state;
    term = NULL;
    no_color = "1";
    force = "1";
    assert_false(coloured(MLR_COLOUR_AUTO, true));
    assert_true(coloured(MLR_COLOUR_ALWAYS, false));
    no_color = ""; /* empty counts as not set */
    assert_true(coloured(MLR_COLOUR_AUTO, false));
    force = "0";
    assert_false(coloured(MLR_COLOUR_AUTO, false));
    force = "1";
    assert_false(coloured(MLR_COLOUR_NEVER, true));
}

/* --- stopping ----------------------------------------------------------------------------
 */

static bool stop_after(void *ctx, uint64_t done, uint64_t total)
{
    int *left = ctx;
    (void)done;
    (void)total;
    return (*left)-- > 0;
}

static void stops_on_request_and_says_so_in_json(void **state)
{
    char path[512];
    int left = 0;
    const mlr_tick tick = {&left, stop_after};
    (void)state;
    (void)temp_dir_at(&folder, "base.int8.tflite", path);
    assert_int_equal(RUN("make-demo", "-q", "--only", "base.int8.tflite", folder.path), 0);
    f.cli.tick = &tick;
    assert_int_equal(RUN("info", "--digest", "--json", path), 130);
    assert_non_null(strstr(f.out, "\"status\": \"cancelled\""));
    assert_int_equal(RUN("info", "--json", path), 0); /* headers are not worth a stop */
}

static void a_stopped_demo_leaves_whole_files_only(void **state)
{
    temp_dir own;
    int left = 1;
    const mlr_tick tick = {&left, stop_after};
    (void)state;
    temp_dir_make(&own);
    f.cli.tick = &tick;
    assert_int_equal(RUN("make-demo", "-q", "--only", ".int8.tflite", own.path), 130);
    assert_int_equal(temp_dir_entries(&own), 1);
    temp_dir_remove(&own);
}

/* --- output that is lost -----------------------------------------------------------------
 */

static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL) {
        print_message("skipped: no /dev/full\n");
        return;
    }
    (void)fclose(f.cli.out);
    free(f.out);
    f.cli.out = full;
    assert_int_equal(RUN("help"), 7);
    assert_non_null(strstr(f.said, "standard output"));
    (void)fclose(full);
    f.cli.out = open_memstream(&f.out, &f.out_len);
}

/* --- the terminal interface --------------------------------------------------------------
 */

static size_t ui_paths;

static mlr_status open_ui(mlr_cli *cli, const char *const *paths, size_t count,
                          mlr_err *err)
{
    (void)cli;
    (void)err;
    ui_paths = count;
    assert_string_equal(paths[0], "/");
    return MLR_OK;
}

static void two_models_open_the_terminal_interface(void **state)
{
    (void)state;
    assert_int_equal(RUN("/", "/tmp"), 9); /* a build without it says so */
    f.cli.open_ui = open_ui;
    assert_int_equal(RUN("/", "/tmp"), 0);
    assert_int_equal(ui_paths, 2);
}

static void a_word_that_is_no_file_is_a_wrong_command(void **state)
{
    (void)state;
    f.cli.open_ui = open_ui;
    assert_int_equal(RUN("inspekt"), 2);
    assert_non_null(strstr(f.said, "there is no command 'inspekt'"));
}

/* --- the tables --------------------------------------------------------------------------
 */

static void check_options(const mlr_cmd *cmd)
{
    for (size_t i = 0; i < cmd->opts; i++) {
        const mlr_opt *o = &cmd->opt[i];
        size_t n = strlen(o->help);
        assert_int_equal(o->help[n - 1], '.');
        assert_in_range(o->help[0], 'A', 'Z');
        assert_int_equal(o->metavar == NULL, o->kind == MLR_OPT_FLAG);
        bool chooses = o->kind == MLR_OPT_CHOICE;
        assert_true(o->choices != NULL ? chooses || o->kind == MLR_OPT_EACH : !chooses);
        assert_true(o->field < cmd->values_bytes);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(o->name, cmd->opt[k].name);
            assert_true(o->letter == 0 || o->letter != cmd->opt[k].letter);
        }
        assert_true(o->letter != 'h');
    }
}

static void every_command_is_described_in_full(void **state)
{
    (void)state;
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        const mlr_cmd *c = mlr_cmds[i];
        assert_ptr_equal(mlr_cmd_named(c->name), c);
        assert_int_equal(c->summary[strlen(c->summary) - 1], '.');
        assert_true(c->about[0] != '\0' && c->least <= c->most);
        assert_true(c->values_bytes <= MLR_CMD_VALUES);
        check_options(c);
    }
}

static void help_fits_in_80_columns(void **state)
{
    (void)state;
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        assert_int_equal(RUN("help", mlr_cmds[i]->name), 0);
    }
    for (char *line = strtok(f.out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        bool example = strncmp(line, "  mallorn ", 10) == 0; /* not to be broken */
        if (strlen(line) > 80 && !example) {
            print_message("too long: %s\n", line);
        }
        assert_true(strlen(line) <= 80 || example);
    }
}

static int make_folder(void **state)
{
    (void)state;
    temp_dir_make(&folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_dir_remove(&folder);
    return 0;
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(colours_on_a_terminal_only),
        CASE(no_color_beats_force_and_the_option_beats_both),
        CASE(stops_on_request_and_says_so_in_json),
        CASE(a_stopped_demo_leaves_whole_files_only),
        CASE(a_full_disk_is_an_error),
        CASE(two_models_open_the_terminal_interface),
        CASE(a_word_that_is_no_file_is_a_wrong_command),
        CASE(every_command_is_described_in_full),
        CASE(help_fits_in_80_columns),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
