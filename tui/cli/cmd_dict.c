/* `mallorn dict`: trains dictionaries and shows what they are. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply/dict.h"
#include "apply/host/host_kernels.h"
#include "apply/host/printable.h"
#include "apply/patch_format.h"
#include "tui/cli/dict_job.h"
#include "tui/cli/text.h"

typedef struct dict_values {
    const char *out;
    uint64_t max_size;
    bool force, json, quiet;
} dict_values;

static const mlr_opt dict_opts[] = {
    {.name = "output",
     .letter = 'o',
     .kind = MLR_OPT_FILE,
     .metavar = "FILE",
     .help = "Where the dictionary goes (train).",
     .field = offsetof(dict_values, out)},
    {.name = "max-size",
     .kind = MLR_OPT_SIZE,
     .metavar = "BYTES",
     .help = "Most bytes of the dictionary file (train).",
     .field = offsetof(dict_values, max_size),
     .fallback = "114688",
     .least = 1024,
     .most = MLR_MAX_DICT},
    {.name = "force",
     .letter = 'f',
     .kind = MLR_OPT_FLAG,
     .help = "Replace an existing file.",
     .field = offsetof(dict_values, force)},
    {.name = "quiet",
     .letter = 'q',
     .kind = MLR_OPT_FLAG,
     .help = "Print nothing but errors.",
     .field = offsetof(dict_values, quiet)},
    {.name = "json",
     .letter = 'j',
     .kind = MLR_OPT_FLAG,
     .help = "Print one JSON object (mallorn.dict/1).",
     .field = offsetof(dict_values, json)},
};

/* --- showing -------------------------------------------------------------------------- */

static void show(mlr_cli *cli, const dict_values *v, const char *path, const mlr_dict *d)
{
    if (v->json) {
        mlr_json *j = &cli->json;
        mlr_json_init(j, cli->out);
        mlr_json_object(j, NULL);
        mlr_json_text(j, "schema", "mallorn.dict/1");
        mlr_json_text(j, "file", path);
        mlr_json_u64(j, "bytes", d->size);
        mlr_json_hex(j, "sha256", d->digest, MLR_SHA256_BYTES);
        mlr_json_u64(j, "samples", d->samples);
        mlr_json_u64(j, "sample_bytes", d->sample_bytes);
        mlr_json_u64(j, "date", d->date);
        mlr_json_end(j);
        return;
    }
    char name[512], size[MLR_TEXT], from[MLR_TEXT], date[32] = "unknown date";
    time_t t = (time_t)d->date;
    struct tm tm;
    if (d->date > 0 && gmtime_r(&t, &tm) != NULL) {
        (void)strftime(date, sizeof date, "%Y-%m-%d", &tm);
    }
    mlr_printable(name, sizeof name, path, strlen(path));
    fprintf(cli->out, "%s%s%s  %s  from %u samples, %s  %s\n  sha256 ",
            mlr_cli_on(cli, MLR_STYLE_TITLE), name, mlr_cli_off(cli, MLR_STYLE_TITLE),
            mlr_text_size(size, d->size), d->samples, mlr_text_size(from, d->sample_bytes),
            date);
    for (size_t i = 0; i < MLR_SHA256_BYTES; i++) {
        fprintf(cli->out, "%02x", d->digest[i]);
    }
    putc('\n', cli->out);
}

static mlr_status run_info(mlr_cli *cli, const dict_values *v, const char *path,
                           mlr_pool *pool, mlr_err *err)
{
    mlr_file f = {0};
    uint8_t *bytes = NULL;
    mlr_dict d;
    mlr_err_in(err, MLR_IN_DICT, path);
    if (mlr_file_open(&f, path, cli->sys, err) != MLR_OK) {
        return err->status;
    }
    size_t n = f.source.size > MLR_MAX_DICT ? 0 : (size_t)f.source.size;
    if (f.source.size > MLR_MAX_DICT) {
        mlr_fail_limit(err, MLR_NO_OFFSET, "size of a dictionary", f.source.size,
                       MLR_MAX_DICT);
    } else if ((bytes = mlr_pool_take(pool, n + 1)) == NULL) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "dictionary");
    } else if (f.source.read_at(f.source.ctx, 0, bytes, n, err) == MLR_OK &&
               mlr_dict_view(&d, bytes, n, mlr_host_kernels()->sha256, err) == MLR_OK) {
        show(cli, v, path, &d);
    }
    mlr_file_close(&f);
    return err->status;
}

/* --- training ------------------------------------------------------------------------- */

static mlr_status publish(mlr_cli *cli, const dict_values *v, const mlr_buf *file,
                          mlr_err *err)
{
    mlr_out_file out = {0};
    mlr_dict d;
    if (mlr_out_open(&out, v->out, file->size,
                     v->force ? MLR_REPLACE_EXISTING : MLR_KEEP_EXISTING, cli->sys,
                     err) == MLR_OK &&
        out.sink.write(out.sink.ctx, file->data, file->size, err) == MLR_OK &&
        mlr_out_publish(&out, err) == MLR_OK && !v->quiet &&
        mlr_dict_view(&d, file->data, file->size, mlr_host_kernels()->sha256, err) ==
            MLR_OK) {
        show(cli, v, v->out, &d);
    }
    mlr_out_discard(&out);
    return err->status;
}

static mlr_status run_train(mlr_cli *cli, const dict_values *v, const mlr_args *args,
                            mlr_err *err)
{
    size_t versions = args->count - 1;
    if (v->out == NULL || versions < 2) {
        return mlr_cli_fail(
            cli, err, MLR_E_USAGE,
            "dict train needs two versions of a model or more, and -o FILE");
    }
    mlr_buf file;
    mlr_buf_init(&file, cli->alloc);
    if (mlr_dict_job(cli, args->operand + 1, versions, (size_t)v->max_size, &file, err) ==
        MLR_OK) {
        publish(cli, v, &file, err);
    }
    mlr_buf_release(&file);
    return err->status;
}

static mlr_status run_dict(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const dict_values *v = args->values;
    const char *what = args->operand[0];
    if (strcmp(what, "train") == 0) {
        return run_train(cli, v, args, err);
    }
    if (strcmp(what, "info") != 0 || args->count != 2) {
        return mlr_cli_fail(
            cli, err, MLR_E_USAGE,
            "it is 'mallorn dict train MODEL...' or 'mallorn dict info FILE'");
    }
    mlr_pool pool;
    mlr_pool_init(&pool, cli->alloc);
    run_info(cli, v, args->operand[1], &pool, err);
    mlr_pool_release(&pool);
    return err->status;
}

const mlr_cmd mlr_cmd_dict = {
    .name = "dict",
    .group = "Make and apply patches",
    .summary = "Train a dictionary for a family of updates, or show one.",
    .operands = "train|info FILE...",
    .least = 2,
    .most = 4096,
    .about =
        "'dict train V1 V2 V3 ... -o FILE' learns from the differences between successive "
        "versions of a model: changed tensors and structure bytes. 'dict info FILE' shows "
        "what a dictionary was made from.\n\n"
        "Give it to 'mallorn diff --dict'. The patch names it by its SHA-256; 'mallorn "
        "patch' "
        "finds it by --dict, among the .dict files beside the patch, or in the patch "
        "itself "
        "after --embed-dict. SOURCE_DATE_EPOCH sets the date that is written into it.",
    .examples =
        "mallorn dict train v1.tflite v2.tflite v3.tflite -o tflite.dict --max-size "
        "114688\tTrain\n"
        "mallorn dict info tflite.dict\tShow",
    .schema = "mallorn.dict/1",
    .opt = dict_opts,
    .opts = sizeof dict_opts / sizeof dict_opts[0],
    .values_bytes = sizeof(dict_values),
    .run = run_dict,
};
