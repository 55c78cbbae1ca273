#include "tui/export_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tui/choice_log.h"
#include "tui/cli/json_out.h"

static double miss_of(const mlr_exported *x)
{
    return x->predicted > 0 ? (double)x->actual / x->predicted - 1 : 0;
}

static void put_item(mlr_json *j, const mlr_exported *x)
{
    mlr_json_object(j, NULL);
    mlr_json_str(j, "name", x->name.p, x->name.n);
    mlr_json_u64(j, "bytes", x->bytes);
    mlr_json_text(j, "strategy", mlr_strategy_word(x->strategy));
    mlr_json_u64(j, "level", x->level);
    mlr_json_text(j, "decided_by", x->pick.level == 0 ? "auto" : "you");
    if (x->predicted >= 0) {
        mlr_json_u64(j, "predicted_bytes", (uint64_t)x->predicted);
        mlr_json_real(j, "predicted_error", x->error);
    } else {
        mlr_json_null(j, "predicted_bytes");
    }
    mlr_json_u64(j, "actual_bytes", x->actual);
    mlr_json_end(j);
}

static void put_json(const mlr_exporter *e, FILE *out)
{
    mlr_json j;
    const mlr_diff_result *r = &e->result;
    mlr_json_init(&j, out);
    mlr_json_object(&j, NULL);
    mlr_json_text(&j, "schema", "mallorn.export/1");
    mlr_json_text(&j, "old", e->old_path);
    mlr_json_text(&j, "new", e->new_path);
    mlr_json_text(&j, "patch", e->wish.dry_run ? NULL : e->wish.patch);
    mlr_json_u64(&j, "old_bytes", r->old_bytes);
    mlr_json_u64(&j, "new_bytes", r->new_bytes);
    mlr_json_u64(&j, "patch_bytes", r->made.patch_bytes);
    mlr_json_u64(&j, "predicted_bytes", (uint64_t)e->predicted);
    mlr_json_u64(&j, "apply_memory_bytes", r->need_bytes);
    mlr_json_real(&j, "seconds", r->seconds);
    mlr_json_array(&j, "tensors");
    for (size_t i = 0; i < e->count; i++) {
        if (e->own[i].made) {
            put_item(&j, &e->own[i]);
        }
    }
    mlr_json_end(&j);
    mlr_json_end(&j);
}

static void put_markdown_item(const mlr_exported *x, FILE *out)
{
    fputs("| ", out);
    for (size_t i = 0; i < x->name.n; i++) {
        unsigned char c = (unsigned char)x->name.p[i];
        if (c == '|' || c == '\\' || c == '`' || c == '*' || c == '<') {
            fputc('\\', out);
        }
        fputc(c < 0x20 || c == 0x7f ? '?' : c, out);
    }
    fprintf(out, " | %s %u | %s | ", mlr_strategy_word(x->strategy), x->level,
            x->pick.level == 0 ? "auto" : "you");
    if (x->predicted >= 0) {
        fprintf(out, "%.0f | %llu | %+.1f %% |\n", x->predicted,
                (unsigned long long)x->actual, miss_of(x) * 100);
    } else {
        fprintf(out, "- | %llu | - |\n", (unsigned long long)x->actual);
    }
}

static void put_markdown(const mlr_exporter *e, FILE *out)
{
    const mlr_diff_result *r = &e->result;
    double ratio =
        r->made.patch_bytes > 0 ? (double)r->new_bytes / (double)r->made.patch_bytes : 0;
    fprintf(out, "# Patch report\n\n");
    fprintf(out, "- new model: %llu bytes\n- patch: %llu bytes (%.2fx), predicted %.0f\n",
            (unsigned long long)r->new_bytes, (unsigned long long)r->made.patch_bytes,
            ratio, e->predicted);
    fprintf(out,
            "- memory to apply: %llu bytes\n- every block was decoded and compared\n\n",
            (unsigned long long)r->need_bytes);
    fprintf(out, "| tensor | strategy | decided by | predicted | actual | miss |\n");
    fprintf(out, "|---|---|---|---:|---:|---:|\n");
    for (size_t i = 0; i < e->count; i++) {
        if (e->own[i].made) {
            put_markdown_item(&e->own[i], out);
        }
    }
}

static mlr_status publish(const mlr_exporter *e, const char *text, size_t n, mlr_err *err)
{
    mlr_out_file f = {0};
    mlr_overwrite how = e->wish.replace ? MLR_REPLACE_EXISTING : MLR_KEEP_EXISTING;
    mlr_status s = mlr_out_open(&f, e->wish.report, n, how, NULL, err);
    s = s == MLR_OK ? f.sink.write(f.sink.ctx, text, n, err) : s;
    s = s == MLR_OK ? mlr_out_publish(&f, err) : s;
    mlr_out_discard(&f);
    return s;
}

mlr_status mlr_export_report_write(const mlr_exporter *e, mlr_err *err)
{
    char *text = NULL;
    size_t n = 0;
    size_t length = strlen(e->wish.report);
    FILE *out = open_memstream(&text, &n);
    if (out == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for the report");
    }
    if (length > 3 && strcmp(e->wish.report + length - 3, ".md") == 0) {
        put_markdown(e, out);
    } else {
        put_json(e, out);
    }
    mlr_status s = fclose(out) == 0
                       ? publish(e, text, n, err)
                       : mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "report");
    free(text);
    return s;
}
