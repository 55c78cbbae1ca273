#include "tui/job.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/test.h"

typedef struct count_note {
    mlr_note note;
    int value;
} count_note;

static void release(mlr_note *n)
{
    free(n);
}

static mlr_status count_to(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err)
{
    int most = *(const int *)arg;
    for (int i = 0; i < most; i++) {
        if (!mlr_keep_going(tick, (uint64_t)i, (uint64_t)most)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "counting");
        }
        count_note *n = malloc(sizeof *n);
        assert_non_null(n);
        *n = (count_note){.note = {.release = release}, .value = i};
        mlr_job_post(job, &n->note);
    }
    return MLR_OK;
}

static mlr_status wait_for_cancel(mlr_job *job, void *arg, const mlr_tick *tick,
                                  mlr_err *err)
{
    (void)job;
    (void)arg;
    while (mlr_keep_going(tick, 1, 2)) {
        (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "waiting");
}

static void notes_arrive_in_order_and_the_end_wakes(void **state)
{
    (void)state;
    int most = 100;
    mlr_job job = {.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    assert_int_equal(mlr_job_start(&job, "counting", count_to, &most, NULL), MLR_OK);
    struct pollfd p = {job.wake_fd, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(mlr_job_join(&job), MLR_OK);
    assert_int_equal(mlr_job_state_of(&job), MLR_JOB_IDLE);
    int expected = 0;
    for (mlr_note *n = mlr_job_collect(&job); n != NULL;) {
        mlr_note *next = n->next;
        assert_int_equal(((count_note *)n)->value, expected++);
        assert_int_equal(n->generation, 1);
        n->release(n);
        n = next;
    }
    assert_int_equal(expected, 100);
    assert_int_equal(atomic_load(&job.total), 100);
    close(job.wake_fd);
}

static void cancelling_ends_it_soon_and_it_runs_again(void **state)
{
    (void)state;
    int most = 3;
    mlr_job job = {.wake_fd = -1};
    mlr_err err = {0};
    assert_int_equal(mlr_job_start(&job, "waiting", wait_for_cancel, NULL, NULL), MLR_OK);
    assert_int_equal(mlr_job_start(&job, "again", count_to, &most, &err), MLR_E_BUSY);
    struct timespec a;
    struct timespec b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    mlr_job_cancel(&job);
    assert_int_equal(mlr_job_join(&job), MLR_E_CANCELLED);
    clock_gettime(CLOCK_MONOTONIC, &b);
    assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 1000);
    assert_int_equal(mlr_job_start(&job, "again", count_to, &most, NULL), MLR_OK);
    assert_int_equal(mlr_job_join(&job), MLR_OK);
    mlr_job_drop_notes(&job);
    assert_null(mlr_job_collect(&job));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_arrive_in_order_and_the_end_wakes),
        cmocka_unit_test(cancelling_ends_it_soon_and_it_runs_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
