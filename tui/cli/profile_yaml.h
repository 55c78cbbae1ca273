/* Profiles as YAML (docs/profile.md): read with complaints that name line and column. */
#ifndef MLR_TUI_CLI_PROFILE_YAML_H
#define MLR_TUI_CLI_PROFILE_YAML_H

#include "codec/profile.h"
#include "tui/cli/yaml.h"

typedef struct mlr_profile_doc {
    mlr_profile profile;
    mlr_pool pool;     /* everything of the profile lives here */
    mlr_yaml_at at;    /* of the complaint; line 0: none */
    char message[320]; /* the complaint: a sentence without full stop */
} mlr_profile_doc;

/*
 * Reads n bytes. A profile that is not as documented is MLR_E_FORMAT or MLR_E_LIMIT of
 * domain MLR_IN_PROFILE, with `at` and `message` set. Released by mlr_profile_release()
 * either way.
 */
mlr_status mlr_profile_read(mlr_profile_doc *d, const char *bytes, size_t n,
                            const mlr_allocator *alloc, mlr_err *err);

void mlr_profile_release(mlr_profile_doc *d); /* safe on a zeroed document */

#endif
