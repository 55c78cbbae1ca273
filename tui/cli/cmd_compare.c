/* `mallorn compare`: patches of one pair side by side. */
#include <string.h>

#include "apply/host/inflate_zstd.h"
#include "apply/host/printable.h"
#include "codec/price.h"
#include "tui/cli/cmd.h"
#include "tui/cli/patch_view.h"
#include "tui/cli/table.h"
#include "tui/cli/text.h"

enum { MOST_PATCHES = 64 };

typedef struct compare_values {
    bool json;
} compare_values;

static const mlr_opt compare_opts[] = {
    {.name = "json",
     .letter = 'j',
     .kind = MLR_OPT_FLAG,
     .help = "Print one JSON object (mallorn.compare/1).",
     .field = offsetof(compare_values, json)},
};

/* One patch. */
typedef struct entry {
    const char *path;
    mlr_patch_view view;
    uint64_t need_bytes, decode_us;
    uint64_t new_by[MLR_STRATEGY_LIMIT]; /* new bytes by strategy */
} entry;

typedef struct comparison {
    mlr_cli *cli;
    entry *entries;
    size_t count;
} comparison;

static mlr_status read_patch(entry *e, mlr_cli *cli, mlr_pool *pool, mlr_err *err)
{
    mlr_file file = {0};
    mlr_apply_need need;
    const mlr_inflater inflater = mlr_inflate_zstd();
    if (mlr_file_open(&file, e->path, cli->sys, err) == MLR_OK &&
        mlr_patch_view_read(&e->view, &file.source, &inflater, pool, err) == MLR_OK &&
        mlr_apply_need_of(&e->view.header, &inflater, 1, &need, err) == MLR_OK) {
        e->need_bytes = need.arena_bytes;
        e->decode_us = e->view.glue_us;
        for (size_t i = 0; i < e->view.record_count; i++) {
            const mlr_view_record *r = &e->view.records[i];
            e->new_by[r->strategy] += r->new_bytes;
            e->decode_us += mlr_price_decode_us(r->strategy, r->new_bytes, NULL);
        }
    }
    mlr_err_in(err, MLR_IN_PATCH, e->path);
    mlr_file_close(&file);
    return err->status;
}

typedef bool (*next_member)(const mlr_patch_header *h, mlr_patch_iter *iter,
                            mlr_patch_member *out);

static bool same_members(const mlr_patch_header *a, const mlr_patch_header *b,
                         next_member next)
{
    mlr_patch_iter i = {0}, k = {0};
    mlr_patch_member x, y;
    bool more_x = next(a, &i, &x), more_y = next(b, &k, &y);
    while (more_x && more_y) {
        if (x.size != y.size || memcmp(x.sha256, y.sha256, 32) != 0) {
            return false;
        }
        more_x = next(a, &i, &x);
        more_y = next(b, &k, &y);
    }
    return more_x == more_y;
}

static mlr_status check_pair(const comparison *c, const entry *e, mlr_err *err)
{
    const mlr_patch_header *first = &c->entries[0].view.header;
    if (same_members(first, &e->view.header, mlr_patch_base) &&
        same_members(first, &e->view.header, mlr_patch_target)) {
        return MLR_OK;
    }
    char a[160], b[160];
    (void)mlr_printable(a, sizeof a, c->entries[0].path, strlen(c->entries[0].path));
    (void)mlr_printable(b, sizeof b, e->path, strlen(e->path));
    return mlr_cli_fail(c->cli, err, MLR_E_USAGE, "%s is a patch of other models than %s",
                        b, a);
}

/* --- reports ---------------------------------------------------------------------------
 */

/* The strategies that most new bytes are coded by, copies aside. */
static void name_strategies(const entry *e, char *to, size_t room)
{
    enum { SHOWN = 3 };
    uint64_t below = UINT64_MAX, last_id = MLR_STRATEGY_LIMIT;
    to[0] = '\0';
    for (unsigned n = 0; n < SHOWN; n++) {
        uint64_t most = 0, id = MLR_STRATEGY_LIMIT;
        for (unsigned i = 0; i < MLR_STRATEGY_LIMIT; i++) {
            bool later = e->new_by[i] < below || (e->new_by[i] == below && i > last_id);
            if (i != MLR_STRATEGY_copy && later && e->new_by[i] > most) {
                most = e->new_by[i];
                id = i;
            }
        }
        const mlr_decoder *d =
            id < MLR_STRATEGY_LIMIT ? mlr_decoder_get((unsigned)id) : NULL;
        if (d == NULL) {
            return;
        }
        size_t used = strlen(to);
        (void)snprintf(to + used, room - used, "%s%s", n == 0 ? "" : ", ", d->name);
        below = most;
        last_id = id;
    }
}

static void compare_row(void *ctx, size_t i, mlr_row *row)
{
    const comparison *c = ctx;
    const entry *e = &c->entries[i];
    (void)mlr_printable(row->cell[0], MLR_TABLE_CELL, e->path, strlen(e->path));
    (void)mlr_text_size(row->cell[1], e->view.patch_bytes);
    (void)mlr_text_share(row->cell[2], e->view.patch_bytes, e->view.header.new_bytes);
    (void)mlr_text_share(row->cell[3], e->view.patch_bytes, c->entries[0].view.patch_bytes);
    (void)mlr_text_size(row->cell[4], e->need_bytes);
    (void)snprintf(row->cell[5], MLR_TABLE_CELL, "%llu.%llu ms",
                   (unsigned long long)(e->decode_us / 1000),
                   (unsigned long long)(e->decode_us % 1000 / 100));
    name_strategies(e, row->cell[6], MLR_TABLE_CELL);
}

static void print_text(comparison *c)
{
    static const mlr_column columns[] = {
        {"Patch", MLR_ELASTIC, MLR_STYLE_TITLE}, {"Size", MLR_RIGHT, MLR_STYLE_PLAIN},
        {"Of model", MLR_RIGHT, MLR_STYLE_DIM},  {"Of first", MLR_RIGHT, MLR_STYLE_ACCENT},
        {"Memory", MLR_RIGHT, MLR_STYLE_PLAIN},  {"Decoding", MLR_RIGHT, MLR_STYLE_PLAIN},
        {"Strategies", MLR_LEFT, MLR_STYLE_DIM}};
    const mlr_table table = {.column = columns,
                             .columns = sizeof columns / sizeof columns[0],
                             .rows = c->count,
                             .max_width = mlr_table_limit(c->cli),
                             .row = compare_row,
                             .ctx = c};
    mlr_table_print(&table, c->cli);
}

static void print_json(comparison *c)
{
    mlr_json *j = &c->cli->json;
    mlr_json_init(j, c->cli->out);
    mlr_json_object(j, NULL);
    mlr_json_text(j, "schema", "mallorn.compare/1");
    mlr_json_u64(j, "new_bytes", c->entries[0].view.header.new_bytes);
    mlr_json_array(j, "patches");
    for (size_t i = 0; i < c->count; i++) {
        const entry *e = &c->entries[i];
        mlr_json_object(j, NULL);
        mlr_json_text(j, "path", e->path);
        mlr_json_u64(j, "patch_bytes", e->view.patch_bytes);
        mlr_json_u64(j, "apply_memory_bytes", e->need_bytes);
        mlr_json_u64(j, "decode_us", e->decode_us);
        mlr_json_object(j, "new_bytes_by_strategy");
        for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
            const mlr_decoder *d = mlr_decoder_get(id);
            if (d != NULL && e->new_by[id] > 0) {
                mlr_json_u64(j, d->name, e->new_by[id]);
            }
        }
        mlr_json_end(j);
        mlr_json_end(j);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static mlr_status run_compare(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const compare_values *v = args->values;
    mlr_pool pool;
    mlr_pool_init(&pool, cli->alloc);
    comparison c = {.cli = cli, .count = args->count};
    c.entries = mlr_pool_take(&pool, args->count * sizeof *c.entries);
    if (c.entries == NULL) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory to compare patches");
    }
    for (size_t i = 0; i < c.count && err->status == MLR_OK; i++) {
        c.entries[i].path = args->operand[i];
        if (read_patch(&c.entries[i], cli, &pool, err) == MLR_OK) {
            check_pair(&c, &c.entries[i], err);
        }
    }
    if (err->status == MLR_OK && v->json) {
        print_json(&c);
    } else if (err->status == MLR_OK) {
        print_text(&c);
    }
    mlr_pool_release(&pool);
    return err->status;
}

const mlr_cmd mlr_cmd_compare = {
    .name = "compare",
    .group = "Make and apply patches",
    .summary = "Show several patches of one pair of models side by side.",
    .operands = "PATCH...",
    .least = 1,
    .most = MOST_PATCHES,
    .about = "Reads every patch whole and proves its checks, as 'mallorn inspect' does. "
             "Decoding times are those of one desktop thread by fixed prices. Patches of "
             "different models are refused.",
    .examples = "mallorn compare fast.ggup small.ggup\tWhat the smaller one costs",
    .schema = "mallorn.compare/1",
    .opt = compare_opts,
    .opts = sizeof compare_opts / sizeof compare_opts[0],
    .values_bytes = sizeof(compare_values),
    .run = run_compare,
};
