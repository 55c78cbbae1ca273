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
    /* Opens without leaving `dir` and through no link; ENOSYS where the kernel cannot. */
    int (*openat_beneath)(void *ctx, int dir, const char *path, int flags);
    ssize_t (*pread)(void *ctx, int fd, void *dst, size_t n, off_t off);
    ssize_t (*read)(void *ctx, int fd, void *dst, size_t n);
    ssize_t (*write)(void *ctx, int fd, const void *src, size_t n);
    ssize_t (*pwrite)(void *ctx, int fd, const void *src, size_t n, off_t off);
    int (*fstat)(void *ctx, int fd, struct stat *out);
    int (*fallocate)(void *ctx, int fd, off_t off, off_t n);
    int (*ftruncate)(void *ctx, int fd, off_t n);
    int (*fchmod)(void *ctx, int fd, mode_t mode);
    int (*fsync)(void *ctx, int fd);
    /* `no_replace`: EEXIST where `to` exists; EINVAL or ENOSYS where that is not known. */
    int (*rename)(void *ctx, int dir, const char *from, const char *to, bool no_replace);
    /* Both names change places at once; EINVAL or ENOSYS where that is not known. */
    int (*exchange)(void *ctx, int dir, const char *a, const char *b);
    int (*mkdirat)(void *ctx, int dir, const char *path, mode_t mode);
    int (*unlinkat)(void *ctx, int dir, const char *path, int flags);
    ssize_t (*copy_file_range)(void *ctx, int from, off_t *from_off, int to, off_t *to_off,
                               size_t n);
    int (*close)(void *ctx, int fd);
} mlr_sys;

extern const mlr_sys mlr_sys_posix;

/*
 * Records a failed system call: MLR_E_NO_SPACE for ENOSPC and EDQUOT, MLR_E_NO_MEMORY for
 * ENOMEM, else MLR_E_IO. `path` must outlive `err`.
 */
mlr_status mlr_fail_os(mlr_err *err, int os_error, mlr_domain domain, const char *path,
                       const char *rule);

/* What tells one state of a file from another without reading it. */
typedef struct mlr_file_id {
    uint64_t dev, ino, size;
    int64_t mtime_ns, ctime_ns;
} mlr_file_id;

/* Must not move while it is open: `source` points back at it. */
typedef struct mlr_file {
    mlr_source source;  /* reads by pread; no view */
    mlr_file_id id;     /* as it was when opened */
    const mlr_sys *sys; /* NULL while closed */
    const char *path;   /* borrowed, for errors */
    int fd;
} mlr_file;

/* Opens a regular file for reading, through links. `path` is borrowed until close. What is
   not a regular file is MLR_E_UNSUPPORTED and never waited on. */
mlr_status mlr_file_open(mlr_file *f, const char *path, const mlr_sys *sys, mlr_err *err);

/* The same for `path` relative to the directory `dir`. A path that is absolute, names ".."
   or meets a symbolic link is MLR_E_FORMAT, because such paths come from inside a model. */
mlr_status mlr_file_open_beneath(mlr_file *f, int dir, const char *path, const mlr_sys *sys,
                                 mlr_err *err);

/* MLR_E_CHANGED when the file is no longer the one that was opened. */
mlr_status mlr_file_unchanged(const mlr_file *f, mlr_err *err);

/* Safe on a zeroed or closed file. */
void mlr_file_close(mlr_file *f);

typedef enum mlr_overwrite { MLR_KEEP_EXISTING, MLR_REPLACE_EXISTING } mlr_overwrite;

/*
 * Output that appears under its name only when whole: written to a temporary file in the
 * same directory, synced, renamed, directory synced. Must not move while it is open.
 */
typedef struct mlr_out_file {
    mlr_sink sink;      /* appends */
    const mlr_sys *sys; /* NULL while closed */
    const char *path;   /* borrowed, for errors */
    int dir, fd;        /* fd may be read as well, to check what was written */
    uint64_t written, reserved;
    mode_t mode;       /* given to the file by sync */
    mlr_overwrite how; /* holds until publication */
    bool synced;       /* nothing was written since the last sync */
    bool failed;       /* a write or sync failed: it is never published */
    char temp[280];    /* name beside the target; "" once renamed */
    char name[256];    /* the target's own name in `dir` */
} mlr_out_file;

/*
 * `size` is what will be written, reserved at once so that a full disk shows early; 0 where
 * it is not known. A target that exists is MLR_E_USAGE unless it may be replaced, and so is
 * one that is no regular file. `path` is borrowed until publish or discard.
 */
mlr_status mlr_out_open(mlr_out_file *o, const char *path, uint64_t size, mlr_overwrite how,
                        const mlr_sys *sys, mlr_err *err);

/* What a fixed temporary file is called: the target's name and this. */
#define MLR_PART_SUFFIX ".mallorn-part"

/*
 * The same with a temporary file of a fixed name, which a later run finds again: what an
 * earlier one left is kept and `written` is 0. MLR_E_BUSY where another run has it open.
 */
mlr_status mlr_out_open_part(mlr_out_file *o, const char *path, mlr_overwrite how,
                             const mlr_sys *sys, mlr_err *err);

/* Keeps the first n bytes that an earlier run left and appends behind them. */
mlr_status mlr_out_go_on(mlr_out_file *o, uint64_t n, mlr_err *err);

/* Closes without publishing and leaves the temporary file where it is. */
void mlr_out_leave(mlr_out_file *o);

/* Replaces bytes that were written already, such as a header that is known only at the end.
 */
mlr_status mlr_out_rewrite(mlr_out_file *o, uint64_t off, const void *src, size_t n,
                           mlr_err *err);

/* Gives the file its mode and makes its bytes durable under the temporary name; nothing is
   visible yet. A failure is final: the kernel may have dropped what it could not write. */
mlr_status mlr_out_sync(mlr_out_file *o, mlr_err *err);

/*
 * Syncs if need be, renames into place and makes that durable. The object is closed either
 * way. A failure leaves the target as it was, but for the last step: where only the
 * directory's sync failed, the target is new and whole and the error says so.
 */
mlr_status mlr_out_publish(mlr_out_file *o, mlr_err *err);

/* Removes the temporary file. Safe on a zeroed, published or discarded object. */
void mlr_out_discard(mlr_out_file *o);

/* Removes the temporary file and does nothing else: for signal handlers. */
void mlr_out_abandon(const mlr_out_file *o);

/* Bytes in memory as a source; it offers a view. */
typedef struct mlr_bytes {
    mlr_source source;
    const uint8_t *data; /* borrowed */
} mlr_bytes;

void mlr_bytes_init(mlr_bytes *b, const void *data, size_t n);

#endif
