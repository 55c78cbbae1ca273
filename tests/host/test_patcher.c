/* The applier with files around it: what is left behind by failures, kills and second runs.
 */
#include "apply/host/patcher.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply/patch_format.h"
#include "tests/support/fault_sys.h"
#include "tests/support/hand_patch.h"
#include "tests/support/temp_dir.h"

enum {
    BLOCK = 64,
    BLOCKS = 100,
    NEW_BYTES = BLOCK * BLOCKS,
    BASE_BYTES = 100,
    MEMBERS = 3
};

static uint8_t base[BASE_BYTES], target[MEMBERS][NEW_BYTES];
static const char *const member[] = {"a.bin", "deep/er/b.bin", "deep/c.bin"};
static const char *const other[] = {"x.bin", "x.bin"};

typedef struct world {
    temp_dir dir;
    fault_sys fault;
    mlr_heap heap;
    char base_path[512], patch_path[512], out_path[512];
    mlr_patcher_wish wish;
} world;

static void add_member(hand_patch *h, const uint8_t *bytes)
{
    hand_patch_record(h, &(hand_record){.new_bytes = NEW_BYTES, .block = BLOCK});
    for (size_t i = 0; i < BLOCKS; i++) {
        hand_patch_chunk(h, MLR_CHUNK_BLOCK, bytes + i * BLOCK, BLOCK);
    }
}

/* `members` files; their names, or all that the test wants. */
static void write_patch(world *w, size_t members, const char *const *names)
{
    hand_patch h;
    hand_patch_begin(&h);
    hand_patch_base(&h, "old.bin", base, BASE_BYTES);
    for (size_t i = 0; i < members; i++) {
        hand_patch_target(&h, names[i], target[i], NEW_BYTES);
    }
    for (size_t i = 0; i < members; i++) {
        add_member(&h, target[i]);
    }
    hand_patch_end(&h);
    temp_dir_write(&w->dir, "patch", h.file.data, h.file.size);
    hand_patch_release(&h);
}

static void begin(world *w, size_t members, const char *out)
{
    memset(w, 0, sizeof *w);
    temp_dir_make(&w->dir);
    temp_dir_at(&w->dir, "old.bin", w->base_path);
    temp_dir_at(&w->dir, "patch", w->patch_path);
    temp_dir_at(&w->dir, out, w->out_path);
    temp_dir_write(&w->dir, "old.bin", base, BASE_BYTES);
    write_patch(w, members, member);
    mlr_heap_init(&w->heap);
    fault_sys_init(&w->fault);
    w->fault.no_sync = true;
    w->wish = (mlr_patcher_wish){.base_path = w->base_path,
                                 .patch_path = w->patch_path,
                                 .out_path = w->out_path,
                                 .checkpoint_bytes = 3 * BLOCK,
                                 .alloc = &w->heap.alloc,
                                 .sys = &w->fault.sys};
}

static void end(world *w)
{
    assert_int_equal(w->heap.used, 0);
    temp_dir_remove(&w->dir);
}

/* A whole run; `*resumed` gets what was found. */
static mlr_status run_with(world *w, uint64_t *resumed, mlr_resume_found *found,
                           mlr_err *err)
{
    *err = (mlr_err){0};
    w->fault.calls = 0;
    mlr_patcher *p = NULL;
    mlr_status status = mlr_patcher_open(&p, &w->wish, err);
    if (status == MLR_OK && found != NULL) {
        *found = mlr_patcher_found(p, resumed);
    }
    for (status = err->status == MLR_OK ? MLR_MORE : err->status; status == MLR_MORE;) {
        status = mlr_patcher_step(p, err);
    }
    if (status == MLR_OK) {
        status = mlr_patcher_publish(p, err);
    }
    mlr_patcher_close(p, err);
    return status;
}

static mlr_status run(world *w, mlr_err *err)
{
    return run_with(w, NULL, NULL, err);
}

static int holds_members(const world *w)
{
    int all = 1;
    for (size_t i = 0; i < MEMBERS; i++) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", strrchr(w->out_path, '/') + 1, member[i]);
        all &= temp_dir_holds(&w->dir, name, target[i], NEW_BYTES);
    }
    return all;
}

static int exists(const world *w, const char *name)
{
    struct stat st;
    return fstatat(w->dir.fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* --- several files -------------------------------------------------------------------- */

static void makes_a_directory_of_all_members(void **state)
{
    (void)state;
    world w;
    mlr_err err;
    begin(&w, MEMBERS, "new");
    run(&w, &err);
    assert_no_err(&err);
    assert_true(holds_members(&w));
    assert_int_equal(temp_dir_entries(&w.dir), 3);
    assert_int_equal(run(&w, &err), MLR_E_USAGE); /* it exists now */
    assert_int_equal(mlr_exit_code(&err), 2);
    w.wish.overwrite = MLR_REPLACE_EXISTING;
    temp_dir_write(&w.dir, "new/a.bin", "old", 3);
    run(&w, &err);
    assert_no_err(&err);
    assert_true(holds_members(&w));
    w.fault.always[FAULT_EXCHANGE] = EINVAL; /* a file system that cannot */
    temp_dir_write(&w.dir, "new/a.bin", "old", 3);
    run(&w, &err);
    assert_no_err(&err);
    assert_true(holds_members(&w));
    assert_int_equal(temp_dir_entries(&w.dir), 3);
    end(&w);
}

static void takes_an_empty_directory_and_no_other(void **state)
{
    (void)state;
    world w;
    mlr_err err;
    begin(&w, MEMBERS, "new");
    assert_int_equal(mkdirat(w.dir.fd, "new", 0755), 0);
    run(&w, &err);
    assert_no_err(&err);
    assert_true(holds_members(&w));
    temp_dir_write(&w.dir, "new/notes.txt", "mine", 4);
    w.wish.overwrite = MLR_REPLACE_EXISTING;
    assert_int_equal(run(&w, &err), MLR_E_USAGE);
    assert_string_equal(err.subject, "notes.txt");
    assert_true(temp_dir_holds(&w.dir, "new/notes.txt", "mine", 4));
    assert_int_equal(temp_dir_entries(&w.dir), 3);
    end(&w);
    begin(&w, MEMBERS, "old.bin"); /* a file */
    w.wish.overwrite = MLR_REPLACE_EXISTING;
    assert_int_equal(run(&w, &err), MLR_E_USAGE);
    end(&w);
}

static void refuses_members_that_share_a_name(void **state)
{
    (void)state;
    static const char *const inside[] = {"x", "x/y"};
    for (int i = 0; i < 2; i++) {
        world w;
        mlr_err err;
        begin(&w, MEMBERS, "new");
        write_patch(&w, 2, i == 0 ? other : inside);
        run(&w, &err);
        if (i == 0) {
            assert_int_equal(err.status, MLR_E_FORMAT);
            assert_int_equal(mlr_exit_code(&err), 4);
        }
        assert_int_not_equal(err.status, MLR_OK);
        assert_int_equal(temp_dir_entries(&w.dir), 2);
        end(&w);
    }
}

static void puts_a_lone_file_into_a_directory(void **state)
{
    (void)state;
    world w;
    mlr_err err;
    begin(&w, 1, "new");
    assert_int_equal(mkdirat(w.dir.fd, "new", 0755), 0);
    run(&w, &err);
    assert_no_err(&err);
    assert_true(temp_dir_holds(&w.dir, "new/a.bin", target[0], NEW_BYTES));
    end(&w);
}

/* --- faults --------------------------------------------------------------------------- */

/* The last one on a system that neither exchanges names nor spares what a rename meets: a
   kill may come between its two steps. */
typedef enum mode {
    ONE,
    ONE_FORCED,
    RESUMED,
    MANY,
    MANY_FORCED,
    MODES,
    MANY_WEAK = MODES
} mode;

static bool is_many(mode m)
{
    return m == MANY || m == MANY_FORCED || m == MANY_WEAK;
}

static void begin_mode(world *w, mode m)
{
    begin(w, is_many(m) ? MEMBERS : 1, "new");
    w->wish.resume = m == RESUMED;
    if (m == ONE_FORCED) {
        temp_dir_write(&w->dir, "new", "before", 6);
    }
    if (m == MANY_WEAK) {
        w->fault.always[FAULT_EXCHANGE] = EINVAL;
        w->fault.no_replace_unknown = true;
    }
    if (m == MANY_FORCED || m == MANY_WEAK) {
        mkdirat(w->dir.fd, "new", 0755);
        temp_dir_write(&w->dir, "new/a.bin", "before", 6);
    }
    if (m == ONE_FORCED || m == MANY_FORCED || m == MANY_WEAK) {
        w->wish.overwrite = MLR_REPLACE_EXISTING;
    }
}

static int is_new(const world *w, mode m)
{
    return is_many(m) ? holds_members(w)
                      : temp_dir_holds(&w->dir, "new", target[0], NEW_BYTES);
}

static int is_old(const world *w, mode m)
{
    switch (m) {
    case ONE_FORCED:
        return temp_dir_holds(&w->dir, "new", "before", 6);
    case MANY_FORCED:
    case MANY_WEAK:
        return temp_dir_holds(&w->dir, "new/a.bin", "before", 6) && !exists(w, "new/deep");
    default:
        return !exists(w, "new");
    }
}

static void leaves_old_or_new_and_no_debris_whatever_fails(void **state)
{
    (void)state;
    static const int faults[] = {EIO, ENOSPC, EINTR, FAULT_SHORT};
    for (int m = 0; m <= MANY_WEAK; m++) {
        for (size_t f = 0; f < 4; f++) {
            size_t at = 1;
            for (bool reached = true; reached; at++) {
                world w;
                mlr_err err;
                begin_mode(&w, (mode)m);
                w.fault.fail_at = at;
                w.fault.why = faults[f];
                run(&w, &err);
                reached = w.fault.calls >= at;
                bool fine = err.status == MLR_OK;
                bool durable = is_new(&w, (mode)m); /* only a directory's sync failed */
                bool passing = faults[f] == EINTR || faults[f] == FAULT_SHORT;
                if (passing && (!fine || temp_dir_entries(&w.dir) != 3)) {
                    fail_msg("noticed: mode %d, fault %d, call %zu", m, faults[f], at);
                }
                if (!(fine ? durable : durable || is_old(&w, (mode)m))) {
                    fail_msg("mode %d, fault %d, call %zu", m, faults[f], at);
                }
                if (m != RESUMED) {
                    size_t want = 2 + (size_t)exists(&w, "new");
                    if (temp_dir_entries(&w.dir) != want) {
                        fail_msg("debris: mode %d, fault %d, call %zu", m, faults[f], at);
                    }
                }
                w.fault.fail_at = 0; /* and once more, unharmed */
                w.wish.overwrite = MLR_REPLACE_EXISTING;
                run(&w, &err);
                assert_no_err(&err);
                assert_true(is_new(&w, (mode)m));
                if (temp_dir_entries(&w.dir) != 3) {
                    fail_msg("left: mode %d, fault %d, call %zu", m, faults[f], at);
                }
                end(&w);
            }
        }
    }
}

/* Runs in a child that is killed in place of its n-th system call. Says whether it was. */
static bool killed_at(world *w, size_t n)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        mlr_err err;
        w->fault.kill_at = n;
        run(w, &err);
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFSIGNALED(how);
}

static void is_synced_with_its_mode(void *arg)
{
    const fault_sys *f = arg;
    assert_true(f->last[FAULT_FCHMOD] > 0);
    assert_true(f->last[FAULT_FSYNC] > f->last[FAULT_FCHMOD]);
}

static void makes_the_mode_as_durable_as_the_bytes(void **state)
{
    (void)state;
    for (int m = 0; m < MODES; m++) {
        world w;
        mlr_err err;
        begin_mode(&w, (mode)m);
        w.fault.before_rename = is_synced_with_its_mode;
        w.fault.arg = &w.fault;
        run(&w, &err);
        assert_no_err(&err);
        end(&w);
    }
}

static void leaves_no_journal_for_a_passing_fault(void **state)
{
    (void)state;
    world w;
    mlr_err err;
    size_t calls = 1;
    for (size_t at = 1; at <= calls; at++) {
        begin_mode(&w, RESUMED);
        w.fault.fail_at = at;
        w.fault.why = EIO;
        run(&w, &err);
        calls = at == 1 ? 1000 : w.fault.calls;
        if (err.status == MLR_OK && temp_dir_entries(&w.dir) != 3) {
            fail_msg("left: call %zu", at);
        }
        end(&w);
    }
}

static mlr_patcher *running;

/* What the signal handler does where a run does not stop by itself. */
static void abandon_and_end(void *arg)
{
    const fault_sys *f = arg;
    bool names_change =
        f->last[FAULT_RENAME] == f->calls || f->last[FAULT_EXCHANGE] == f->calls;
    mlr_patcher_abandon(running);
    _exit(names_change ? 2 : 1);
}

/* In a child; 0 where the n-th call was not reached while a result was being published. */
static int abandoned_at(world *w, size_t n)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        mlr_err err = {0};
        mlr_status status = mlr_patcher_open(&running, &w->wish, &err);
        for (status = MLR_MORE; status == MLR_MORE;) {
            status = mlr_patcher_step(running, &err);
        }
        w->fault.hook_at = w->fault.calls + n;
        w->fault.hook = abandon_and_end;
        w->fault.arg = &w->fault;
        mlr_patcher_publish(running, &err);
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    return WEXITSTATUS(how);
}

static void loses_nothing_when_given_up_while_publishing(void **state)
{
    (void)state;
    for (int m = 0; m < MODES; m++) {
        int how = 1;
        for (size_t n = 1; how != 0; n++) {
            world w;
            begin_mode(&w, (mode)m);
            how = abandoned_at(&w, n);
            if (!is_new(&w, (mode)m) && !is_old(&w, (mode)m)) {
                fail_msg("mode %d, call %zu", m, n);
            }
            size_t want = 2 + (size_t)exists(&w, "new");
            if (m != RESUMED && how != 2 && temp_dir_entries(&w.dir) != want) {
                fail_msg("left: mode %d, call %zu", m, n);
            }
            end(&w);
        }
    }
}

static void survives_a_kill_at_every_call(void **state)
{
    (void)state;
    size_t points = 0;
    for (int m = 0; m < MODES; m++) {
        bool killed = true;
        for (size_t n = 1; killed; n++) {
            world w;
            mlr_err err;
            begin_mode(&w, (mode)m);
            killed = killed_at(&w, n);
            points += killed;
            if (!is_new(&w, (mode)m) && !is_old(&w, (mode)m)) {
                fail_msg("mode %d, killed at call %zu", m, n);
            }
            if (m == RESUMED && killed && !exists(&w, "new")) { /* and killed once more */
                killed_at(&w, 1 + n / 2);
            }
            w.wish.overwrite = MLR_REPLACE_EXISTING;
            run(&w, &err);
            assert_no_err(&err);
            assert_true(is_new(&w, (mode)m));
            end(&w);
        }
    }
    print_message("%zu points\n", points);
}

/* --- resuming ------------------------------------------------------------------------- */

/* Stops a run when half of the output is written. */
static void stop_half_way(world *w)
{
    mlr_err err = {0};
    mlr_patcher *p = NULL;
    assert_int_equal(mlr_patcher_open(&p, &w->wish, &err), MLR_OK);
    while (mlr_patcher_where(p).new_done < NEW_BYTES / 2) {
        assert_int_equal(mlr_patcher_step(p, &err), MLR_MORE);
    }
    mlr_fail(&err, MLR_E_CANCELLED, MLR_NO_OFFSET, "patch");
    mlr_patcher_close(p, &err);
}

static void goes_on_where_it_was_stopped(void **state)
{
    (void)state;
    world w;
    mlr_err err;
    uint64_t resumed = 0;
    mlr_resume_found found = MLR_RESUME_NOTHING;
    begin(&w, 1, "new");
    w.wish.resume = true;
    stop_half_way(&w);
    assert_true(exists(&w, "new.mallorn-part"));
    run_with(&w, &resumed, &found, &err);
    assert_no_err(&err);
    assert_int_equal(found, MLR_RESUME_PREFIX);
    assert_int_equal(resumed, NEW_BYTES / 2);
    assert_true(is_new(&w, RESUMED));
    assert_int_equal(temp_dir_entries(&w.dir), 3);
    end(&w);
}

static void starts_anew_where_the_part_is_another(void **state)
{
    (void)state;
    for (int damage = 0; damage < 4; damage++) {
        world w;
        mlr_err err;
        uint64_t resumed = 0;
        mlr_resume_found found = MLR_RESUME_NOTHING;
        begin(&w, 1, "new");
        w.wish.resume = true;
        stop_half_way(&w);
        int part = openat(w.dir.fd, "new.mallorn-part", O_RDWR);
        if (damage == 0) {
            assert_int_equal(pwrite(part, "!", 1, 10), 1); /* a byte of the prefix */
        } else if (damage == 1) {
            assert_int_equal(ftruncate(part, 100), 0);
        } else if (damage == 2) {
            assert_int_equal(unlinkat(w.dir.fd, "new.mallorn-journal", 0), 0);
        } else {
            write_patch(&w, 1, other); /* another patch for the same output */
        }
        close(part);
        run_with(&w, &resumed, &found, &err);
        assert_no_err(&err);
        if (damage != 1) { /* the journal's older slot may still vouch for 100 bytes: no */
            assert_int_equal(found, MLR_RESUME_OTHER);
        }
        assert_true(is_new(&w, RESUMED));
        assert_int_equal(temp_dir_entries(&w.dir), 3);
        end(&w);
    }
}

static void keeps_the_part_when_the_base_is_wrong(void **state)
{
    (void)state;
    world w;
    mlr_err err;
    uint64_t resumed = 0;
    mlr_resume_found found = MLR_RESUME_NOTHING;
    begin(&w, 1, "new");
    w.wish.resume = true;
    stop_half_way(&w);
    temp_dir_write(&w.dir, "wrong.bin", target[1], BASE_BYTES);
    char wrong[512];
    w.wish.base_path = temp_dir_at(&w.dir, "wrong.bin", wrong);
    assert_int_equal(run(&w, &err), MLR_E_BASE);
    assert_int_equal(mlr_exit_code(&err), 3);
    w.wish.base_path = w.base_path;
    run_with(&w, &resumed, &found, &err);
    assert_no_err(&err);
    assert_int_equal(resumed, NEW_BYTES / 2);
    end(&w);
}

static void lets_only_one_run_have_the_part(void **state)
{
    (void)state;
    world w;
    mlr_err err = {0};
    begin(&w, 1, "new");
    w.wish.resume = true;
    mlr_patcher *p = NULL;
    assert_int_equal(mlr_patcher_open(&p, &w.wish, &err), MLR_OK);
    mlr_err second;
    assert_int_equal(run(&w, &second), MLR_E_BUSY);
    assert_int_equal(mlr_exit_code(&second), 75);
    mlr_patcher_close(p, NULL);
    end(&w);
}

/* --- the rest ------------------------------------------------------------------------- */

static void replaces_its_own_base(void **state)
{
    (void)state;
    world w;
    mlr_err err;
    begin(&w, 1, "old.bin");
    assert_int_equal(run(&w, &err), MLR_E_USAGE);
    w.wish.overwrite = MLR_REPLACE_EXISTING;
    run(&w, &err);
    assert_no_err(&err);
    assert_true(temp_dir_holds(&w.dir, "old.bin", target[0], NEW_BYTES));
    assert_int_equal(temp_dir_entries(&w.dir), 2);
    end(&w);
}

static void tells_what_cannot_be_used(void **state)
{
    (void)state;
    world w;
    mlr_err err;
    char path[512];
    begin(&w, 1, "new");
    w.wish.base_path = temp_dir_at(&w.dir, "nowhere", path);
    assert_int_equal(run(&w, &err), MLR_E_IO);
    mkfifoat(w.dir.fd, "fifo", 0600);
    w.wish.base_path = temp_dir_at(&w.dir, "fifo", path);
    assert_int_equal(run(&w, &err), MLR_E_UNSUPPORTED);
    w.wish.base_path = w.base_path;
    w.wish.patch_path = w.dir.path;
    assert_int_equal(run(&w, &err), MLR_E_IO);
    assert_int_equal(err.os_error, EISDIR);
    w.wish.patch_path = w.patch_path;
    w.wish.budget = 1000;
    assert_int_equal(run(&w, &err), MLR_E_NO_MEMORY);
    w.wish.budget = err.limit; /* the smallest that works, does */
    run(&w, &err);
    assert_no_err(&err);
    end(&w);
    begin(&w, MEMBERS, "new");
    w.wish.resume = true;
    assert_int_equal(run(&w, &err), MLR_E_UNSUPPORTED);
    assert_int_equal(temp_dir_entries(&w.dir), 2);
    end(&w);
}

int main(void)
{
    for (size_t i = 0; i < BASE_BYTES; i++) {
        base[i] = (uint8_t)(i * 3);
    }
    for (size_t i = 0; i < MEMBERS * NEW_BYTES; i++) {
        target[i / NEW_BYTES][i % NEW_BYTES] = (uint8_t)(i * 11 + i / 256);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_directory_of_all_members),
        cmocka_unit_test(takes_an_empty_directory_and_no_other),
        cmocka_unit_test(refuses_members_that_share_a_name),
        cmocka_unit_test(puts_a_lone_file_into_a_directory),
        cmocka_unit_test(leaves_old_or_new_and_no_debris_whatever_fails),
        cmocka_unit_test(makes_the_mode_as_durable_as_the_bytes),
        cmocka_unit_test(leaves_no_journal_for_a_passing_fault),
        cmocka_unit_test(loses_nothing_when_given_up_while_publishing),
        cmocka_unit_test(survives_a_kill_at_every_call),
        cmocka_unit_test(goes_on_where_it_was_stopped),
        cmocka_unit_test(starts_anew_where_the_part_is_another),
        cmocka_unit_test(keeps_the_part_when_the_base_is_wrong),
        cmocka_unit_test(lets_only_one_run_have_the_part),
        cmocka_unit_test(replaces_its_own_base),
        cmocka_unit_test(tells_what_cannot_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
