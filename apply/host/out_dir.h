/*
 * Output of several files that appear together or not at all: written into a directory of a
 * random name beside the target, which is renamed when all of it is on disk.
 */
#ifndef MLR_APPLY_HOST_OUT_DIR_H
#define MLR_APPLY_HOST_OUT_DIR_H

#include "apply/base/pool.h"
#include "apply/host/file.h"

/* Must not move while it is open. */
typedef struct mlr_out_dir {
    const mlr_sys *sys;  /* NULL while closed */
    const char *path;    /* borrowed, for errors */
    int parent, dir, fd; /* fd: the file being written */
    mlr_overwrite how;
    bool replaces;  /* something stands at the target, and may be replaced */
    mode_t mode;    /* the directory's, once it is published */
    char name[256]; /* in `parent` */
    char temp[48];  /* "" once renamed */
    char aside[64]; /* name of what was replaced, until it is removed; else "" */
    int old;        /* open on it */
    /* Names are changing: nobody can tell whether the temporary one is still ours. */
    volatile bool placing;
    char **made; /* names of files made so far; in `pool` */
    size_t made_count, made_room;
    mlr_pool pool;
} mlr_out_dir;

/*
 * `names` are what will be made. A target that exists must be an empty directory, or, with
 * MLR_REPLACE_EXISTING, one that holds nothing but files of these names, so that nothing
 * else is lost; otherwise MLR_E_USAGE.
 */
mlr_status mlr_out_dir_open(mlr_out_dir *o, const char *path, const char *const *names,
                            size_t count, mlr_overwrite how, const mlr_allocator *alloc,
                            const mlr_sys *sys, mlr_err *err);

/* Begins a file. `name` is relative, may name directories, and was proven to stay inside.
   One that stands already is MLR_E_FORMAT. */
mlr_status mlr_out_dir_file(mlr_out_dir *o, const char *name, uint64_t size, mlr_err *err);
mlr_status mlr_out_dir_write(mlr_out_dir *o, const void *src, size_t n, mlr_err *err);

/* The file is complete: makes it durable. */
mlr_status mlr_out_dir_close(mlr_out_dir *o, mlr_err *err);

/*
 * Makes the directory visible under its name. What it replaces is exchanged with it in one
 * step where the file system can, and then removed; elsewhere there is a moment in which
 * neither is there. Closed either way.
 */
mlr_status mlr_out_dir_publish(mlr_out_dir *o, mlr_err *err);

/* Removes what was made and does nothing else: for signal handlers. In the moment in which
   the names change it leaves everything as it is, so that no published file is lost. */
void mlr_out_dir_abandon(mlr_out_dir *o);

/* Removes what was made. Safe on a zeroed or published object. */
void mlr_out_dir_discard(mlr_out_dir *o);

#endif
