/*
 * What part of a network a tensor belongs to, told from the words of its name. A reading of
 * customary names, so that a profile can speak of "attention" in any of the formats.
 */
#ifndef MLR_CODEC_MODULE_KIND_H
#define MLR_CODEC_MODULE_KIND_H

#include "formats/model.h"

/* Identifier, name in profiles. The first one whose words are in the name holds. */
#define MLR_MODULE_KIND_TABLE(X)                                                           \
    X(MLR_KIND_LORA, "lora")                                                               \
    X(MLR_KIND_NORM, "norm")                                                               \
    X(MLR_KIND_EMBEDDING, "embedding")                                                     \
    X(MLR_KIND_HEAD, "head")                                                               \
    X(MLR_KIND_ROUTER, "router")                                                           \
    X(MLR_KIND_EXPERTS, "experts")                                                         \
    X(MLR_KIND_ATTENTION, "attention")                                                     \
    X(MLR_KIND_MLP, "mlp")                                                                 \
    X(MLR_KIND_CONV, "conv")                                                               \
    X(MLR_KIND_OTHER, "other")

typedef enum mlr_module_kind {
#define MLR_MODULE_KIND_ENUM(id, name) id,
    MLR_MODULE_KIND_TABLE(MLR_MODULE_KIND_ENUM)
#undef MLR_MODULE_KIND_ENUM
        MLR_KIND_COUNT
} mlr_module_kind;

mlr_module_kind mlr_module_kind_of(mlr_str key);

/* Never NULL. */
const char *mlr_module_kind_name(unsigned kind);

#endif
