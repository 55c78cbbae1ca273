/* The figures behind `mallorn info`, gathered once for its text and its JSON. */
#ifndef MLR_TUI_CLI_INFO_H
#define MLR_TUI_CLI_INFO_H

#include "apply/base/pool.h"
#include "apply/base/sha256.h"
#include "formats/format.h"
#include "formats/open.h"
#include "tui/cli/cli.h"

enum { MLR_INFO_QUANTS = 12, MLR_INFO_AUTO_MODULES = 16, MLR_INFO_DEEPEST = 16 };

typedef struct mlr_info_total {
    uint64_t tensors, elements, bytes; /* bytes of tied tensors count once */
} mlr_info_total;

/* Tensors whose names share a prefix; numbers in it count as one ("layers.0-7.mlp"). */
typedef struct mlr_info_module {
    const char *key; /* prefix with "*" for each number; in the pool */
    size_t key_len;
    size_t number_at;     /* where the first "*" stands; key_len: there is none */
    uint64_t least, most; /* values of that number */
    mlr_info_total total;
} mlr_info_module;

/* Tensors that are quantized in the same manner. */
typedef struct mlr_info_quant {
    const char *scheme;
    int32_t axis;
    uint32_t block;
    uint64_t tensors;
} mlr_info_quant;

typedef struct mlr_info_digest {
    uint8_t bytes[MLR_SHA256_BYTES];
} mlr_info_digest;

typedef struct mlr_info_wish {
    bool tensors, spans, metadata, json, single, digest, strict;
    uint64_t depth; /* of modules; 0: chosen */
} mlr_info_wish;

typedef struct mlr_info {
    const char *path;
    const mlr_info_wish *wish;
    const mlr_model *model;
    const mlr_format *format; /* of the first member that is not opaque, else opaque */
    uint64_t size, structure; /* of all members */
    uint64_t tied;            /* tensors that share another's bytes */
    mlr_info_total all;
    mlr_info_total dtype[MLR_DTYPE_LIMIT];
    mlr_info_module **module; /* largest first */
    size_t modules;
    unsigned depth;
    mlr_info_quant quant[MLR_INFO_QUANTS]; /* the last gathers what finds no place */
    size_t quants;
    mlr_info_digest *tensor_digest, *member_digest; /* NULL where not wished */
} mlr_info;

/* What people call the tensor: its name, or its key where it has none. */
mlr_str mlr_info_name(const mlr_tensor *t);

/* "model.layers.0-7.mlp" as printable text. */
void mlr_info_module_name(const mlr_info_module *m, char *to, size_t room);

/* Fills everything but path, wish, model and the digests. Memory comes from `pool`. */
mlr_status mlr_info_collect(mlr_info *info, mlr_pool *pool, mlr_err *err);
mlr_status mlr_info_modules(mlr_info *info, mlr_pool *pool, mlr_err *err);

/* Reads every byte once for the digests of files and tensors. */
mlr_status mlr_info_digests(mlr_info *info, mlr_cli *cli, mlr_pool *pool, mlr_err *err);

void mlr_info_print_text(const mlr_info *info, mlr_cli *cli);
void mlr_info_print_json(const mlr_info *info, mlr_cli *cli);

#endif
