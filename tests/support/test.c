#include "tests/support/test.h"

#include <inttypes.h>
#include <stdio.h>

static void show(const mlr_err *err)
{
    print_message(
        "status %s, offset %" PRIu64 ", input %s, rule %s, subject '%s', "
        "found %" PRIu64 ", limit %" PRIu64 "\n",
        mlr_status_name(err->status), err->offset, err->input == NULL ? "-" : err->input,
        err->rule == NULL ? "-" : err->rule, err->subject, err->found, err->limit);
}

void assert_err(const mlr_err *err, mlr_status status, uint64_t offset)
{
    if (err->status != status || err->offset != offset) {
        show(err);
    }
    assert_int_equal(err->status, status);
    assert_int_equal(err->offset, offset);
}

void assert_no_err(const mlr_err *err)
{
    if (err->status != MLR_OK) {
        show(err);
    }
    assert_int_equal(err->status, MLR_OK);
}
