#include "tui/cli/gate_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/printable.h"
#include "tui/cli/profile_file.h"
#include "tui/cli/text.h"

enum { SHOWN_TENSORS = 3, LISTED_TENSORS = 1000, NAME = 160, SENTENCE = 640 };

/* --- words -----------------------------------------------------------------------------
 */

static void figure(char to[64], unsigned kind, uint64_t n)
{
    char size[MLR_TEXT];
    const char *unit = mlr_check_unit(kind);
    if (strcmp(unit, "bytes") == 0) {
        (void)snprintf(to, 64, "%s", mlr_text_size(size, n));
    } else if (strcmp(unit, "millionths") == 0) {
        (void)snprintf(to, 64, "%llu.%04llu%%", (unsigned long long)(n / 10000),
                       (unsigned long long)(n % 10000));
    } else if (strcmp(unit, "microseconds") == 0) {
        (void)snprintf(to, 64, "%llu.%03llu ms", (unsigned long long)(n / 1000),
                       (unsigned long long)(n % 1000));
    } else {
        (void)snprintf(to, 64, "%s%s%s", mlr_text_exact(size, n),
                       unit[0] == '\0' ? "" : " ", unit);
    }
}

static void tensor_name(const mlr_matching *m, uint32_t pair, char to[NAME])
{
    const mlr_tensor *t = mlr_pairing_tensor(m, pair);
    (void)mlr_printable(to, NAME, t->key.p, t->key.n);
}

static void add_names(const mlr_check *c, const mlr_matching *m, char *to, size_t room)
{
    for (size_t i = 0; i < c->pair_count && i < SHOWN_TENSORS; i++) {
        char name[NAME];
        tensor_name(m, c->pairs[i], name);
        size_t used = strlen(to);
        (void)snprintf(to + used, room - used, "%s'%s'", i == 0 ? ": " : ", ", name);
    }
    if (c->pair_count > SHOWN_TENSORS) {
        size_t used = strlen(to);
        (void)snprintf(to + used, room - used, " and %zu more",
                       c->pair_count - SHOWN_TENSORS);
    }
}

void mlr_check_sentence(const mlr_check *c, const mlr_matching *m, char *to, size_t room)
{
    char found[64], most[64];
    figure(found, c->kind, c->found);
    figure(most, c->kind, c->most);
    if (!c->known) {
        (void)snprintf(to, room, "%s: not looked at", mlr_check_name(c->kind));
    } else if (c->kind == MLR_CHECK_BASE) {
        (void)snprintf(to, room, "%s: %s", mlr_check_name(c->kind),
                       c->broken ? "this is another base than the profile names"
                                 : "as expected");
    } else {
        (void)snprintf(to, room, "%s: %s, at most %s", mlr_check_name(c->kind), found,
                       most);
        add_names(c, m, to, room);
    }
}

static const char *state_of(const mlr_check *c)
{
    return !c->known ? "open" : c->broken ? "broken" : "held";
}

static const mlr_bound *bound_of(const mlr_report *r, const mlr_check *c)
{
    return &r->profile->bound[c->kind];
}

/* --- JSON ------------------------------------------------------------------------------
 */

static void json_check(mlr_json *j, const mlr_report *r, const mlr_check *c)
{
    mlr_json_object(j, NULL);
    mlr_json_text(j, "name", mlr_check_name(c->kind));
    mlr_json_text(j, "state", state_of(c));
    mlr_json_text(j, "unit", mlr_check_unit(c->kind));
    if (c->known) {
        mlr_json_u64(j, "found", c->found);
    }
    mlr_json_u64(j, "most", c->most);
    mlr_json_u64(j, "line", bound_of(r, c)->line);
    mlr_json_u64(j, "column", bound_of(r, c)->column);
    mlr_json_u64(j, "tensor_count", c->pair_count);
    mlr_json_array(j, "tensors");
    for (size_t i = 0; i < c->pair_count && i < LISTED_TENSORS; i++) {
        const mlr_tensor *t = mlr_pairing_tensor(r->matching, c->pairs[i]);
        mlr_json_str(j, NULL, t->key.p, t->key.n);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static void write_json(const mlr_report *r, FILE *f)
{
    mlr_json j;
    mlr_json_init(&j, f);
    mlr_json_object(&j, NULL);
    mlr_json_text(&j, "schema", "mallorn.gates/1");
    mlr_json_text(&j, "profile", r->profile_path);
    mlr_json_text(&j, "old", r->old_path);
    mlr_json_text(&j, "new", r->new_path);
    mlr_json_bool(&j, "passed", r->verdict->broken == 0);
    mlr_json_u64(&j, "broken", r->verdict->broken);
    mlr_json_text(&j, "patch", r->verdict->broken == 0 ? r->patch_path : NULL);
    if (r->figures != NULL) {
        mlr_json_u64(&j, "patch_bytes", r->figures->patch_bytes);
        mlr_json_u64(&j, "new_bytes", r->figures->new_bytes);
        mlr_json_u64(&j, "apply_memory_bytes", r->figures->memory_bytes);
        mlr_json_u64(&j, "decode_us", r->figures->decode_us);
    }
    mlr_json_array(&j, "checks");
    for (size_t i = 0; i < r->verdict->count; i++) {
        json_check(&j, r, &r->verdict->check[i]);
    }
    mlr_json_end(&j);
    mlr_json_end(&j);
}

/* --- Markdown --------------------------------------------------------------------------
 */

/* A cell of a table: nothing of it may be read as markup. */
static void markdown_text(FILE *f, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (strchr("\\`*_{}[]()#+!|<>~&@", *p) != NULL) {
            putc('\\', f);
        }
        putc(*p, f);
    }
}

static void write_markdown(const mlr_report *r, FILE *f)
{
    const mlr_verdict *v = r->verdict;
    fprintf(f, "### mallorn: %s\n\n",
            v->broken == 0 ? "all gates hold" : "gates are broken");
    if (r->figures != NULL) {
        char patch[MLR_TEXT], model[MLR_TEXT], need[MLR_TEXT];
        fprintf(f, "Patch of %s for a model of %s; applying takes %s of memory.\n\n",
                mlr_text_size(patch, r->figures->patch_bytes),
                mlr_text_size(model, r->figures->new_bytes),
                mlr_text_size(need, r->figures->memory_bytes));
    }
    fputs("| Check | State | Found | Most | Tensors |\n|---|---|---:|---:|---|\n", f);
    for (size_t i = 0; i < v->count; i++) {
        const mlr_check *c = &v->check[i];
        char found[64], most[64], names[SENTENCE] = "";
        figure(found, c->kind, c->found);
        figure(most, c->kind, c->most);
        add_names(c, r->matching, names, sizeof names);
        fprintf(f, "| %s | %s | %s | %s | ", mlr_check_name(c->kind), state_of(c),
                c->known ? found : "", most);
        markdown_text(f, names[0] == '\0' ? "" : names + 2);
        fputs(" |\n", f);
    }
}

/* --- JUnit -----------------------------------------------------------------------------
 */

static void xml_text(FILE *f, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        switch (*p) {
        case '&':
            fputs("&amp;", f);
            break;
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        default:
            putc(*p, f);
        }
    }
}

static void junit_case(FILE *f, const mlr_report *r, const mlr_check *c)
{
    char text[SENTENCE];
    mlr_check_sentence(c, r->matching, text, sizeof text);
    fprintf(f, "  <testcase classname=\"mallorn\" name=\"%s\">", mlr_check_name(c->kind));
    if (!c->known) {
        fputs("<skipped/>", f);
    } else if (c->broken) {
        fputs("<failure message=\"", f);
        xml_text(f, text);
        fputs("\">", f);
        xml_text(f, mlr_check_text(c->kind));
        fputs("</failure>", f);
    }
    fputs("</testcase>\n", f);
}

static void write_junit(const mlr_report *r, FILE *f)
{
    size_t skipped = 0;
    for (size_t i = 0; i < r->verdict->count; i++) {
        skipped += !r->verdict->check[i].known;
    }
    fprintf(f,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"mallorn\" "
            "tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\" errors=\"0\">\n",
            r->verdict->count, r->verdict->broken, skipped);
    for (size_t i = 0; i < r->verdict->count; i++) {
        junit_case(f, r, &r->verdict->check[i]);
    }
    fputs("</testsuite>\n", f);
}

/* --- files -----------------------------------------------------------------------------
 */

static bool ends_in(const char *text, const char *suffix)
{
    size_t n = strlen(text), k = strlen(suffix);
    return n >= k && strcmp(text + n - k, suffix) == 0;
}

bool mlr_report_kind_of(const char *word, mlr_report_kind *kind, const char **path)
{
    static const struct {
        const char *prefix, *suffix;
    } row[] = {[MLR_REPORT_JSON] = {"json=", ".json"},
               [MLR_REPORT_MARKDOWN] = {"md=", ".md"},
               [MLR_REPORT_JUNIT] = {"junit=", ".xml"}};
    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        size_t n = strlen(row[i].prefix);
        bool named = strncmp(word, row[i].prefix, n) == 0;
        if (named || ends_in(word, row[i].suffix)) {
            *kind = (mlr_report_kind)i;
            *path = named ? word + n : word;
            return (*path)[0] != '\0';
        }
    }
    return false;
}

static mlr_status publish(char *text, size_t n, const char *path, mlr_cli *cli,
                          mlr_err *err)
{
    return mlr_text_publish(path, text, n, MLR_REPLACE_EXISTING, cli, err);
}

mlr_status mlr_report_write(const mlr_report *r, mlr_report_kind kind, const char *path,
                            mlr_cli *cli, mlr_err *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (f == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a report");
    }
    if (kind == MLR_REPORT_JSON) {
        write_json(r, f);
    } else if (kind == MLR_REPORT_MARKDOWN) {
        write_markdown(r, f);
    } else {
        write_junit(r, f);
    }
    bool whole = ferror(f) == 0;
    if (fclose(f) != 0 || !whole) {
        mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a report");
    } else {
        publish(text, n, path, cli, err);
    }
    free(text);
    return err->status;
}

/* --- GitHub Actions --------------------------------------------------------------------
 */

void mlr_github_escape(FILE *to, const char *text, bool property)
{
    for (const char *p = text; *p != '\0'; p++) {
        bool special =
            *p == '%' || *p == '\r' || *p == '\n' || (property && (*p == ':' || *p == ','));
        if (special) {
            fprintf(to, "%%%02X", (unsigned)(unsigned char)*p);
        } else {
            putc(*p, to);
        }
    }
}

/* Annotations go where talk goes, so that data on standard output stays whole; the runner
   reads both. */
static void annotate(const mlr_report *r, const mlr_check *c, FILE *to)
{
    char text[SENTENCE];
    mlr_check_sentence(c, r->matching, text, sizeof text);
    fputs("::error file=", to);
    mlr_github_escape(to, r->profile_path, true);
    fprintf(to, ",line=%u,col=%u,title=mallorn gate %s::", bound_of(r, c)->line,
            bound_of(r, c)->column, mlr_check_name(c->kind));
    mlr_github_escape(to, text, false);
    putc('\n', to);
}

void mlr_report_annotate(const mlr_report *r, mlr_cli *cli)
{
    const char *on = mlr_cli_env(cli, "GITHUB_ACTIONS");
    if (strcmp(on, "true") != 0 && strcmp(on, "1") != 0) {
        return;
    }
    for (size_t i = 0; i < r->verdict->count; i++) {
        if (r->verdict->check[i].broken) {
            annotate(r, &r->verdict->check[i], cli->err);
        }
    }
    const char *path = mlr_cli_env(cli, "GITHUB_STEP_SUMMARY");
    FILE *f = path[0] == '\0' ? NULL : fopen(path, "a");
    if (f != NULL) { /* a summary is a courtesy: a run never fails for it */
        write_markdown(r, f);
        (void)fclose(f);
    }
}
