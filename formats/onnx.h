/*
 * What the files of the ONNX parser share. onnx.c walks the messages, onnx_tensor.c turns a
 * TensorProto into a tensor of the model, onnx_quant.c joins weights with their scales,
 * onnx_meta.c makes the metadata.
 * Nobody else includes this.
 */
#ifndef MLR_FORMATS_ONNX_H
#define MLR_FORMATS_ONNX_H

#include "formats/format.h"
#include "formats/protobuf.h"
#include "formats/strmap.h"
#include "formats/unique_key.h"

/* Messages that are walked, see wires in onnx.c. */
typedef enum mlr_onnx_kind {
    MLR_ONNX_MODEL,
    MLR_ONNX_GRAPH,
    MLR_ONNX_NODE,
    MLR_ONNX_ATTRIBUTE,
    MLR_ONNX_FUNCTION,
    MLR_ONNX_TRAINING,
    MLR_ONNX_TENSOR,
    MLR_ONNX_SPARSE,
    MLR_ONNX_KINDS
} mlr_onnx_kind;

/* Value names are unique only within one graph; inner graphs see those of outer ones. */
typedef struct mlr_onnx_scope {
    const struct mlr_onnx_scope *outer;
    uint32_t id;
} mlr_onnx_scope;

/* What is known of a node before its content is walked. */
typedef struct mlr_onnx_node {
    mlr_region output; /* name of the first output that has one */
    mlr_region name, op_type, domain;
    mlr_region input[12]; /* names; later inputs carry no weights of interest */
    size_t inputs;
    mlr_region content;
} mlr_onnx_node;

/* A tensor that nodes may name. The name stays in the file until somebody asks for it. */
typedef struct mlr_onnx_value {
    struct mlr_onnx_value *next;
    mlr_region name;
    uint32_t scope;  /* id */
    uint32_t tensor; /* index in the builder */
} mlr_onnx_value;

typedef struct mlr_onnx {
    mlr_parse *p;
    mlr_walk walk; /* of the whole file */
    mlr_err *err;
    struct mlr_onnx_value *values; /* newest first */
    mlr_unique unique;
    mlr_strmap ops;            /* operator: how often it is used */
    char path[MLR_MAX_NAME];   /* identity key of where the walk is */
    size_t path_n;             /* bytes of it */
    struct mlr_onnx_use *uses; /* nodes that quantize, newest first */
    uint32_t scopes;
    mlr_pb_field said[7]; /* fields 1 to 6 of the model, the last of each; number 0: none */
} mlr_onnx;

/* Appends to the path, which fails beyond MLR_MAX_NAME; `at` is what an error names. */
bool mlr_onnx_path_add(mlr_onnx *o, const char *text, uint64_t at);
bool mlr_onnx_path_name(mlr_onnx *o, mlr_region name);

/* Reads a name of at most `room` bytes. */
bool mlr_onnx_text(mlr_onnx *o, mlr_region from, char *to, size_t room);

/* mlr_pb_next() that also proves the wire type where `kind` knows the field. */
bool mlr_onnx_next(mlr_onnx *o, mlr_walk *w, mlr_onnx_kind kind, mlr_pb_field *f);

/* What a tensor is to the graph around it. */
typedef struct mlr_onnx_role {
    const mlr_onnx_scope *scope; /* where its value name counts, or NULL */
    mlr_region value;            /* that name; empty: the tensor's own */
    bool named;                  /* its own name is the last part of the key */
    uint64_t at;                 /* offset that errors name */
} mlr_onnx_role;

/*
 * Adds the TensorProto at `content` under the path. One that holds no data, or holds it in
 * pieces, adds nothing.
 */
mlr_status mlr_onnx_tensor(mlr_onnx *o, mlr_region content, const mlr_onnx_role *role);

/* The name of a TensorProto, which may stand anywhere in it. */
bool mlr_onnx_tensor_name(mlr_onnx *o, mlr_region content, mlr_region *name);

/* Takes in a field of the model that is metadata; ignores others. */
void mlr_onnx_model_field(mlr_onnx *o, const mlr_pb_field *f);

/* When the walk is over: what the model says about itself, and its operators. */
void mlr_onnx_add_metadata(mlr_onnx *o);

/* Remembers a node that says how a weight was quantized; others are ignored. */
mlr_status mlr_onnx_quant_node(mlr_onnx *o, const mlr_onnx_scope *scope,
                               const mlr_onnx_node *node, mlr_str op);

/* When all tensors are known: joins the remembered nodes with them. */
mlr_status mlr_onnx_quant_join(mlr_onnx *o);

#endif
