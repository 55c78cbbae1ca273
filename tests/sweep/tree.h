/* The files of a folder as values: read, compared, written back. */
#ifndef MLR_TESTS_SWEEP_TREE_H
#define MLR_TESTS_SWEEP_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TREE_FILES = 24, TREE_PATH = 96 };

typedef struct tree_file {
    char path[TREE_PATH]; /* of a directory: with a '/' at its end */
    uint8_t *data;        /* from malloc */
    size_t n;
    unsigned mode;
} tree_file;

/* Sorted by path. */
typedef struct tree {
    tree_file file[TREE_FILES];
    size_t count;
} tree;

/* All of the present directory. Aborts where it holds too much to be a test's. */
void tree_read(tree *t);
void tree_release(tree *t);

/* Makes the present directory hold this and nothing else. */
void tree_write(const tree *t);

/* Adds a file, or replaces its bytes; keeps the order. */
tree_file *tree_put(tree *t, const char *path, const void *data, size_t n, unsigned mode);
void tree_drop(tree *t, const char *path);
tree_file *tree_find(const tree *t, const char *path);
void tree_copy(tree *to, const tree *from);

/* NULL, or the first path at which they differ. Where `debris` is true, what mallorn names
   ".mallorn-..." or "....mallorn-..." in `now` is passed over. */
const char *tree_differs(const tree *now, const tree *want, bool debris);

#endif
