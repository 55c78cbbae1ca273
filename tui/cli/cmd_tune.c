/* `mallorn tune`: finds the best choices under budgets and writes them as a profile. */
#include <stdlib.h>
#include <string.h>

#include "apply/host/printable.h"
#include "tui/cli/cmd.h"
#include "tui/cli/lanes.h"
#include "tui/cli/profile_file.h"
#include "tui/cli/profile_init.h"
#include "tui/cli/profile_value.h"
#include "tui/cli/table.h"
#include "tui/cli/text.h"
#include "tui/cli/tune_job.h"

typedef struct tune_values {
    const char *out, *device, *max_time;
    uint64_t max_size, max_memory, threads;
    unsigned goal;
    bool parallel, force, json, single;
} tune_values;

static const mlr_opt tune_opts[] = {
    {.name = "output",
     .letter = 'o',
     .kind = MLR_OPT_FILE,
     .metavar = "PROFILE",
     .help = "Where the profile goes; standard output where it is left out.",
     .field = offsetof(tune_values, out)},
    {.name = "goal",
     .letter = 'g',
     .kind = MLR_OPT_CHOICE,
     .metavar = "WHAT",
     .help =
         "Make small: size, or the time to fetch and decode over a fast link (speed) or "
         "a slow one (balanced).",
     .field = offsetof(tune_values, goal),
     .fallback = "size",
     .choices = "size|balanced|speed"},
    {.name = "max-size",
     .kind = MLR_OPT_SIZE,
     .metavar = "BYTES",
     .help = "Largest patch.",
     .field = offsetof(tune_values, max_size)},
    {.name = "max-memory",
     .kind = MLR_OPT_SIZE,
     .metavar = "BYTES",
     .help = "Most memory that applying may need.",
     .field = offsetof(tune_values, max_memory)},
    {.name = "max-apply-time",
     .kind = MLR_OPT_TEXT,
     .metavar = "TIME",
     .help = "Longest decoding by fixed prices: 250ms, 1.5s, 2min.",
     .field = offsetof(tune_values, max_time)},
    {.name = "device",
     .kind = MLR_OPT_TEXT,
     .metavar = "NAME",
     .help = "What applies the patch: desktop, 64M, 16M, 1M, 256K or micro.",
     .field = offsetof(tune_values, device),
     .fallback = "desktop"},
    {.name = "parallel",
     .letter = 'p',
     .kind = MLR_OPT_FLAG,
     .help = "Use every processor. The result is the same for any number.",
     .field = offsetof(tune_values, parallel)},
    {.name = "threads",
     .kind = MLR_OPT_NUMBER,
     .metavar = "N",
     .help = "Use N threads; 0 means one per processor.",
     .field = offsetof(tune_values, threads),
     .fallback = "0",
     .most = 256},
    {.name = "single",
     .kind = MLR_OPT_FLAG,
     .help = "Open one shard alone instead of its whole set.",
     .field = offsetof(tune_values, single)},
    {.name = "force",
     .letter = 'f',
     .kind = MLR_OPT_FLAG,
     .help = "Replace an existing profile.",
     .field = offsetof(tune_values, force)},
    {.name = "json",
     .letter = 'j',
     .kind = MLR_OPT_FLAG,
     .help = "Print one JSON object (mallorn.tune/1).",
     .field = offsetof(tune_values, json)},
};

static char *text_time(char to[MLR_TEXT], uint64_t us)
{
    (void)snprintf(to, MLR_TEXT, "%llu.%llu ms", (unsigned long long)(us / 1000),
                   (unsigned long long)(us % 1000 / 100));
    return to;
}

/* --- the profile -----------------------------------------------------------------------
 */

static void print_profile(FILE *f, const mlr_tune_job *j, const mlr_tune_wish *w)
{
    const mlr_tune_result *r = &j->result;
    char size[MLR_TEXT], need[MLR_TEXT], time[MLR_TEXT];
    fprintf(f, "# Tuned for %s over %zu tensors: patch %s, applying %s and %s.\n",
            mlr_goal_name(w->goal), r->tuned, mlr_text_size(size, r->patch_bytes),
            mlr_text_size(need, r->need_bytes), text_time(time, r->decode_us));
    mlr_profile_print(f, &r->profile);
}

static mlr_status write_profile(mlr_cli *cli, const mlr_tune_job *j, const mlr_tune_wish *w,
                                const tune_values *v, mlr_err *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (f == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a profile");
    }
    print_profile(f, j, w);
    if (fclose(f) != 0) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a profile");
    } else if (v->out != NULL) {
        mlr_text_publish(v->out, text, n,
                         v->force ? MLR_REPLACE_EXISTING : MLR_KEEP_EXISTING, cli, err);
    } else if (!v->json) {
        putc('\n', cli->out);
        (void)fwrite(text, 1, n, cli->out);
    }
    free(text);
    return err->status;
}

/* --- the report ------------------------------------------------------------------------
 */

static void front_row(void *ctx, size_t i, mlr_row *row)
{
    const mlr_tune_result *r = ctx;
    const mlr_tune_point *p = &r->front[i];
    (void)mlr_text_size(row->cell[0], p->bytes);
    (void)mlr_text_share(row->cell[1], p->bytes, r->new_bytes);
    (void)text_time(row->cell[2], p->us);
}

static void print_front(mlr_cli *cli, mlr_tune_result *r)
{
    static const mlr_column columns[] = {{"Patch", MLR_RIGHT, MLR_STYLE_PLAIN},
                                         {"Of model", MLR_RIGHT, MLR_STYLE_DIM},
                                         {"Decoding", MLR_RIGHT, MLR_STYLE_PLAIN}};
    const mlr_table table = {.column = columns,
                             .columns = sizeof columns / sizeof columns[0],
                             .rows = r->points,
                             .indent = 2,
                             .row = front_row,
                             .ctx = r};
    fputs("What can be had, from small to fast (predicted):\n", cli->out);
    mlr_table_print(&table, cli);
}

static void print_binding(const mlr_tune_job *j, FILE *to)
{
    const mlr_tune_result *r = &j->result;
    for (size_t i = 0; i < r->binding_count; i++) {
        const mlr_tensor *t = mlr_pairing_tensor(&j->pair.matching, r->binding[i]);
        char name[256], size[MLR_TEXT];
        (void)mlr_printable(name, sizeof name, t->key.p, t->key.n);
        fprintf(to, "  binds: %s, %s %s\n", name, t->dtype->name,
                mlr_text_size(size, t->data.len));
    }
}

static void print_text(mlr_cli *cli, mlr_tune_job *j, const mlr_tune_wish *w)
{
    mlr_tune_result *r = &j->result;
    char size[MLR_TEXT], share[MLR_TEXT], need[MLR_TEXT], time[MLR_TEXT];
    print_front(cli, r);
    fprintf(cli->out,
            "%s for %s: patch %s (%s), decoding %s, applying %s of memory; %zu rules, ",
            r->fits ? "Best" : "Nearest", mlr_goal_name(w->goal),
            mlr_text_size(size, r->patch_bytes),
            mlr_text_share(share, r->patch_bytes, r->new_bytes),
            text_time(time, r->decode_us), mlr_text_size(need, r->need_bytes),
            r->profile.rule_count);
    if (r->made) {
        fprintf(cli->out, "made %u times\n", r->rounds);
    } else {
        fprintf(cli->out, "estimated within %.1f%%\n", 100 * r->error);
    }
}

static void print_json(mlr_cli *cli, const mlr_tune_job *j, const mlr_tune_wish *w)
{
    const mlr_tune_result *r = &j->result;
    mlr_json *o = &cli->json;
    mlr_json_init(o, cli->out);
    mlr_json_object(o, NULL);
    mlr_json_text(o, "schema", "mallorn.tune/1");
    mlr_json_text(o, "old", w->old_path);
    mlr_json_text(o, "new", w->new_path);
    mlr_json_text(o, "goal", mlr_goal_name(w->goal));
    mlr_json_bool(o, "fits", r->fits);
    mlr_json_u64(o, "patch_bytes", r->patch_bytes);
    mlr_json_u64(o, "new_bytes", r->new_bytes);
    mlr_json_u64(o, "apply_memory_bytes", r->need_bytes);
    mlr_json_u64(o, "decode_us", r->decode_us);
    mlr_json_u64(o, "tensors", r->tuned);
    mlr_json_u64(o, "rules", r->profile.rule_count);
    mlr_json_u64(o, "rounds", r->rounds);
    mlr_json_bool(o, "made", r->made);
    mlr_json_real(o, "error_share", r->error);
    mlr_json_array(o, "front");
    for (size_t i = 0; i < r->points; i++) {
        mlr_json_object(o, NULL);
        mlr_json_u64(o, "patch_bytes", r->front[i].bytes);
        mlr_json_u64(o, "decode_us", r->front[i].us);
        mlr_json_end(o);
    }
    mlr_json_end(o);
    mlr_json_array(o, "binding");
    for (size_t i = 0; i < r->binding_count; i++) {
        const mlr_tensor *t = mlr_pairing_tensor(&j->pair.matching, r->binding[i]);
        mlr_json_str(o, NULL, t->key.p, t->key.n);
    }
    mlr_json_end(o);
}

static mlr_status does_not_fit(mlr_cli *cli, const mlr_tune_job *j, const mlr_tune_wish *w,
                               mlr_err *err)
{
    const mlr_tune_result *r = &j->result;
    char size[MLR_TEXT], need[MLR_TEXT], time[MLR_TEXT];
    const char *what = w->max_us > 0 && r->decode_us > w->max_us           ? "time"
                       : w->max_bytes > 0 && r->patch_bytes > w->max_bytes ? "size"
                                                                           : "memory";
    print_binding(j, cli->err);
    return mlr_cli_fail(cli, err, MLR_E_GATE,
                        "nothing fits; the nearest plan is a patch of %s that takes %s to "
                        "decode and %s of memory, and %s binds",
                        mlr_text_size(size, r->patch_bytes), text_time(time, r->decode_us),
                        mlr_text_size(need, r->need_bytes), what);
}

static mlr_status report(mlr_cli *cli, mlr_tune_job *j, const mlr_tune_wish *w,
                         const tune_values *v, mlr_err *err)
{
    if (v->json) {
        print_json(cli, j, w);
    } else {
        print_text(cli, j, w);
    }
    if (!j->result.fits) {
        return does_not_fit(cli, j, w, err); /* which ends the JSON object, too */
    }
    if (write_profile(cli, j, w, v, err) == MLR_OK && v->json) {
        mlr_json_end(&cli->json);
    }
    return err->status;
}

static mlr_status make_wish(mlr_cli *cli, const mlr_args *args, mlr_tune_wish *w,
                            mlr_err *err)
{
    const tune_values *v = args->values;
    *w = (mlr_tune_wish){.old_path = args->operand[0],
                         .new_path = args->operand[1],
                         .open = {.single = v->single, .sys = cli->sys},
                         .device = mlr_device_named(v->device),
                         .goal = (mlr_goal)v->goal,
                         .max_bytes = v->max_size,
                         .max_memory = v->max_memory};
    if (w->device == NULL) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE,
                            "--device is one of desktop, 64M, 16M, 1M, 256K, micro");
    }
    if (v->max_time != NULL && !mlr_time_text(v->max_time, &w->max_us)) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE,
                            "--max-apply-time takes a time such as 250ms, 1.5s or 2min");
    }
    return MLR_OK;
}

static mlr_status run_tune(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const tune_values *v = args->values;
    mlr_tune_wish wish;
    mlr_tune_job job = {0};
    struct mlr_threads *threads = NULL;
    if (make_wish(cli, args, &wish, err) == MLR_OK &&
        mlr_lanes_begin(cli, v->parallel ? 0 : v->threads, &threads, err) == MLR_OK &&
        mlr_tune_run(&job, &wish, cli, err) == MLR_OK) {
        report(cli, &job, &wish, v, err);
    }
    mlr_lanes_end(cli, threads);
    mlr_tune_end(&job, cli, err);
    return err->status;
}

const mlr_cmd mlr_cmd_tune = {
    .name = "tune",
    .group = "Settle once, run everywhere",
    .summary = "Find the best profile for a pair of models under budgets.",
    .operands = "OLD NEW",
    .least = 2,
    .most = 2,
    .about =
        "Tries the strategies on every changed tensor, chooses under the budgets given, "
        "and "
        "writes the choices as a profile of few rules, grouped by kind of module and type. "
        "The patch of the profile is then really made, and what was wrong in the "
        "prediction is corrected, until nothing changes.\n\n"
        "Decoding times are not measured but taken from a table of fixed prices, so the "
        "result is the same on every machine. Where nothing fits, the exit code is 10, and "
        "the nearest plan and the tensors that weigh most are named.",
    .examples =
        "mallorn tune old.gguf new.gguf -o model.yml\tSmallest patch\n"
        "mallorn tune old.gguf new.gguf --goal balanced --max-memory 16M\tFor a device\n"
        "mallorn tune old.gguf new.gguf --max-apply-time 500ms\tSmallest that is so fast",
    .schema = "mallorn.tune/1",
    .opt = tune_opts,
    .opts = sizeof tune_opts / sizeof tune_opts[0],
    .values_bytes = sizeof(tune_values),
    .run = run_tune,
};
