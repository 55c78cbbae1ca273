/* Makes a patch that turns one model into another: diff OLD NEW PATCH. */
#include <stdio.h>
#include <zstd.h>

#include "apply/host/err_text.h"
#include "apply/host/file.h"
#include "apply/host/heap.h"
#include "apply/host/host_kernels.h"
#include "apply/host/inflate_zstd.h"
#include "codec/make.h"
#include "formats/open.h"

static mlr_status append(void *ctx, const void *src, size_t n, mlr_err *err)
{
    mlr_out_file *file = ctx;
    return file->sink.write(file->sink.ctx, src, n, err);
}

static mlr_status rewrite(void *ctx, uint64_t off, const void *src, size_t n, mlr_err *err)
{
    return mlr_out_rewrite(ctx, off, src, n, err);
}

/* The file appears under its name only when the patch is whole and proven. */
static mlr_status write_patch(const mlr_plan *plan, const char *path,
                              const mlr_allocator *alloc, mlr_made *made, mlr_err *err)
{
    mlr_inflater inflater = mlr_inflate_zstd();
    mlr_make_options make = {.plan = plan,
                             .inflater = &inflater,
                             .kernels = mlr_host_kernels(),
                             .alloc = alloc,
                             .zstd_version = ZSTD_versionNumber()};
    mlr_out_file file;
    if (mlr_out_open(&file, path, 0, MLR_REPLACE_EXISTING, NULL, err) != MLR_OK) {
        return err->status;
    }
    mlr_patch_out out = {.ctx = &file, .write = append, .rewrite = rewrite};
    if (mlr_patch_make(&make, &out, made, err) == MLR_OK) {
        mlr_out_publish(&file, err);
    }
    mlr_out_discard(&file);
    return err->status;
}

/* Pairs the tensors, decides what is coded how, encodes. */
static mlr_status diff(const mlr_model *old_model, const mlr_model *new_model,
                       const char *path, const mlr_allocator *alloc, mlr_err *err)
{
    mlr_pool pool;
    mlr_matching matching;
    mlr_plan plan;
    mlr_made made;
    mlr_plan_options wish = {.choice = {.strategy = MLR_AUTO, .level = 12}};
    mlr_work work = {.alloc = alloc};
    mlr_pool_init(&pool, alloc);
    if (mlr_match_headers(&matching, old_model, new_model, NULL, &pool, err) == MLR_OK &&
        mlr_match_contents(&matching, NULL, &work, err) == MLR_OK &&
        mlr_plan_make(&plan, &matching, &wish, &pool, err) == MLR_OK &&
        write_patch(&plan, path, alloc, &made, err) == MLR_OK) {
        printf("%llu tensors coded, %llu the same; patch of %llu bytes for %llu\n",
               (unsigned long long)made.tensors_coded,
               (unsigned long long)made.tensors_same, (unsigned long long)made.patch_bytes,
               (unsigned long long)plan.new_bytes);
    }
    mlr_pool_release(&pool);
    return err->status;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: diff OLD NEW PATCH\n", stderr);
        return 2;
    }
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_err err = {0};
    mlr_opened *old_model = NULL, *new_model = NULL;
    if (mlr_model_open(&old_model, argv[1], NULL, &heap.alloc, &err) == MLR_OK &&
        mlr_model_open(&new_model, argv[2], NULL, &heap.alloc, &err) == MLR_OK) {
        diff(mlr_opened_model(old_model), mlr_opened_model(new_model), argv[3], &heap.alloc,
             &err);
    }
    if (err.status != MLR_OK) {
        char text[512];
        fprintf(stderr, "diff: %s\n", mlr_err_text(&err, text, sizeof text));
    }
    mlr_model_close(old_model);
    mlr_model_close(new_model);
    return mlr_exit_code(&err);
}
