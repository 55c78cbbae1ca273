#include "tui/theme.h"

#include <stdio.h>
#include <string.h>

#include "apply/host/file.h"
#include "tui/cell_text.h"
#include "tui/cli/yaml.h"
#include "tui/color.h"
#include "tui/theme_data.h"

typedef struct loader {
    mlr_theme *t;
    mlr_yaml y;
    const mlr_allocator *alloc;
    mlr_err *err;
    int generation; /* of inheritance */
} loader;

enum { MAX_GENERATIONS = 4 };

static mlr_status bad(loader *l, const mlr_yaml_node *n, const char *rule)
{
    mlr_err_in(l->err, MLR_IN_THEME, l->t->name);
    return mlr_yaml_fail(&l->y, n, rule, l->err);
}

static void warn(loader *l, const mlr_yaml_node *n, const char *what)
{
    if (l->t->warning[0] == '\0') {
        snprintf(l->t->warning, sizeof l->t->warning, "%.24s:%u: %s '%.30s'", l->t->name,
                 n->key_at.line, what, n->key);
    }
}

static void copy_text(char *to, size_t room, const mlr_yaml_node *n)
{
    snprintf(to, room, "%s", n->text);
}

static int find_paint(const mlr_theme *t, const char *name)
{
    for (size_t i = 0; i < t->paint_count; i++) {
        if (strcmp(t->paints[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Adds a paint or replaces the one of that name; NULL where the table is full. */
static mlr_tint *place_paint(mlr_theme *t, const char *name)
{
    int at = name[0] == '\0' ? -1 : find_paint(t, name);
    if (at < 0) {
        if (t->paint_count == MLR_THEME_PAINTS) {
            return NULL;
        }
        at = (int)t->paint_count++;
    }
    mlr_tint *p = &t->paints[at];
    *p = (mlr_tint){.c256 = -1, .c16 = -1};
    snprintf(p->name, sizeof p->name, "%s", name);
    return p;
}

static bool parse_c16(const char *s, int16_t *out)
{
    static const char *const names[8] = {"black", "red",     "green", "yellow",
                                         "blue",  "magenta", "cyan",  "white"};
    int16_t bright = 0;
    if (strncmp(s, "bright-", 7) == 0) {
        bright = 8;
        s += 7;
    }
    for (int16_t i = 0; i < 8; i++) {
        if (strcmp(s, names[i]) == 0) {
            *out = (int16_t)(i + bright);
            return true;
        }
    }
    return false;
}

static mlr_status read_paint_field(loader *l, const mlr_yaml_node *f, mlr_tint *p)
{
    uint64_t v = 0;
    if (strcmp(f->key, "rgb") == 0) {
        return mlr_rgb_parse(f->text, f->text_bytes, &p->rgb)
                   ? MLR_OK
                   : bad(l, f, "a colour written \"#rrggbb\"");
    }
    if (strcmp(f->key, "c256") == 0) {
        if (!mlr_yaml_u64(f, &v) || v > 255) {
            return bad(l, f, "a number from 0 to 255");
        }
        p->c256 = (int16_t)v;
        return MLR_OK;
    }
    if (strcmp(f->key, "c16") == 0) {
        if (mlr_yaml_is(f, "default")) {
            p->c16 = -2;
            return MLR_OK;
        }
        return parse_c16(f->text, &p->c16) ? MLR_OK
                                           : bad(l, f, "a colour such as bright-red");
    }
    warn(l, f, "unknown key");
    return MLR_OK;
}

static mlr_status read_paint(loader *l, const mlr_yaml_node *n)
{
    if (n->key_bytes >= sizeof l->t->paints[0].name || n->key_bytes == 0) {
        return bad(l, n, "a colour name of 1 to 23 bytes");
    }
    mlr_tint *p = place_paint(l->t, n->key);
    if (p == NULL) {
        return bad(l, n, "at most 96 colours");
    }
    if (n->kind == MLR_YAML_SCALAR) {
        return mlr_rgb_parse(n->text, n->text_bytes, &p->rgb)
                   ? MLR_OK
                   : bad(l, n, "a colour written \"#rrggbb\"");
    }
    mlr_status s = MLR_OK;
    const mlr_yaml_node *f = n->kind == MLR_YAML_MAP ? mlr_yaml_first(&l->y, n) : NULL;
    for (; f != NULL && s == MLR_OK; f = mlr_yaml_next(&l->y, f)) {
        s = read_paint_field(l, f, p);
    }
    return s;
}

/* A palette name, "#rrggbb" or "default". */
static mlr_status read_color(loader *l, const mlr_yaml_node *n, int16_t *out)
{
    if (n->kind != MLR_YAML_SCALAR) {
        return bad(l, n, "a colour");
    }
    int at = find_paint(l->t, n->text);
    uint32_t rgb = 0;
    if (at < 0 && mlr_rgb_parse(n->text, n->text_bytes, &rgb)) {
        mlr_tint *p = place_paint(l->t, "");
        if (p == NULL) {
            return bad(l, n, "at most 96 colours");
        }
        p->rgb = rgb;
        at = (int)(p - l->t->paints);
    }
    if (at < 0) {
        return bad(l, n, "a colour of the palette");
    }
    *out = (int16_t)at;
    return MLR_OK;
}

static mlr_status read_attrs(loader *l, const mlr_yaml_node *list, uint8_t *out)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } names[] = {{"bold", MLR_BOLD},
                 {"dim", MLR_DIM},
                 {"underline", MLR_UNDERLINE},
                 {"reverse", MLR_REVERSE},
                 {"italic", MLR_ITALIC}};
    *out = 0;
    if (list->kind != MLR_YAML_LIST) {
        return bad(l, list, "a list such as [bold, underline]");
    }
    for (const mlr_yaml_node *n = mlr_yaml_first(&l->y, list); n != NULL;
         n = mlr_yaml_next(&l->y, n)) {
        size_t i = 0;
        while (i < 5 && !mlr_yaml_is(n, names[i].name)) {
            i++;
        }
        if (i == 5) {
            return bad(l, n, "bold, dim, underline, reverse or italic");
        }
        *out |= names[i].bit;
    }
    return MLR_OK;
}

static mlr_status read_gradient(loader *l, const mlr_yaml_node *role)
{
    const mlr_yaml_node *list = mlr_yaml_get(&l->y, role, "gradient");
    if (list == NULL || list->kind != MLR_YAML_LIST || list->count < 2 ||
        list->count > MLR_THEME_ANCHORS) {
        return bad(l, role, "a gradient of 2 to 8 colours");
    }
    l->t->heat_count = 0;
    for (const mlr_yaml_node *n = mlr_yaml_first(&l->y, list); n != NULL;
         n = mlr_yaml_next(&l->y, n)) {
        mlr_status s = read_color(l, n, &l->t->heat[l->t->heat_count++]);
        if (s != MLR_OK) {
            return s;
        }
    }
    for (int i = 0; i < MLR_HEAT_STEPS; i++) {
        l->t->roles[MLR_ROLE_HEAT_0 + i] = (mlr_role_look){.fg = -1, .bg = -1, .set = true};
    }
    return MLR_OK;
}

static mlr_status read_look(loader *l, const mlr_yaml_node *n, mlr_role_look *look)
{
    *look = (mlr_role_look){.fg = -1, .bg = -1, .set = true};
    if (n->kind == MLR_YAML_SCALAR) {
        return read_color(l, n, &look->fg);
    }
    mlr_status s = MLR_OK;
    for (const mlr_yaml_node *f = mlr_yaml_first(&l->y, n); f != NULL && s == MLR_OK;
         f = mlr_yaml_next(&l->y, f)) {
        if (strcmp(f->key == NULL ? "" : f->key, "fg") == 0) {
            s = read_color(l, f, &look->fg);
        } else if (strcmp(f->key == NULL ? "" : f->key, "bg") == 0) {
            s = read_color(l, f, &look->bg);
        } else if (strcmp(f->key == NULL ? "" : f->key, "attr") == 0) {
            s = read_attrs(l, f, &look->attr);
        } else if (strcmp(f->key == NULL ? "" : f->key, "attr-low") == 0) {
            s = read_attrs(l, f, &look->attr_low);
        } else if (strcmp(f->key == NULL ? "" : f->key, "attr-mono") == 0) {
            s = read_attrs(l, f, &look->attr_mono);
        } else if (f->key != NULL) {
            warn(l, f, "unknown key");
        }
    }
    return s;
}

static mlr_status read_role(loader *l, const mlr_yaml_node *n)
{
    if (strcmp(n->key, "heat") == 0) {
        return read_gradient(l, n);
    }
    mlr_role role = mlr_role_named(n->key, n->key_bytes);
    if (role == MLR_ROLE_COUNT) {
        warn(l, n, "unknown role");
        return MLR_OK;
    }
    return read_look(l, n, &l->t->roles[role]);
}

static mlr_status read_glyph(loader *l, const mlr_yaml_node *n)
{
    mlr_glyph_id id = mlr_glyph_named(n->key, n->key_bytes);
    if (id == MLR_GLYPH_COUNT) {
        warn(l, n, "unknown glyph");
        return MLR_OK;
    }
    const char *p = n->text;
    const char *end = n->text + n->text_bytes;
    uint32_t cp = p < end ? mlr_cp_next(&p, end) : 0;
    if (p != end || cp <= ' ' || mlr_cp_unsafe(cp) || mlr_cp_width(cp) != 1) {
        return bad(l, n, "one character of one cell");
    }
    l->t->glyphs[id] = cp;
    return MLR_OK;
}

static mlr_status each(loader *l, const char *key,
                       mlr_status (*read)(loader *l, const mlr_yaml_node *n))
{
    const mlr_yaml_node *map = mlr_yaml_get(&l->y, l->y.nodes, key);
    if (map == NULL) {
        return MLR_OK;
    }
    if (map->kind != MLR_YAML_MAP) {
        return bad(l, map, "a map");
    }
    mlr_status s = MLR_OK;
    for (const mlr_yaml_node *n = mlr_yaml_first(&l->y, map); n != NULL && s == MLR_OK;
         n = mlr_yaml_next(&l->y, n)) {
        s = read(l, n);
    }
    return s;
}

static mlr_status read_theme(mlr_theme *t, const char *bytes, size_t n, int generation,
                             const mlr_allocator *alloc, mlr_err *err);

static mlr_status inherit(loader *l, const mlr_yaml_node *n)
{
    char name[sizeof l->t->name];
    char title[sizeof l->t->title];
    memcpy(name, l->t->name, sizeof name);
    memcpy(title, l->t->title, sizeof title);
    for (size_t i = 0; i < mlr_theme_builtin_count(); i++) {
        if (mlr_yaml_is(n, mlr_theme_data[i].name)) {
            if (l->generation == MAX_GENERATIONS) {
                return bad(l, n, "inheritance of at most 4 steps");
            }
            mlr_status s =
                read_theme(l->t, (const char *)mlr_theme_data[i].bytes, mlr_theme_data[i].n,
                           l->generation + 1, l->alloc, l->err);
            memcpy(l->t->name, name, sizeof name);
            memcpy(l->t->title, title, sizeof title);
            return s;
        }
    }
    return bad(l, n, "the name of a builtin theme");
}

static mlr_status read_head(loader *l)
{
    static const char *const known[] = {"name",   "title",   "inherits", "variant", "paint",
                                        "ground", "palette", "roles",    "glyphs"};
    const mlr_yaml_node *root = l->y.nodes;
    if (root->kind != MLR_YAML_MAP) {
        return bad(l, root, "a map at the top");
    }
    mlr_status s = MLR_OK;
    const mlr_yaml_node *n = mlr_yaml_get(&l->y, root, "inherits");
    if (n != NULL) {
        s = inherit(l, n);
    }
    for (n = mlr_yaml_first(&l->y, root); n != NULL && s == MLR_OK;
         n = mlr_yaml_next(&l->y, n)) {
        size_t k = 0;
        while (k < 9 && strcmp(n->key, known[k]) != 0) {
            k++;
        }
        switch (k) {
        case 0:
            copy_text(l->t->name, sizeof l->t->name, n);
            break;
        case 1:
            copy_text(l->t->title, sizeof l->t->title, n);
            break;
        case 3:
            l->t->light = mlr_yaml_is(n, "light");
            s = l->t->light || mlr_yaml_is(n, "dark") ? MLR_OK : bad(l, n, "dark or light");
            break;
        case 4:
            s = mlr_yaml_bool(n, &l->t->paint_ground) ? MLR_OK : bad(l, n, "true or false");
            break;
        case 9:
            warn(l, n, "unknown key");
            break;
        default:
            break;
        }
    }
    return s;
}

static mlr_status read_ground(loader *l)
{
    const mlr_yaml_node *n = mlr_yaml_get(&l->y, l->y.nodes, "ground");
    return n == NULL ? MLR_OK : read_color(l, n, &l->t->ground);
}

static mlr_status read_theme(mlr_theme *t, const char *bytes, size_t n, int generation,
                             const mlr_allocator *alloc, mlr_err *err)
{
    loader l = {.t = t, .alloc = alloc, .err = err, .generation = generation};
    mlr_status s = mlr_yaml_read(&l.y, bytes, n, alloc, err);
    s = s == MLR_OK ? read_head(&l) : s;
    s = s == MLR_OK ? each(&l, "palette", read_paint) : s;
    s = s == MLR_OK ? read_ground(&l) : s;
    s = s == MLR_OK ? each(&l, "roles", read_role) : s;
    s = s == MLR_OK ? each(&l, "glyphs", read_glyph) : s;
    mlr_yaml_release(&l.y);
    return s;
}

mlr_status mlr_theme_read(mlr_theme *t, const char *bytes, size_t n, const char *name,
                          const mlr_allocator *alloc, mlr_err *err)
{
    mlr_err own = {0};
    *t = (mlr_theme){.ground = -1};
    snprintf(t->name, sizeof t->name, "%s", name);
    for (int i = 0; i < MLR_ROLE_COUNT; i++) {
        t->roles[i] = (mlr_role_look){.fg = -1, .bg = -1};
    }
    return read_theme(t, bytes, n, 0, alloc, err == NULL ? &own : err);
}

static mlr_status load_file(mlr_theme *t, const char *path, const mlr_allocator *alloc,
                            mlr_err *err)
{
    mlr_file f = {0};
    mlr_status s = mlr_file_open(&f, path, NULL, err);
    if (s != MLR_OK) {
        return s;
    }
    size_t n = f.source.size > MLR_YAML_MAX_BYTES ? 0 : (size_t)f.source.size;
    char *bytes = mlr_take(alloc, n + 1);
    if (bytes == NULL) {
        s = mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a theme");
    } else if (f.source.size > MLR_YAML_MAX_BYTES) {
        s = mlr_fail_limit(err, 0, "bytes of a YAML file", f.source.size,
                           MLR_YAML_MAX_BYTES);
    } else {
        s = f.source.read_at(f.source.ctx, 0, bytes, n, err);
    }
    if (s == MLR_OK) {
        const char *slash = strrchr(path, '/');
        s = mlr_theme_read(t, bytes, n, slash == NULL ? path : slash + 1, alloc, err);
    }
    mlr_give(alloc, bytes, n + 1);
    mlr_file_close(&f);
    return s;
}

mlr_status mlr_theme_load(mlr_theme *t, const char *name, const char *folder,
                          const mlr_allocator *alloc, mlr_err *err)
{
    if (strchr(name, '/') != NULL) {
        return load_file(t, name, alloc, err);
    }
    char path[1024];
    int n = folder == NULL ? 0 : snprintf(path, sizeof path, "%s/%s.yaml", folder, name);
    if (n > 0 && (size_t)n < sizeof path) {
        mlr_err quiet = {0};
        mlr_status s = load_file(t, path, alloc, &quiet);
        if (s == MLR_OK || quiet.status != MLR_E_IO) {
            if (err != NULL && s != MLR_OK) {
                *err = quiet;
                err->input = NULL; /* it named `path` */
            }
            return s;
        }
    }
    for (size_t i = 0; i < mlr_theme_builtin_count(); i++) {
        if (strcmp(name, mlr_theme_data[i].name) == 0) {
            return mlr_theme_read(t, (const char *)mlr_theme_data[i].bytes,
                                  mlr_theme_data[i].n, name, alloc, err);
        }
    }
    mlr_err_about(err, name, strlen(name));
    return mlr_fail(err, MLR_E_USAGE, MLR_NO_OFFSET, "the name of a theme");
}

size_t mlr_theme_builtin_count(void)
{
    size_t n = 0;
    while (mlr_theme_data[n].name != NULL) {
        n++;
    }
    return n;
}

const char *mlr_theme_builtin_name(size_t i)
{
    return mlr_theme_data[i].name;
}

void mlr_theme_glyphs(const mlr_theme *t, mlr_glyph_level level, mlr_glyphs *out)
{
    mlr_glyphs_init(out, level);
    for (int i = 0; i < MLR_GLYPH_COUNT; i++) {
        if (t->glyphs[i] != 0 && (t->glyphs[i] < 0x80 || level != MLR_GLYPHS_ASCII)) {
            out->as[i] = t->glyphs[i];
        }
    }
}
