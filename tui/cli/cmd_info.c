/* `mallorn info`: what a model file holds. */
#include "tui/cli/cmd.h"
#include "tui/cli/info.h"

static const mlr_opt info_opts[] = {
    {.name = "tensors",
     .letter = 't',
     .kind = MLR_OPT_FLAG,
     .help = "List every tensor.",
     .field = offsetof(mlr_info_wish, tensors)},
    {.name = "metadata",
     .letter = 'm',
     .kind = MLR_OPT_FLAG,
     .help = "List every metadata entry.",
     .field = offsetof(mlr_info_wish, metadata)},
    {.name = "spans",
     .letter = 's',
     .kind = MLR_OPT_FLAG,
     .help = "List how tensors and structure bytes tile each file.",
     .field = offsetof(mlr_info_wish, spans)},
    {.name = "digest",
     .letter = 'd',
     .kind = MLR_OPT_FLAG,
     .help = "Compute the SHA-256 of every file and tensor, which reads them whole.",
     .field = offsetof(mlr_info_wish, digest)},
    {.name = "depth",
     .kind = MLR_OPT_NUMBER,
     .metavar = "N",
     .help = "Group modules by the first N parts of tensor names; by default as many as "
             "give a short list.",
     .field = offsetof(mlr_info_wish, depth),
     .least = 1,
     .most = MLR_INFO_DEEPEST},
    {.name = "single",
     .kind = MLR_OPT_FLAG,
     .help = "Open one shard alone instead of its whole set.",
     .field = offsetof(mlr_info_wish, single)},
    {.name = "strict",
     .kind = MLR_OPT_FLAG,
     .help = "Refuse a file that breaks the rules of its format instead of showing it as "
             "plain bytes.",
     .field = offsetof(mlr_info_wish, strict)},
    {.name = "json",
     .letter = 'j',
     .kind = MLR_OPT_FLAG,
     .help =
         "Print one JSON object (mallorn.info/1) with everything but spans and digests, "
         "which --spans and --digest add.",
     .field = offsetof(mlr_info_wish, json)},
};

static mlr_status show(mlr_info *info, mlr_cli *cli, mlr_pool *pool, mlr_opened *opened,
                       mlr_err *err)
{
    info->model = mlr_opened_model(opened);
    if (mlr_info_collect(info, pool, err) != MLR_OK) {
        return err->status;
    }
    if (info->wish->digest && (mlr_info_digests(info, cli, pool, err) != MLR_OK ||
                               mlr_model_unchanged(opened, err) != MLR_OK)) {
        return err->status;
    }
    if (info->wish->json) {
        mlr_info_print_json(info, cli);
    } else {
        mlr_info_print_text(info, cli);
    }
    return MLR_OK;
}

static mlr_status run_info(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const mlr_info_wish *wish = args->values;
    mlr_open_options options = {
        .single = wish->single, .strict = wish->strict, .sys = cli->sys};
    mlr_info info = {.path = args->operand[0], .wish = wish};
    mlr_opened *opened = NULL;
    mlr_pool pool;
    mlr_pool_init(&pool, cli->alloc);
    if (mlr_model_open(&opened, info.path, &options, cli->alloc, err) == MLR_OK) {
        (void)show(&info, cli, &pool, opened, err);
    }
    mlr_cli_keep_error(cli, err); /* it may name a file of the model that closes now */
    mlr_pool_release(&pool);
    mlr_model_close(opened);
    return err->status;
}

const mlr_cmd mlr_cmd_info = {
    .name = "info",
    .group = "Look at models",
    .summary = "Show what a model holds.",
    .operands = "MODEL",
    .least = 1,
    .most = 1,
    .about =
        "MODEL is a SafeTensors, GGUF, ONNX or TFLite file, a folder or index file of "
        "shards, any one shard of a set, or hf://org/name[@revision][/file] in the local "
        "Hugging Face cache. Nothing is downloaded and nothing is written.\n\n"
        "The summary gives totals by element type and by module; structure bytes are all "
        "that is no tensor: headers, metadata, padding. A file of no known format is "
        "shown as plain bytes, and said to be.",
    .examples =
        "mallorn info model.gguf\tSummary of a model\n"
        "mallorn info -t model.safetensors\tEvery tensor with type, shape and place\n"
        "mallorn info --json --digest model.onnx\tThe same for programs, with digests",
    .schema = "mallorn.info/1",
    .opt = info_opts,
    .opts = sizeof info_opts / sizeof info_opts[0],
    .values_bytes = sizeof(mlr_info_wish),
    .run = run_info,
};
