/* `mallorn make-demo`: writes pairs of made-up models to try things on. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/host/printable.h"
#include "tui/cli/cmd.h"
#include "tui/cli/demo.h"
#include "tui/cli/table.h"
#include "tui/cli/text.h"

enum { PATH_ROOM = 4096, FILES = 34 };

#define BIG   mlr_demo_big_safetensors
#define MID   mlr_demo_mid_safetensors
#define BASE  MLR_DEMO_BASE
#define TUNED MLR_DEMO_TUNED

static const mlr_demo_file files[] = {
    {"base.bf16.safetensors", "language model, 12 M weights", BASE, MLR_DTYPE_BF16, 0, BIG},
    {"tuned.bf16.safetensors", "light fine-tune; first layers frozen", TUNED,
     MLR_DTYPE_BF16, 0, BIG},
    {"rl.bf16.safetensors", "sparse update, as reinforcement learning leaves", MLR_DEMO_RL,
     MLR_DTYPE_BF16, 0, BIG},
    {"lora.bf16.safetensors", "rank-8 adapter merged", MLR_DEMO_LORA, MLR_DTYPE_BF16, 0,
     BIG},
    {"grown.bf16.safetensors", "64 more words, last layer tuned", MLR_DEMO_GROWN,
     MLR_DTYPE_BF16, 0, BIG},
    {"base.f32.safetensors", "smaller one, 2.3 M weights", BASE, MLR_DTYPE_F32, 0, MID},
    {"tuned.f32.safetensors", "its light fine-tune", TUNED, MLR_DTYPE_F32, 0, MID},
    {"base.f16.safetensors", "in half precision", BASE, MLR_DTYPE_F16, 0, MID},
    {"tuned.f16.safetensors", "", TUNED, MLR_DTYPE_F16, 0, MID},
    {"base.fp8.safetensors", "in e4m3 with a scale per row", BASE, MLR_DTYPE_F8_E4M3, 0,
     MID},
    {"tuned.fp8.safetensors", "", TUNED, MLR_DTYPE_F8_E4M3, 0, MID},
    {"base.int8.safetensors", "in int8 with a scale per row", BASE, MLR_DTYPE_I8, 0, MID},
    {"tuned.int8.safetensors", "", TUNED, MLR_DTYPE_I8, 0, MID},
    {"base.sharded/model-00001-of-00002.safetensors", "in two shards", BASE, MLR_DTYPE_BF16,
     1, MID},
    {"base.sharded/model-00002-of-00002.safetensors", "", BASE, MLR_DTYPE_BF16, 2, MID},
    {"base.sharded/model.safetensors.index.json", "", BASE, MLR_DTYPE_BF16, 0,
     mlr_demo_shard_index},
    {"tuned.sharded/model-00001-of-00002.safetensors", "", TUNED, MLR_DTYPE_BF16, 1, MID},
    {"tuned.sharded/model-00002-of-00002.safetensors", "", TUNED, MLR_DTYPE_BF16, 2, MID},
    {"tuned.sharded/model.safetensors.index.json", "", TUNED, MLR_DTYPE_BF16, 0,
     mlr_demo_shard_index},
    {"base.q8_0.gguf", "the smaller one in 8-bit blocks", BASE, MLR_DTYPE_Q8_0, 0,
     mlr_demo_gguf},
    {"tuned.q8_0.gguf", "", TUNED, MLR_DTYPE_Q8_0, 0, mlr_demo_gguf},
    {"base.q4_0.gguf", "in 4-bit blocks", BASE, MLR_DTYPE_Q4_0, 0, mlr_demo_gguf},
    {"tuned.q4_0.gguf", "", TUNED, MLR_DTYPE_Q4_0, 0, mlr_demo_gguf},
    {"base.q4_k_m.gguf", "in a mixture of Q4_K and Q6_K", BASE, MLR_DTYPE_Q4_K, 0,
     mlr_demo_gguf},
    {"tuned.q4_k_m.gguf", "", TUNED, MLR_DTYPE_Q4_K, 0, mlr_demo_gguf},
    {"requant.q4_k_m.gguf", "the base, quantised by another method", MLR_DEMO_REQUANT,
     MLR_DTYPE_Q4_K, 0, mlr_demo_gguf},
    {"base.f32.onnx", "image classifier", BASE, MLR_DTYPE_F32, 0, mlr_demo_onnx},
    {"tuned.f32.onnx", "new head, half of the later filters moved", TUNED, MLR_DTYPE_F32, 0,
     mlr_demo_onnx},
    {"base.int8.onnx", "in int8, QuantizeLinear pairs", BASE, MLR_DTYPE_I8, 0,
     mlr_demo_onnx},
    {"tuned.int8.onnx", "", TUNED, MLR_DTYPE_I8, 0, mlr_demo_onnx},
    {"base.f32.tflite", "the same classifier", BASE, MLR_DTYPE_F32, 0, mlr_demo_tflite},
    {"tuned.f32.tflite", "", TUNED, MLR_DTYPE_F32, 0, mlr_demo_tflite},
    {"base.int8.tflite", "in int8, a scale per channel", BASE, MLR_DTYPE_I8, 0,
     mlr_demo_tflite},
    {"tuned.int8.tflite", "", TUNED, MLR_DTYPE_I8, 0, mlr_demo_tflite},
};
_Static_assert(sizeof files / sizeof files[0] == FILES, "as many results as files");

typedef struct make_demo_values {
    bool if_missing, force, quiet;
    const char *only;
} make_demo_values;

static const mlr_opt make_demo_opts[] = {
    {.name = "if-missing",
     .kind = MLR_OPT_FLAG,
     .help = "Write only files that are not there yet.",
     .field = offsetof(make_demo_values, if_missing)},
    {.name = "force",
     .letter = 'f',
     .kind = MLR_OPT_FLAG,
     .help = "Replace files that exist.",
     .field = offsetof(make_demo_values, force)},
    {.name = "only",
     .kind = MLR_OPT_TEXT,
     .metavar = "TEXT",
     .help = "Write only files whose name holds TEXT, such as .gguf or base.",
     .field = offsetof(make_demo_values, only)},
    {.name = "quiet",
     .letter = 'q',
     .kind = MLR_OPT_FLAG,
     .help = "Do not list what was written.",
     .field = offsetof(make_demo_values, quiet)},
};

/* Scratch memory of a run, taken at once. */
typedef struct scratch {
    float row[MLR_DEMO_ROW];
    double factors[MLR_DEMO_FACTORS];
    uint8_t codes[MLR_DEMO_ROW * 4];
    uint8_t buffer[MLR_DEMO_BUFFER];
    uint64_t bytes[FILES]; /* written, by file; 0: left alone */
    char path[PATH_ROOM];
} scratch;

typedef struct listing {
    const scratch *s;
    size_t file[FILES]; /* those that were written */
} listing;

static mlr_status make_folder(mlr_cli *cli, char *path, mlr_err *err)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST) {
        return MLR_OK;
    }
    (void)mlr_fail_os(err, errno, MLR_IN_OUTPUT, path, "making a folder");
    mlr_cli_keep_error(cli, err); /* `path` is being put together */
    return err->status;
}

/* Makes every folder above the last part of the path. */
static mlr_status make_folders(mlr_cli *cli, char *path, mlr_err *err)
{
    for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        mlr_status status = make_folder(cli, path, err);
        *p = '/';
        if (status != MLR_OK) {
            return status;
        }
    }
    return MLR_OK;
}

static mlr_status write_file(mlr_demo *d, scratch *s, bool force)
{
    mlr_demo_out out = {.err = d->err, .buffer = s->buffer};
    mlr_overwrite how = force ? MLR_REPLACE_EXISTING : MLR_KEEP_EXISTING;
    if (make_folders(d->cli, s->path, d->err) != MLR_OK ||
        mlr_out_open(&out.file, s->path, 0, how, d->cli->sys, d->err) != MLR_OK) {
        return d->err->status;
    }
    d->out = &out;
    if (d->file->write(d) == MLR_OK) {
        mlr_demo_put(&out, NULL, 0);
    }
    if (d->err->status == MLR_OK) {
        (void)mlr_out_publish(&out.file, d->err);
    }
    mlr_out_discard(&out.file);
    s->bytes[d->file - files] = out.total;
    return d->err->status;
}

/* Said before anything is written, and in the words of this command. */
static mlr_status refuse_existing(mlr_demo *d, const char *path)
{
    char shown[256];
    (void)mlr_printable(shown, sizeof shown, path, strlen(path));
    return mlr_cli_fail(d->cli, d->err, MLR_E_USAGE,
                        "%s exists; --force replaces it, --if-missing keeps it", shown);
}

static bool is_wanted(const make_demo_values *v, const mlr_demo_file *f, const char *path)
{
    if (v->only != NULL && strstr(f->path, v->only) == NULL) {
        return false;
    }
    return !v->if_missing || access(path, F_OK) != 0;
}

static mlr_status write_files(mlr_demo *d, scratch *s, const mlr_args *args)
{
    const make_demo_values *v = args->values;
    for (size_t i = 0; i < FILES; i++) {
        d->file = &files[i];
        int n = snprintf(s->path, sizeof s->path, "%s/%s", args->operand[0], files[i].path);
        if (n < 0 || (size_t)n >= sizeof s->path) {
            return mlr_cli_fail(d->cli, d->err, MLR_E_USAGE,
                                "the folder's name is too long");
        }
        if (!is_wanted(v, &files[i], s->path)) {
            continue;
        }
        if (!v->force && access(s->path, F_OK) == 0) {
            return refuse_existing(d, s->path);
        }
        if (!mlr_keep_going(d->cli->tick, i, FILES)) {
            return mlr_fail(d->err, MLR_E_CANCELLED, MLR_NO_OFFSET, "writing demo models");
        }
        if (write_file(d, s, v->force) != MLR_OK) {
            mlr_cli_keep_error(d->cli, d->err);
            return d->err->status;
        }
    }
    return MLR_OK;
}

static void file_row(void *ctx, size_t i, mlr_row *row)
{
    const listing *l = ctx;
    const mlr_demo_file *f = &files[l->file[i]];
    (void)snprintf(row->cell[0], MLR_TABLE_CELL, "%s", f->path);
    (void)mlr_text_size(row->cell[1], l->s->bytes[l->file[i]]);
    (void)snprintf(row->cell[2], MLR_TABLE_CELL, "%s", f->about);
}

static void print_list(mlr_cli *cli, const scratch *s, const char *folder)
{
    static const mlr_column column[] = {{"File", MLR_ELASTIC, MLR_STYLE_ACCENT},
                                        {"Size", MLR_RIGHT, MLR_STYLE_PLAIN},
                                        {"What it is", MLR_LEFT, MLR_STYLE_DIM}};
    listing l = {.s = s};
    mlr_table table = {.column = column, .columns = 3, .row = file_row, .ctx = &l};
    char size[MLR_TEXT];
    char name[512];
    uint64_t total = 0;
    for (size_t i = 0; i < FILES; i++) {
        total += s->bytes[i];
        if (s->bytes[i] != 0) {
            l.file[table.rows++] = i;
        }
    }
    (void)mlr_printable(name, sizeof name, folder, strlen(folder));
    if (table.rows == 0) {
        fprintf(cli->out, "Everything is in %s already.\n", name);
        return;
    }
    table.max_width = mlr_table_limit(cli);
    mlr_table_print(&table, cli);
    fprintf(cli->out, "\n%zu file%s, %s in %s\n", table.rows, table.rows == 1 ? "" : "s",
            mlr_text_size(size, total), name);
}

static mlr_status run_make_demo(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const make_demo_values *v = args->values;
    scratch *s = mlr_take(cli->alloc, sizeof *s);
    if (s == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for demo models");
    }
    memset(s->bytes, 0, sizeof s->bytes);
    mlr_demo d = {
        .cli = cli, .err = err, .row = s->row, .codes = s->codes, .factors = s->factors};
    if (write_files(&d, s, args) == MLR_OK && !v->quiet) {
        print_list(cli, s, args->operand[0]);
    }
    mlr_give(cli->alloc, s, sizeof *s);
    return err->status;
}

const mlr_cmd mlr_cmd_make_demo = {
    .name = "make-demo",
    .group = "Look at models",
    .summary = "Write pairs of small models to try mallorn on.",
    .operands = "DIR",
    .least = 1,
    .most = 1,
    .about =
        "Writes a base and updated models in SafeTensors, GGUF, ONNX and TFLite, in many "
        "element types, shaped like real fine-tunes: frozen layers, sparse updates, a "
        "merged "
        "low-rank adapter, a grown vocabulary, other quantisation. About 190 MB; the same "
        "bytes on every machine.\n\n"
        "The weights are made up: the models compute nothing useful.",
    .examples = "mallorn make-demo demo\tWrite everything into a folder\n"
                "mallorn make-demo --only .gguf demo\tWrite only the GGUF models",
    .opt = make_demo_opts,
    .opts = sizeof make_demo_opts / sizeof make_demo_opts[0],
    .values_bytes = sizeof(make_demo_values),
    .run = run_make_demo,
};
