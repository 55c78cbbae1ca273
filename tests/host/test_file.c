#include "apply/host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fault_sys.h"
#include "tests/support/rng.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test.h"

enum { BYTES = 5000 };

static temp_dir dir;
static uint8_t content[BYTES];

static int set_up(void **state)
{
    (void)state;
    temp_dir_make(&dir);
    rng r = rng_new(3);
    rng_fill(&r, content, sizeof content);
    temp_dir_write(&dir, "model", content, sizeof content);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_dir_remove(&dir);
    return 0;
}

static mlr_status open_model(mlr_file *f, const mlr_sys *sys, mlr_err *err)
{
    static char path[512];
    return mlr_file_open(f, temp_dir_at(&dir, "model", path), sys, err);
}

static void any_range_of_a_file_can_be_read(void **state)
{
    (void)state;
    mlr_file f;
    mlr_err err = {0};
    open_model(&f, NULL, &err);
    assert_no_err(&err);
    assert_true(f.source.size == BYTES);
    assert_null(f.source.view);
    rng r = rng_new(4);
    for (int i = 0; i < 300; i++) {
        uint8_t got[BYTES];
        size_t off = (size_t)rng_below(&r, BYTES + 1);
        size_t n = (size_t)rng_below(&r, BYTES - off + 1);
        assert_int_equal(f.source.read_at(f.source.ctx, off, got, n, &err), MLR_OK);
        assert_memory_equal(got, content + off, n);
    }
    mlr_file_close(&f);
    mlr_file_close(&f);
}

static void closing_a_zeroed_file_closes_nothing(void **state)
{
    (void)state;
    size_t before = open_descriptors();
    mlr_file f = {0};
    mlr_file_close(&f);
    mlr_file_close(NULL);
    assert_int_equal(open_descriptors(), before);
}

static void ranges_outside_the_file_are_refused(void **state)
{
    (void)state;
    mlr_file f;
    uint8_t got[8];
    const uint64_t offs[] = {BYTES - 7, BYTES + 1, UINT64_MAX, UINT64_MAX - 7};
    assert_int_equal(open_model(&f, NULL, NULL), MLR_OK);
    for (size_t i = 0; i < 4; i++) {
        mlr_err err = {0};
        f.source.read_at(f.source.ctx, offs[i], got, 8, &err);
        assert_err(&err, MLR_E_TRUNCATED, offs[i]);
    }
    assert_int_equal(f.source.read_at(f.source.ctx, BYTES, got, 0, NULL), MLR_OK);
    mlr_file_close(&f);
}

static void what_is_no_regular_file_is_refused_without_waiting(void **state)
{
    (void)state;
    char path[512];
    mlr_file f;
    mlr_err err = {0};
    assert_int_equal(mkfifoat(dir.fd, "fifo", 0600), 0);
    mlr_file_open(&f, temp_dir_at(&dir, "fifo", path), NULL, &err);
    assert_err(&err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET);
    err = (mlr_err){0};
    mlr_file_open_beneath(&f, dir.fd, "fifo", NULL, &err);
    assert_err(&err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET);
    err = (mlr_err){0};
    mlr_file_open(&f, dir.path, NULL, &err);
    assert_err(&err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET);
    assert_int_equal(err.os_error, EISDIR);
    err = (mlr_err){0};
    mlr_file_open(&f, "/dev/zero", NULL, &err);
    assert_err(&err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET);
    mlr_file_close(&f);
}

static void a_missing_file_keeps_the_systems_reason(void **state)
{
    (void)state;
    char path[512];
    mlr_file f;
    mlr_err err = {0};
    mlr_file_open(&f, temp_dir_at(&dir, "none", path), NULL, &err);
    assert_err(&err, MLR_E_IO, MLR_NO_OFFSET);
    assert_int_equal(err.os_error, ENOENT);
    assert_ptr_equal(err.input, path);
    mlr_file_close(&f);
}

static void an_earlier_failure_is_not_overwritten(void **state)
{
    (void)state;
    mlr_file f;
    mlr_err err = {0};
    mlr_fail(&err, MLR_E_VERIFY, 3, "earlier");
    mlr_file_open(&f, "/nowhere/at/all", NULL, &err);
    assert_err(&err, MLR_E_VERIFY, 3);
    assert_int_equal(err.os_error, 0);
    assert_null(err.input);
}

static void make_tree(void)
{
    assert_int_equal(mkdirat(dir.fd, "sub", 0700), 0);
    assert_int_equal(mkdirat(dir.fd, "sub/deep", 0700), 0);
    temp_dir_write(&dir, "sub/deep/data", content, 100);
    assert_int_equal(symlinkat("model", dir.fd, "link"), 0);
    assert_int_equal(symlinkat("sub", dir.fd, "linked_dir"), 0);
    assert_int_equal(symlinkat("/etc/passwd", dir.fd, "sub/out"), 0);
    assert_int_equal(symlinkat("nowhere", dir.fd, "dangling"), 0);
}

static void check_beneath(const mlr_sys *sys)
{
    mlr_file f;
    const char *inside[] = {"model", "sub/deep/data", "./model", "sub//deep/./data"};
    for (size_t i = 0; i < 4; i++) {
        mlr_err err = {0};
        mlr_file_open_beneath(&f, dir.fd, inside[i], sys, &err);
        assert_no_err(&err);
        mlr_file_close(&f);
    }
    const char *outside[] = {
        "/etc/passwd",
        "..",
        "../x",
        "sub/../model",
        "sub/..",
        "",
        "link",
        "linked_dir/deep/data",
        "sub/out",
        "dangling",
        "sub/deep/../../../x",
        "/",
        "model/",
    };
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        mlr_err err = {0};
        mlr_file_open_beneath(&f, dir.fd, outside[i], sys, &err);
        assert_err(&err, MLR_E_FORMAT, MLR_NO_OFFSET);
        assert_string_equal(err.rule, "path that stays inside its directory");
    }
    const struct {
        const char *path;
        int os_error;
    } absent[] = {{"none", ENOENT}, {"none/x", ENOENT}, {"model/x", ENOTDIR}};
    for (size_t i = 0; i < 3; i++) {
        mlr_err err = {0};
        mlr_file_open_beneath(&f, dir.fd, absent[i].path, sys, &err);
        assert_err(&err, MLR_E_IO, MLR_NO_OFFSET);
        assert_int_equal(err.os_error, absent[i].os_error);
    }
}

static void names_too_long_are_told(const mlr_sys *sys)
{
    char name[300];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    mlr_file f;
    mlr_err err = {0};
    mlr_file_open_beneath(&f, dir.fd, name, sys, &err);
    assert_err(&err, MLR_E_IO, MLR_NO_OFFSET);
    assert_int_equal(err.os_error, ENAMETOOLONG);
}

static void paths_stay_beneath_by_the_kernels_own_rule(void **state)
{
    (void)state;
    make_tree();
    size_t before = open_descriptors();
    check_beneath(NULL);
    names_too_long_are_told(NULL);
    assert_int_equal(open_descriptors(), before);
}

static void paths_stay_beneath_without_openat2(void **state)
{
    (void)state;
    make_tree();
    size_t before = open_descriptors();
    const int reasons[] = {ENOSYS, EPERM, EAGAIN, EINTR};
    for (size_t i = 0; i < 4; i++) {
        fault_sys f;
        fault_sys_init(&f);
        f.always[FAULT_OPENAT_BENEATH] = reasons[i];
        check_beneath(&f.sys);
        names_too_long_are_told(&f.sys);
        assert_int_equal(f.count[FAULT_OPENAT], 18); /* one a component */
    }
    assert_int_equal(open_descriptors(), before);
}

static void a_file_that_stays_is_unchanged(void **state)
{
    (void)state;
    mlr_file f;
    assert_int_equal(open_model(&f, NULL, NULL), MLR_OK);
    assert_int_equal(mlr_file_unchanged(&f, NULL), MLR_OK);
    mlr_file_close(&f);
}

static void a_file_that_grows_or_is_touched_is_changed(void **state)
{
    (void)state;
    mlr_file f;
    mlr_err err = {0};
    assert_int_equal(open_model(&f, NULL, NULL), MLR_OK);
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(dir.fd, "model", times, 0), 0);
    mlr_file_unchanged(&f, &err);
    assert_err(&err, MLR_E_CHANGED, MLR_NO_OFFSET);
    mlr_file_close(&f);

    err = (mlr_err){0};
    assert_int_equal(open_model(&f, NULL, NULL), MLR_OK);
    temp_dir_write(&dir, "model", content, BYTES - 1);
    mlr_file_unchanged(&f, &err);
    assert_err(&err, MLR_E_CHANGED, MLR_NO_OFFSET);
    mlr_file_close(&f);
}

static void a_file_cut_while_open_is_told_where_it_ends(void **state)
{
    (void)state;
    mlr_file f;
    mlr_err err = {0};
    uint8_t got[BYTES];
    assert_int_equal(open_model(&f, NULL, NULL), MLR_OK);
    temp_dir_write(&dir, "model", content, 1000);
    f.source.read_at(f.source.ctx, 0, got, BYTES, &err);
    assert_err(&err, MLR_E_CHANGED, 1000);
    mlr_file_close(&f);
}

/* Everything reading does. */
static mlr_status read_all(const mlr_sys *sys, int beneath, mlr_err *err)
{
    mlr_file f;
    uint8_t got[BYTES];
    mlr_status status = beneath
                            ? mlr_file_open_beneath(&f, dir.fd, "sub/deep/data", sys, err)
                            : open_model(&f, sys, err);
    if (status == MLR_OK) {
        size_t n = (size_t)f.source.size;
        memset(got, 0, sizeof got);
        status = f.source.read_at(f.source.ctx, 0, got, n, err);
        if (status == MLR_OK) {
            assert_memory_equal(got, content, n);
            status = mlr_file_unchanged(&f, err);
        }
    }
    mlr_file_close(&f);
    return status;
}

static void check_reading(int beneath, int no_openat2)
{
    const int faults[] = {EIO, ENOMEM, EINTR, FAULT_SHORT};
    size_t before = open_descriptors();
    for (size_t k = 0; k < 4; k++) {
        for (size_t nth = 1;; nth++) {
            fault_sys f;
            fault_sys_init(&f);
            f.always[FAULT_OPENAT_BENEATH] = no_openat2 ? ENOSYS : 0;
            f.fail_at = nth;
            f.why = faults[k];
            mlr_err err = {0};
            mlr_status status = read_all(&f.sys, beneath, &err);
            assert_int_equal(open_descriptors(), before);
            bool harmless = faults[k] == EINTR || faults[k] == FAULT_SHORT;
            if (f.hit == FAULT_CALLS || f.hit == FAULT_CLOSE || harmless) {
                assert_int_equal(status, MLR_OK);
            } else {
                assert_int_equal(status, faults[k] == ENOMEM ? MLR_E_NO_MEMORY : MLR_E_IO);
                assert_int_equal(err.os_error, faults[k]);
            }
            if (f.hit == FAULT_CALLS) {
                assert_true(nth > 5); /* open, fstat, pread, fstat, close */
                break;
            }
        }
    }
}

static void each_failing_call_of_a_read_is_told_and_closes_all(void **state)
{
    (void)state;
    check_reading(0, 0);
}

static void each_failing_call_of_a_read_beneath_is_told_and_closes_all(void **state)
{
    (void)state;
    make_tree();
    check_reading(1, 0);
    check_reading(1, 1);
}

static void bytes_in_memory_are_a_source_with_a_view(void **state)
{
    (void)state;
    mlr_bytes b;
    mlr_bytes_init(&b, content, BYTES);
    uint8_t got[10];
    mlr_err err = {0};
    assert_int_equal(b.source.read_at(b.source.ctx, 7, got, 10, &err), MLR_OK);
    assert_memory_equal(got, content + 7, 10);
    assert_ptr_equal(b.source.view(b.source.ctx, 7, 10), content + 7);
    assert_ptr_equal(b.source.view(b.source.ctx, 0, BYTES), content);
    assert_null(b.source.view(b.source.ctx, 1, BYTES));
    assert_null(b.source.view(b.source.ctx, UINT64_MAX, 2));
    b.source.read_at(b.source.ctx, BYTES - 9, got, 10, &err);
    assert_err(&err, MLR_E_TRUNCATED, BYTES - 9);
    mlr_bytes_init(&b, NULL, 0);
    assert_int_equal(b.source.read_at(b.source.ctx, 0, NULL, 0, NULL), MLR_OK);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(any_range_of_a_file_can_be_read),
        cmocka_unit_test(closing_a_zeroed_file_closes_nothing),
        IN_A_FOLDER(ranges_outside_the_file_are_refused),
        IN_A_FOLDER(what_is_no_regular_file_is_refused_without_waiting),
        IN_A_FOLDER(a_missing_file_keeps_the_systems_reason),
        cmocka_unit_test(an_earlier_failure_is_not_overwritten),
        IN_A_FOLDER(paths_stay_beneath_by_the_kernels_own_rule),
        IN_A_FOLDER(paths_stay_beneath_without_openat2),
        IN_A_FOLDER(a_file_that_stays_is_unchanged),
        IN_A_FOLDER(a_file_that_grows_or_is_touched_is_changed),
        IN_A_FOLDER(a_file_cut_while_open_is_told_where_it_ends),
        IN_A_FOLDER(each_failing_call_of_a_read_is_told_and_closes_all),
        IN_A_FOLDER(each_failing_call_of_a_read_beneath_is_told_and_closes_all),
        cmocka_unit_test(bytes_in_memory_are_a_source_with_a_view),
    };
    alarm(60); /* opening a FIFO must not hang the tests */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
