#include "tui/cli/profile_init.h"

#include <string.h>

#include "apply/decoder.h"
#include "tui/cli/json_out.h"

/* --- words -----------------------------------------------------------------------------
 */

const char *mlr_choice_name(const mlr_choice *c)
{
    if (c->strategy < 0) {
        return c->strategy == MLR_NEURAL ? "auto, neural" : "auto";
    }
    const mlr_decoder *d = mlr_decoder_get((unsigned)c->strategy);
    return d == NULL ? "?" : d->name;
}

/* Double quotes with the escapes of YAML; bytes that are no UTF-8 cannot be written and
   become '?', which as a pattern still matches them. */
void mlr_yaml_quote(FILE *f, const char *text, size_t n)
{
    putc('"', f);
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        size_t step = mlr_utf8_next(text + i, n - i, &code);
        if (step == 0) {
            putc('?', f);
            step = 1;
        } else if (code == '"' || code == '\\') {
            fprintf(f, "\\%c", (int)code);
        } else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
            fprintf(f, "\\x%02X", (unsigned)code);
        } else if (code >= 0x7f) {
            fprintf(f, "\\U%08X", (unsigned)code);
        } else {
            putc((int)code, f);
        }
        i += step;
    }
    putc('"', f);
}

static void print_size(FILE *f, uint64_t n)
{
    if (n > 0 && n % (1 << 20) == 0) {
        fprintf(f, "%lluMiB", (unsigned long long)(n >> 20));
    } else if (n > 0 && n % (1 << 10) == 0) {
        fprintf(f, "%lluKiB", (unsigned long long)(n >> 10));
    } else {
        fprintf(f, "%llu", (unsigned long long)n);
    }
}

/* --- a whole profile -------------------------------------------------------------------
 */

static void print_list(FILE *f, unsigned indent, const char *key, const mlr_str_list *list)
{
    if (list->count == 0) {
        return;
    }
    fprintf(f, "%*s%s: [", (int)indent, "", key);
    for (size_t i = 0; i < list->count; i++) {
        fputs(i == 0 ? "" : ", ", f);
        mlr_yaml_quote(f, list->item[i].p, list->item[i].n);
    }
    fputs("]\n", f);
}

static void print_range(FILE *f, const mlr_bounds *b)
{
    if (b->least == 0 && b->most == UINT64_MAX) {
        fputs("\"*\"", f);
    } else if (b->most == UINT64_MAX) {
        fprintf(f, "%llu-", (unsigned long long)b->least);
    } else if (b->least == b->most) {
        fprintf(f, "%llu", (unsigned long long)b->least);
    } else {
        fprintf(f, "%llu-%llu", (unsigned long long)b->least, (unsigned long long)b->most);
    }
}

static void print_ranges(FILE *f, const char *key, const mlr_bounds_list *list)
{
    if (list->count == 0) {
        return;
    }
    fprintf(f, "      %s: [", key);
    for (size_t i = 0; i < list->count; i++) {
        fputs(i == 0 ? "" : ", ", f);
        print_range(f, &list->item[i]);
    }
    fputs("]\n", f);
}

static void print_dtypes(FILE *f, const mlr_condition *c)
{
    const char *before = "      dtype: [";
    for (unsigned id = 0; c->has_dtypes && id < MLR_DTYPE_LIMIT; id++) {
        if ((c->dtypes[id / 64] >> id % 64 & 1) != 0) {
            fprintf(f, "%s%s", before, mlr_dtype_get(id)->name);
            before = ", ";
        }
    }
    fputs(c->has_dtypes ? "]\n" : "", f);
}

static void print_kinds(FILE *f, uint32_t kinds)
{
    const char *before = "      kind: [";
    for (unsigned i = 0; i < MLR_KIND_COUNT; i++) {
        if ((kinds >> i & 1) != 0) {
            fprintf(f, "%s%s", before, mlr_module_kind_name(i));
            before = ", ";
        }
    }
    fputs(kinds != 0 ? "]\n" : "", f);
}

static void print_changes(FILE *f, uint32_t changes)
{
    const char *before = "      change: [";
    for (unsigned i = 0; i < MLR_CHANGE_COUNT; i++) {
        if ((changes & MLR_CHANGE_BIT(i)) != 0) {
            fprintf(f, "%s%s", before, mlr_change_name(i));
            before = ", ";
        }
    }
    uint16_t flags = (uint16_t)(changes >> 8);
    for (const char *name; (name = mlr_pair_flag_next(&flags)) != NULL;) {
        fprintf(f, "%s%s", before, name);
        before = ", ";
    }
    fputs(changes != 0 ? "]\n" : "", f);
}

static bool asks_nothing(const mlr_condition *c)
{
    return c->names.count == 0 && c->except.count == 0 && !c->has_dtypes && !c->has_bytes &&
           !c->has_shape && c->layers.count == 0 && c->kinds == 0 && c->changes == 0;
}

static void print_condition(FILE *f, const mlr_condition *c)
{
    if (asks_nothing(c)) {
        return;
    }
    fputs("    match:\n", f);
    print_list(f, 6, "names", &c->names);
    print_list(f, 6, "except", &c->except);
    print_dtypes(f, c);
    if (c->has_bytes) {
        fputs("      size: {min: ", f);
        print_size(f, c->bytes.least);
        if (c->bytes.most != UINT64_MAX) {
            fputs(", max: ", f);
            print_size(f, c->bytes.most);
        }
        fputs("}\n", f);
    }
    print_ranges(f, "shape", &c->shape);
    print_ranges(f, "layers", &c->layers);
    print_kinds(f, c->kinds);
    print_changes(f, c->changes);
}

static void print_setting(FILE *f, unsigned indent, const mlr_setting *s)
{
    int in = (int)indent;
    if (s->has_strategy) {
        bool neural = s->choice.strategy == MLR_NEURAL;
        fprintf(f, "%*sstrategy: %s\n", in, "",
                neural ? "auto" : mlr_choice_name(&s->choice));
        fprintf(f, neural ? "%*sneural: true\n" : "%*s", neural ? in : 0, "");
    }
    if (s->has_level) {
        fprintf(f, "%*slevel: %u\n", in, "", s->choice.level);
    }
    if (s->has_dict) {
        fprintf(f, "%*sdictionary: %s\n", in, "", s->choice.dict ? "true" : "false");
    }
    if (s->has_block) {
        fprintf(f, "%*sblock: ", in, "");
        print_size(f, s->choice.block_bytes);
        putc('\n', f);
    }
}

static bool says_nothing(const mlr_setting *s)
{
    return !s->has_strategy && !s->has_level && !s->has_dict && !s->has_block;
}

static void print_rules(FILE *f, const mlr_profile *p)
{
    if (p->rule_count > 0) {
        fputs("rules:\n", f);
    }
    for (size_t i = 0; i < p->rule_count; i++) {
        const mlr_rule *r = &p->rules[i];
        fputs("  - name: ", f);
        if (r->label[0] == '\0') {
            fprintf(f, "\"rule %zu\"", i + 1);
        } else {
            mlr_yaml_quote(f, r->label, strlen(r->label));
        }
        fputs(r->off ? "\n    enabled: false\n" : "\n", f);
        print_condition(f, &r->when);
        fputs(says_nothing(&r->then) ? "    use: {}\n" : "    use:\n", f);
        print_setting(f, 6, &r->then);
    }
}

static void print_share(FILE *f, uint64_t millionths)
{
    uint64_t thousandths = millionths / 10;
    fprintf(f, "%llu.%03llu%%", (unsigned long long)(thousandths / 1000),
            (unsigned long long)(thousandths % 1000));
}

static void print_bound(FILE *f, unsigned kind, const mlr_bound *b)
{
    const char *unit = mlr_check_unit(kind);
    const char *key =
        kind == MLR_CHECK_CHANGED_SHARE ? "changed-elements" : mlr_check_name(kind);
    fprintf(f, "  %s: ", key);
    if (strcmp(unit, "bytes") == 0) {
        print_size(f, b->most);
    } else if (strcmp(unit, "millionths") == 0) {
        print_share(f, b->most);
    } else if (strcmp(unit, "microseconds") == 0) {
        fprintf(f, "%llu.%03llums", (unsigned long long)(b->most / 1000),
                (unsigned long long)(b->most % 1000));
    } else {
        fprintf(f, "%llu", (unsigned long long)b->most);
    }
    putc('\n', f);
}

static void print_budgets(FILE *f, const mlr_profile *p)
{
    bool any = false;
    for (unsigned i = MLR_CHECK_CHANGED_LAYERS; i < MLR_CHECK_COUNT; i++) {
        if (p->bound[i].set) {
            fputs(any ? "" : "budgets:\n", f);
            print_bound(f, i, &p->bound[i]);
            any = true;
        }
    }
}

static void print_gates(FILE *f, const mlr_profile *p)
{
    bool any = false;
    for (unsigned i = 0; i < MLR_CHECK_CHANGED_LAYERS; i++) {
        any = any || p->bound[i].set;
    }
    fputs(any ? "gates:\n" : "", f);
    print_list(f, 2, "frozen", &p->frozen);
    print_list(f, 2, "only", &p->only);
    fputs(p->bound[MLR_CHECK_NAN].set ? "  no-new-nan: true\n" : "", f);
    fputs(p->bound[MLR_CHECK_INF].set ? "  no-new-inf: true\n" : "", f);
    for (size_t i = 0; i < p->base_count; i++) {
        fputs(i == 0 ? "  base-sha256:\n    - " : "    - ", f);
        for (unsigned k = 0; k < 32; k++) {
            fprintf(f, "%02x", p->base[i][k]);
        }
        putc('\n', f);
    }
}

static void print_structure(FILE *f, uint32_t small_bytes)
{
    if (small_bytes == MLR_ALL_SMALL) {
        fputs("structure-below: all\n", f);
    } else if (small_bytes > 0) {
        fputs("structure-below: ", f);
        print_size(f, small_bytes);
        putc('\n', f);
    }
}

void mlr_profile_print(FILE *f, const mlr_profile *p)
{
    const mlr_setting *d = &p->defaults;
    fputs("version: 1\n", f);
    if (p->device != NULL) {
        fprintf(f, "device: %s\n", p->device->name);
    }
    if (p->dict_path != NULL) {
        fputs("dictionary: ", f);
        mlr_yaml_quote(f, p->dict_path, strlen(p->dict_path));
        putc('\n', f);
    }
    fputs(p->embed_dict ? "embed-dictionary: true\n" : "", f);
    print_structure(f, p->small_bytes);
    print_budgets(f, p);
    if (!says_nothing(d)) {
        fputs("defaults:\n", f);
        print_setting(f, 2, d);
    }
    print_rules(f, p);
    print_gates(f, p);
}

/* --- a first profile -------------------------------------------------------------------
 */

/* What a pair shows about one kind of module. */
typedef struct kind_facts {
    size_t tensors, changed;
    size_t coded; /* changed, and large enough to be coded on their own */
    uint64_t bytes, changed_bytes;
} kind_facts;

static void count_kinds(const mlr_matching *m, kind_facts facts[MLR_KIND_COUNT])
{
    for (size_t i = 0; i < m->new_count; i++) {
        const mlr_tensor *t = &m->new_model->tensors[i];
        kind_facts *k = &facts[mlr_module_kind_of(t->key)];
        bool changed = m->pairs[i].change != MLR_CHANGE_SAME;
        k->tensors++;
        k->changed += changed;
        k->coded += changed && t->data.len >= MLR_SMALL_TENSOR;
        k->bytes += t->data.len;
        k->changed_bytes += changed ? t->data.len : 0;
    }
}

static void print_kind_rule(FILE *f, unsigned kind, const kind_facts *k)
{
    fprintf(f, "  # %zu of %zu tensors changed, %llu of %llu bytes\n", k->changed,
            k->tensors, (unsigned long long)k->changed_bytes, (unsigned long long)k->bytes);
    fprintf(f, "  - name: %s\n    match:\n      kind: %s\n    use:\n",
            mlr_module_kind_name(kind), mlr_module_kind_name(kind));
    fputs("      strategy: auto\n      neural: true\n      level: 9\n", f);
}

/* Tensors that did not change, by name: candidates for the gate, for a person to confirm.
 */
static void print_frozen_hint(FILE *f, const mlr_matching *m)
{
    enum { SHOWN = 8 };
    size_t same = 0;
    fputs("  # Tensors that must not change. Of this pair these did not:\n", f);
    for (size_t i = 0; i < m->new_count; i++) {
        const mlr_tensor *t = &m->new_model->tensors[i];
        if (m->pairs[i].change == MLR_CHANGE_SAME && same++ < SHOWN) {
            fputs(same == 1 ? "  # frozen:\n  #   - " : "  #   - ", f);
            mlr_yaml_quote(f, t->key.p, t->key.n);
            putc('\n', f);
        }
    }
    if (same > SHOWN) {
        fprintf(f, "  #   (and %zu more)\n", same - SHOWN);
    } else if (same == 0) {
        fputs("  #   (every tensor changed)\n", f);
    }
}

void mlr_profile_print_first(FILE *f, const mlr_matching *m)
{
    kind_facts facts[MLR_KIND_COUNT] = {0};
    count_kinds(m, facts);
    fputs("# A profile for `mallorn diff --profile`; docs/profile.md explains every key.\n"
          "version: 1\n\n"
          "# What applies the patches: desktop, 64M, 16M, 1M, 256K or micro.\n"
          "device: desktop\n\n"
          "# A patch beyond these is refused (exit code 10).\n"
          "budgets:\n  patch-ratio: 100%\n"
          "  # patch-size: 64MiB\n  # apply-memory: 64MiB\n  # apply-time: 2s\n"
          "  # changed-elements: 50%\n  # changed-layers: 12\n\n"
          "# For tensors that no rule below matches.\n"
          "defaults:\n  strategy: auto\n  neural: true\n  level: 3\n\n",
          f);
    const char *before = "# The first rule that matches a tensor decides.\nrules:\n";
    for (unsigned i = 0; i < MLR_KIND_COUNT; i++) {
        if (i != MLR_KIND_OTHER && facts[i].coded > 0) {
            fputs(before, f);
            print_kind_rule(f, i, &facts[i]);
            before = "";
        }
    }
    fputs("\ngates:\n  no-new-nan: true\n  no-new-inf: true\n", f);
    print_frozen_hint(f, m);
}
