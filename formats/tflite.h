/*
 * What the files of the TFLite parser share. tflite.c reads the model and its buffers,
 * tflite_tensor.c the tensors that use them. Nobody else includes this.
 */
#ifndef MLR_FORMATS_TFLITE_H
#define MLR_FORMATS_TFLITE_H

#include "formats/flatbuf.h"
#include "formats/format.h"
#include "formats/unique_key.h"

/* A payload: an entry of Model.buffers, or after those one of Model.external_buffers. */
typedef struct mlr_tfl_buffer {
    mlr_region bytes;
    uint64_t at; /* offset of its table, for errors */
    uint32_t member;
    uint8_t dtype;     /* what all tensors that use it so far agree on */
    bool used, opaque; /* opaque: they do not agree, or the bytes are no plain array */
    bool absent;       /* in a file that may not be opened */
} mlr_tfl_buffer;

typedef struct mlr_tfl_subgraph {
    mlr_region name;
    mlr_fb_vector tensors;
} mlr_tfl_subgraph;

typedef struct mlr_tfl {
    mlr_parse *p;
    mlr_err *err;
    mlr_fb fb;
    mlr_fb_table model;
    mlr_tfl_buffer *buffer; /* `buffers` of the file, then `externals` */
    uint32_t buffers, externals;
    mlr_strmap external_ids; /* ExternalBuffer.id: its place in buffer[] */
    mlr_tfl_subgraph *subgraph;
    uint32_t subgraphs;
    uint32_t operators_known; /* entries of Model.operator_codes */
    uint64_t *operator_uses;  /* of each */
    mlr_unique unique;
    struct mlr_tfl_row *first, **last; /* tensors with a payload, in file order */
} mlr_tfl;

/* Reads a name of at most MLR_MAX_NAME bytes without NUL. */
bool mlr_tfl_text(mlr_tfl *f, mlr_region from, char to[MLR_MAX_NAME], mlr_str *out);

/* Proves the tensors of a subgraph and notes those that use a buffer. */
void mlr_tfl_scan_tensors(mlr_tfl *f, uint32_t subgraph);

/* When all subgraphs are scanned: adds what was noted. */
mlr_status mlr_tfl_add_tensors(mlr_tfl *f);

/* "main/" for the first subgraph without a name, "subgraph3/" for another. */
bool mlr_tfl_prefix(mlr_tfl *f, uint32_t subgraph, char to[2 * MLR_MAX_NAME], size_t *n);

/* Adds a payload that is no tensor. */
mlr_status mlr_tfl_add_bytes(mlr_tfl *f, mlr_str key, const mlr_tfl_buffer *b);

/* Proves the operators of a subgraph, counts them, and adds custom options that stand
 * behind the buffer. */
void mlr_tfl_scan_operators(mlr_tfl *f, const mlr_fb_table *graph, uint32_t subgraph);

/* When all subgraphs are scanned: the counts as metadata. */
void mlr_tfl_add_operators(mlr_tfl *f);

#endif
