#include "apply/host/threads.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "tests/support/test.h"

enum { MANY = 10000, LANES = 4 };

typedef struct tally {
    unsigned char ran[MANY]; /* plain memory: two lanes writing one entry is a race */
    atomic_bool taken[LANES];
    atomic_size_t shared, strange;
    unsigned long by_lane[LANES]; /* scratch memory, indexed by lane without a lock */
} tally;

static void count_task(void *arg, size_t i, unsigned lane)
{
    tally *t = arg;
    if (lane >= LANES) {
        t->strange++;
        return;
    }
    if (atomic_exchange(&t->taken[lane], true)) {
        t->shared++;
    }
    t->ran[i]++;
    t->by_lane[lane]++;
    atomic_store(&t->taken[lane], false);
}

static mlr_threads *start(mlr_heap *heap, unsigned lanes)
{
    mlr_heap_init(heap);
    mlr_threads *t = NULL;
    mlr_err err = {0};
    mlr_threads_start(&t, lanes, &heap->alloc, &err);
    assert_no_err(&err);
    assert_non_null(t);
    return t;
}

static void check_round(const mlr_exec *exec, size_t count)
{
    static tally t;
    memset(&t, 0, sizeof t);
    mlr_exec_run(exec, count_task, &t, count);
    unsigned long sum = 0;
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(t.ran[i], i < count);
    }
    for (int i = 0; i < LANES; i++) {
        sum += t.by_lane[i];
    }
    assert_int_equal(sum, count);
    assert_int_equal(t.shared, 0);
    assert_int_equal(t.strange, 0);
}

static void ten_thousand_tasks_run_once_each_on_lanes_of_their_own(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_threads *t = start(&heap, LANES);
    assert_int_equal(mlr_exec_lanes(mlr_threads_exec(t)), LANES);
    check_round(mlr_threads_exec(t), MANY);
    mlr_threads_stop(t);
    assert_int_equal(heap.used, 0);
}

static void rounds_follow_each_other_without_mixing(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_threads *t = start(&heap, LANES);
    for (size_t round = 0; round < 300; round++) {
        check_round(mlr_threads_exec(t), round % 7);
    }
    mlr_threads_stop(t);
}

static void one_lane_and_no_pool_run_everything_here(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_threads *t = start(&heap, 1);
    assert_int_equal(mlr_threads_exec(t)->lanes, 1);
    check_round(mlr_threads_exec(t), 1000);
    check_round(NULL, 1000);
    mlr_threads_stop(t);
}

static void wait_for_the_others(void *arg, size_t i, unsigned lane)
{
    (void)i;
    (void)lane;
    pthread_barrier_wait(arg);
}

/* Every task waits for all others: with a lane too few this would never end. */
static void all_lanes_run_at_the_same_time(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_threads *t = start(&heap, LANES);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, LANES);
    mlr_exec_run(mlr_threads_exec(t), wait_for_the_others, &barrier, LANES * 20);
    pthread_barrier_destroy(&barrier);
    mlr_threads_stop(t);
}

typedef struct straggler {
    pthread_barrier_t barrier;
    atomic_uint finished;
} straggler;

static void finish_late(void *arg, size_t i, unsigned lane)
{
    (void)i;
    straggler *s = arg;
    pthread_barrier_wait(&s->barrier); /* each lane has a task */
    struct timespec nap = {.tv_nsec = 30 * 1000 * 1000};
    if (lane != 0) {
        nanosleep(&nap, NULL);
    }
    s->finished++;
}

static void run_returns_when_the_last_worker_is_done(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_threads *t = start(&heap, LANES);
    straggler s = {.finished = 0};
    pthread_barrier_init(&s.barrier, NULL, LANES);
    mlr_exec_run(mlr_threads_exec(t), finish_late, &s, LANES);
    assert_int_equal(s.finished, LANES);
    pthread_barrier_destroy(&s.barrier);
    mlr_threads_stop(t);
}

typedef struct masks {
    pthread_barrier_t barrier;
    sigset_t of[LANES];
    pthread_t self[LANES];
} masks;

static void note_mask(void *arg, size_t i, unsigned lane)
{
    (void)i;
    masks *m = arg;
    pthread_sigmask(SIG_SETMASK, NULL, &m->of[lane]);
    m->self[lane] = pthread_self();
    pthread_barrier_wait(&m->barrier);
}

static void workers_block_signals_and_the_caller_keeps_its_mask(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_threads *t = start(&heap, LANES);
    masks m;
    pthread_barrier_init(&m.barrier, NULL, LANES);
    mlr_exec_run(mlr_threads_exec(t), note_mask, &m, LANES);
    assert_true(pthread_equal(m.self[0], pthread_self()));
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGPIPE, SIGALRM};
    for (size_t s = 0; s < sizeof signals / sizeof signals[0]; s++) {
        assert_int_equal(sigismember(&m.of[0], signals[s]), 0);
        for (int lane = 1; lane < LANES; lane++) {
            assert_int_equal(sigismember(&m.of[lane], signals[s]), 1);
        }
    }
    pthread_barrier_destroy(&m.barrier);
    mlr_threads_stop(t);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sleep_in_one_task(void *arg, size_t i, unsigned lane)
{
    (void)arg;
    (void)lane;
    struct timespec nap = {.tv_nsec = 200 * 1000 * 1000};
    if (i == 0) {
        nanosleep(&nap, NULL);
    }
}

static void waiting_costs_no_processor_time(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_threads *t = start(&heap, LANES);
    double before = cpu_seconds();
    mlr_exec_run(mlr_threads_exec(t), sleep_in_one_task, NULL, 2); /* lanes wait for one */
    sleep_in_one_task(NULL, 0, 0);                                 /* lanes without a job */
    assert_true(cpu_seconds() - before < 0.1);
    mlr_threads_stop(t);
}

static void a_refused_allocation_starts_nothing(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_heap_init(&heap);
    heap.fail_at = 1;
    mlr_err err = {0};
    mlr_threads *t = (mlr_threads *)&heap;
    assert_int_equal(mlr_threads_start(&t, 2, &heap.alloc, &err), MLR_E_NO_MEMORY);
    assert_null(t);
    assert_err(&err, MLR_E_NO_MEMORY, MLR_NO_OFFSET);
    mlr_threads_stop(NULL);
}

static void no_count_means_a_lane_a_processor(void **state)
{
    (void)state;
    mlr_heap heap;
    mlr_threads *t = start(&heap, 0);
    assert_true(mlr_processors() >= 1);
    assert_int_equal(mlr_threads_exec(t)->lanes, mlr_processors());
    mlr_threads_stop(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_tasks_run_once_each_on_lanes_of_their_own),
        cmocka_unit_test(rounds_follow_each_other_without_mixing),
        cmocka_unit_test(one_lane_and_no_pool_run_everything_here),
        cmocka_unit_test(all_lanes_run_at_the_same_time),
        cmocka_unit_test(run_returns_when_the_last_worker_is_done),
        cmocka_unit_test(workers_block_signals_and_the_caller_keeps_its_mask),
        cmocka_unit_test(waiting_costs_no_processor_time),
        cmocka_unit_test(a_refused_allocation_starts_nothing),
        cmocka_unit_test(no_count_means_a_lane_a_processor),
    };
    alarm(60); /* a pool that hangs must not hang the tests */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
