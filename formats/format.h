/* What a format module provides. One file and one row of formats.c per format. */
#ifndef MLR_FORMATS_FORMAT_H
#define MLR_FORMATS_FORMAT_H

#include "formats/builder.h"
#include "formats/model.h"
#include "formats/window.h"

/* What parse() is given. All pointers are borrowed. */
typedef struct mlr_parse {
    mlr_builder *builder;
    mlr_window *window; /* over the member's source */
    mlr_pool *scratch;  /* released after the parse */
    uint32_t member;
    uint64_t size; /* of the member */
    /* Opens another file of the model by its path relative to this one (external data) and
       adds it as a member; the same path yields the same member. NULL: none may be opened.
     */
    mlr_status (*sibling)(void *ctx, const char *path, uint32_t *member, uint64_t *size,
                          mlr_err *err);
    void *sibling_ctx;
} mlr_parse;

typedef struct mlr_format {
    const char *name;         /* "gguf" */
    const char *title;        /* "GGUF" */
    const char *suffixes;     /* "gguf", or "tflite,lite" */
    const char *patch_suffix; /* "ggup" */
    /* 0 = not mine ... 100 = certain, from the first bytes (up to 64) and the file's size.
     */
    int (*probe)(const uint8_t *head, size_t n, uint64_t size);
    mlr_status (*parse)(mlr_parse *p, mlr_err *err);
    /* Facts that need all files of a set, such as scales in another shard; or NULL. Called
       once, after the last file was parsed. */
    void (*relate)(mlr_builder *b);
} mlr_format;

extern const mlr_format mlr_format_safetensors, mlr_format_gguf, mlr_format_onnx,
    mlr_format_tflite, mlr_format_opaque;

/* In the order of probing; ends with NULL. The opaque format is not in it. */
extern const mlr_format *const mlr_formats[];

/* NULL where the name is unknown. */
const mlr_format *mlr_format_named(const char *name);

#endif
