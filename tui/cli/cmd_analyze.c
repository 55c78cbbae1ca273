/* `mallorn analyze`: what changed between two models and what each strategy would cost. */
#include "tui/cli/analyze.h"
#include "tui/cli/cmd.h"
#include "tui/cli/lanes.h"

static const mlr_opt analyze_opts[] = {
    {.name = "tensor",
     .letter = 't',
     .kind = MLR_OPT_TEXT,
     .metavar = "NAME",
     .help = "Show everything about one tensor, and every strategy at several levels.",
     .field = offsetof(mlr_analyze_wish, tensor)},
    {.name = "level",
     .letter = 'l',
     .kind = MLR_OPT_NUMBER,
     .metavar = "N",
     .help = "The level that predictions are for, 1 to 22.",
     .field = offsetof(mlr_analyze_wish, level),
     .fallback = "3",
     .least = 1,
     .most = 22},
    {.name = "max-memory",
     .kind = MLR_OPT_SIZE,
     .metavar = "BYTES",
     .help = "Recommend for one tensor only what needs no more memory to apply.",
     .field = offsetof(mlr_analyze_wish, max_memory)},
    {.name = "quick",
     .kind = MLR_OPT_FLAG,
     .help = "Count changes and norms only; predict only with --predict, at a glance.",
     .field = offsetof(mlr_analyze_wish, quick)},
    {.name = "full",
     .kind = MLR_OPT_FLAG,
     .help = "Look for low-rank changes as well, and predict from larger samples.",
     .field = offsetof(mlr_analyze_wish, full)},
    {.name = "predict",
     .kind = MLR_OPT_FLAG,
     .help = "Predict the patch even with --quick.",
     .field = offsetof(mlr_analyze_wish, predict)},
    {.name = "no-predict",
     .kind = MLR_OPT_FLAG,
     .help = "Do not predict what a patch would take.",
     .field = offsetof(mlr_analyze_wish, no_predict)},
    {.name = "no-cache",
     .kind = MLR_OPT_FLAG,
     .help = "Neither use nor keep earlier predictions.",
     .field = offsetof(mlr_analyze_wish, no_cache)},
    {.name = "threads",
     .kind = MLR_OPT_NUMBER,
     .metavar = "N",
     .help = "Use N threads; 0 means one per processor. Figures do not depend on it.",
     .field = offsetof(mlr_analyze_wish, threads),
     .fallback = "0",
     .most = 256},
    {.name = "single",
     .kind = MLR_OPT_FLAG,
     .help = "Open one shard alone instead of its whole set.",
     .field = offsetof(mlr_analyze_wish, single)},
    {.name = "progress",
     .kind = MLR_OPT_CHOICE,
     .metavar = "HOW",
     .help = MLR_PROGRESS_HELP,
     .field = offsetof(mlr_analyze_wish, progress),
     .fallback = "auto",
     .choices = MLR_PROGRESS_CHOICES},
    {.name = "csv",
     .kind = MLR_OPT_FLAG,
     .help = "Print one line per tensor, comma-separated, with a header line.",
     .field = offsetof(mlr_analyze_wish, csv)},
    {.name = "json",
     .letter = 'j',
     .kind = MLR_OPT_FLAG,
     .help = "Print one JSON object (mallorn.analyze/1).",
     .field = offsetof(mlr_analyze_wish, json)},
};

static void print(mlr_analyze *a, const mlr_analyze_one *one)
{
    const mlr_analyze_wish *w = a->wish;
    if (w->json) {
        if (w->tensor != NULL) {
            mlr_analyze_one_json(a, one);
        } else {
            mlr_analyze_print_json(a);
        }
    } else if (w->csv) {
        mlr_analyze_print_csv(a);
    } else if (w->tensor != NULL) {
        mlr_analyze_print_one(a, one);
    } else {
        mlr_analyze_print_text(a);
    }
}

static mlr_status check_wish(mlr_cli *cli, const mlr_analyze_wish *w, mlr_err *err)
{
    if (w->quick && w->full) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE, "--quick and --full exclude each other");
    }
    if (w->predict && w->no_predict) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE,
                            "--predict and --no-predict exclude each other");
    }
    if (w->max_memory > 0 && w->tensor == NULL) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE, "--max-memory goes with --tensor");
    }
    if (w->csv && (w->json || w->tensor != NULL)) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE,
                            "--csv lists all tensors: it goes with neither --json nor "
                            "--tensor");
    }
    return MLR_OK;
}

static mlr_status gather(mlr_analyze *a, mlr_analyze_one *one, mlr_err *err)
{
    if (mlr_analyze_begin(a, err) == MLR_OK && a->wish->tensor != NULL) {
        mlr_analyze_one_make(a, one, err);
    }
    return err->status;
}

static mlr_status run_analyze(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const mlr_analyze_wish *w = args->values;
    struct mlr_threads *threads = NULL;
    mlr_progress progress;
    mlr_analyze a = {.cli = cli,
                     .wish = w,
                     .old_path = args->operand[0],
                     .new_path = args->operand[1],
                     .progress = &progress};
    mlr_analyze_one *one = mlr_take(cli->alloc, sizeof *one);
    if (one == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory to analyze with");
    }
    mlr_progress_begin(&progress, cli, (mlr_progress_when)w->progress, false);
    if (check_wish(cli, w, err) == MLR_OK &&
        mlr_lanes_begin(cli, w->threads, &threads, err) == MLR_OK) {
        gather(&a, one, err);
        mlr_progress_end(&progress, err->status == MLR_OK);
        if (err->status == MLR_OK) {
            print(&a, one);
        }
        mlr_cli_keep_error(cli, err);
        mlr_analyze_end(&a);
    }
    mlr_lanes_end(cli, threads);
    mlr_give(cli->alloc, one, sizeof *one);
    return err->status;
}

const mlr_cmd mlr_cmd_analyze = {
    .name = "analyze",
    .group = "Look at models",
    .summary = "Show what changed between two models and what a patch would take.",
    .operands = "OLD NEW",
    .least = 2,
    .most = 2,
    .about =
        "Tensors are paired as by 'mallorn diff' and compared element by element; sizes "
        "are "
        "predicted by really encoding blocks of them, decoding those and comparing. A "
        "figure with a tilde is an estimate, and its standard error follows; the others "
        "are exact.\n\n"
        "Predictions are kept under XDG_CACHE_HOME, by the identity and times of the "
        "files, "
        "so that a second look is quick. They never have a say in what a patch holds.",
    .examples =
        "mallorn analyze old.gguf new.gguf\tTotals, modules, layers, tensors, hints\n"
        "mallorn analyze old.gguf new.gguf -t blk.0.ffn_down.weight\tEvery strategy for "
        "one tensor\n"
        "mallorn analyze a.safetensors b.safetensors --csv\tOne line per tensor",
    .schema = "mallorn.analyze/1",
    .opt = analyze_opts,
    .opts = sizeof analyze_opts / sizeof analyze_opts[0],
    .values_bytes = sizeof(mlr_analyze_wish),
    .run = run_analyze,
};
