/* From a path to a model: probing, parsing, shard sets, external data, Hugging Face cache.
 */
#ifndef MLR_FORMATS_OPEN_H
#define MLR_FORMATS_OPEN_H

#include <stdbool.h>

#include "apply/base/alloc.h"
#include "apply/base/pool.h"
#include "apply/host/file.h"
#include "formats/model.h"

typedef struct mlr_open_options {
    bool single; /* one shard alone instead of its set */
    bool opaque; /* do not parse: one opaque span a file */
    bool strict; /* a file that looks like a format but breaks its rules is an error; else
                    it opens as opaque with model->note saying why */
    const mlr_sys *sys;   /* NULL: POSIX */
    const char *hf_cache; /* NULL: from the environment, as FORMATS.md says */
} mlr_open_options;

/* An open model and what it holds: files and memory. */
typedef struct mlr_opened mlr_opened;

/*
 * Opens a file, a directory, an index file, any shard of a set, or
 * hf://org/name[@rev][/file].
 *
 * A directory's visible files are all members, in the order of their names; its
 * subdirectories are not. Those that are no model, such as a tokenizer, are opaque. Only
 * the file that the user named may be a symbolic link; other files are reached without
 * links, except those of a Hugging Face cache into its own blobs. A key that an earlier
 * member has taken is preceded by the file's name and a colon.
 * `*out` is released by mlr_model_close(). `options` may be NULL.
 */
mlr_status mlr_model_open(mlr_opened **out, const char *path,
                          const mlr_open_options *options, const mlr_allocator *alloc,
                          mlr_err *err);

const mlr_model *mlr_opened_model(const mlr_opened *o);

/* The i-th member's file, for identity and change detection. */
const mlr_file *mlr_opened_file(const mlr_opened *o, size_t member);

/* MLR_E_CHANGED where a member is no longer what was opened. */
mlr_status mlr_model_unchanged(const mlr_opened *o, mlr_err *err);

void mlr_model_close(mlr_opened *o); /* NULL is fine */

/*
 * Parses bytes that are not a file (tests, fuzzing, a model inside something else). Never
 * opens anything. `format` NULL: probe. The model lives in `pool`.
 */
mlr_status mlr_model_parse(mlr_model *out, const mlr_source *source,
                           const struct mlr_format *format, mlr_pool *pool, mlr_err *err);

#endif
