/* From a theme's looks to what one terminal can show. */
#include "tui/color.h"
#include "tui/theme.h"

/* The gradient at step i of MLR_HEAT_STEPS. */
static mlr_tint heat_paint(const mlr_theme *t, int i)
{
    mlr_tint p = {.c256 = -1, .c16 = -1};
    if (t->heat_count < 2) {
        return p;
    }
    double at = (double)i / (MLR_HEAT_STEPS - 1) * (double)(t->heat_count - 1);
    size_t from = (size_t)at;
    if (from + 1 >= t->heat_count) {
        return t->paints[t->heat[t->heat_count - 1]];
    }
    const mlr_tint *a = &t->paints[t->heat[from]];
    const mlr_tint *b = &t->paints[t->heat[from + 1]];
    if (at == (double)from) {
        return *a;
    }
    p.rgb = mlr_rgb_mix(a->rgb, b->rgb, at - (double)from);
    return p;
}

static int32_t shown(const mlr_tint *p, mlr_color_depth depth)
{
    if (p->is_default || depth == MLR_DEPTH_MONO) {
        return MLR_COLOR_DEFAULT;
    }
    switch (depth) {
    case MLR_DEPTH_RGB:
        return (int32_t)p->rgb;
    case MLR_DEPTH_256:
        return p->c256 >= 0 ? p->c256 : (int32_t)mlr_nearest_256(p->rgb);
    default:
        return p->c16 == -2  ? MLR_COLOR_DEFAULT
               : p->c16 >= 0 ? p->c16
                             : (int32_t)mlr_nearest_16(p->rgb);
    }
}

/* Eight colours have no bright half: bold makes foregrounds bright there, and the bright
   black that stands for grey becomes the default, dimmed. */
static void to_eight(mlr_ui_style *s)
{
    if (s->fg == 8) {
        s->fg = MLR_COLOR_DEFAULT;
        s->attr |= MLR_DIM;
    } else if (s->fg > 8) {
        s->fg -= 8;
        s->attr |= MLR_BOLD;
    }
    if (s->bg >= 8) {
        s->bg = s->bg == 8 ? MLR_COLOR_DEFAULT : s->bg - 8;
    }
}

static uint8_t attrs_at(const mlr_role_look *l, mlr_color_depth depth)
{
    unsigned a = l->attr;
    if (depth == MLR_DEPTH_MONO) {
        a |= l->attr_mono;
    } else if (depth <= MLR_DEPTH_16) {
        a |= l->attr_low;
    }
    return (uint8_t)a;
}

/* The paints of a cell: NULL stands for the terminal's own colour. */
typedef struct coat {
    mlr_tint heat;
    const mlr_tint *fg, *bg;
} coat;

static const mlr_tint *paint_at(const mlr_theme *t, int16_t i)
{
    return i < 0 ? NULL : &t->paints[i];
}

static void dress(const mlr_theme *t, mlr_color_depth depth, const mlr_ui_cell *c,
                  coat *out)
{
    const mlr_role_look *role = &t->roles[c->role];
    const mlr_role_look *over = c->over == MLR_ROLE_TEXT ? NULL : &t->roles[c->over];
    out->fg = paint_at(t, role->fg);
    out->bg = paint_at(t, role->bg);
    if (c->role >= MLR_ROLE_HEAT_0 && c->role <= MLR_ROLE_HEAT_7) {
        out->heat = heat_paint(t, c->role - MLR_ROLE_HEAT_0);
        out->fg = &out->heat;
    }
    if (out->fg == NULL) {
        out->fg = paint_at(t, t->roles[MLR_ROLE_TEXT].fg);
    }
    if (over != NULL && over->fg >= 0) {
        out->fg = paint_at(t, over->fg);
    }
    if (over != NULL && over->bg >= 0) {
        out->bg = paint_at(t, over->bg);
    }
    /* A reversed row is one calm bar, not a row of coloured blocks. */
    if (over != NULL && (attrs_at(over, depth) & MLR_REVERSE) != 0) {
        out->fg = paint_at(t, over->fg >= 0 ? over->fg : t->roles[MLR_ROLE_TEXT].fg);
        out->bg = NULL;
    }
    if (out->bg == NULL && t->paint_ground && depth >= MLR_DEPTH_256) {
        out->bg = paint_at(t, t->ground);
    }
}

mlr_ui_style mlr_theme_style(const mlr_theme *t, mlr_color_depth depth,
                             const mlr_ui_cell *c)
{
    coat k;
    dress(t, depth, c, &k);
    mlr_ui_style s = {MLR_COLOR_DEFAULT, MLR_COLOR_DEFAULT, c->attr};
    s.attr |= attrs_at(&t->roles[c->role], depth);
    if (c->over != MLR_ROLE_TEXT) {
        s.attr |= attrs_at(&t->roles[c->over], depth);
    }
    s.fg = k.fg == NULL ? MLR_COLOR_DEFAULT : shown(k.fg, depth);
    s.bg = k.bg == NULL ? MLR_COLOR_DEFAULT : shown(k.bg, depth);
    if (depth == MLR_DEPTH_8) {
        to_eight(&s);
    }
    return s;
}

static uint32_t truth(int32_t color, mlr_color_depth depth, uint32_t otherwise)
{
    if (color < 0) {
        return otherwise;
    }
    return depth == MLR_DEPTH_RGB ? (uint32_t)color : mlr_rgb_of_256((unsigned)color);
}

void mlr_theme_rgb(const mlr_theme *t, mlr_color_depth depth, const mlr_ui_cell *c,
                   uint32_t *fg, uint32_t *bg)
{
    mlr_ui_style s = mlr_theme_style(t, depth, c);
    const mlr_tint *ground = paint_at(t, t->ground);
    const mlr_tint *ink = paint_at(t, t->roles[MLR_ROLE_TEXT].fg);
    uint32_t f = truth(s.fg, depth, ink == NULL ? 0xd0d0d0 : ink->rgb);
    uint32_t b = truth(s.bg, depth, ground == NULL ? 0x000000 : ground->rgb);
    bool reversed = (s.attr & MLR_REVERSE) != 0;
    *fg = reversed ? b : f;
    *bg = reversed ? f : b;
}
