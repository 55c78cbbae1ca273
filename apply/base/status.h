/* Status codes and the one error record that every layer shares. */
#ifndef MLR_APPLY_BASE_STATUS_H
#define MLR_APPLY_BASE_STATUS_H

#include <stddef.h>
#include <stdint.h>

/*
 * One row per status: identifier, value, process exit code, name for machines, sentence for
 * people. An exit code of 0 on a failure means that the domain decides: see
 * MLR_DOMAIN_TABLE.
 */
#define MLR_STATUS_TABLE(X)                                                                \
    X(MLR_OK, 0, 0, "ok", "no error")                                                      \
    X(MLR_MORE, 1, 0, "more", "more steps remain")                                         \
    X(MLR_E_INTERNAL, -1, 1, "internal", "a defect in mallorn")                            \
    X(MLR_E_USAGE, -2, 2, "usage", "the request makes no sense")                           \
    X(MLR_E_BASE, -3, 3, "base-mismatch",                                                  \
      "the base is not the one the patch was made for")                                    \
    X(MLR_E_TRUNCATED, -4, 0, "truncated", "data ends too early")                          \
    X(MLR_E_FORMAT, -5, 0, "format", "data breaks a rule of its format")                   \
    X(MLR_E_LIMIT, -6, 0, "limit", "data exceeds a limit of this build")                   \
    X(MLR_E_VERIFY, -7, 5, "verify", "content does not match its recorded digest")         \
    X(MLR_E_IO, -8, 6, "io", "input or output failed")                                     \
    X(MLR_E_NO_SPACE, -9, 7, "no-space", "no space left where the output goes")            \
    X(MLR_E_NO_MEMORY, -10, 8, "no-memory", "memory budget exhausted")                     \
    X(MLR_E_UNSUPPORTED, -11, 9, "unsupported", "valid, but not supported here")           \
    X(MLR_E_GATE, -12, 10, "gate", "a gate or budget of the profile is broken")            \
    X(MLR_E_CHANGED, -13, 6, "changed", "an input changed while it was being read")        \
    X(MLR_E_BUSY, -14, 75, "busy", "another run is using this output")                     \
    X(MLR_E_CANCELLED, -15, 130, "cancelled", "stopped on request")

typedef enum mlr_status {
#define MLR_STATUS_ENUM(id, value, exit_code, name, text) id = (value),
    MLR_STATUS_TABLE(MLR_STATUS_ENUM)
#undef MLR_STATUS_ENUM
} mlr_status;

/* What kind of input is at fault: identifier, exit code for bad content, word for people.
 */
#define MLR_DOMAIN_TABLE(X)                                                                \
    X(MLR_IN_NONE, 1, "input")                                                             \
    X(MLR_IN_MODEL, 12, "model")                                                           \
    X(MLR_IN_PATCH, 4, "patch")                                                            \
    X(MLR_IN_DICT, 4, "dictionary")                                                        \
    X(MLR_IN_PROFILE, 2, "profile")                                                        \
    X(MLR_IN_THEME, 2, "theme")                                                            \
    X(MLR_IN_OUTPUT, 6, "output")

typedef enum mlr_domain {
#define MLR_DOMAIN_ENUM(id, exit_code, word) id,
    MLR_DOMAIN_TABLE(MLR_DOMAIN_ENUM)
#undef MLR_DOMAIN_ENUM
} mlr_domain;

#define MLR_NO_OFFSET UINT64_MAX

/*
 * Where and why an operation failed. It owns nothing: `input` and `rule` are literals or
 * strings that outlive the call, so an error can be recorded when memory is gone and where
 * there is no formatter. apply/host turns it into a sentence.
 */
typedef struct mlr_err {
    mlr_status status;     /* MLR_OK until something fails; the first failure stays */
    mlr_domain domain;     /* what kind of input `input` is */
    uint64_t offset;       /* byte position in `input`, or MLR_NO_OFFSET */
    const char *input;     /* which stream: "old", "patch", a path; may be NULL */
    const char *rule;      /* the rule that was broken, as a noun phrase */
    uint64_t found, limit; /* value seen and value allowed, where the rule is numeric */
    int os_error;          /* errno of the failed call, or 0 */
    char subject[64];      /* printable name from the file, such as a tensor; may be "" */
} mlr_err;

/*
 * Records a failure unless one is recorded already, and returns the recorded status, so
 * that the root cause wins. `err` may be NULL; then `status` is returned.
 */
mlr_status mlr_fail(mlr_err *err, mlr_status status, uint64_t offset, const char *rule);

/* The same for MLR_E_LIMIT and its two numbers. */
mlr_status mlr_fail_limit(mlr_err *err, uint64_t offset, const char *rule, uint64_t found,
                          uint64_t limit);

/*
 * A build for a small device (MLR_NO_RULES) leaves the sentences out: what it reports is
 * the status, the offset and the numbers.
 */
#ifdef MLR_NO_RULES
#define mlr_fail(err, status, offset, rule) (mlr_fail)(err, status, offset, "")
#define mlr_fail_limit(err, offset, rule, found, limit)                                    \
    (mlr_fail_limit)(err, offset, "", found, limit)
#endif

/* Names what the failure is about; the first name stays. Unprintable bytes become '?'. */
void mlr_err_about(mlr_err *err, const char *name, size_t n);

/* Names the input at fault; the first name stays. `input` must outlive `err`. */
void mlr_err_in(mlr_err *err, mlr_domain domain, const char *input);

/* The process exit code of a recorded error (0 for MLR_OK). */
int mlr_exit_code(const mlr_err *err);

/* "truncated", for reports; never NULL. */
const char *mlr_status_name(mlr_status status);

/* "data ends too early"; never NULL. */
const char *mlr_status_text(mlr_status status);

#endif
