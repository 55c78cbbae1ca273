/* `mallorn info` for people. */
#include <inttypes.h>
#include <string.h>

#include "apply/host/printable.h"
#include "tui/cli/info.h"
#include "tui/cli/meta_text.h"
#include "tui/cli/table.h"
#include "tui/cli/text.h"

enum { NARROW = 72, BAR_CELLS = 8, GLANCE_METAS = 10, SHORT_DIGEST = 8 };

/* One table being printed: what its rows are made from. */
typedef struct view {
    const mlr_info *info;
    const mlr_cli *cli;
    bool list;                /* asked for in full: cut to the width of a terminal only */
    size_t hidden;            /* rows that the list is cut by */
    const mlr_member *member; /* whose spans are listed */
    mlr_dtype_id dtype[MLR_DTYPE_LIMIT]; /* largest first */
} view;

static void put(char *cell, const char *text)
{
    (void)snprintf(cell, MLR_TABLE_CELL, "%s", text);
}

static void put_str(char *cell, mlr_str s)
{
    (void)mlr_printable(cell, MLR_TABLE_CELL, s.p, s.n);
}

static void put_u64(char *cell, uint64_t n)
{
    (void)mlr_text_exact(cell, n);
}

static void put_hex(char *cell, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(cell + 2 * i, 3, "%02x", p[i]);
    }
}

static void heading(mlr_cli *cli, const char *title)
{
    fprintf(cli->out, "\n%s%s%s\n", mlr_cli_on(cli, MLR_STYLE_TITLE), title,
            mlr_cli_off(cli, MLR_STYLE_TITLE));
}

static void print_table(const mlr_column *column, size_t columns, size_t rows, view *v,
                        void (*row)(void *ctx, size_t i, mlr_row *row), mlr_cli *cli)
{
    const mlr_table table = {.column = column,
                             .columns = columns,
                             .rows = rows,
                             .indent = 2,
                             .max_width = v->list ? mlr_table_limit(cli) : cli->width,
                             .row = row,
                             .ctx = v};
    mlr_table_print(&table, cli);
}

/* --- summary
 * ------------------------------------------------------------------------------ */

static void print_title(const mlr_info *info, mlr_cli *cli)
{
    char name[512];
    char size[MLR_TEXT];
    const mlr_model *m = info->model;
    (void)mlr_printable(name, sizeof name, info->path, strlen(info->path));
    fprintf(cli->out, "%s%s%s\n", mlr_cli_on(cli, MLR_STYLE_TITLE), name,
            mlr_cli_off(cli, MLR_STYLE_TITLE));
    if (info->format == &mlr_format_opaque) {
        fprintf(cli->out, "Plain bytes, %s", mlr_text_size(size, info->size));
    } else {
        fprintf(cli->out, "%s model, %s", info->format->title,
                mlr_text_size(size, info->size));
    }
    if (m->member_count > 1) {
        fprintf(cli->out, " in %zu files", m->member_count);
    }
    putc('\n', cli->out);
    if (m->note != NULL) {
        (void)mlr_printable(name, sizeof name, m->note, strlen(m->note));
        fprintf(cli->out, "%sNote: %s%s\n", mlr_cli_on(cli, MLR_STYLE_WARN), name,
                mlr_cli_off(cli, MLR_STYLE_WARN));
    }
}

static void print_totals(const mlr_info *info, mlr_cli *cli)
{
    char a[MLR_TEXT];
    char b[MLR_TEXT];
    fprintf(cli->out, "\n  %sTensors%s    %s", mlr_cli_on(cli, MLR_STYLE_DIM),
            mlr_cli_off(cli, MLR_STYLE_DIM), mlr_text_exact(a, info->all.tensors));
    fprintf(cli->out, ", %s element%s, %s", mlr_text_count(a, info->all.elements),
            info->all.elements == 1 ? "" : "s", mlr_text_size(b, info->all.bytes));
    if (info->tied != 0) {
        fprintf(cli->out, "; %" PRIu64 " share%s another's bytes", info->tied,
                info->tied == 1 ? "s" : "");
    }
    fprintf(cli->out, "\n  %sStructure%s  %s (%s of the size)\n",
            mlr_cli_on(cli, MLR_STYLE_DIM), mlr_cli_off(cli, MLR_STYLE_DIM),
            mlr_text_size(a, info->structure),
            mlr_text_share(b, info->structure, info->size));
}

/* Size, share and a bar, full for the largest row. */
static void put_bytes(const view *v, uint64_t bytes, uint64_t largest, mlr_row *row,
                      size_t at)
{
    (void)mlr_text_size(row->cell[at], bytes);
    (void)mlr_text_share(row->cell[at + 1], bytes, v->info->all.bytes);
    (void)mlr_text_bar(row->cell[at + 2], MLR_TABLE_CELL, bytes, largest, BAR_CELLS,
                       v->cli->utf8);
}

static void dtype_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    const mlr_info_total *t = v->info->dtype;
    mlr_dtype_id id = v->dtype[i];
    put(row->cell[0], mlr_dtype_get(id)->name);
    put_u64(row->cell[1], t[id].tensors);
    (void)mlr_text_count(row->cell[2], t[id].elements);
    put_bytes(v, t[id].bytes, t[v->dtype[0]].bytes, row, 3);
}

/* Insertion sort: a model has a handful of element types. */
static size_t rank_dtypes(view *v)
{
    size_t n = 0;
    for (unsigned id = 0; id < MLR_DTYPE_LIMIT; id++) {
        const mlr_info_total *t = v->info->dtype;
        if (t[id].tensors == 0) {
            continue;
        }
        size_t at = n++;
        for (; at > 0 && t[v->dtype[at - 1]].bytes < t[id].bytes; at--) {
            v->dtype[at] = v->dtype[at - 1];
        }
        v->dtype[at] = (mlr_dtype_id)id;
    }
    return n;
}

static void module_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    const mlr_info *info = v->info;
    mlr_info_total total = info->module[i]->total;
    if (v->hidden == 0 || i + 1 < MLR_INFO_AUTO_MODULES) {
        mlr_info_module_name(info->module[i], row->cell[0], MLR_TABLE_CELL);
    } else {
        (void)snprintf(row->cell[0], MLR_TABLE_CELL, "(%zu more)", info->modules - i);
        for (size_t k = i + 1; k < info->modules; k++) {
            total.tensors += info->module[k]->total.tensors;
            total.bytes += info->module[k]->total.bytes;
        }
    }
    put_u64(row->cell[1], total.tensors);
    put_bytes(v, total.bytes, info->module[0]->total.bytes, row, 2);
}

static void print_dtypes(const mlr_info *info, mlr_cli *cli)
{
    static const mlr_column column[] = {
        {"Type", MLR_LEFT, MLR_STYLE_ACCENT},     {"Tensors", MLR_RIGHT, MLR_STYLE_PLAIN},
        {"Elements", MLR_RIGHT, MLR_STYLE_PLAIN}, {"Size", MLR_RIGHT, MLR_STYLE_PLAIN},
        {"Share", MLR_RIGHT, MLR_STYLE_PLAIN},    {"", MLR_LEFT, MLR_STYLE_GOOD}};
    view v = {.info = info, .cli = cli};
    size_t rows = rank_dtypes(&v);
    if (rows != 0) {
        putc('\n', cli->out);
        print_table(column, 6, rows, &v, dtype_row, cli);
    }
}

static void print_modules(const mlr_info *info, mlr_cli *cli)
{
    static const mlr_column column[] = {{"Module", MLR_NAMES, MLR_STYLE_ACCENT},
                                        {"Tensors", MLR_RIGHT, MLR_STYLE_PLAIN},
                                        {"Size", MLR_RIGHT, MLR_STYLE_PLAIN},
                                        {"Share", MLR_RIGHT, MLR_STYLE_PLAIN},
                                        {"", MLR_LEFT, MLR_STYLE_GOOD}};
    view v = {.info = info, .cli = cli};
    size_t rows = info->modules;
    if (info->wish->depth == 0 && rows > MLR_INFO_AUTO_MODULES) {
        rows = MLR_INFO_AUTO_MODULES;
        v.hidden = info->modules - rows;
    }
    if (rows != 0) {
        putc('\n', cli->out);
        print_table(column, cli->width < NARROW ? 4 : 5, rows, &v, module_row, cli);
    }
}

static void quant_row(void *ctx, size_t i, mlr_row *row)
{
    const mlr_info_quant *q = &((const view *)ctx)->info->quant[i];
    put(row->cell[0], q->scheme);
    if (q->axis >= 0 && q->block != 0) {
        (void)snprintf(row->cell[1], MLR_TABLE_CELL,
                       "one scale per %" PRIu32 " elements of axis %" PRId32, q->block,
                       q->axis);
    } else if (q->block != 0) {
        (void)snprintf(row->cell[1], MLR_TABLE_CELL, "one scale per %" PRIu32 " elements",
                       q->block);
    } else if (q->axis >= 0) {
        (void)snprintf(row->cell[1], MLR_TABLE_CELL, "one scale per index of axis %" PRId32,
                       q->axis);
    } else {
        put(row->cell[1], "one scale per tensor");
    }
    put_u64(row->cell[2], q->tensors);
}

static void print_quants(const mlr_info *info, mlr_cli *cli)
{
    static const mlr_column column[] = {{"Quantization", MLR_LEFT, MLR_STYLE_ACCENT},
                                        {"Scales", MLR_LEFT, MLR_STYLE_PLAIN},
                                        {"Tensors", MLR_RIGHT, MLR_STYLE_PLAIN}};
    view v = {.info = info, .cli = cli};
    if (info->quants == 0) {
        return;
    }
    putc('\n', cli->out);
    print_table(column, 3, info->quants, &v, quant_row, cli);
}

/* --- members, metadata
 * --------------------------------------------------------------------- */

static void member_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    const mlr_member *m = &v->info->model->members[i];
    (void)mlr_printable(row->cell[0], MLR_TABLE_CELL, m->name, strlen(m->name));
    put(row->cell[1], m->format->title);
    (void)mlr_text_size(row->cell[2], m->source->size);
    (void)mlr_text_size(row->cell[3], m->format == &mlr_format_opaque ? 0 : m->glue_bytes);
}

static void digest_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    const mlr_member *m = &v->info->model->members[i];
    put_hex(row->cell[0], v->info->member_digest[i].bytes, MLR_SHA256_BYTES);
    (void)mlr_printable(row->cell[1], MLR_TABLE_CELL, m->name, strlen(m->name));
}

static void print_members(const mlr_info *info, mlr_cli *cli)
{
    static const mlr_column column[] = {{"File", MLR_ELASTIC, MLR_STYLE_ACCENT},
                                        {"Format", MLR_LEFT, MLR_STYLE_PLAIN},
                                        {"Size", MLR_RIGHT, MLR_STYLE_PLAIN},
                                        {"Structure", MLR_RIGHT, MLR_STYLE_PLAIN}};
    static const mlr_column digest[] = {{"SHA-256", MLR_LEFT, MLR_STYLE_PLAIN},
                                        {"File", MLR_ELASTIC, MLR_STYLE_ACCENT}};
    view v = {.info = info, .cli = cli};
    if (info->model->member_count > 1) {
        putc('\n', cli->out);
        print_table(column, 4, info->model->member_count, &v, member_row, cli);
    }
    if (info->member_digest != NULL) {
        putc('\n', cli->out);
        v.list = true;
        print_table(digest, 2, info->model->member_count, &v, digest_row, cli);
    }
}

static void meta_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    const mlr_meta *m = &v->info->model->metas[i];
    put_str(row->cell[0], m->key);
    mlr_meta_text(m, row->cell[1], MLR_TABLE_CELL);
}

/* Shards repeat each other's metadata: at a glance, that of the first is enough. */
static size_t first_metas(const mlr_model *m)
{
    size_t n = 0;
    while (n < m->meta_count && m->metas[n].member == m->metas[0].member) {
        n++;
    }
    return n <= GLANCE_METAS + 1 ? n : GLANCE_METAS;
}

static void print_metas(const mlr_info *info, mlr_cli *cli)
{
    static const mlr_column column[] = {{"Metadata", MLR_LEFT, MLR_STYLE_ACCENT},
                                        {"", MLR_ELASTIC, MLR_STYLE_PLAIN}};
    view v = {.info = info, .cli = cli, .list = info->wish->metadata};
    size_t count = info->model->meta_count;
    size_t rows = info->wish->metadata ? count : first_metas(info->model);
    if (count == 0) {
        return;
    }
    putc('\n', cli->out);
    print_table(column, 2, rows, &v, meta_row, cli);
    if (rows < count) {
        fprintf(cli->out, "  %s(%zu more: --metadata)%s\n", mlr_cli_on(cli, MLR_STYLE_DIM),
                count - rows, mlr_cli_off(cli, MLR_STYLE_DIM));
    }
}

/* --- lists on request
 * ---------------------------------------------------------------------- */

static void tensor_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    const mlr_tensor *t = &v->info->model->tensors[i];
    put_str(row->cell[0], mlr_info_name(t));
    put(row->cell[1], t->dtype->name);
    (void)mlr_text_shape(row->cell[2], 40, t->dim, t->rank);
    (void)mlr_text_size(row->cell[3], t->data.len);
    (void)snprintf(row->cell[4], MLR_TABLE_CELL, "%" PRIu64, t->data.off);
    if (v->info->tensor_digest != NULL) {
        bool cut = v->cli->out_tty;
        put_hex(row->cell[5], v->info->tensor_digest[i].bytes,
                cut ? SHORT_DIGEST : MLR_SHA256_BYTES);
    }
}

static void print_tensors(const mlr_info *info, mlr_cli *cli)
{
    static const mlr_column column[] = {
        {"Name", MLR_NAMES, MLR_STYLE_ACCENT}, {"Type", MLR_LEFT, MLR_STYLE_PLAIN},
        {"Shape", MLR_LEFT, MLR_STYLE_PLAIN},  {"Size", MLR_RIGHT, MLR_STYLE_PLAIN},
        {"Offset", MLR_RIGHT, MLR_STYLE_DIM},  {"SHA-256", MLR_LEFT, MLR_STYLE_DIM}};
    view v = {.info = info, .cli = cli, .list = true};
    heading(cli, "Tensors");
    print_table(column, info->tensor_digest == NULL ? 5 : 6, info->model->tensor_count, &v,
                tensor_row, cli);
}

static void span_row(void *ctx, size_t i, mlr_row *row)
{
    const view *v = ctx;
    const mlr_span *s = &v->info->model->spans[v->member->first_span + i];
    (void)snprintf(row->cell[0], MLR_TABLE_CELL, "%" PRIu64, s->bytes.off);
    (void)snprintf(row->cell[1], MLR_TABLE_CELL, "%" PRIu64, s->bytes.len);
    if (s->tensor == MLR_NO_TENSOR) {
        put(row->cell[2], "structure");
        return;
    }
    const mlr_tensor *t = &v->info->model->tensors[s->tensor];
    put(row->cell[2], t->dtype->name);
    put_str(row->cell[3], mlr_info_name(t));
}

static void print_spans(const mlr_info *info, mlr_cli *cli)
{
    static const mlr_column column[] = {{"Offset", MLR_RIGHT, MLR_STYLE_PLAIN},
                                        {"Bytes", MLR_RIGHT, MLR_STYLE_PLAIN},
                                        {"Kind", MLR_LEFT, MLR_STYLE_PLAIN},
                                        {"Tensor", MLR_NAMES, MLR_STYLE_ACCENT}};
    for (size_t i = 0; i < info->model->member_count; i++) {
        char name[512];
        view v = {.info = info, .cli = cli, .list = true};
        v.member = &info->model->members[i];
        (void)mlr_printable(name, sizeof name, v.member->name, strlen(v.member->name));
        fprintf(cli->out, "\n%sSpans of %s%s\n", mlr_cli_on(cli, MLR_STYLE_TITLE), name,
                mlr_cli_off(cli, MLR_STYLE_TITLE));
        print_table(column, 4, v.member->span_count, &v, span_row, cli);
    }
}

void mlr_info_print_text(const mlr_info *info, mlr_cli *cli)
{
    print_title(info, cli);
    if (info->format != &mlr_format_opaque) {
        print_totals(info, cli);
        print_dtypes(info, cli);
        print_modules(info, cli);
        print_quants(info, cli);
    }
    print_members(info, cli);
    print_metas(info, cli);
    if (info->wish->tensors) {
        print_tensors(info, cli);
    }
    if (info->wish->spans) {
        print_spans(info, cli);
    }
}
