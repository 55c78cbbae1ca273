/* The key-value section of GGUF files. */
#ifndef MLR_FORMATS_GGUF_META_H
#define MLR_FORMATS_GGUF_META_H

#include "formats/format.h"

/* Where the two halves of the GGUF parser stand in a file. */
typedef struct mlr_gguf {
    mlr_parse *parse;
    mlr_walk walk;
    uint32_t version;   /* 1 to 3; version 1 has lengths of 32 bits */
    uint64_t alignment; /* of the tensor data */
} mlr_gguf;

/* A count or length: 32 bits wide in version 1, else 64. */
uint64_t mlr_gguf_length(mlr_gguf *g, const char *rule);

/* Reads `count` entries into the builder and the alignment into `g`. False: error recorded.
 */
bool mlr_gguf_read_metas(mlr_gguf *g, uint64_t count);

#endif
