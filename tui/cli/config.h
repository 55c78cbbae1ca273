/*
 * Settings that hold where an option is not given: environment, then the project's file
 * (.mallorn.yml), then the user's (mallorn/config.yml under XDG), then the option's
 * default.
 */
#ifndef MLR_TUI_CLI_CONFIG_H
#define MLR_TUI_CLI_CONFIG_H

#include "tui/cli/cmd.h"

/* Name of the setting and of the options it stands in for, variable of the environment. */
#define MLR_SETTING_TABLE(X)                                                               \
    X("device", "MALLORN_DEVICE")                                                          \
    X("encode-memory", "MALLORN_ENCODE_MEMORY")                                            \
    X("goal", "MALLORN_GOAL")                                                              \
    X("index", "MALLORN_INDEX")                                                            \
    X("level", "MALLORN_LEVEL")                                                            \
    X("profile", "MALLORN_PROFILE")                                                        \
    X("threads", "MALLORN_THREADS")

#define MLR_SETTING_ONE(name, variable) +1
enum { MLR_SETTINGS = MLR_SETTING_TABLE(MLR_SETTING_ONE) };
#undef MLR_SETTING_ONE

typedef enum mlr_origin {
    MLR_FROM_DEFAULT,
    MLR_FROM_USER,
    MLR_FROM_PROJECT,
    MLR_FROM_ENVIRONMENT
} mlr_origin;

typedef struct mlr_set_value {
    const char *name, *variable;
    const char *text; /* NULL: the default */
    mlr_origin origin;
    const char *file; /* of user and project, or NULL */
    uint32_t line;
} mlr_set_value;

typedef struct mlr_config {
    mlr_set_value value[MLR_SETTINGS];
} mlr_config;

/*
 * Reads files and environment where `cmd` has an option that a setting stands in for (or is
 * `config` itself). Files that are not there are no matter; those that are wrong are
 * MLR_E_FORMAT with line and column. Texts live in `pool`.
 */
mlr_status mlr_config_load(mlr_config *c, const mlr_cmd *cmd, mlr_cli *cli, mlr_pool *pool,
                           mlr_err *err);

/* An mlr_opt_parser.configured: the setting of an option's name, or NULL. */
const char *mlr_config_value(void *config, const mlr_opt *o);

#endif
