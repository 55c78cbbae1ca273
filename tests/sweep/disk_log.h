/*
 * A record of all that changes the disk, made while it really happens, and what a disk may
 * hold after the power failed behind any part of it.
 */
#ifndef MLR_TESTS_SWEEP_DISK_LOG_H
#define MLR_TESTS_SWEEP_DISK_LOG_H

#include "apply/host/file.h"
#include "tests/support/rng.h"
#include "tests/sweep/tree.h"

enum { DISK_NODES = 64, DISK_OPS = 1024, DISK_SECTOR = 512 };

typedef enum disk_kind {
    DISK_LINK,     /* `name` in `node` means `other` */
    DISK_UNLINK,   /* `name` in `node` is gone */
    DISK_RENAME,   /* `name` becomes `to`, both in `node`; it means `other` */
    DISK_EXCHANGE, /* `name` (`other`) and `to` (`another`) change places */
    DISK_WRITE,    /* `n` bytes at `off` of `node` */
    DISK_LENGTH,   /* `node` is cut, or filled with zeros, to `off` bytes */
    DISK_MODE,     /* `node` gets the mode `off` */
    DISK_SYNC      /* what was done to `node` is certain */
} disk_kind;

typedef struct disk_op {
    disk_kind kind;
    int node, other, another;
    char name[TREE_PATH], to[TREE_PATH];
    uint64_t off;
    uint8_t *data; /* owned */
    size_t n;
} disk_op;

typedef struct disk_node {
    bool is_dir, gone;
    unsigned mode; /* when it was made */
    uint64_t ino;  /* while it is not gone */
} disk_node;

typedef struct disk_log {
    mlr_sys sys; /* hand &log.sys to the library */
    tree start;  /* certain before the first operation; node 0 is the folder itself */
    disk_node node[DISK_NODES];
    size_t nodes;
    char start_path[DISK_NODES][TREE_PATH];
    size_t start_nodes;
    disk_op op[DISK_OPS];
    size_t ops;
    bool full; /* it was too long for this log */
} disk_log;

/* Begins a record of what happens in the present directory. */
void disk_log_begin(disk_log *l);
void disk_log_end(disk_log *l);

typedef enum disk_fate {
    FATE_NOTHING,    /* nothing stays that was not synced */
    FATE_ALL,        /* everything stays */
    FATE_NAMES,      /* names stay; bytes that were not synced do not */
    FATE_ZEROS,      /* names and lengths stay; such bytes are zero */
    FATE_TORN,       /* all but every other sector of the last such write */
    FATE_TRASH,      /* names stay; such sectors hold anything */
    FATE_BYTES,      /* bytes stay; names do not */
    FATE_LAST_LOST,  /* all but the last operation */
    FATE_FIRST_LOST, /* all but the first that was not synced */
    FATE_RANDOM,     /* of each sector and name anything, by the seed */
    FATES = FATE_RANDOM + 16
} disk_fate;

/* What the disk holds where the power fails behind `done` operations. */
void disk_after(const disk_log *l, size_t done, unsigned fate, uint64_t seed, tree *out);

#endif
