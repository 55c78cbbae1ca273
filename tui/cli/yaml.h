/*
 * Small YAML files (themes, profiles) as a flat table of nodes with their places in the
 * text, so that an edit can replace exactly the bytes of one value. A bounded subset: no
 * anchors, aliases, tags, merge keys, second documents or repeated keys.
 */
#ifndef MLR_TUI_CLI_YAML_H
#define MLR_TUI_CLI_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/base/alloc.h"
#include "apply/base/status.h"

enum { MLR_YAML_MAX_BYTES = 256 << 10, MLR_YAML_MAX_DEPTH = 32 };

typedef enum mlr_yaml_kind { MLR_YAML_SCALAR, MLR_YAML_LIST, MLR_YAML_MAP } mlr_yaml_kind;

/* Lines and columns count from 1; a column counts characters, not bytes. */
typedef struct mlr_yaml_at {
    uint32_t line, column;
} mlr_yaml_at;

typedef struct mlr_yaml_node {
    const char *text; /* of a scalar: NUL-terminated, in the document; "" otherwise */
    const char *key;  /* of a map's entry, NUL-terminated; else NULL */
    uint32_t text_bytes, key_bytes;
    uint32_t first, next;   /* first child, next sibling; 0: none (0 is the root) */
    uint32_t count;         /* children */
    uint32_t begin, end;    /* bytes of the value in the file */
    mlr_yaml_at at, key_at; /* where the value and its key start */
    uint8_t kind;           /* mlr_yaml_kind */
    bool quoted;            /* "true" and 'true' are strings, true is not */
    bool flow;              /* written as {...} or [...] */
} mlr_yaml_node;

typedef struct mlr_yaml {
    const mlr_allocator *alloc;
    mlr_yaml_node *nodes; /* nodes[0] is the root */
    char *strings;
    size_t count, node_room, string_bytes, string_room;
    mlr_yaml_at failed; /* where reading failed; line 0: it did not */
} mlr_yaml;

/*
 * Reads n bytes. A failure is MLR_E_FORMAT or MLR_E_LIMIT with the byte as its offset,
 * "line:column" as its subject and y->failed set; the table is empty then. An empty file
 * is an empty map. `y` is released by mlr_yaml_release() either way.
 */
mlr_status mlr_yaml_read(mlr_yaml *y, const char *bytes, size_t n, const mlr_allocator *a,
                         mlr_err *err);

void mlr_yaml_release(mlr_yaml *y); /* safe on a zeroed table */

/* The value of `key` in a map, or NULL. */
const mlr_yaml_node *mlr_yaml_get(const mlr_yaml *y, const mlr_yaml_node *map,
                                  const char *key);

/* First child and next sibling, or NULL. */
const mlr_yaml_node *mlr_yaml_first(const mlr_yaml *y, const mlr_yaml_node *n);
const mlr_yaml_node *mlr_yaml_next(const mlr_yaml *y, const mlr_yaml_node *n);

bool mlr_yaml_is(const mlr_yaml_node *n, const char *text);

/* true/false, unquoted; false where it is neither. */
bool mlr_yaml_bool(const mlr_yaml_node *n, bool *out);

/* A decimal number without sign that fits. */
bool mlr_yaml_u64(const mlr_yaml_node *n, uint64_t *out);

/* Records `rule` as broken by this node: its line and column, its byte, its text. */
mlr_status mlr_yaml_fail(mlr_yaml *y, const mlr_yaml_node *n, const char *rule,
                         mlr_err *err);

#endif
