/* `mallorn diff`: makes a patch. */
#include <string.h>

#include "tui/cli/cmd.h"
#include "tui/cli/diff_job.h"
#include "tui/cli/gate_job.h"
#include "tui/cli/lanes.h"
#include "tui/cli/text.h"

typedef struct diff_values {
    const char *out;
    uint64_t level, threads, max_memory, encode_memory, block;
    const char *strategy, *device, *dict, *profile;
    mlr_opt_list map, report;
    bool neural, parallel, force, embed, dry_run, json, quiet, single, gate_only;
    unsigned index, progress;
} diff_values;

enum { DEFAULT_LEVEL = 3 };

static const mlr_opt diff_opts[] = {
    {.name = "output",
     .letter = 'o',
     .kind = MLR_OPT_FILE,
     .metavar = "PATCH",
     .help = "Where the patch goes.",
     .field = offsetof(diff_values, out)},
    {.name = "level",
     .letter = 'l',
     .kind = MLR_OPT_NUMBER,
     .metavar = "N",
     .help = "How much work to spend, 1 to 22.",
     .field = offsetof(diff_values, level),
     .fallback = "3",
     .least = 1,
     .most = 22},
    {.name = "neural",
     .letter = 'n',
     .kind = MLR_OPT_FLAG,
     .help = "Use the strategies that know floats and quantised blocks.",
     .field = offsetof(diff_values, neural)},
    {.name = "strategy",
     .letter = 's',
     .kind = MLR_OPT_TEXT,
     .metavar = "NAME",
     .help = "Use one strategy for every tensor; auto tries all that fit. See 'mallorn "
             "strategies'.",
     .field = offsetof(diff_values, strategy),
     .fallback = "auto"},
    {.name = "dict",
     .kind = MLR_OPT_FILE,
     .metavar = "FILE",
     .help = "Compress with a dictionary from 'mallorn dict train'.",
     .field = offsetof(diff_values, dict)},
    {.name = "embed-dict",
     .kind = MLR_OPT_FLAG,
     .help = "Put the dictionary into the patch.",
     .field = offsetof(diff_values, embed)},
    {.name = "parallel",
     .letter = 'p',
     .kind = MLR_OPT_FLAG,
     .help = "Use every processor. The patch is the same for any number.",
     .field = offsetof(diff_values, parallel)},
    {.name = "threads",
     .kind = MLR_OPT_NUMBER,
     .metavar = "N",
     .help = "Use N threads; 0 means one per processor.",
     .field = offsetof(diff_values, threads),
     .fallback = "0",
     .most = 256},
    {.name = "device",
     .kind = MLR_OPT_TEXT,
     .metavar = "NAME",
     .help = "What applies the patch: desktop, 64M, 16M, 1M, 256K or micro.",
     .field = offsetof(diff_values, device),
     .fallback = "desktop"},
    {.name = "max-memory",
     .kind = MLR_OPT_SIZE,
     .metavar = "BYTES",
     .help = "Most memory that applying may need.",
     .field = offsetof(diff_values, max_memory)},
    {.name = "block",
     .kind = MLR_OPT_SIZE,
     .metavar = "BYTES",
     .help = "Most bytes per block; smaller blocks need less memory and compress less.",
     .field = offsetof(diff_values, block),
     .most = 64 << 20},
    {.name = "encode-memory",
     .kind = MLR_OPT_SIZE,
     .metavar = "BYTES",
     .help = "Most memory for encoding, about.",
     .field = offsetof(diff_values, encode_memory),
     .fallback = "512M"},
    {.name = "map",
     .kind = MLR_OPT_EACH,
     .metavar = "OLD=NEW",
     .help = "Pair these tensors by hand; one '*' may stand in each name.",
     .field = offsetof(diff_values, map)},
    {.name = "index",
     .kind = MLR_OPT_CHOICE,
     .metavar = "WHEN",
     .help = "Put tensor names into the patch: auto (where it adds less than a twentieth), "
             "always or never.",
     .field = offsetof(diff_values, index),
     .fallback = "auto",
     .choices = "auto|always|never"},
    {.name = "profile",
     .kind = MLR_OPT_FILE,
     .metavar = "FILE",
     .help = "Choose and check by a profile; it wins over the options above.",
     .field = offsetof(diff_values, profile)},
    {.name = "report",
     .kind = MLR_OPT_EACH,
     .metavar = "KIND FILE",
     .help =
         "Write what the profile's gates found; KIND is json, md or junit. KIND=FILE is "
         "the same; FILE alone tells the kind by .json, .md or .xml.",
     .choices = "json|md|junit",
     .field = offsetof(diff_values, report)},
    {.name = "gate-only",
     .kind = MLR_OPT_FLAG,
     .help = "Check the gates and budgets of the profile; write no patch.",
     .field = offsetof(diff_values, gate_only)},
    {.name = "dry-run",
     .kind = MLR_OPT_FLAG,
     .help = "Encode and prove, but write nothing.",
     .field = offsetof(diff_values, dry_run)},
    {.name = "single",
     .kind = MLR_OPT_FLAG,
     .help = "Open one shard alone instead of its whole set.",
     .field = offsetof(diff_values, single)},
    {.name = "force",
     .letter = 'f',
     .kind = MLR_OPT_FLAG,
     .help = "Replace an existing patch.",
     .field = offsetof(diff_values, force)},
    {.name = "progress",
     .kind = MLR_OPT_CHOICE,
     .metavar = "HOW",
     .help = MLR_PROGRESS_HELP,
     .field = offsetof(diff_values, progress),
     .fallback = "auto",
     .choices = MLR_PROGRESS_CHOICES},
    {.name = "quiet",
     .letter = 'q',
     .kind = MLR_OPT_FLAG,
     .help = "Print nothing but errors.",
     .field = offsetof(diff_values, quiet)},
    {.name = "json",
     .letter = 'j',
     .kind = MLR_OPT_FLAG,
     .help = "Print one JSON object (mallorn.diff/1).",
     .field = offsetof(diff_values, json)},
};

/* --- the wish ---------------------------------------------------------------------------
 */

static mlr_status choose_strategy(mlr_cli *cli, const diff_values *v, mlr_choice *c,
                                  mlr_err *err)
{
    *c = (mlr_choice){.strategy = v->neural ? MLR_NEURAL : MLR_AUTO,
                      .level = (uint8_t)v->level,
                      .dict = v->dict != NULL,
                      .block_bytes = (uint32_t)v->block};
    if (strcmp(v->strategy, "auto") == 0) {
        return MLR_OK;
    }
    int id = mlr_strategy_named(v->strategy);
    if (id < 0) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE,
                            "there is no strategy of this name; 'mallorn strategies' lists "
                            "them");
    }
    c->strategy = (int16_t)id;
    return MLR_OK;
}

static mlr_status read_rules(mlr_cli *cli, const mlr_opt_list *map, mlr_pool *pool,
                             mlr_match_options *m, mlr_err *err)
{
    mlr_match_rule *rules = mlr_pool_take(pool, (map->count + 1) * sizeof *rules);
    if (rules == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "options");
    }
    for (size_t i = 0; i < map->count; i++) {
        const char *equals = strchr(map->item[i], '=');
        if (equals == NULL) {
            return mlr_cli_fail(cli, err, MLR_E_USAGE, "--map takes OLDNAME=NEWNAME");
        }
        rules[i].old_key =
            (mlr_str){.p = map->item[i], .n = (size_t)(equals - map->item[i])};
        rules[i].new_key = (mlr_str){.p = equals + 1, .n = strlen(equals + 1)};
    }
    m->rules = rules;
    m->rule_count = map->count;
    return MLR_OK;
}

static mlr_status make_wish(mlr_cli *cli, const mlr_args *args, mlr_diff_wish *w,
                            mlr_pool *pool, mlr_err *err)
{
    const diff_values *v = args->values;
    *w = (mlr_diff_wish){.old_path = args->operand[0],
                         .new_path = args->operand[1],
                         .out_path = v->dry_run ? NULL : v->out,
                         .overwrite = v->force ? MLR_REPLACE_EXISTING : MLR_KEEP_EXISTING,
                         .open = {.single = v->single, .sys = cli->sys},
                         .device = mlr_device_named(v->device),
                         .max_memory = v->max_memory,
                         .dict_path = v->dict,
                         .embed_dict = v->embed,
                         .encode_memory = v->encode_memory,
                         .index = (mlr_index_mode)v->index,
                         .tick = cli->tick};
    if (w->device == NULL) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE,
                            "--device is one of desktop, 64M, 16M, 1M, 256K, micro");
    }
    if (v->out == NULL && !v->dry_run && !v->gate_only) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE,
                            "diff needs -o PATCH, or --dry-run to write nothing");
    }
    return choose_strategy(cli, v, &w->plan.choice, err) == MLR_OK
               ? read_rules(cli, &v->map, pool, &w->match, err)
               : err->status;
}

/* --- the report -------------------------------------------------------------------------
 */

static void print_text(mlr_cli *cli, const mlr_diff_wish *w, const mlr_diff_result *r)
{
    char new_size[MLR_TEXT], patch[MLR_TEXT], need[MLR_TEXT], rate[MLR_TEXT];
    double ratio =
        r->made.patch_bytes == 0 ? 0 : (double)r->new_bytes / (double)r->made.patch_bytes;
    fprintf(cli->out, "%s%s%s  %s -> %s  %s%.2fx%s  %.2f s  %s/s\n",
            mlr_cli_on(cli, MLR_STYLE_TITLE), w->out_path != NULL ? w->out_path : "dry run",
            mlr_cli_off(cli, MLR_STYLE_TITLE), mlr_text_size(new_size, r->new_bytes),
            mlr_text_size(patch, r->made.patch_bytes), mlr_cli_on(cli, MLR_STYLE_ACCENT),
            ratio, mlr_cli_off(cli, MLR_STYLE_ACCENT), r->seconds,
            mlr_text_size(rate, (uint64_t)((double)r->new_bytes / (r->seconds + 1e-9))));
    fprintf(cli->out, "  tensors   %zu: %zu changed, %zu same, %zu added, %zu removed\n",
            r->tensors, r->changed, r->same, r->added, r->removed);
    fprintf(cli->out, "  applying  %s of memory\n", mlr_text_size(need, r->need_bytes));
    fprintf(cli->out, "  %sverified%s  every block was decoded and compared\n",
            mlr_cli_on(cli, MLR_STYLE_GOOD), mlr_cli_off(cli, MLR_STYLE_GOOD));
}

static void print_json(mlr_cli *cli, const mlr_diff_wish *w, const mlr_diff_result *r)
{
    mlr_json *j = &cli->json;
    mlr_json_init(j, cli->out);
    mlr_json_object(j, NULL);
    mlr_json_text(j, "schema", "mallorn.diff/1");
    mlr_json_text(j, "old", w->old_path);
    mlr_json_text(j, "new", w->new_path);
    mlr_json_text(j, "patch", w->out_path);
    mlr_json_u64(j, "old_bytes", r->old_bytes);
    mlr_json_u64(j, "new_bytes", r->new_bytes);
    mlr_json_u64(j, "patch_bytes", r->made.patch_bytes);
    mlr_json_u64(j, "record_bytes", r->made.record_bytes);
    mlr_json_u64(j, "structure_bytes", r->made.glue_bytes);
    mlr_json_u64(j, "header_bytes", r->made.header_bytes);
    mlr_json_u64(j, "index_bytes", r->made.index_bytes);
    mlr_json_u64(j, "apply_memory_bytes", r->need_bytes);
    mlr_json_real(j, "seconds", r->seconds);
    mlr_json_object(j, "tensors");
    mlr_json_u64(j, "total", r->tensors);
    mlr_json_u64(j, "changed", r->changed);
    mlr_json_u64(j, "same", r->same);
    mlr_json_u64(j, "added", r->added);
    mlr_json_u64(j, "removed", r->removed);
    mlr_json_u64(j, "renamed", r->renamed);
    mlr_json_end(j);
    mlr_json_bool(j, "verified", r->made.patch_bytes > 0);
    mlr_json_end(j);
}

static mlr_status run_job(mlr_cli *cli, mlr_progress *progress, mlr_diff_wish *wish,
                          mlr_diff_result *result, mlr_err *err)
{
    wish->tick = &progress->tick;
    wish->progress = progress;
    mlr_diff_write(cli, wish, result, err);
    mlr_progress_end(progress, err->status == MLR_OK);
    return err->status;
}

static mlr_status run_diff(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const diff_values *v = args->values;
    mlr_diff_wish wish;
    mlr_diff_result result;
    mlr_gate_job gates = {0};
    struct mlr_threads *threads = NULL;
    mlr_pool pool;
    mlr_pool_init(&pool, cli->alloc);
    mlr_progress progress;
    mlr_progress_begin(&progress, cli, (mlr_progress_when)v->progress, v->quiet);
    if (make_wish(cli, args, &wish, &pool, err) == MLR_OK &&
        mlr_gate_begin(&gates, &wish, v->profile, &v->report, v->gate_only, cli, err) ==
            MLR_OK &&
        mlr_lanes_begin(cli, v->parallel ? 0 : v->threads, &threads, err) == MLR_OK &&
        run_job(cli, &progress, &wish, &result, err) == MLR_OK) {
        if (v->json) {
            print_json(cli, &wish, &result);
        } else if (!v->quiet && mlr_gate_was_enough(&gates)) {
            fprintf(cli->out, "%zu gates hold; no patch was asked for\n",
                    gates.verdict.count);
        } else if (!v->quiet) {
            print_text(cli, &wish, &result);
        }
    }
    mlr_lanes_end(cli, threads);
    mlr_gate_end(&gates);
    mlr_pool_release(&pool);
    return err->status;
}

const mlr_cmd mlr_cmd_diff = {
    .name = "diff",
    .group = "Make and apply patches",
    .summary = "Make a patch that turns one model into another.",
    .operands = "OLD NEW",
    .least = 2,
    .most = 2,
    .about =
        "OLD and NEW are models as in 'mallorn info'. Tensors are paired by name, by "
        "content and by shape; each is coded with the strategy that proves smallest. Every "
        "block is decoded by the applier's own decoder and compared before the patch "
        "appears under its name.\n\n"
        "The same inputs, options and library versions give the same patch, whatever the "
        "number of threads. Usual suffixes are .sftp, .ggup, .onxp and .tflp; any will do.",
    .examples =
        "mallorn diff old.tflite new.tflite -o update.tflp --level 19\tSmall and slow\n"
        "mallorn diff old.gguf new.gguf -o update.ggup --parallel\tAll processors\n"
        "mallorn diff a.gguf b.gguf -o b.ggup --profile model.yml\tAs settled once\n"
        "mallorn diff a.safetensors b.safetensors --dry-run\tOnly the figures",
    .schema = "mallorn.diff/1",
    .opt = diff_opts,
    .opts = sizeof diff_opts / sizeof diff_opts[0],
    .values_bytes = sizeof(diff_values),
    .run = run_diff,
};
