#include "apply/host/fd_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/fault_sys.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

enum { BYTES = 300000 }; /* several times what a pipe holds */

static uint8_t content[BYTES];
static int ends[2];

static int set_up(void **state)
{
    (void)state;
    rng r = rng_new(11);
    rng_fill(&r, content, sizeof content);
    return pipe2(ends, O_CLOEXEC);
}

static int tear_down(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* Sends everything through the pipe and closes its end. */
static void *send_all(void *sys)
{
    mlr_fd_stream s;
    mlr_fd_stream_init(&s, ends[1], "pipe", sys);
    mlr_status status = s.sink.write(s.sink.ctx, content, BYTES, NULL);
    close(ends[1]);
    ends[1] = -1;
    return status == MLR_OK && s.done == BYTES ? content : NULL;
}

static void check_transfer(const mlr_sys *in, const mlr_sys *out)
{
    static uint8_t got[BYTES + 1];
    pthread_t sender;
    void *sent = NULL;
    mlr_fd_stream s;
    mlr_err err = {0};
    mlr_fd_stream_init(&s, ends[0], "pipe", in);
    assert_int_equal(pthread_create(&sender, NULL, send_all, (void *)(uintptr_t)out), 0);
    size_t at = 0;
    size_t part = 1;
    while (part > 0) {
        mlr_status status =
            s.stream.read(s.stream.ctx, got + at, sizeof got - at, &part, &err);
        assert_int_equal(status, MLR_OK);
        at += part;
    }
    pthread_join(sender, &sent);
    assert_non_null(sent);
    assert_int_equal(at, BYTES);
    assert_int_equal(s.done, BYTES);
    assert_memory_equal(got, content, BYTES);
}

static void a_pipe_carries_every_byte(void **state)
{
    (void)state;
    check_transfer(NULL, NULL);
}

static void a_pipe_that_does_not_block_is_waited_for(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fcntl(ends[i], F_SETFL, O_NONBLOCK), 0);
    }
    check_transfer(NULL, NULL);
}

static void interrupted_and_short_calls_do_not_show(void **state)
{
    (void)state;
    const int faults[] = {EINTR, FAULT_SHORT};
    for (size_t k = 0; k < 2; k++) {
        for (size_t nth = 1; nth <= 3; nth++) {
            fault_sys in, out;
            fault_sys_init(&in);
            fault_sys_init(&out);
            in.fail_at = out.fail_at = nth;
            in.why = out.why = faults[k];
            check_transfer(&in.sys, &out.sys);
            close(ends[0]);
            assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        }
    }
}

static void failures_keep_the_systems_reason(void **state)
{
    (void)state;
    fault_sys f;
    fault_sys_init(&f);
    f.always[FAULT_READ] = EIO;
    f.always[FAULT_WRITE] = ENOSPC;
    mlr_fd_stream s;
    mlr_fd_stream_init(&s, ends[0], "pipe", &f.sys);
    uint8_t byte = 0;
    size_t got = 9;
    mlr_err err = {0};
    assert_int_equal(s.stream.read(s.stream.ctx, &byte, 1, &got, &err), MLR_E_IO);
    assert_int_equal(err.os_error, EIO);
    assert_string_equal(err.input, "pipe");
    assert_int_equal(got, 0);
    err = (mlr_err){0};
    assert_int_equal(s.sink.write(s.sink.ctx, &byte, 1, &err), MLR_E_NO_SPACE);
    assert_int_equal(err.os_error, ENOSPC);
}

static void a_closed_pipe_is_an_error_and_no_signal_of_ours(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    mlr_fd_stream s;
    mlr_err err = {0};
    mlr_fd_stream_init(&s, ends[1], "pipe", NULL);
    close(ends[0]);
    ends[0] = -1;
    assert_int_equal(s.sink.write(s.sink.ctx, content, 1, &err), MLR_E_IO);
    assert_int_equal(err.os_error, EPIPE);
}

static bool stop(void *ctx, uint64_t done, uint64_t total)
{
    (void)done;
    (void)total;
    ++*(int *)ctx;
    return false;
}

static void a_signal_can_end_waiting_on_a_silent_pipe(void **state)
{
    (void)state;
    fault_sys f;
    fault_sys_init(&f);
    f.always[FAULT_READ] = EINTR;
    int asked = 0;
    const mlr_tick tick = {.ctx = &asked, .keep_going = stop};
    mlr_fd_stream s;
    mlr_fd_stream_init(&s, ends[0], "pipe", &f.sys);
    s.tick = &tick;
    uint8_t byte = 0;
    size_t got = 0;
    mlr_err err = {0};
    assert_int_equal(s.stream.read(s.stream.ctx, &byte, 1, &got, &err), MLR_E_CANCELLED);
    assert_int_equal(asked, 1);
}

#define WITH_A_PIPE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_PIPE(a_pipe_carries_every_byte),
        WITH_A_PIPE(a_pipe_that_does_not_block_is_waited_for),
        WITH_A_PIPE(interrupted_and_short_calls_do_not_show),
        WITH_A_PIPE(failures_keep_the_systems_reason),
        WITH_A_PIPE(a_closed_pipe_is_an_error_and_no_signal_of_ours),
        WITH_A_PIPE(a_signal_can_end_waiting_on_a_silent_pipe),
    };
    alarm(60); /* a stream that waits for ever must not hang the tests */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
