/* Which format a file has, and one file's parse on its own or as part of a set. */
#ifndef MLR_FORMATS_PROBE_H
#define MLR_FORMATS_PROBE_H

#include <stdbool.h>

#include "formats/format.h"

/*
 * The format whose probe is surest of the content; the suffix of `name` (may be "") decides
 * between equals. The opaque format where none claims it.
 */
mlr_status mlr_format_probe(const mlr_format **out, const mlr_source *source,
                            const char *name, mlr_err *err);

/* Whether `name` ends in "." and one of the format's suffixes. */
bool mlr_format_has_suffix(const mlr_format *format, const char *name);

/* How a parse reaches other files of its model; see mlr_parse. */
typedef struct mlr_siblings {
    mlr_status (*open)(void *ctx, const char *path, uint32_t *member, uint64_t *size,
                       mlr_err *err);
    void *ctx;
} mlr_siblings;

/* Parses member `member` into the builder and proves its ranges. `siblings` may be NULL. */
mlr_status mlr_parse_member(mlr_builder *b, uint32_t member, const mlr_member *m,
                            const mlr_siblings *siblings, const mlr_allocator *alloc,
                            mlr_err *err);

#endif
