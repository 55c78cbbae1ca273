#include "apply/host/cpu.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/test.h"

#if defined(__x86_64__)
/* Whether the kernel lists the flag; -1 where there is no list. */
static int kernel_lists(const char *flag)
{
    static char line[1 << 14];
    char wanted[32];
    snprintf(wanted, sizeof wanted, " %s ", flag);
    FILE *f = fopen("/proc/cpuinfo", "re");
    int found = -1;
    while (f != NULL && found < 0 && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "flags", 5) == 0) {
            line[strcspn(line, "\n")] = ' ';
            found = strstr(line, wanted) != NULL;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return found;
}

static void the_answers_are_those_of_the_kernel(void **state)
{
    (void)state;
    if (kernel_lists("fpu") < 0) {
        print_message("skipped: no /proc/cpuinfo\n");
        return;
    }
    int avx2 = kernel_lists("avx2") && kernel_lists("bmi1") && kernel_lists("bmi2") &&
               kernel_lists("abm");
    int sha = kernel_lists("sha_ni") && kernel_lists("ssse3") && kernel_lists("sse4_1");
    assert_int_equal(mlr_cpu_has_avx2(), avx2);
    assert_int_equal(mlr_cpu_has_shani(), sha);
}
#else
static void the_answers_are_those_of_the_kernel(void **state)
{
    (void)state;
    assert_false(mlr_cpu_has_avx2());
    assert_false(mlr_cpu_has_shani());
}
#endif

static void there_is_always_a_sha256(void **state)
{
    (void)state;
    assert_non_null(mlr_host_sha256());
#if defined(__x86_64__)
    assert_int_equal(mlr_host_sha256() != mlr_sha256_blocks_c, mlr_cpu_has_shani());
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answers_are_those_of_the_kernel),
        cmocka_unit_test(there_is_always_a_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
