/*
 * Identity keys for formats whose own names may repeat: a key that this file has used
 * already gets "#2", "#3" ... in the order of the file.
 */
#ifndef MLR_FORMATS_UNIQUE_KEY_H
#define MLR_FORMATS_UNIQUE_KEY_H

#include "formats/format.h"
#include "formats/strmap.h"

enum { MLR_UNIQUE_ROOM = 24 }; /* bytes that a suffix may take */

typedef struct mlr_unique {
    mlr_parse *p;       /* borrowed */
    mlr_strmap repeats; /* key that came again: the last number appended to it */
    uint64_t cost;      /* memory for the tensors so far, roughly */
} mlr_unique;

void mlr_unique_init(mlr_unique *u, mlr_parse *p);

/*
 * mlr_builder_tensor() with such a key, which must not be empty. Also fails with
 * MLR_E_LIMIT where tensors, their names and shapes take far more memory than the file is
 * long, as shared tables and nested names could make them.
 */
mlr_status mlr_unique_tensor(mlr_unique *u, mlr_tensor_spec *spec, mlr_err *err);

#endif
