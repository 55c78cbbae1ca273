/*
 * As much of cmocka as the tests of inner loops need, for processors that have no package
 * of it: the first assertion that does not hold ends the program.
 */
#ifndef MLR_TESTS_FOREIGN_SHIM_CMOCKA_H
#define MLR_TESTS_FOREIGN_SHIM_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

static inline void shim_check(int holds, const char *what, const char *file, int line)
{
    if (!holds) {
        printf("%s:%d: %s\n", file, line, what);
        exit(1);
    }
}

#define print_message printf
#define cmocka_unit_test(f)                                                                \
    {                                                                                      \
#f, f                                                                              \
    }
#define assert_true(c)     shim_check((c) ? 1 : 0, #c, __FILE__, __LINE__)
#define assert_false(c)    assert_true(!(c))
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_null(p)     assert_true((p) == NULL)
#define assert_int_equal(a, b)                                                             \
    shim_check((long long)(a) == (long long)(b), #a " is " #b, __FILE__, __LINE__)
#define assert_ptr_equal(a, b) assert_true((a) == (b))
#define assert_string_equal(a, b)                                                          \
    shim_check(strcmp(a, b) == 0, #a " is " #b, __FILE__, __LINE__)
#define assert_memory_equal(a, b, n)                                                       \
    shim_check(memcmp(a, b, n) == 0, #a " holds what " #b " holds", __FILE__, __LINE__)

#define cmocka_run_group_tests(tests, before, after)                                       \
    shim_run(tests, sizeof(tests) / sizeof(tests)[0])

static inline int shim_run(const struct CMUnitTest *tests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        void *state = NULL;
        tests[i].run(&state);
    }
    return 0;
}

#endif
