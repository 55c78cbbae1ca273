/* A folder of its own for a test, and small helpers for the files in it. They fail the
 * running test where the system does not do what they ask. */
#ifndef MLR_TESTS_SUPPORT_TEMP_DIR_H
#define MLR_TESTS_SUPPORT_TEMP_DIR_H

#include <stddef.h>
#include <stdint.h>

typedef struct temp_dir {
    char path[256];
    int fd; /* open on the folder, for the *at() calls */
} temp_dir;

void temp_dir_make(temp_dir *d);

/* Removes the folder with everything in it. */
void temp_dir_remove(temp_dir *d);

/* "FOLDER/name" in a buffer that lives in `to`. */
const char *temp_dir_at(const temp_dir *d, const char *name, char to[512]);

/* Entries in the folder, "." and ".." not counted. */
size_t temp_dir_entries(const temp_dir *d);

/* Creates or replaces a file. */
void temp_dir_write(const temp_dir *d, const char *name, const void *data, size_t n);

/* Whether the file holds exactly these bytes; false where there is none. */
int temp_dir_holds(const temp_dir *d, const char *name, const void *data, size_t n);

/* Descriptors this process has open. */
size_t open_descriptors(void);

#endif
