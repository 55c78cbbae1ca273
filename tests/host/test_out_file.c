#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply/host/file.h"
#include "tests/support/fault_sys.h"
#include "tests/support/rng.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test.h"

enum { BYTES = 5000, OLD = 777 };

static temp_dir dir;
static char path[512];
static uint8_t content[BYTES], old[OLD];

static int set_up(void **state)
{
    (void)state;
    temp_dir_make(&dir);
    rng r = rng_new(9);
    rng_fill(&r, content, sizeof content);
    rng_fill(&r, old, sizeof old);
    temp_dir_at(&dir, "out", path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_dir_remove(&dir);
    return 0;
}

typedef struct job {
    uint64_t size; /* as announced */
    mlr_overwrite how;
    const mlr_sys *sys;
} job;

/* Everything writing does: three pieces, the first of which is only put right at the end.
 */
static mlr_status write_all(const job *j, mlr_err *err)
{
    mlr_out_file o;
    mlr_status status = mlr_out_open(&o, path, j->size, j->how, j->sys, err);
    const size_t cuts[] = {0, 64, 2000, BYTES};
    for (size_t i = 0; i < 3 && status == MLR_OK; i++) {
        const uint8_t *from = i == 0 ? old : content + cuts[i];
        status = o.sink.write(o.sink.ctx, from, cuts[i + 1] - cuts[i], err);
    }
    if (status == MLR_OK) {
        status = mlr_out_rewrite(&o, 0, content, cuts[1], err);
    }
    if (status == MLR_OK) {
        status = mlr_out_sync(&o, err);
    }
    if (status == MLR_OK) {
        status = mlr_out_publish(&o, err);
    }
    mlr_out_discard(&o);
    return status;
}

static mode_t mode_of(const char *name)
{
    struct stat st;
    assert_int_equal(fstatat(dir.fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode & 07777;
}

static void a_new_file_appears_whole(void **state)
{
    (void)state;
    const uint64_t sizes[] = {0, BYTES, BYTES - 1000, BYTES + 1000};
    size_t before = open_descriptors();
    for (size_t i = 0; i < 4; i++) {
        mlr_err err = {0};
        write_all(&(job){.size = sizes[i]}, &err);
        assert_no_err(&err);
        assert_true(temp_dir_holds(&dir, "out", content, BYTES));
        assert_int_equal(temp_dir_entries(&dir), 1);
        assert_int_equal(unlinkat(dir.fd, "out", 0), 0);
    }
    assert_int_equal(open_descriptors(), before);
}

static void nothing_is_visible_before_publication(void **state)
{
    (void)state;
    temp_dir_write(&dir, "out", old, OLD);
    mlr_out_file o;
    mlr_err err = {0};
    mlr_out_open(&o, path, BYTES, MLR_REPLACE_EXISTING, NULL, &err);
    o.sink.write(o.sink.ctx, content, BYTES, &err);
    assert_int_equal(mode_of(o.temp), 0600);
    mlr_out_sync(&o, &err);
    assert_no_err(&err);
    assert_true(temp_dir_holds(&dir, "out", old, OLD));
    assert_true(temp_dir_holds(&dir, o.temp, content, BYTES));
    mlr_out_discard(&o);
    mlr_out_discard(&o);
    assert_true(temp_dir_holds(&dir, "out", old, OLD));
    assert_int_equal(temp_dir_entries(&dir), 1);
}

static void what_was_written_can_be_read_back_before_publication(void **state)
{
    (void)state;
    mlr_out_file o;
    uint8_t got[100];
    assert_int_equal(mlr_out_open(&o, path, 0, MLR_KEEP_EXISTING, NULL, NULL), MLR_OK);
    assert_int_equal(o.sink.write(o.sink.ctx, content, 100, NULL), MLR_OK);
    assert_int_equal(pread(o.fd, got, 100, 0), 100);
    assert_memory_equal(got, content, 100);
    mlr_out_discard(&o);
}

static void only_bytes_written_already_can_be_rewritten(void **state)
{
    (void)state;
    mlr_out_file o;
    assert_int_equal(mlr_out_open(&o, path, 0, MLR_KEEP_EXISTING, NULL, NULL), MLR_OK);
    assert_int_equal(o.sink.write(o.sink.ctx, content, 100, NULL), MLR_OK);
    assert_int_equal(mlr_out_sync(&o, NULL), MLR_OK);
    assert_int_equal(mlr_out_rewrite(&o, 0, content, 101, NULL), MLR_E_IO);
    assert_int_equal(mlr_out_rewrite(&o, 101, content, 0, NULL), MLR_E_IO);
    assert_int_equal(mlr_out_rewrite(&o, UINT64_MAX, content, 2, NULL), MLR_E_IO);
    assert_int_equal(mlr_out_rewrite(&o, 90, old, 10, NULL), MLR_OK);
    assert_false(o.synced);
    assert_true(o.written == 100);
    assert_int_equal(o.sink.write(o.sink.ctx, content + 100, 1, NULL), MLR_OK);
    assert_int_equal(mlr_out_publish(&o, NULL), MLR_OK);
    uint8_t expected[101];
    memcpy(expected, content, sizeof expected);
    memcpy(expected + 90, old, 10);
    assert_true(temp_dir_holds(&dir, "out", expected, sizeof expected));
}

static void a_new_file_obeys_the_umask_and_never_changes_it(void **state)
{
    (void)state;
    mode_t before = umask(027);
    mlr_out_file o;
    mlr_err err = {0};
    mlr_out_open(&o, path, 10, MLR_KEEP_EXISTING, NULL, &err);
    assert_int_equal(mode_of(o.temp), 0600);
    mlr_out_publish(&o, &err);
    assert_no_err(&err);
    assert_int_equal(umask(before), 027);
    assert_int_equal(mode_of("out"), 0640);
}

static void a_replaced_file_keeps_its_mode_but_no_privileges(void **state)
{
    (void)state;
    const mode_t modes[] = {0600, 0644, 0751, 04755};
    for (size_t i = 0; i < 4; i++) {
        temp_dir_write(&dir, "out", old, OLD);
        assert_int_equal(fchmodat(dir.fd, "out", modes[i], 0), 0);
        assert_int_equal(write_all(&(job){.how = MLR_REPLACE_EXISTING}, NULL), MLR_OK);
        assert_int_equal(mode_of("out"), modes[i] & 0777);
    }
}

static void an_existing_file_is_kept_unless_told_otherwise(void **state)
{
    (void)state;
    temp_dir_write(&dir, "out", old, OLD);
    mlr_err err = {0};
    write_all(&(job){.how = MLR_KEEP_EXISTING}, &err);
    assert_err(&err, MLR_E_USAGE, MLR_NO_OFFSET);
    assert_int_equal(err.os_error, EEXIST);
    assert_true(temp_dir_holds(&dir, "out", old, OLD));
    assert_int_equal(temp_dir_entries(&dir), 1);
}

static void someone_else_writes_it(void *arg)
{
    (void)arg;
    temp_dir_write(&dir, "out", old, OLD);
}

static void a_file_that_appears_meanwhile_is_kept_too(void **state)
{
    (void)state;
    fault_sys f;
    fault_sys_init(&f);
    f.before_rename = someone_else_writes_it;
    mlr_err err = {0};
    write_all(&(job){.how = MLR_KEEP_EXISTING, .sys = &f.sys}, &err);
    assert_err(&err, MLR_E_USAGE, MLR_NO_OFFSET);
    assert_true(temp_dir_holds(&dir, "out", old, OLD));
    assert_int_equal(temp_dir_entries(&dir), 1);
}

static void without_an_exclusive_rename_it_looks_first(void **state)
{
    (void)state;
    fault_sys f;
    fault_sys_init(&f);
    f.no_replace_unknown = true;
    assert_int_equal(write_all(&(job){.sys = &f.sys}, NULL), MLR_OK);
    assert_true(temp_dir_holds(&dir, "out", content, BYTES));
    assert_int_equal(unlinkat(dir.fd, "out", 0), 0);

    fault_sys_init(&f);
    f.no_replace_unknown = true;
    f.before_rename = someone_else_writes_it;
    assert_int_equal(write_all(&(job){.sys = &f.sys}, NULL), MLR_E_USAGE);
    assert_true(temp_dir_holds(&dir, "out", old, OLD));
    assert_int_equal(temp_dir_entries(&dir), 1);
}

static void only_regular_files_are_replaced(void **state)
{
    (void)state;
    temp_dir_write(&dir, "real", old, OLD);
    assert_int_equal(symlinkat("real", dir.fd, "out"), 0);
    mlr_err err = {0};
    write_all(&(job){.how = MLR_REPLACE_EXISTING}, &err);
    assert_err(&err, MLR_E_USAGE, MLR_NO_OFFSET);
    assert_int_equal(unlinkat(dir.fd, "out", 0), 0);
    assert_int_equal(mkdirat(dir.fd, "out", 0700), 0);
    err = (mlr_err){0};
    write_all(&(job){.how = MLR_REPLACE_EXISTING}, &err);
    assert_err(&err, MLR_E_USAGE, MLR_NO_OFFSET);
    assert_true(temp_dir_holds(&dir, "real", old, OLD));
    assert_int_equal(temp_dir_entries(&dir), 2);
}

static void paths_without_a_name_or_a_folder_are_refused(void **state)
{
    (void)state;
    mlr_out_file o;
    const char *nameless[] = {"", "/", ".", "..", "/tmp/", "/tmp/."};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(mlr_out_open(&o, nameless[i], 0, MLR_KEEP_EXISTING, NULL, NULL),
                         MLR_E_USAGE);
        mlr_out_discard(&o);
    }
    char long_name[6000];
    memset(long_name, 'n', sizeof long_name);
    long_name[299] = '\0';
    mlr_err err = {0};
    mlr_out_open(&o, long_name, 0, MLR_KEEP_EXISTING, NULL, &err);
    assert_int_equal(err.os_error, ENAMETOOLONG);
    long_name[299] = 'n';
    memcpy(long_name + 5990, "/x", 3);
    err = (mlr_err){0};
    mlr_out_open(&o, long_name, 0, MLR_KEEP_EXISTING, NULL, &err);
    assert_int_equal(err.os_error, ENAMETOOLONG);
    err = (mlr_err){0};
    mlr_out_open(&o, "/nowhere/at/all", 0, MLR_KEEP_EXISTING, NULL, &err);
    assert_err(&err, MLR_E_IO, MLR_NO_OFFSET);
    assert_int_equal(err.os_error, ENOENT);
}

static void a_name_alone_means_the_current_folder(void **state)
{
    (void)state;
    int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(fchdir(dir.fd), 0);
    mlr_out_file o;
    mlr_err err = {0};
    mlr_out_open(&o, "plain", 0, MLR_KEEP_EXISTING, NULL, &err);
    mlr_out_publish(&o, &err);
    assert_int_equal(fchdir(home), 0);
    close(home);
    assert_no_err(&err);
    assert_true(temp_dir_holds(&dir, "plain", "", 0));
}

static void a_full_disk_shows_before_the_first_byte(void **state)
{
    (void)state;
    const int full[] = {ENOSPC, EDQUOT};
    for (size_t i = 0; i < 2; i++) {
        fault_sys f;
        fault_sys_init(&f);
        f.always[FAULT_FALLOCATE] = full[i];
        mlr_err err = {0};
        write_all(&(job){.size = BYTES, .sys = &f.sys}, &err);
        assert_err(&err, MLR_E_NO_SPACE, MLR_NO_OFFSET);
        assert_int_equal(err.os_error, full[i]);
        assert_int_equal(f.count[FAULT_WRITE], 0);
        assert_int_equal(temp_dir_entries(&dir), 0);
    }
}

static void reserving_that_is_not_possible_is_done_without(void **state)
{
    (void)state;
    const int unable[] = {EOPNOTSUPP, EINVAL, ENOSYS};
    for (size_t i = 0; i < 3; i++) {
        fault_sys f;
        fault_sys_init(&f);
        f.always[FAULT_FALLOCATE] = unable[i];
        const job j = {.size = BYTES, .how = MLR_REPLACE_EXISTING, .sys = &f.sys};
        assert_int_equal(write_all(&j, NULL), MLR_OK);
        assert_true(temp_dir_holds(&dir, "out", content, BYTES));
    }
}

static void a_size_no_file_can_have_is_a_limit(void **state)
{
    (void)state;
    mlr_err err = {0};
    write_all(&(job){.size = UINT64_MAX}, &err);
    assert_err(&err, MLR_E_LIMIT, MLR_NO_OFFSET);
    assert_int_equal(temp_dir_entries(&dir), 0);
}

static void a_failed_sync_is_final(void **state)
{
    (void)state;
    fault_sys f;
    fault_sys_init(&f);
    f.always[FAULT_FSYNC] = EIO;
    mlr_out_file o;
    mlr_err err = {0};
    mlr_out_open(&o, path, 0, MLR_KEEP_EXISTING, &f.sys, &err);
    o.sink.write(o.sink.ctx, content, 10, &err);
    assert_int_equal(mlr_out_sync(&o, &err), MLR_E_IO);
    assert_int_equal(err.os_error, EIO);
    f.always[FAULT_FSYNC] = 0; /* the kernel would now say that all is well */
    assert_int_equal(mlr_out_sync(&o, NULL), MLR_E_IO);
    assert_int_equal(o.sink.write(o.sink.ctx, content, 10, NULL), MLR_E_IO);
    assert_int_equal(mlr_out_publish(&o, NULL), MLR_E_IO);
    assert_int_equal(f.count[FAULT_FSYNC], 1);
    assert_int_equal(temp_dir_entries(&dir), 0);
}

static void a_failed_write_is_never_published(void **state)
{
    (void)state;
    fault_sys f;
    fault_sys_init(&f);
    f.always[FAULT_WRITE] = ENOSPC;
    mlr_out_file o;
    assert_int_equal(mlr_out_open(&o, path, 0, MLR_KEEP_EXISTING, &f.sys, NULL), MLR_OK);
    assert_int_equal(o.sink.write(o.sink.ctx, content, 10, NULL), MLR_E_NO_SPACE);
    f.always[FAULT_WRITE] = 0;
    assert_int_equal(mlr_out_publish(&o, NULL), MLR_E_IO);
    assert_int_equal(f.count[FAULT_RENAME], 0);
    assert_int_equal(temp_dir_entries(&dir), 0);
}

static void an_output_that_never_opened_does_nothing(void **state)
{
    (void)state;
    size_t before = open_descriptors();
    mlr_out_file o = {0};
    mlr_out_discard(&o);
    mlr_out_discard(NULL);
    assert_int_equal(mlr_out_sync(&o, NULL), MLR_E_IO);
    assert_int_equal(mlr_out_publish(&o, NULL), MLR_E_IO);
    assert_int_equal(open_descriptors(), before);
}

static void a_taken_temporary_name_is_not_touched(void **state)
{
    (void)state;
    fault_sys f;
    fault_sys_init(&f);
    f.fail_at = 3; /* directory, target, temporary file */
    f.why = EEXIST;
    assert_int_equal(write_all(&(job){.sys = &f.sys}, NULL), MLR_OK);
    assert_int_equal(f.hit, FAULT_OPENAT);
    assert_int_equal(f.count[FAULT_OPENAT], 4);
    assert_int_equal(f.count[FAULT_UNLINKAT], 0);
}

static mlr_status expected_status(const fault_sys *f)
{
    bool reserving = f->hit == FAULT_FALLOCATE && f->why == EOPNOTSUPP;
    if (f->hit == FAULT_CALLS || f->hit == FAULT_CLOSE || reserving || f->why == EINTR ||
        f->why == FAULT_SHORT) {
        return MLR_OK;
    }
    return f->why == ENOSPC || f->why == EDQUOT ? MLR_E_NO_SPACE : MLR_E_IO;
}

/* One run in which the n-th call fails: the target is old or new, and nothing else stays.
 * Returns whether there was an n-th call. */
static bool check_fault(job j, fault_sys *f, bool target_exists)
{
    if (target_exists) {
        temp_dir_write(&dir, "out", old, OLD);
    } else {
        unlinkat(dir.fd, "out", 0);
    }
    mlr_err err = {0};
    j.sys = &f->sys;
    mlr_status status = write_all(&j, &err);
    bool is_new = temp_dir_holds(&dir, "out", content, BYTES);
    bool is_old = target_exists && temp_dir_holds(&dir, "out", old, OLD);
    bool only_dir_sync = f->hit == FAULT_FSYNC && f->count[FAULT_RENAME] == 1;
    if (!f->from_then_on || f->hit == FAULT_CALLS) {
        assert_int_equal(
            status, f->why == EOPNOTSUPP && only_dir_sync ? MLR_OK : expected_status(f));
    }
    if (status == MLR_OK) {
        assert_true(is_new);
    } else if (!only_dir_sync) {
        assert_false(is_new);
        assert_int_equal(is_old, target_exists);
        assert_int_equal(err.os_error, f->why);
    } else {
        assert_true(is_new);
    }
    assert_int_equal(temp_dir_entries(&dir), is_new || is_old ? 1 : 0);
    return f->hit != FAULT_CALLS;
}

static void sweep(job j, bool target_exists, bool from_then_on)
{
    const int faults[] = {EIO, ENOSPC, EDQUOT, EACCES, EOPNOTSUPP, EINTR, FAULT_SHORT};
    size_t before = open_descriptors();
    for (size_t k = 0; k < 7; k++) {
        bool endless = faults[k] == EINTR || faults[k] == FAULT_SHORT;
        if (from_then_on && endless) {
            continue;
        }
        size_t nth = 1;
        bool reached = true;
        for (; reached; nth++) {
            fault_sys f;
            fault_sys_init(&f);
            f.fail_at = nth;
            f.from_then_on = from_then_on;
            f.why = faults[k];
            reached = check_fault(j, &f, target_exists);
            assert_int_equal(open_descriptors(), before);
        }
        assert_true(nth > 10);
    }
}

static void each_failing_call_leaves_the_old_file_and_no_other(void **state)
{
    (void)state;
    const uint64_t sizes[] = {0, BYTES, BYTES + 1000};
    for (size_t i = 0; i < 3; i++) {
        sweep((job){.size = sizes[i], .how = MLR_REPLACE_EXISTING}, true, false);
        sweep((job){.size = sizes[i], .how = MLR_REPLACE_EXISTING}, true, true);
    }
}

static void each_failing_call_leaves_nothing_where_nothing_was(void **state)
{
    (void)state;
    const uint64_t sizes[] = {0, BYTES, BYTES + 1000};
    for (size_t i = 0; i < 3; i++) {
        sweep((job){.size = sizes[i], .how = MLR_KEEP_EXISTING}, false, false);
        sweep((job){.size = sizes[i], .how = MLR_KEEP_EXISTING}, false, true);
        sweep((job){.size = sizes[i], .how = MLR_REPLACE_EXISTING}, false, false);
    }
}

/* Whether the child was killed before it was through. */
static bool killed_at(size_t nth, job j)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fault_sys f;
        fault_sys_init(&f);
        f.kill_at = nth;
        j.sys = &f.sys;
        _exit(write_all(&j, NULL) == MLR_OK ? 0 : 1);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    if (WIFEXITED(result)) {
        assert_int_equal(WEXITSTATUS(result), 0);
        return false;
    }
    assert_int_equal(WTERMSIG(result), SIGKILL);
    return true;
}

static void sweep_kills(job j, bool target_exists)
{
    size_t seen_old = 0;
    size_t nth = 1;
    for (bool killed = true; killed; nth++) {
        unlinkat(dir.fd, "out", 0);
        if (target_exists) {
            temp_dir_write(&dir, "out", old, OLD);
        }
        killed = killed_at(nth, j);
        bool is_new = temp_dir_holds(&dir, "out", content, BYTES);
        bool is_old = target_exists ? temp_dir_holds(&dir, "out", old, OLD)
                                    : faccessat(dir.fd, "out", F_OK, 0) != 0;
        assert_true(is_new || is_old);
        assert_true(killed || is_new);
        seen_old += is_old;
    }
    assert_true(seen_old > 10);
    assert_true(nth - 1 > seen_old + 1); /* some died after the rename */
}

static void being_killed_at_any_call_leaves_old_or_new(void **state)
{
    (void)state;
    sweep_kills((job){.size = BYTES + 1000, .how = MLR_REPLACE_EXISTING}, true);
    sweep_kills((job){.size = BYTES, .how = MLR_KEEP_EXISTING}, false);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_new_file_appears_whole),
        IN_A_FOLDER(nothing_is_visible_before_publication),
        IN_A_FOLDER(what_was_written_can_be_read_back_before_publication),
        IN_A_FOLDER(only_bytes_written_already_can_be_rewritten),
        IN_A_FOLDER(a_new_file_obeys_the_umask_and_never_changes_it),
        IN_A_FOLDER(a_replaced_file_keeps_its_mode_but_no_privileges),
        IN_A_FOLDER(an_existing_file_is_kept_unless_told_otherwise),
        IN_A_FOLDER(a_file_that_appears_meanwhile_is_kept_too),
        IN_A_FOLDER(without_an_exclusive_rename_it_looks_first),
        IN_A_FOLDER(only_regular_files_are_replaced),
        IN_A_FOLDER(paths_without_a_name_or_a_folder_are_refused),
        IN_A_FOLDER(a_name_alone_means_the_current_folder),
        IN_A_FOLDER(a_full_disk_shows_before_the_first_byte),
        IN_A_FOLDER(reserving_that_is_not_possible_is_done_without),
        IN_A_FOLDER(a_size_no_file_can_have_is_a_limit),
        IN_A_FOLDER(a_failed_sync_is_final),
        IN_A_FOLDER(a_failed_write_is_never_published),
        IN_A_FOLDER(an_output_that_never_opened_does_nothing),
        IN_A_FOLDER(a_taken_temporary_name_is_not_touched),
        IN_A_FOLDER(each_failing_call_leaves_the_old_file_and_no_other),
        IN_A_FOLDER(each_failing_call_leaves_nothing_where_nothing_was),
        IN_A_FOLDER(being_killed_at_any_call_leaves_old_or_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
