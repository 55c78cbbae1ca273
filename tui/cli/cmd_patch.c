/* `mallorn patch` and `mallorn verify`: apply a patch, or only prove that it applies. */
#include <sys/resource.h>
#include <time.h>

#include "apply/host/own_memory.h"
#include "apply/host/patcher.h"
#include "tui/cli/cmd.h"
#include "tui/cli/lanes.h"
#include "tui/cli/progress.h"
#include "tui/cli/text.h"

typedef struct patch_values {
    const char *out;
    uint64_t buffer, threads;
    mlr_opt_list dict;
    unsigned progress;
    bool streaming, force, resume, json, quiet;
} patch_values;

/* From here on --buffer-size means the memory of the process; see the manual. */
enum { PROCESS_BUDGET = 1 << 20 };

#define OPT_DICT                                                                           \
    {                                                                                      \
        .name = "dict", .kind = MLR_OPT_EACH, .metavar = "FILE",                           \
        .help = "A dictionary that the patch was made with.",                              \
        .field = offsetof(patch_values, dict)                                              \
    }
#define OPT_THREADS                                                                        \
    {                                                                                      \
        .name = "threads", .kind = MLR_OPT_NUMBER, .metavar = "N",                         \
        .help = "Use N threads; 0 means one per processor.",                               \
        .field = offsetof(patch_values, threads), .fallback = "0", .most = 256             \
    }
#define OPT_BUFFER                                                                         \
    {                                                                                      \
        .name = "buffer-size", .kind = MLR_OPT_SIZE, .metavar = "BYTES",                   \
        .help = "Most memory: from 1 MiB on the private writable memory of the whole "     \
                "process (RLIMIT_DATA), below that what the patch is decoded in. A patch " \
                "that needs more is refused at once, with the smallest size that works.",  \
        .field = offsetof(patch_values, buffer)                                            \
    }
#define OPT_PROGRESS                                                                       \
    {                                                                                      \
        .name = "progress", .kind = MLR_OPT_CHOICE, .metavar = "HOW",                      \
        .help = MLR_PROGRESS_HELP, .field = offsetof(patch_values, progress),              \
        .fallback = "auto", .choices = MLR_PROGRESS_CHOICES                                \
    }
#define OPT_QUIET                                                                          \
    {                                                                                      \
        .name = "quiet", .letter = 'q', .kind = MLR_OPT_FLAG,                              \
        .help = "Print nothing but errors.", .field = offsetof(patch_values, quiet)        \
    }
#define OPT_JSON(schema)                                                                   \
    {                                                                                      \
        .name = "json", .letter = 'j', .kind = MLR_OPT_FLAG,                               \
        .help = "Print one JSON object (" schema ").",                                     \
        .field = offsetof(patch_values, json)                                              \
    }

static const mlr_opt patch_opts[] = {
    {.name = "output",
     .letter = 'o',
     .kind = MLR_OPT_FILE,
     .metavar = "NEW",
     .help = "Where the new model goes: a file, or a directory for several.",
     .field = offsetof(patch_values, out)},
    {.name = "streaming",
     .kind = MLR_OPT_FLAG,
     .help = "Decode one block at a time, in the least memory.",
     .field = offsetof(patch_values, streaming)},
    OPT_BUFFER,
    OPT_THREADS,
    OPT_DICT,
    {.name = "force",
     .letter = 'f',
     .kind = MLR_OPT_FLAG,
     .help = "Replace what exists.",
     .field = offsetof(patch_values, force)},
    {.name = "resume",
     .kind = MLR_OPT_FLAG,
     .help = "Keep what is done when stopped, in NEW.mallorn-part, and go on from there.",
     .field = offsetof(patch_values, resume)},
    OPT_PROGRESS,
    OPT_QUIET,
    OPT_JSON("mallorn.patch/1"),
};

static const mlr_opt verify_opts[] = {
    OPT_BUFFER,   OPT_THREADS, OPT_DICT,
    OPT_PROGRESS, OPT_QUIET,   OPT_JSON("mallorn.verify/1"),
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static mlr_apply_at tell_where(const mlr_patcher *p, mlr_progress *progress)
{
    mlr_apply_at at = mlr_patcher_where(p);
    mlr_progress_apply(progress, &at, mlr_patcher_header(p)->records, mlr_patcher_need(p));
    return at;
}

static mlr_status step_through(mlr_patcher *p, mlr_progress *progress, mlr_err *err)
{
    mlr_status status = MLR_MORE;
    while (status == MLR_MORE) {
        mlr_apply_at at = tell_where(p, progress);
        if (!mlr_keep_going(progress->cli->tick, at.base_done + at.new_done,
                            at.base_total + at.new_total)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "patch");
        }
        status = mlr_patcher_step(p, err);
    }
    if (status == MLR_OK) {
        (void)tell_where(p, progress); /* proven; what follows makes it durable */
    }
    return status;
}

/* What became of an earlier run's work. */
static void tell_resumed(mlr_cli *cli, const patch_values *v, const mlr_patcher *p)
{
    uint64_t bytes;
    char size[MLR_TEXT];
    mlr_resume_found found = mlr_patcher_found(p, &bytes);
    if (v->quiet || v->json || found == MLR_RESUME_NOTHING) {
        return;
    }
    if (found == MLR_RESUME_PREFIX) {
        fprintf(cli->err, "mallorn: going on behind %s of an earlier run\n",
                mlr_text_size(size, bytes));
    } else {
        fputs("mallorn: what an earlier run left does not match; starting anew\n",
              cli->err);
    }
}

/* The system holds this run to what was promised; where it cannot, the arena still is.
   `before` gets the limit to return to. */
static void limit_process(const patch_values *v, struct rlimit *before)
{
    if (getrlimit(RLIMIT_DATA, before) != 0) {
        *before = (struct rlimit){.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
        return;
    }
    bool lower = before->rlim_cur == RLIM_INFINITY || before->rlim_cur > v->buffer;
    if (v->buffer >= PROCESS_BUDGET && lower) {
        struct rlimit limit = {.rlim_cur = (rlim_t)v->buffer, .rlim_max = before->rlim_max};
        (void)setrlimit(RLIMIT_DATA, &limit);
    }
}

static void report(mlr_cli *cli, const patch_values *v, const mlr_patcher *p,
                   double seconds)
{
    const mlr_patch_header *h = mlr_patcher_header(p);
    const mlr_apply_need *need = mlr_patcher_need(p);
    uint64_t resumed;
    mlr_patcher_found(p, &resumed);
    if (v->json) {
        mlr_json *j = &cli->json;
        mlr_json_init(j, cli->out);
        mlr_json_object(j, NULL);
        mlr_json_text(j, "schema", v->out != NULL ? "mallorn.patch/1" : "mallorn.verify/1");
        mlr_json_text(j, "out", v->out);
        mlr_json_u64(j, "new_bytes", h->new_bytes);
        mlr_json_u64(j, "arena_bytes", need->arena_bytes);
        mlr_json_u64(j, "runtime_bytes", mlr_patcher_runtime(p));
        mlr_json_u64(j, "resident_bytes", mlr_own_resident_bytes());
        mlr_json_u64(j, "lanes", need->lanes);
        mlr_json_u64(j, "resumed_bytes", resumed);
        mlr_json_real(j, "seconds", seconds);
        mlr_json_bool(j, "verified", true);
        mlr_json_end(j);
        return;
    }
    if (v->quiet) {
        return;
    }
    char size[MLR_TEXT], arena[MLR_TEXT], rate[MLR_TEXT];
    fprintf(cli->out, "%s%s%s  %s  %.2f s  %s/s  %s of memory  %sverified%s\n",
            mlr_cli_on(cli, MLR_STYLE_TITLE), v->out != NULL ? v->out : "patch applies",
            mlr_cli_off(cli, MLR_STYLE_TITLE), mlr_text_size(size, h->new_bytes), seconds,
            mlr_text_size(rate, (uint64_t)((double)h->new_bytes / (seconds + 1e-9))),
            mlr_text_size(arena, need->arena_bytes), mlr_cli_on(cli, MLR_STYLE_GOOD),
            mlr_cli_off(cli, MLR_STYLE_GOOD));
}

static void abandon(void *ctx)
{
    mlr_patcher_abandon(ctx);
}

static mlr_status apply(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const patch_values *v = args->values;
    struct mlr_threads *threads = NULL;
    uint64_t lanes = v->streaming || v->buffer > 0 ? 1 : v->threads;
    if (mlr_lanes_begin(cli, lanes, &threads, err) != MLR_OK) {
        return err->status;
    }
    mlr_patcher_wish wish = {.base_path = args->operand[0],
                             .patch_path = args->operand[1],
                             .out_path = v->out,
                             .overwrite =
                                 v->force ? MLR_REPLACE_EXISTING : MLR_KEEP_EXISTING,
                             .resume = v->resume,
                             .budget = v->buffer,
                             .process_budget_from = PROCESS_BUDGET,
                             .tick = cli->tick,
                             .lanes = mlr_exec_lanes(cli->exec),
                             .exec = cli->exec,
                             .dict_paths = v->dict.item,
                             .dict_count = v->dict.count,
                             .alloc = cli->alloc,
                             .sys = cli->sys};
    double start = now();
    mlr_progress progress;
    mlr_progress_begin(&progress, cli, (mlr_progress_when)v->progress, v->quiet);
    mlr_patcher *p = NULL;
    struct rlimit before;
    limit_process(v, &before);
    if (mlr_patcher_open(&p, &wish, err) == MLR_OK) {
        tell_resumed(cli, v, p);
    }
    cli->abandon_ctx = p;
    cli->abandon = abandon;
    if (err->status == MLR_OK && step_through(p, &progress, err) == MLR_OK) {
        mlr_patcher_publish(p, err);
    }
    cli->abandon = NULL;
    mlr_progress_end(&progress, err->status == MLR_OK);
    if (err->status == MLR_OK) {
        report(cli, v, p, now() - start);
    }
    mlr_cli_keep_error(cli, err);
    mlr_patcher_close(p, err);
    (void)setrlimit(RLIMIT_DATA, &before);
    mlr_lanes_end(cli, threads);
    return err->status;
}

static mlr_status run_patch(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const patch_values *v = args->values;
    if (v->out == NULL) {
        return mlr_cli_fail(cli, err, MLR_E_USAGE,
                            "patch needs -o NEW; 'mallorn verify' writes nothing");
    }
    return apply(cli, args, err);
}

const mlr_cmd mlr_cmd_patch = {
    .name = "patch",
    .group = "Make and apply patches",
    .summary = "Apply a patch.",
    .operands = "BASE PATCH",
    .least = 2,
    .most = 2,
    .about =
        "Checks that BASE is what the patch was made for, makes the new model in bounded "
        "memory, proves its SHA-256 and only then lets it appear under its name. PATCH may "
        "be '-' for standard input. A base of several files is a directory.\n\n"
        "A new model of several files appears as the directory -o names, all of it at "
        "once. "
        "With -f it takes the place of one that holds nothing but files of the same names; "
        "where the file system cannot exchange two names, there is a moment in which "
        "neither "
        "directory is there.\n\n"
        "With --resume the work is kept in NEW.mallorn-part, with a journal beside it, "
        "when "
        "the run is stopped or killed; the next run with the same patch proves what is "
        "there "
        "and goes on. At most 16 MiB of work are lost.",
    .examples =
        "mallorn patch model.tflite update.tflp -o new.tflite\tApply a patch\n"
        "mallorn patch model.tflite update.tflp -o new.tflite --streaming --buffer-size "
        "1048576\tIn one MiB",
    .schema = "mallorn.patch/1",
    .opt = patch_opts,
    .opts = sizeof patch_opts / sizeof patch_opts[0],
    .values_bytes = sizeof(patch_values),
    .run = run_patch,
};

const mlr_cmd mlr_cmd_verify = {
    .name = "verify",
    .group = "Make and apply patches",
    .summary = "Prove that a patch applies to a base, without writing.",
    .operands = "BASE PATCH",
    .least = 2,
    .most = 2,
    .about = "Does everything that 'mallorn patch' does but writing the result.",
    .examples = "mallorn verify model.tflite update.tflp\tProve a patch",
    .schema = "mallorn.verify/1",
    .opt = verify_opts,
    .opts = sizeof verify_opts / sizeof verify_opts[0],
    .values_bytes = sizeof(patch_values),
    .run = apply,
};
