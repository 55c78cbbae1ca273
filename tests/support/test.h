/* The cmocka preamble in the order cmocka needs, and this project's own assertions. */
#ifndef MLR_TESTS_SUPPORT_TEST_H
#define MLR_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "apply/base/status.h"

/* The failure is the expected one, at the expected byte. Prints the record where it is not.
 */
void assert_err(const mlr_err *err, mlr_status status, uint64_t offset);

/* Nothing failed. Prints the record where something did. */
void assert_no_err(const mlr_err *err);

#endif
