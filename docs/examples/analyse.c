/* Prints what changed between two models, tensor by tensor: analyse OLD NEW. */
#include <stdio.h>

#include "analysis/diff.h"
#include "apply/host/err_text.h"
#include "apply/host/heap.h"
#include "apply/host/printable.h"
#include "apply/host/threads.h"
#include "formats/open.h"

/* Called for each tensor that changed, as soon as it is measured. */
static void show(void *ctx, const mlr_diff *d, size_t index, const mlr_measure *m,
                 const mlr_detail *detail)
{
    (void)ctx;
    (void)detail;
    const mlr_pairing *pair = &d->matching.pairs[index];
    const mlr_tensor *t = pair->new_tensor != MLR_NO_TENSOR
                              ? &d->matching.new_model->tensors[pair->new_tensor]
                              : &d->matching.old_model->tensors[pair->old_tensor];
    char name[256]; /* names come from files: never print them as they are */
    mlr_printable(name, sizeof name, t->key.p, t->key.n);
    printf("%-8s %s", mlr_change_name(pair->change), name);
    if (m->have & MLR_HAVE_PAIR) {
        printf("  %llu of %llu elements", (unsigned long long)m->changed_elements,
               (unsigned long long)m->elements);
    }
    if (m->have & MLR_HAVE_NUMBERS && m->have & MLR_HAVE_PAIR) {
        printf(", rmse %.3g, most %.3g", m->delta.rmse, m->delta.most);
    }
    putchar('\n');
}

static mlr_status analyse(const mlr_model *old_model, const mlr_model *new_model,
                          const mlr_work *work, mlr_err *err)
{
    mlr_pool pool;
    mlr_diff diff;
    mlr_diff_watch watch = {.measured = show};
    mlr_diff_options options = {.depth = MLR_DEPTH_FULL, .watch = &watch};
    mlr_pool_init(&pool, work->alloc);
    if (mlr_diff_begin(&diff, old_model, new_model, NULL, &pool, err) == MLR_OK) {
        mlr_diff_compare(&diff, &options, work, err);
    }
    mlr_pool_release(&pool);
    return err->status;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: analyse OLD NEW\n", stderr);
        return 2;
    }
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_err err = {0};
    mlr_threads *threads = NULL;
    mlr_opened *old_model = NULL, *new_model = NULL;
    if (mlr_threads_start(&threads, 0, &heap.alloc, &err) == MLR_OK &&
        mlr_model_open(&old_model, argv[1], NULL, &heap.alloc, &err) == MLR_OK &&
        mlr_model_open(&new_model, argv[2], NULL, &heap.alloc, &err) == MLR_OK) {
        mlr_work work = {.alloc = &heap.alloc, .exec = mlr_threads_exec(threads)};
        analyse(mlr_opened_model(old_model), mlr_opened_model(new_model), &work, &err);
    }
    if (err.status != MLR_OK) {
        char text[512];
        fprintf(stderr, "analyse: %s\n", mlr_err_text(&err, text, sizeof text));
    }
    mlr_model_close(old_model);
    mlr_model_close(new_model);
    if (threads != NULL) {
        mlr_threads_stop(threads);
    }
    return mlr_exit_code(&err);
}
