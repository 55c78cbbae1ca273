#include "tui/cli/profile_yaml.h"

#include <stdio.h>
#include <string.h>

#include "apply/host/printable.h"
#include "codec/strategy.h"
#include "tui/cli/opt.h"
#include "tui/cli/profile_value.h"

/* A map's keys are a table: what stands under a key, and how it is read. */
typedef struct key_row {
    const char *key;
    bool (*read)(mlr_profile_reader *r, const mlr_yaml_node *n, void *to);
} key_row;

typedef struct key_table {
    const char *where; /* "a rule", for messages */
    const key_row *row;
    size_t rows;
} key_table;

#define KEY_TABLE(name, where)                                                             \
    {                                                                                      \
        where, name, sizeof name / sizeof name[0]                                          \
    }

static bool unknown_key(mlr_profile_reader *r, const mlr_yaml_node *n, const key_table *t)
{
    char key[64], all[160] = "";
    const char *near = NULL;
    unsigned least = 0;
    for (size_t i = 0; i < t->rows; i++) {
        unsigned distance;
        size_t used = strlen(all);
        (void)snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : ", ",
                       t->row[i].key);
        if (mlr_opt_resembles(n->key, t->row[i].key, &distance) &&
            (near == NULL || distance < least)) {
            near = t->row[i].key;
            least = distance;
        }
    }
    (void)mlr_printable(key, sizeof key, n->key, n->key_bytes);
    if (near != NULL) {
        return mlr_value_fail_key(r, n, "unknown key '%s' in %s; did you mean '%s'?", key,
                                  t->where, near);
    }
    return mlr_value_fail_key(r, n, "unknown key '%s' in %s, which takes %s", key, t->where,
                              all);
}

static const key_row *row_of(const key_table *t, const char *key)
{
    for (size_t i = 0; i < t->rows; i++) {
        if (strcmp(t->row[i].key, key) == 0) {
            return &t->row[i];
        }
    }
    return NULL;
}

static bool read_map(mlr_profile_reader *r, const mlr_yaml_node *map, const key_table *t,
                     void *to)
{
    if (map->kind != MLR_YAML_MAP) {
        return mlr_value_fail(r, map, "%s must be a map of keys and values", t->where);
    }
    const mlr_yaml_node *n = mlr_yaml_first(r->yaml, map);
    for (; n != NULL; n = mlr_yaml_next(r->yaml, n)) {
        const key_row *row = row_of(t, n->key);
        if (row == NULL) {
            return unknown_key(r, n, t);
        }
        r->key = n->key;
        if (!row->read(r, n, to)) {
            return false;
        }
    }
    return true;
}

/* --- settings: defaults and `use` ------------------------------------------------------
 */

static const char *strategy_word(size_t i)
{
    size_t seen = 0;
    if (i == 0) {
        return "auto";
    }
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        const mlr_decoder *d = mlr_decoder_get(id);
        bool chosen =
            d != NULL && id != MLR_STRATEGY_copy; /* copies are found, not chosen */
        if (chosen && mlr_encoder_get(id) != NULL && ++seen == i) {
            return d->name;
        }
    }
    return NULL;
}

static bool read_strategy(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    mlr_setting *s = to;
    size_t place;
    if (!mlr_value_word(r, n, strategy_word, "auto or the name of a strategy", &place)) {
        return false;
    }
    bool model_aware = s->has_strategy && s->choice.strategy == MLR_NEURAL;
    if (place > 0 && model_aware) {
        return mlr_value_fail(r, n, "'neural: true' goes with 'strategy: auto' alone");
    }
    if (!model_aware) {
        s->choice.strategy =
            place == 0 ? MLR_AUTO : (int16_t)mlr_strategy_named(strategy_word(place));
    }
    s->has_strategy = true;
    return true;
}

static bool read_neural(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    mlr_setting *s = to;
    bool neural;
    if (!mlr_value_bool(r, n, &neural)) {
        return false;
    }
    if (neural && s->has_strategy && s->choice.strategy >= 0) {
        return mlr_value_fail(r, n, "'neural: true' goes with 'strategy: auto' alone");
    }
    if (neural) {
        s->choice.strategy = MLR_NEURAL;
    } else if (!s->has_strategy) {
        s->choice.strategy = MLR_AUTO;
    }
    s->has_strategy = true;
    return true;
}

static bool read_level(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    mlr_setting *s = to;
    uint64_t level = 0;
    s->has_level = true;
    bool good = mlr_value_number(r, n, (mlr_bounds){1, 22}, &level);
    s->choice.level = (uint8_t)level;
    return good;
}

static bool read_use_dict(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    mlr_setting *s = to;
    bool dict = false;
    s->has_dict = true;
    bool good = mlr_value_bool(r, n, &dict);
    s->choice.dict = dict;
    return good;
}

/* Blocks are coded on their own, so how far one may look back and how large it is are one
   limit: the smaller of the two keys holds. */
static bool read_block(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    mlr_setting *s = to;
    uint64_t size;
    if (!mlr_value_size(r, n, (mlr_bounds){4096, 64 << 20}, &size)) {
        return false;
    }
    if (!s->has_block || size < s->choice.block_bytes) {
        s->choice.block_bytes = (uint32_t)size;
    }
    s->has_block = true;
    return true;
}

static const key_row setting_rows[] = {
    {"strategy", read_strategy},   {"level", read_level},  {"neural", read_neural},
    {"dictionary", read_use_dict}, {"window", read_block}, {"block", read_block},
};

/* --- conditions: `match` ---------------------------------------------------------------
 */

static bool read_names(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return mlr_value_patterns(r, n, &((mlr_condition *)to)->names);
}

static bool read_except(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return mlr_value_patterns(r, n, &((mlr_condition *)to)->except);
}

static const char *dtype_word(size_t i)
{
    size_t seen = 0;
    for (unsigned id = 0; id < MLR_DTYPE_LIMIT; id++) {
        const mlr_dtype *t = mlr_dtype_get(id);
        if (t != NULL && seen++ == i) {
            return t->name;
        }
    }
    return NULL;
}

static bool add_dtype(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    mlr_condition *c = to;
    size_t place;
    if (!mlr_value_word(r, n, dtype_word, "element types", &place)) {
        return false;
    }
    const char *name = dtype_word(place);
    unsigned id = mlr_dtype_named(name, strlen(name))->id;
    c->dtypes[id / 64] |= (uint64_t)1 << id % 64;
    c->has_dtypes = true;
    return true;
}

static bool read_dtype(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return mlr_value_each(r, n, add_dtype, to);
}

static const mlr_bounds any_size = {0, UINT64_MAX};

static bool read_size_min(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return mlr_value_size(r, n, any_size, &((mlr_bounds *)to)->least);
}

static bool read_size_max(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return mlr_value_size(r, n, any_size, &((mlr_bounds *)to)->most);
}

static bool read_size(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    static const key_row rows[] = {{"min", read_size_min}, {"max", read_size_max}};
    static const key_table table = KEY_TABLE(rows, "'size'");
    mlr_condition *c = to;
    c->has_bytes = true;
    c->bytes = any_size;
    if (!read_map(r, n, &table, &c->bytes)) {
        return false;
    }
    if (c->bytes.most < c->bytes.least) {
        return mlr_value_fail(r, n, "'max' of 'size' is below its 'min'");
    }
    return true;
}

static bool read_shape(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    mlr_condition *c = to;
    c->has_shape = true;
    if (n->kind != MLR_YAML_LIST) {
        return mlr_value_expected(r, n, "a list with one entry for each dimension");
    }
    return mlr_value_ranges(r, n, &c->shape);
}

static bool read_layers(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return mlr_value_ranges(r, n, &((mlr_condition *)to)->layers);
}

static const char *kind_word(size_t i)
{
    return i < MLR_KIND_COUNT ? mlr_module_kind_name((unsigned)i) : NULL;
}

static bool add_kind(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    size_t place;
    if (!mlr_value_word(r, n, kind_word, "kinds of module", &place)) {
        return false;
    }
    ((mlr_condition *)to)->kinds |= 1U << place;
    return true;
}

static bool read_kind(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return mlr_value_each(r, n, add_kind, to);
}

static const struct {
    const char *word;
    uint32_t bit;
} changes[] = {
    {"changed", MLR_CHANGE_BIT(MLR_CHANGE_CHANGED)},
    {"added", MLR_CHANGE_BIT(MLR_CHANGE_ADDED)},
    {"same", MLR_CHANGE_BIT(MLR_CHANGE_SAME)},
    {"renamed", MLR_FLAG_BIT(MLR_PAIR_RENAMED)},
    {"moved", MLR_FLAG_BIT(MLR_PAIR_MOVED)},
    {"resized", MLR_FLAG_BIT(MLR_PAIR_RESIZED)},
    {"reshaped", MLR_FLAG_BIT(MLR_PAIR_RESHAPED)},
    {"retyped", MLR_FLAG_BIT(MLR_PAIR_RETYPED)},
};

static const char *change_word(size_t i)
{
    return i < sizeof changes / sizeof changes[0] ? changes[i].word : NULL;
}

static bool add_change(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    size_t place;
    if (!mlr_value_word(r, n, change_word, "kinds of change", &place)) {
        return false;
    }
    ((mlr_condition *)to)->changes |= changes[place].bit;
    return true;
}

static bool read_change(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return mlr_value_each(r, n, add_change, to);
}

/* --- rules -----------------------------------------------------------------------------
 */

static bool read_label(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return mlr_value_text(r, n, &((mlr_rule *)to)->label);
}

static bool read_enabled(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    bool on;
    if (!mlr_value_bool(r, n, &on)) {
        return false;
    }
    ((mlr_rule *)to)->off = !on;
    return true;
}

static bool read_match(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    static const key_row rows[] = {
        {"names", read_names}, {"except", read_except}, {"dtype", read_dtype},
        {"size", read_size},   {"shape", read_shape},   {"layers", read_layers},
        {"kind", read_kind},   {"change", read_change},
    };
    static const key_table table = KEY_TABLE(rows, "'match'");
    if (n->kind == MLR_YAML_MAP && n->count == 0) {
        return mlr_value_fail(r, n, "'match' is empty; leave it out to match every tensor");
    }
    return read_map(r, n, &table, &((mlr_rule *)to)->when);
}

static bool read_use(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    static const key_table table = KEY_TABLE(setting_rows, "'use'");
    return read_map(r, n, &table, &((mlr_rule *)to)->then);
}

static bool read_rule(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_rule *rule)
{
    static const key_row rows[] = {
        {"name", read_label},
        {"enabled", read_enabled},
        {"match", read_match},
        {"use", read_use},
    };
    static const key_table table = KEY_TABLE(rows, "a rule");
    rule->label = "";
    rule->line = n->at.line;
    if (!read_map(r, n, &table, rule)) {
        return false;
    }
    if (mlr_yaml_get(r->yaml, n, "use") == NULL) {
        return mlr_value_fail(r, n, "this rule has no 'use'");
    }
    return true;
}

static bool read_rules(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    mlr_profile *p = to;
    mlr_rule *rules;
    if (n->kind != MLR_YAML_LIST) {
        return mlr_value_expected(r, n, "a list of rules");
    }
    if (n->count > MLR_MAX_RULES) {
        return mlr_value_fail(r, n, "a profile has at most %d rules, not %u", MLR_MAX_RULES,
                              n->count);
    }
    if (!mlr_value_room(r, n->count, sizeof *rules, &rules)) {
        return false;
    }
    const mlr_yaml_node *i = mlr_yaml_first(r->yaml, n);
    for (; i != NULL; i = mlr_yaml_next(r->yaml, i)) {
        if (!read_rule(r, i, &rules[p->rule_count++])) {
            return false;
        }
    }
    p->rules = rules;
    return true;
}

/* --- budgets and gates -----------------------------------------------------------------
 */

static void set_bound(mlr_profile *p, unsigned kind, uint64_t most, const mlr_yaml_node *n)
{
    mlr_yaml_at at = n->key == NULL ? n->at : n->key_at;
    p->bound[kind] =
        (mlr_bound){.set = true, .most = most, .line = at.line, .column = at.column};
}

static bool read_patch_size(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    uint64_t most;
    if (!mlr_value_size(r, n, (mlr_bounds){1, UINT64_MAX}, &most)) {
        return false;
    }
    set_bound(to, MLR_CHECK_PATCH_SIZE, most, n);
    return true;
}

static bool read_patch_ratio(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    uint64_t most;
    if (!mlr_value_share(r, n, &most)) {
        return false;
    }
    set_bound(to, MLR_CHECK_PATCH_RATIO, most, n);
    return true;
}

static bool read_apply_memory(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    uint64_t most;
    if (!mlr_value_size(r, n, (mlr_bounds){4096, UINT64_MAX}, &most)) {
        return false;
    }
    set_bound(to, MLR_CHECK_MEMORY, most, n);
    return true;
}

static bool read_apply_time(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    uint64_t most;
    if (!mlr_value_time(r, n, &most)) {
        return false;
    }
    set_bound(to, MLR_CHECK_TIME, most, n);
    return true;
}

static bool read_changed_elements(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    uint64_t most;
    bool share = mlr_is_share(n);
    if (share ? !mlr_value_share(r, n, &most) : !mlr_value_number(r, n, any_size, &most)) {
        return false;
    }
    set_bound(to, share ? MLR_CHECK_CHANGED_SHARE : MLR_CHECK_CHANGED_ELEMENTS, most, n);
    return true;
}

static bool read_changed_layers(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    uint64_t most;
    if (!mlr_value_number(r, n, any_size, &most)) {
        return false;
    }
    set_bound(to, MLR_CHECK_CHANGED_LAYERS, most, n);
    return true;
}

static bool read_changed_tensors(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    uint64_t most;
    if (!mlr_value_number(r, n, any_size, &most)) {
        return false;
    }
    set_bound(to, MLR_CHECK_CHANGED_TENSORS, most, n);
    return true;
}

static bool read_budgets(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    static const key_row rows[] = {
        {"patch-size", read_patch_size},
        {"patch-ratio", read_patch_ratio},
        {"apply-memory", read_apply_memory},
        {"apply-time", read_apply_time},
        {"changed-elements", read_changed_elements},
        {"changed-layers", read_changed_layers},
        {"changed-tensors", read_changed_tensors},
    };
    static const key_table table = KEY_TABLE(rows, "'budgets'");
    return read_map(r, n, &table, to);
}

static bool read_frozen(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    mlr_profile *p = to;
    set_bound(p, MLR_CHECK_FROZEN, 0, n);
    return mlr_value_patterns(r, n, &p->frozen);
}

static bool read_only(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    mlr_profile *p = to;
    set_bound(p, MLR_CHECK_ONLY, 0, n);
    return mlr_value_patterns(r, n, &p->only);
}

static bool read_switch(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_profile *p,
                        unsigned kind)
{
    bool on;
    if (!mlr_value_bool(r, n, &on)) {
        return false;
    }
    if (on) {
        set_bound(p, kind, 0, n);
    }
    return true;
}

static bool read_no_nan(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return read_switch(r, n, to, MLR_CHECK_NAN);
}

static bool read_no_inf(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return read_switch(r, n, to, MLR_CHECK_INF);
}

typedef struct digest_list {
    uint8_t (*item)[32];
    size_t count;
} digest_list;

static bool add_digest(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    digest_list *l = to;
    return mlr_value_digest(r, n, l->item[l->count++]);
}

static bool read_base(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    mlr_profile *p = to;
    digest_list l = {0};
    set_bound(p, MLR_CHECK_BASE, 0, n);
    if (!mlr_value_room(r, n->count + 1, sizeof *l.item, &l.item) ||
        !mlr_value_each(r, n, add_digest, &l)) {
        return false;
    }
    p->base = (const uint8_t(*)[32])l.item;
    p->base_count = l.count;
    return true;
}

static bool read_gates(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    static const key_row rows[] = {
        {"frozen", read_frozen},     {"only", read_only},
        {"no-new-nan", read_no_nan}, {"no-new-inf", read_no_inf},
        {"base-sha256", read_base},
    };
    static const key_table table = KEY_TABLE(rows, "'gates'");
    return read_map(r, n, &table, to);
}

/* --- the whole -------------------------------------------------------------------------
 */

static bool read_version(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    uint64_t version;
    (void)to;
    if (!mlr_yaml_u64(n, &version) || version == 0) {
        return mlr_value_expected(r, n, "the number 1");
    }
    if (version > MLR_PROFILE_VERSION) {
        return mlr_value_fail(r, n,
                              "version %llu is newer than this program, which reads 1",
                              (unsigned long long)version);
    }
    return true;
}

static const char *device_word(size_t i)
{
    const mlr_device *d = mlr_device_at(i);
    return d == NULL ? NULL : d->name;
}

static bool read_device(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    size_t place;
    if (!mlr_value_word(r, n, device_word, "one of desktop, 64M, 16M, 1M, 256K and micro",
                        &place)) {
        return false;
    }
    ((mlr_profile *)to)->device = mlr_device_at(place);
    return true;
}

static bool read_dict(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return mlr_value_text(r, n, &((mlr_profile *)to)->dict_path);
}

static bool read_embed(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    return mlr_value_bool(r, n, &((mlr_profile *)to)->embed_dict);
}

static bool read_structure(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    enum { MOST = 1 << 20 };
    mlr_profile *p = to;
    uint64_t bytes;
    if (mlr_yaml_is(n, "all")) {
        p->small_bytes = MLR_ALL_SMALL;
        return true;
    }
    if (n->kind != MLR_YAML_SCALAR || !mlr_opt_size(n->text, &bytes) || bytes == 0 ||
        bytes > MOST) {
        return mlr_value_expected(r, n, "a size from 1 to 1048576 bytes, or all");
    }
    p->small_bytes = (uint32_t)bytes;
    return true;
}

static bool read_defaults(mlr_profile_reader *r, const mlr_yaml_node *n, void *to)
{
    static const key_table table = KEY_TABLE(setting_rows, "'defaults'");
    return read_map(r, n, &table, &((mlr_profile *)to)->defaults);
}

static bool read_profile(mlr_profile_reader *r, mlr_profile *p)
{
    static const key_row rows[] = {
        {"version", read_version},
        {"device", read_device},
        {"dictionary", read_dict},
        {"embed-dictionary", read_embed},
        {"structure-below", read_structure},
        {"budgets", read_budgets},
        {"defaults", read_defaults},
        {"rules", read_rules},
        {"gates", read_gates},
    };
    static const key_table table = KEY_TABLE(rows, "a profile");
    const mlr_yaml_node *root = &r->yaml->nodes[0];
    const mlr_yaml_node *version = mlr_yaml_get(r->yaml, root, "version");
    r->key = "version";
    if (version != NULL && !read_version(r, version, p)) {
        return false; /* before complaints about what a newer version may hold */
    }
    if (!read_map(r, root, &table, p)) {
        return false;
    }
    if (version == NULL) {
        return mlr_value_fail(r, root, "'version: 1' is missing");
    }
    return true;
}

static void keep_complaint(mlr_profile_doc *d, const mlr_profile_reader *r,
                           const mlr_yaml *y, const mlr_err *err)
{
    d->at = r->at.line > 0 ? r->at : y->failed;
    if (r->message[0] != '\0') {
        memcpy(d->message, r->message, sizeof d->message);
    } else {
        (void)snprintf(d->message, sizeof d->message, "a profile needs %s", err->rule);
    }
}

mlr_status mlr_profile_read(mlr_profile_doc *d, const char *bytes, size_t n,
                            const mlr_allocator *alloc, mlr_err *err)
{
    mlr_yaml y = {0};
    *d = (mlr_profile_doc){0};
    mlr_pool_init(&d->pool, alloc);
    mlr_profile_reader r = {.pool = &d->pool, .yaml = &y, .err = err};
    if (mlr_yaml_read(&y, bytes, n, alloc, err) == MLR_OK) {
        (void)read_profile(&r, &d->profile);
    }
    if (err->status == MLR_E_FORMAT || err->status == MLR_E_LIMIT) {
        keep_complaint(d, &r, &y, err);
        mlr_err_in(err, MLR_IN_PROFILE, NULL);
        err->domain = MLR_IN_PROFILE;
    }
    mlr_yaml_release(&y);
    return err->status;
}

void mlr_profile_release(mlr_profile_doc *d)
{
    mlr_pool_release(&d->pool);
    *d = (mlr_profile_doc){0};
}
