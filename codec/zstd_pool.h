/*
 * zstd compression contexts that outlive a block, for any number of threads. A caller that
 * has none may pass NULL to mlr_block_deflate(); contexts are then made anew each time.
 */
#ifndef MLR_CODEC_ZSTD_POOL_H
#define MLR_CODEC_ZSTD_POOL_H

#include "apply/base/alloc.h"
#include "apply/base/status.h"

typedef struct mlr_zstd_pool mlr_zstd_pool;

/* `*out` is released by mlr_zstd_pool_close(); `alloc` must live as long. */
mlr_status mlr_zstd_pool_open(mlr_zstd_pool **out, const mlr_allocator *alloc,
                              mlr_err *err);

/* Once no block is being encoded. NULL is ignored. */
void mlr_zstd_pool_close(mlr_zstd_pool *p);

#endif
