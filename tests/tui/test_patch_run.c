/* The applier as a child process: shell scripts play its part, well and badly. */
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "tests/support/golden_screen.h"
#include "tests/support/test.h"
#include "tui/apply_view.h"
#include "tui/script.h"

#define LINE(phase, t, data, bd, nd, rec)                                                  \
    "echo '{\"schema\": \"mallorn.progress/1\", \"phase\": \"" phase                       \
    "\", \"elapsed_s\": " t ", \"rss_bytes\": 3000000, \"data_bytes\": " data              \
    ", \"base_done\": " bd ", \"base_total\": 4000000, \"new_done\": " nd                  \
    ", \"new_total\": 4000000, \"patch_done\": 1000, \"record\": " rec                     \
    ", \"records\": 8, \"block\": 1, \"blocks\": 2, \"strategy\": \"xor-planes\", "        \
    "\"arena_bytes\": 900000, \"lanes\": 1, \"arena\": {\"lane_bytes\": 700000}}' >&2\n"

static const char good[] = LINE("base", "0.1", "800000", "2000000", "0", "0")
    LINE("apply", "0.3", "1000000", "4000000", "1000000", "3") LINE(
        "apply", "0.5", "900000", "4000000", "3000000",
        "7") "echo "
             "'{\"schema\":\"mallorn.progress/1\",\"phase\":\"done\",\"elapsed_s\":0.6}' "
             ">&2\n"
             "echo '{\"schema\":\"mallorn.patch/1\",\"new_bytes\":4000000,\"seconds\":0.5,"
             "\"arena_bytes\":900000,\"verified\":true}'\n";

static mlr_heap heap;
static mlr_app app;
static mlr_patch_run r;
static mlr_run_wish wish;
static char folder[32], program[64], trace[64];

static void set_program(const char *body)
{
    FILE *f = fopen(program, "wb");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s", body);
    fclose(f);
    chmod(program, 0755);
}

static int fresh(void **state)
{
    (void)state;
    mlr_err err = {0};
    snprintf(folder, sizeof folder, "/tmp/mlr-run-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(program, sizeof program, "%s/mallorn", folder);
    snprintf(trace, sizeof trace, "%s/trace.json", folder);
    memset(&r, 0, sizeof r);
    wish = (mlr_run_wish){.program = program, .base = "a b", .patch = "p", .out = "o"};
    mlr_heap_init(&heap);
    mlr_app_init(&app, &heap.alloc, -1, &err);
    assert_no_err(&err);
    app.program = program;
    return 0;
}

static int done(void **state)
{
    (void)state;
    mlr_run_release(&r);
    mlr_app_release(&app);
    unlink(program);
    unlink(trace);
    rmdir(folder);
    return heap.used == 0 ? 0 : -1;
}

static void wait_end(void)
{
    for (int i = 0; i < 2000 && mlr_run_poll(&r); i++) {
        usleep(2000);
    }
    assert_int_equal(r.pid, 0);
}

static void run_program(const char *body)
{
    mlr_err err = {0};
    set_program(body);
    assert_int_equal(mlr_run_start(&r, &wish, &err), MLR_OK);
    wait_end();
}

static void a_run_that_is_proven_is_done(void **state)
{
    (void)state;
    run_program(good);
    assert_int_equal(r.state, MLR_RUN_DONE);
    assert_int_equal(r.new_bytes, 4000000);
    assert_int_equal(r.samples, 3);
    assert_int_equal(r.peak_data, 1000000);
    assert_string_equal(r.peak_in, "xor-planes");
    /* (4,000,000 + 1,000 - 2,000,000 - 1,000) bytes in 0.2 s */
    assert_true(r.sample[1].in_rate > 9.99e6F && r.sample[1].in_rate < 10.01e6F);
    assert_true(r.sample[2].out_rate > 9.99e6F && r.sample[2].out_rate < 10.01e6F);
    /* Lines at 0.1 (base), 0.3 and 0.5 (apply), 0.6 (done): what passes belongs to the
       phase that was told last. */
    assert_true(fabs(r.phase_s[0] - 0.2) < 1e-9);
    assert_true(fabs(r.phase_s[1] - 0.3) < 1e-9);
    assert_true(r.phase_s[2] == 0);
}

static void an_exit_without_proof_is_no_success(void **state)
{
    (void)state;
    run_program("exit 0\n");
    assert_int_equal(r.state, MLR_RUN_FAILED);
    assert_non_null(strstr(r.message, "said nothing"));
    run_program("echo '{\"verified\":true}'; exit 3\n");
    assert_int_equal(r.state, MLR_RUN_FAILED);
}

static void a_low_ceiling_is_refused_with_the_smallest_that_works(void **state)
{
    (void)state;
    run_program("echo '{\"error\":{\"status\":\"no-memory\",\"message\":\"too little\","
                "\"found\":100000,\"limit\":4376128}}'\nexit 8\n");
    assert_int_equal(r.state, MLR_RUN_REFUSED);
    assert_int_equal(r.smallest, 4376128);
    assert_int_equal(r.exit_code, 8);
}

static void a_failure_tells_its_sentence(void **state)
{
    (void)state;
    run_program("echo '{\"error\":{\"status\":\"base-mismatch\",\"message\":\"the base is "
                "not the one\"}}'\nexit 3\n");
    assert_int_equal(r.state, MLR_RUN_FAILED);
    assert_string_equal(r.message, "the base is not the one");
}

static void a_child_that_is_killed_says_by_what(void **state)
{
    (void)state;
    run_program(LINE("base", "0.1", "800000", "1", "0", "0") "kill -9 $$\n");
    assert_int_equal(r.state, MLR_RUN_FAILED);
    assert_int_equal(r.by_signal, SIGKILL);
    assert_non_null(strstr(r.message, "signal 9"));
    run_program("kill -SEGV $$\n");
    assert_int_equal(r.by_signal, SIGSEGV);
}

static void a_program_that_is_missing_is_told(void **state)
{
    (void)state;
    mlr_err err = {0};
    unlink(program);
    mlr_status s = mlr_run_start(&r, &wish, &err);
    if (s == MLR_OK) { /* where spawning only fails in the child */
        wait_end();
    }
    assert_int_equal(r.state, MLR_RUN_FAILED);
    assert_int_equal(r.pid, 0);
}

static char process_state(pid_t pid)
{
    char path[64];
    char c = '?';
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "rb");
    if (f != NULL) {
        n = fscanf(f, "%*d %*s %c", &c);
        fclose(f);
    }
    return n == 1 ? c : '?';
}

static void pausing_stops_the_process_and_it_goes_on(void **state)
{
    (void)state;
    mlr_err err = {0};
    set_program("sleep 0.2\n"
                "echo '{\"verified\":true}'\n");
    assert_int_equal(mlr_run_start(&r, &wish, &err), MLR_OK);
    mlr_run_pause(&r, true);
    assert_int_equal(r.state, MLR_RUN_PAUSED);
    for (int i = 0; i < 200 && process_state(r.pid) != 'T'; i++) {
        usleep(2000);
    }
    assert_int_equal(process_state(r.pid), 'T');
    assert_true(mlr_run_poll(&r));
    mlr_run_pause(&r, false);
    wait_end();
    assert_int_equal(r.state, MLR_RUN_DONE);
}

static void stopping_ends_even_a_paused_process(void **state)
{
    (void)state;
    mlr_err err = {0};
    set_program("exec sleep 30\n");
    assert_int_equal(mlr_run_start(&r, &wish, &err), MLR_OK);
    mlr_run_pause(&r, true);
    mlr_run_stop(&r);
    wait_end();
    assert_int_equal(r.state, MLR_RUN_STOPPED);
    assert_int_equal(r.by_signal, SIGTERM);
}

static void a_child_that_will_not_end_is_killed_on_release(void **state)
{
    (void)state;
    mlr_err err = {0};
    set_program("trap '' TERM\nwhile :; do sleep 0.05; done\n");
    assert_int_equal(mlr_run_start(&r, &wish, &err), MLR_OK);
    pid_t pid = r.pid;
    usleep(50000);
    mlr_run_release(&r);
    assert_int_equal(kill(pid, 0), -1);
}

static void noise_and_endless_lines_do_no_harm(void **state)
{
    (void)state;
    run_program("head -c 300000 /dev/zero | tr '\\0' 'x' >&2\necho >&2\n"
                "echo '{broken' >&2\necho 'plain words' >&2\n"
                "head -c 100000 /dev/zero\n"
                "exit 1\n");
    assert_int_equal(r.state, MLR_RUN_FAILED);
    assert_int_equal(r.samples, 0);
}

static void long_runs_keep_every_part_of_their_history(void **state)
{
    (void)state;
    char line[256];
    r.every = 1;
    for (unsigned i = 1; i <= 5000; i++) {
        int n = snprintf(line, sizeof line,
                         "{\"schema\":\"mallorn.progress/1\",\"phase\":\"apply\","
                         "\"elapsed_s\":%u,\"base_total\":1,\"new_done\":%u}",
                         i, i * 100);
        assert_true(mlr_run_line(&r, line, (size_t)n));
    }
    assert_int_equal(r.every, 8);
    assert_true(r.samples > MLR_RUN_SAMPLES / 2 && r.samples <= MLR_RUN_SAMPLES);
    assert_true(r.sample[0].elapsed == 8);
    for (size_t i = 1; i < r.samples; i++) {
        assert_true(r.sample[i].elapsed - r.sample[i - 1].elapsed == 8);
    }
}

static void commands_are_quoted_for_a_shell(void **state)
{
    (void)state;
    char text[512];
    mlr_run_wish w = {.base = "it's", .patch = "p.stp", .out = "new file", .ceiling = 4096};
    assert_string_equal(mlr_run_command(&w, text, sizeof text),
                        "mallorn patch --output 'new file' --streaming --buffer-size 4096 "
                        "'it'\\''s' p.stp");
}

static void traces_are_json_and_never_overwrite(void **state)
{
    (void)state;
    mlr_err err = {0};
    run_program(good);
    assert_int_equal(mlr_run_trace(&r, trace, &err), MLR_OK);
    json_t *o = json_load_file(trace, 0, NULL);
    assert_non_null(o);
    assert_string_equal(json_string_value(json_object_get(o, "schema")), "mallorn.trace/1");
    assert_string_equal(json_string_value(json_object_get(o, "result")), "done");
    assert_int_equal(json_array_size(json_object_get(o, "samples")), 3);
    json_decref(o);
    assert_int_not_equal(mlr_run_trace(&r, trace, &err), MLR_OK);
}

/* --- the screen -------------------------------------------------------------------------
 */

static void keys(const char *script)
{
    mlr_err err = {0};
    mlr_script_run(&app, script, &err);
    assert_no_err(&err);
}

static const char fill[] = "7 <Enter> \"base.st\" <Enter> j <Enter> \"to new.stp\" <Enter> "
                           "j <Enter> \"out.st\" <Enter>";

static void the_form_asks_for_what_is_missing(void **state)
{
    (void)state;
    keys("7 r\n@expect the base is not chosen yet");
    keys("<Enter> \"base.st\" <Enter> r\n@expect the patch is not chosen yet");
    golden_screen_sizes(&app, "apply_form");
}

static void meters_and_verdict_look_right(void **state)
{
    (void)state;
    set_program(good);
    keys(fill);
    keys("j <Enter> \"2M\" <Enter> r\n@expect proven");
    golden_screen_sizes(&app, "apply_done");
}

static void a_refusal_offers_what_works(void **state)
{
    (void)state;
    set_program("case \"$*\" in *4376128*) echo '{\"verified\":true,\"new_bytes\":5,"
                "\"seconds\":0.25}'; exit 0;; esac\n"
                "echo '{\"error\":{\"status\":\"no-memory\",\"message\":\"too little\","
                "\"limit\":4376128}}'\nexit 8\n");
    keys(fill);
    keys("j <Enter> \"1M\" <Enter> r\n@expect refused: this patch needs 4.2M");
    golden_screen_sizes(&app, "apply_refused");
    keys("m <Enter>\n@expect proven: 5 bytes");
    const mlr_apply_view *a = app.state[MLR_SCREEN_APPLY];
    assert_int_equal(a->pasts, 2);
    assert_int_equal(a->past[1].state, MLR_RUN_REFUSED);
    assert_int_equal(a->past[0].ceiling, 4376128);
}

static void a_crash_of_the_child_is_shown_and_survived(void **state)
{
    (void)state;
    set_program("kill -9 $$\n");
    keys(fill);
    keys("r\n@expect killed by signal 9");
    golden_screen(&app, "apply_killed_80x24");
    set_program(good);
    keys("r\n@expect proven");
}

static void leaving_the_screen_lets_the_run_go_on(void **state)
{
    (void)state;
    set_program("sleep 0.1\necho '{\"verified\":true,\"new_bytes\":7,\"seconds\":1}'\n");
    keys(fill);
    mlr_app_key(&app, 'r');
    mlr_app_key(&app, '0');
    assert_int_equal(mlr_app_top(&app), MLR_SCREEN_OPEN);
    mlr_script_settle(&app);
    const mlr_apply_view *a = app.state[MLR_SCREEN_APPLY];
    assert_int_equal(a->run.state, MLR_RUN_DONE);
    keys("@expect in place and proven");
}

static void an_output_that_exists_is_asked_about(void **state)
{
    (void)state;
    set_program(good);
    keys(fill);
    mlr_apply_view *a = app.state[MLR_SCREEN_APPLY];
    a->field = MLR_FIELD_OUT;
    snprintf(a->wish.out, sizeof a->wish.out, "%s", program);
    keys("r\n@expect the output exists");
    assert_int_equal(a->number, 0);
    a->wish.replace = true;
    keys("r\n@expect proven");
}

static void without_models_no_other_patch_is_made(void **state)
{
    (void)state;
    keys(fill);
    keys("f\n@expect there is no ceiling to fit");
    keys("j <Enter> \"1M\" <Enter> f\n@expect only the two models");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_that_is_proven_is_done, fresh, done),
        cmocka_unit_test_setup_teardown(an_exit_without_proof_is_no_success, fresh, done),
        cmocka_unit_test_setup_teardown(
            a_low_ceiling_is_refused_with_the_smallest_that_works, fresh, done),
        cmocka_unit_test_setup_teardown(a_failure_tells_its_sentence, fresh, done),
        cmocka_unit_test_setup_teardown(a_child_that_is_killed_says_by_what, fresh, done),
        cmocka_unit_test_setup_teardown(a_program_that_is_missing_is_told, fresh, done),
        cmocka_unit_test_setup_teardown(pausing_stops_the_process_and_it_goes_on, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(stopping_ends_even_a_paused_process, fresh, done),
        cmocka_unit_test_setup_teardown(a_child_that_will_not_end_is_killed_on_release,
                                        fresh, done),
        cmocka_unit_test_setup_teardown(noise_and_endless_lines_do_no_harm, fresh, done),
        cmocka_unit_test_setup_teardown(long_runs_keep_every_part_of_their_history, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(commands_are_quoted_for_a_shell, fresh, done),
        cmocka_unit_test_setup_teardown(traces_are_json_and_never_overwrite, fresh, done),
        cmocka_unit_test_setup_teardown(the_form_asks_for_what_is_missing, fresh, done),
        cmocka_unit_test_setup_teardown(meters_and_verdict_look_right, fresh, done),
        cmocka_unit_test_setup_teardown(a_refusal_offers_what_works, fresh, done),
        cmocka_unit_test_setup_teardown(a_crash_of_the_child_is_shown_and_survived, fresh,
                                        done),
        cmocka_unit_test_setup_teardown(an_output_that_exists_is_asked_about, fresh, done),
        cmocka_unit_test_setup_teardown(without_models_no_other_patch_is_made, fresh, done),
        cmocka_unit_test_setup_teardown(leaving_the_screen_lets_the_run_go_on, fresh, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
