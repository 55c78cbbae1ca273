#include "apply/base/status.h"

mlr_status(mlr_fail)(mlr_err *err, mlr_status status, uint64_t offset, const char *rule)
{
    if (err == NULL) {
        return status;
    }
    if (err->status == MLR_OK) {
        err->status = status;
        err->offset = offset;
        err->rule = rule;
    }
    return err->status;
}

mlr_status(mlr_fail_limit)(mlr_err *err, uint64_t offset, const char *rule, uint64_t found,
                           uint64_t limit)
{
    if (err != NULL && err->status == MLR_OK) {
        err->found = found;
        err->limit = limit;
    }
    return mlr_fail(err, MLR_E_LIMIT, offset, rule);
}

void mlr_err_about(mlr_err *err, const char *name, size_t n)
{
    if (err == NULL || err->subject[0] != '\0') {
        return;
    }
    size_t room = sizeof err->subject - 1;
    size_t keep = n < room ? n : room;
    for (size_t i = 0; i < keep; i++) {
        char c = name[i];
        err->subject[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    err->subject[keep] = '\0';
}

void mlr_err_in(mlr_err *err, mlr_domain domain, const char *input)
{
    if (err == NULL || err->input != NULL) {
        return;
    }
    err->domain = domain;
    err->input = input;
}

static int content_exit_code(mlr_domain domain)
{
    switch (domain) {
#define DOMAIN_CASE(id, exit_code, word)                                                   \
    case id:                                                                               \
        return exit_code;
        MLR_DOMAIN_TABLE(DOMAIN_CASE)
#undef DOMAIN_CASE
    }
    return 1;
}

int mlr_exit_code(const mlr_err *err)
{
    switch (err->status) {
    case MLR_OK:
    case MLR_MORE:
        return 0;
    case MLR_E_TRUNCATED:
    case MLR_E_FORMAT:
    case MLR_E_LIMIT:
        return content_exit_code(err->domain);
    default:
        break;
    }
    switch (err->status) {
#define STATUS_CASE(id, value, exit_code, name, text)                                      \
    case id:                                                                               \
        return exit_code;
        MLR_STATUS_TABLE(STATUS_CASE)
#undef STATUS_CASE
    }
    return 1;
}

const char *mlr_status_name(mlr_status status)
{
    switch (status) {
#define NAME_CASE(id, value, exit_code, name, text)                                        \
    case id:                                                                               \
        return name;
        MLR_STATUS_TABLE(NAME_CASE)
#undef NAME_CASE
    }
    return "unknown";
}

const char *mlr_status_text(mlr_status status)
{
    switch (status) {
#define TEXT_CASE(id, value, exit_code, name, text)                                        \
    case id:                                                                               \
        return text;
        MLR_STATUS_TABLE(TEXT_CASE)
#undef TEXT_CASE
    }
    return "an unknown status";
}
