/* From versions of a model to a dictionary: what `mallorn dict train` and the export screen
 * have in common. */
#ifndef MLR_TUI_CLI_DICT_JOB_H
#define MLR_TUI_CLI_DICT_JOB_H

#include "codec/dict_sample.h"
#include "tui/cli/cmd.h"

enum { MLR_DICT_BYTES = 114688 }; /* most bytes of a dictionary, where nobody asks */

/* Samples the update from each of `count` versions to the next and trains; the dictionary's
   file goes into `file`. Errors may name strings of models: they are kept in `cli`. */
mlr_status mlr_dict_job(mlr_cli *cli, const char *const *versions, size_t count,
                        size_t most, mlr_buf *file, mlr_err *err);

#endif
