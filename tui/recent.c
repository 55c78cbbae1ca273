#include "tui/recent.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/host/file.h"

/* The file has two lines a pair, old and new path, and nothing else. */
enum { MAX_FILE = 2 * MLR_RECENT_PAIRS * MLR_RECENT_PATH };

static const char file_name[] = "recent";

static const char *take_line(const char *p, const char *end, char *to)
{
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    size_t n = stop == NULL ? 0 : (size_t)(stop - p);
    if (stop == NULL || n == 0 || n >= MLR_RECENT_PATH || memchr(p, 0, n) != NULL) {
        return NULL;
    }
    memcpy(to, p, n);
    to[n] = '\0';
    return stop + 1;
}

static void parse(mlr_recent *r, const char *p, const char *end)
{
    while (p != NULL && p < end && r->count < MLR_RECENT_PAIRS) {
        p = take_line(p, end, r->old_path[r->count]);
        p = p == NULL ? NULL : take_line(p, end, r->new_path[r->count]);
        r->count += p != NULL;
    }
}

void mlr_recent_load(mlr_recent *r, const char *folder, const mlr_allocator *alloc)
{
    char path[1200];
    mlr_file f = {0};
    mlr_err err = {0};
    *r = (mlr_recent){0};
    if (folder == NULL) {
        return;
    }
    snprintf(path, sizeof path, "%s/%s", folder, file_name);
    if (mlr_file_open(&f, path, NULL, &err) != MLR_OK) {
        return;
    }
    size_t n = f.source.size > MAX_FILE ? 0 : (size_t)f.source.size;
    char *bytes = mlr_take(alloc, n + 1);
    if (bytes != NULL && f.source.read_at(f.source.ctx, 0, bytes, n, &err) == MLR_OK) {
        parse(r, bytes, bytes + n);
    }
    mlr_give(alloc, bytes, n + 1);
    mlr_file_close(&f);
}

void mlr_recent_drop(mlr_recent *r, size_t i)
{
    if (i >= r->count) {
        return;
    }
    r->count--;
    memmove(r->old_path[i], r->old_path[i + 1], (r->count - i) * MLR_RECENT_PATH);
    memmove(r->new_path[i], r->new_path[i + 1], (r->count - i) * MLR_RECENT_PATH);
}

static bool keepable(const char *path)
{
    size_t n = strlen(path);
    return n > 0 && n < MLR_RECENT_PATH && strchr(path, '\n') == NULL;
}

void mlr_recent_add(mlr_recent *r, const char *old_path, const char *new_path)
{
    if (!keepable(old_path) || !keepable(new_path)) {
        return;
    }
    for (size_t i = r->count; i-- > 0;) {
        if (strcmp(r->old_path[i], old_path) == 0 &&
            strcmp(r->new_path[i], new_path) == 0) {
            mlr_recent_drop(r, i);
        }
    }
    size_t keep = r->count < MLR_RECENT_PAIRS ? r->count : MLR_RECENT_PAIRS - 1;
    memmove(r->old_path[1], r->old_path[0], keep * MLR_RECENT_PATH);
    memmove(r->new_path[1], r->new_path[0], keep * MLR_RECENT_PATH);
    snprintf(r->old_path[0], MLR_RECENT_PATH, "%s", old_path);
    snprintf(r->new_path[0], MLR_RECENT_PATH, "%s", new_path);
    r->count = keep + 1;
}

static void make_folders(const char *folder)
{
    char path[1100];
    snprintf(path, sizeof path, "%s", folder);
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(path, 0700); /* what is missing shows when the file is opened */
            *p = '/';
        }
    }
    (void)mkdir(path, 0700);
}

mlr_status mlr_recent_save(const mlr_recent *r, const char *folder, mlr_err *err)
{
    char path[1200];
    mlr_out_file out = {0};
    if (folder == NULL || folder[0] == '\0') {
        return MLR_OK;
    }
    make_folders(folder);
    snprintf(path, sizeof path, "%s/%s", folder, file_name);
    mlr_status s = mlr_out_open(&out, path, 0, MLR_REPLACE_EXISTING, NULL, err);
    for (size_t i = 0; i < r->count && s == MLR_OK; i++) {
        char text[2 * MLR_RECENT_PATH + 2];
        int n = snprintf(text, sizeof text, "%s\n%s\n", r->old_path[i], r->new_path[i]);
        s = out.sink.write(out.sink.ctx, text, n > 0 ? (size_t)n : 0, err);
    }
    s = s == MLR_OK ? mlr_out_sync(&out, err) : s;
    s = s == MLR_OK ? mlr_out_publish(&out, err) : s;
    mlr_out_discard(&out);
    if (err != NULL && s != MLR_OK) {
        err->input = "recent pairs"; /* it named `path`, which is gone */
    }
    return s;
}
