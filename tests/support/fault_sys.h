/* System calls that do their work but for the n-th, which fails as a test wishes. */
#ifndef MLR_TESTS_SUPPORT_FAULT_SYS_H
#define MLR_TESTS_SUPPORT_FAULT_SYS_H

#include <stdbool.h>
#include <stddef.h>

#include "apply/host/file.h"

/* In place of an errno: the call transfers less than it was asked to. */
enum { FAULT_SHORT = -1 };

typedef enum fault_call {
    FAULT_OPENAT,
    FAULT_OPENAT_BENEATH,
    FAULT_PREAD,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_PWRITE,
    FAULT_FSTAT,
    FAULT_FALLOCATE,
    FAULT_FTRUNCATE,
    FAULT_FCHMOD,
    FAULT_FSYNC,
    FAULT_RENAME,
    FAULT_EXCHANGE,
    FAULT_MKDIRAT,
    FAULT_UNLINKAT,
    FAULT_COPY_FILE_RANGE,
    FAULT_CLOSE,
    FAULT_CALLS
} fault_call;

typedef struct fault_sys {
    mlr_sys sys; /* hand &f.sys to the library */
    size_t calls;
    size_t fail_at;    /* 0: never; n: the n-th call fails ... */
    bool from_then_on; /* ... and every later one but close and unlinkat */
    int why;           /* an errno, or FAULT_SHORT */
    size_t kill_at;    /* 0: never; n: SIGKILL in place of the n-th call */
    size_t hook_at;    /* 0: never; n: `hook` is called before the n-th call */
    void (*hook)(void *arg);
    int always[FAULT_CALLS]; /* an errno with which each such call fails; 0: none */
    bool no_sync;            /* what is synced is believed to be: tests that pull no plug */
    bool no_replace_unknown; /* the file system renames only with replacement */
    size_t count[FAULT_CALLS];
    size_t last[FAULT_CALLS]; /* the number that the last such call had */
    fault_call hit; /* what the n-th call was; FAULT_CALLS where it was not reached */
    /* Called before a rename is done; may be NULL. */
    void (*before_rename)(void *arg);
    void *arg;
} fault_sys;

void fault_sys_init(fault_sys *f);

#endif
