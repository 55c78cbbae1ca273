#include "apply/host/resume.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "apply/base/cursor.h"
#include "apply/host/sys_call.h"

/*
 * The journal has two slots, written in turn, so that an entry torn by a power cut leaves
 * the one before:
 *   0 8 "MLRJRNL" and a version byte   8 8 key   16 8 bytes   24 8 XXH64 of those bytes
 *   32 8 XXH64 of the above
 * An entry is written only when the bytes it vouches for are on disk.
 */
enum { ENTRY = 40, SLOT = 512, PIECE = 4096 };
#define JOURNAL_MAGIC "MLRJRNL"

static mlr_status fail(const mlr_resume *r, const char *rule, mlr_err *err)
{
    return mlr_fail_os(err, errno, MLR_IN_OUTPUT, r->out.path, rule);
}

static mlr_status read_part(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    const mlr_resume *r = ctx;
    uint8_t *to = dst;
    while (n > 0) {
        ssize_t got = mlr_sys_pread(r->out.sys, r->out.fd, to, n, (off_t)off);
        if (got <= 0) {
            errno = got < 0 ? errno : EIO;
            return fail(r, "partial output that can be read", err);
        }
        to += got;
        off += (uint64_t)got;
        n -= (size_t)got;
    }
    return MLR_OK;
}

static bool load_entry(const mlr_resume *r, unsigned slot, uint8_t *entry)
{
    ssize_t got = 1;
    size_t done = 0;
    for (; done < ENTRY && got > 0; done += got > 0 ? (size_t)got : 0) {
        got = mlr_sys_pread(r->out.sys, r->journal, entry + done, ENTRY - done,
                            (off_t)(slot * SLOT + done));
    }
    return done == ENTRY;
}

/* Bytes that the entry in a slot vouches for, and their hash; false where it is no entry of
   this patch. */
static bool read_entry(const mlr_resume *r, unsigned slot, uint64_t *bytes, uint64_t *hash)
{
    uint8_t e[ENTRY];
    if (!load_entry(r, slot, e) || memcmp(e, JOURNAL_MAGIC, 8) != 0 ||
        mlr_load64(e + 8) != r->key || mlr_load64(e + 32) != mlr_xxh64_of(e, 32)) {
        return false;
    }
    *bytes = mlr_load64(e + 16);
    *hash = mlr_load64(e + 24);
    return true;
}

/* Whether the first n bytes have this hash; leaves it in r->hash. */
static bool prefix_is(mlr_resume *r, uint64_t n, uint64_t hash)
{
    uint8_t piece[PIECE];
    mlr_err ignored = {0};
    mlr_xxh64_begin(&r->hash);
    for (uint64_t at = 0; at < n; at += PIECE) {
        size_t now = n - at < PIECE ? (size_t)(n - at) : PIECE;
        if (read_part(r, at, piece, now, &ignored) != MLR_OK) {
            return false;
        }
        mlr_xxh64_add(&r->hash, piece, now);
    }
    return mlr_xxh64_end(&r->hash) == hash;
}

static void find_prefix(mlr_resume *r, uint64_t part_bytes)
{
    uint64_t best = 0, best_hash = 0;
    for (unsigned slot = 0; slot < 2; slot++) {
        uint64_t bytes, hash;
        if (read_entry(r, slot, &bytes, &hash) && bytes > best && bytes <= part_bytes) {
            best = bytes;
            best_hash = hash;
            r->slot = 1 - slot;
        }
    }
    r->found = part_bytes == 0 ? MLR_RESUME_NOTHING : MLR_RESUME_OTHER;
    if (best > 0 && prefix_is(r, best, best_hash)) {
        r->found = MLR_RESUME_PREFIX;
        r->certain = best;
        r->done.size = best;
    } else {
        mlr_xxh64_begin(&r->hash);
    }
}

static mlr_status open_journal(mlr_resume *r, mlr_err *err)
{
    snprintf(r->journal_name, sizeof r->journal_name, "%s" MLR_JOURNAL_SUFFIX, r->out.name);
    r->journal = mlr_sys_openat(
        r->out.sys, r->out.dir, r->journal_name,
        O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC | O_NONBLOCK, 0600);
    struct stat st;
    if (r->journal < 0 || mlr_sys_fstat(r->out.sys, r->journal, &st) < 0) {
        return fail(r, "journal that can be opened", err);
    }
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        mlr_err_in(err, MLR_IN_OUTPUT, r->out.path);
        return mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET,
                        "journal that is a file of its own");
    }
    return MLR_OK;
}

mlr_status mlr_resume_open(mlr_resume *r, const char *path, uint64_t key, mlr_overwrite how,
                           const mlr_sys *sys, mlr_err *err)
{
    *r = (mlr_resume){.journal = -1, .key = key, .every = MLR_CHECKPOINT_BYTES};
    r->done = (mlr_source){.ctx = r, .read_at = read_part};
    if (mlr_out_open_part(&r->out, path, how, sys, err) != MLR_OK) {
        return err->status;
    }
    struct stat st;
    if (mlr_sys_fstat(r->out.sys, r->out.fd, &st) < 0) {
        fail(r, "partial output that tells its size", err);
    } else if (open_journal(r, err) == MLR_OK) {
        find_prefix(r, (uint64_t)st.st_size);
        mlr_out_go_on(&r->out, r->certain, err);
    }
    if (err->status != MLR_OK) {
        mlr_resume_leave(r);
    }
    return err->status;
}

void mlr_resume_every(mlr_resume *r, uint64_t n)
{
    r->every = n;
}

/* Short writes are nobody's concern. */
static bool write_entry(const mlr_resume *r, const uint8_t *entry)
{
    size_t done = 0;
    while (done < ENTRY) {
        ssize_t put = mlr_sys_pwrite(r->out.sys, r->journal, entry + done, ENTRY - done,
                                     (off_t)(r->slot * SLOT + done));
        if (put <= 0) {
            errno = put < 0 ? errno : EIO;
            return false;
        }
        done += (size_t)put;
    }
    return true;
}

mlr_status mlr_resume_checkpoint(mlr_resume *r, mlr_err *err)
{
    if (r->out.sys == NULL || r->out.failed || r->certain == r->out.written) {
        return MLR_OK;
    }
    uint8_t e[ENTRY];
    memcpy(e, JOURNAL_MAGIC, 8);
    mlr_store64(e + 8, r->key);
    mlr_store64(e + 16, r->out.written);
    mlr_store64(e + 24, mlr_xxh64_end(&r->hash));
    mlr_store64(e + 32, mlr_xxh64_of(e, 32));
    if (mlr_sys_fsync(r->out.sys, r->out.fd) < 0 || !write_entry(r, e) ||
        mlr_sys_fsync(r->out.sys, r->journal) < 0) {
        r->out.failed = true;
        return fail(r, "checkpoint that can be made durable", err);
    }
    r->certain = r->out.written;
    r->slot = 1 - r->slot;
    return MLR_OK;
}

mlr_status mlr_resume_write(mlr_resume *r, const void *src, size_t n, mlr_err *err)
{
    if (r->out.sink.write(r->out.sink.ctx, src, n, err) != MLR_OK) {
        return err->status;
    }
    mlr_xxh64_add(&r->hash, src, n);
    return r->out.written - r->certain >= r->every ? mlr_resume_checkpoint(r, err) : MLR_OK;
}

/* Once more after a passing fault: nobody else removes it. */
static void remove_journal(const mlr_sys *sys, int dir, const char *name)
{
    if (mlr_sys_unlinkat(sys, dir, name) < 0 && errno != ENOENT) {
        (void)mlr_sys_unlinkat(sys, dir, name);
    }
}

static void end_journal(mlr_resume *r, bool remove)
{
    if (r->out.sys == NULL || r->journal < 0) {
        return;
    }
    if (remove) {
        remove_journal(r->out.sys, r->out.dir, r->journal_name);
    }
    mlr_sys_close(r->out.sys, r->journal);
    r->journal = -1;
}

mlr_status mlr_resume_publish(mlr_resume *r, mlr_err *err)
{
    const mlr_sys *sys = r->out.sys;
    int dir = sys == NULL ? -1 : fcntl(r->out.dir, F_DUPFD_CLOEXEC, 0);
    /* The journal goes last: one that outlives its file is only ignored. */
    mlr_status status = mlr_out_publish(&r->out, err);
    if (dir >= 0) {
        remove_journal(sys, dir, r->journal_name);
        mlr_sys_close(sys, dir);
        mlr_sys_close(sys, r->journal);
        r->journal = -1;
    }
    return status;
}

void mlr_resume_leave(mlr_resume *r)
{
    end_journal(r, false);
    mlr_out_leave(&r->out);
}

void mlr_resume_discard(mlr_resume *r)
{
    end_journal(r, true);
    mlr_out_discard(&r->out);
}
