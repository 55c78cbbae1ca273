/* Profiles in files: loading, and complaints as the run's error. */
#ifndef MLR_TUI_CLI_PROFILE_FILE_H
#define MLR_TUI_CLI_PROFILE_FILE_H

#include "tui/cli/cli.h"
#include "tui/cli/profile_yaml.h"

/* Reads a profile; the error's sentence is "PATH:LINE:COLUMN: complaint". */
mlr_status mlr_profile_load(mlr_profile_doc *d, const char *path, mlr_cli *cli,
                            mlr_err *err);

/* Bytes of a YAML file into `pool`; at most MLR_YAML_MAX_BYTES. */
mlr_status mlr_yaml_load(const char *path, mlr_cli *cli, mlr_pool *pool, char **bytes,
                         size_t *n, mlr_err *err);

/* Records a complaint as the run's error: "PATH:LINE:COLUMN: complaint". */
void mlr_profile_complain(const mlr_profile_doc *d, const char *path, mlr_cli *cli,
                          mlr_err *err);

/* Publishes n bytes as a file, whole or not at all. */
mlr_status mlr_text_publish(const char *path, const char *bytes, size_t n,
                            mlr_overwrite how, mlr_cli *cli, mlr_err *err);

#endif
