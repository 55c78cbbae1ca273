/* Reads the index of a sharded SafeTensors model. */
#ifndef MLR_FORMATS_SHARD_INDEX_H
#define MLR_FORMATS_SHARD_INDEX_H

#include "apply/base/io.h"
#include "apply/base/pool.h"

/*
 * The file names in "weight_map", each once, in the order of their names, in `pool`. A name
 * with a directory in it is refused at its offset.
 */
mlr_status mlr_shard_index_read(const char ***names, size_t *count,
                                const mlr_source *source, mlr_pool *pool, mlr_err *err);

/* Sorts names by their bytes. */
void mlr_names_sort(const char **names, size_t n);

#endif
