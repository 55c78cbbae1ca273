/*
 * Files on a POSIX system: random-access reading, and output that replaces its path only
 * when it is complete. System calls go through a table so that tests can fail each of them.
 */
#ifndef MLR_APPLY_HOST_FILE_H
#define MLR_APPLY_HOST_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "apply/base/alloc.h"
#include "apply/base/io.h"
#include "apply/base/status.h"

/* The system calls used here, in one table. NULL for `sys` anywhere means mlr_sys_posix. */
typedef struct mlr_sys {
    void *ctx;
    int (*openat)(void *ctx, int dir, const char *path, int flags, mode_t mode);
    ssize_t (*pread)(void *ctx, int fd, void *dst, size_t n, off_t off);
    ssize_t (*write)(void *ctx, int fd, const void *src, size_t n);
    int (*fstat)(void *ctx, int fd, struct stat *out);
    int (*fallocate)(void *ctx, int fd, off_t off, off_t n);
    int (*ftruncate)(void *ctx, int fd, off_t n);
    int (*fchmod)(void *ctx, int fd, mode_t mode);
    int (*fsync)(void *ctx, int fd);
    int (*renameat)(void *ctx, int from_dir, const char *from, int to_dir, const char *to);
    int (*unlinkat)(void *ctx, int dir, const char *path, int flags);
    ssize_t (*copy_file_range)(void *ctx, int from, off_t *from_off, int to, off_t *to_off,
                               size_t n);
    int (*close)(void *ctx, int fd);
} mlr_sys;

extern const mlr_sys mlr_sys_posix;

/* What tells one state of a file from another without reading it. */
typedef struct mlr_file_id {
    uint64_t dev, ino, size;
    int64_t mtime_ns, ctime_ns;
} mlr_file_id;

typedef struct mlr_file {
    mlr_source source; /* reads through this object by pread; no view */
    mlr_file_id id;    /* as it was when opened */
    const mlr_sys *sys;
    const char *path; /* borrowed, for errors */
    int fd;
} mlr_file;

/* Opens a regular file for reading. `path` is borrowed until close. */
mlr_status mlr_file_open(mlr_file *f, const char *path, const mlr_sys *sys, mlr_err *err);

/* The same for `path` relative to the directory `dir`, never leaving it by "..", an
   absolute path or a symbolic link, and never waiting on a FIFO. */
mlr_status mlr_file_open_beneath(mlr_file *f, int dir, const char *path, const mlr_sys *sys,
                                 mlr_err *err);

/* MLR_E_CHANGED when the file is no longer the one that was opened. */
mlr_status mlr_file_unchanged(const mlr_file *f, mlr_err *err);

/* Safe on a zeroed or closed file. */
void mlr_file_close(mlr_file *f);

/*
 * Output that appears under its name only when whole: written to a temporary file in the
 * same directory, synced, renamed, directory synced.
 */
typedef struct mlr_out_file {
    mlr_sink sink; /* appends */
    const mlr_sys *sys;
    const char *path; /* borrowed, for errors */
    int dir, fd;
    uint64_t written;
    mode_t mode;    /* given to the file on publication */
    char temp[48];  /* name beside the target */
    char name[256]; /* the target's own name in `dir` */
} mlr_out_file;

typedef enum mlr_overwrite { MLR_KEEP_EXISTING, MLR_REPLACE_EXISTING } mlr_overwrite;

/* `size` is what will be written, reserved at once so that a full disk shows early; 0 where
   it is not known. A target that exists is MLR_E_USAGE unless it may be replaced. */
mlr_status mlr_out_open(mlr_out_file *o, const char *path, uint64_t size, mlr_overwrite how,
                        const mlr_sys *sys, mlr_err *err);

/* Makes the bytes durable under the temporary name; nothing is visible yet. */
mlr_status mlr_out_sync(mlr_out_file *o, mlr_err *err);

/* Renames into place and makes that durable. The object is closed either way. */
mlr_status mlr_out_publish(mlr_out_file *o, mlr_err *err);

/* Removes the temporary file. Safe on a zeroed, published or discarded object. */
void mlr_out_discard(mlr_out_file *o);

/* Bytes in memory as a source; it offers a view. */
typedef struct mlr_bytes {
    mlr_source source;
    const uint8_t *data; /* borrowed */
} mlr_bytes;

void mlr_bytes_init(mlr_bytes *b, const void *data, size_t n);

#endif
