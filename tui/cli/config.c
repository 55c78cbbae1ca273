#include "tui/cli/config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apply/host/printable.h"
#include "tui/cli/profile_file.h"

#define SETTING_ROW(name, variable) {name, variable, NULL, MLR_FROM_DEFAULT, NULL, 0},
static const mlr_set_value settings[MLR_SETTINGS] = {MLR_SETTING_TABLE(SETTING_ROW)};
#undef SETTING_ROW

static mlr_set_value *find(mlr_config *c, const char *name)
{
    for (size_t i = 0; i < MLR_SETTINGS; i++) {
        if (strcmp(c->value[i].name, name) == 0) {
            return &c->value[i];
        }
    }
    return NULL;
}

/* --- files -----------------------------------------------------------------------------
 */

typedef struct file_reader {
    mlr_config *c;
    mlr_cli *cli;
    mlr_pool *pool;
    const char *path;
    mlr_origin origin;
    mlr_err *err;
} file_reader;

static mlr_status refuse(const file_reader *r, mlr_yaml_at at, const char *what,
                         const char *near)
{
    mlr_profile_doc d = {.at = at};
    (void)snprintf(d.message, sizeof d.message, "%s%s%s%s", what,
                   near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                   near == NULL ? "" : "'?");
    mlr_err_in(r->err, MLR_IN_PROFILE, r->path);
    r->err->domain = MLR_IN_PROFILE;
    mlr_fail(r->err, MLR_E_FORMAT, MLR_NO_OFFSET, "settings as documented");
    mlr_profile_complain(&d, r->path, r->cli, r->err);
    return r->err->status;
}

static mlr_status take_setting(const file_reader *r, const mlr_yaml_node *n)
{
    char key[64], what[128];
    const char *near = NULL;
    mlr_set_value *v = find(r->c, n->key);
    if (v == NULL) {
        for (size_t i = 0; i < MLR_SETTINGS; i++) {
            unsigned distance;
            bool close = mlr_opt_resembles(n->key, settings[i].name, &distance);
            near = close ? settings[i].name : near;
        }
        (void)mlr_printable(key, sizeof key, n->key, n->key_bytes);
        (void)snprintf(what, sizeof what, "unknown setting '%s'", key);
        return refuse(r, n->key_at, what, near);
    }
    if (n->kind != MLR_YAML_SCALAR || n->text_bytes == 0) {
        (void)snprintf(what, sizeof what, "'%s' takes one value", v->name);
        return refuse(r, n->at, what, NULL);
    }
    v->text = mlr_pool_copy(r->pool, n->text, n->text_bytes);
    v->origin = r->origin;
    v->file = r->path;
    v->line = n->key_at.line;
    return v->text == NULL ? mlr_fail(r->err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "settings")
                           : MLR_OK;
}

static mlr_status read_file(const file_reader *r)
{
    char *bytes = NULL;
    size_t n = 0;
    mlr_yaml y = {0};
    if (access(r->path, F_OK) != 0) {
        return MLR_OK;
    }
    if (mlr_yaml_load(r->path, r->cli, r->pool, &bytes, &n, r->err) != MLR_OK) {
        return r->err->status;
    }
    mlr_err failure = {0};
    if (mlr_yaml_read(&y, bytes, n, r->cli->alloc, &failure) != MLR_OK) {
        char what[128];
        (void)snprintf(what, sizeof what, "settings need %s", failure.rule);
        return refuse(r, y.failed.line > 0 ? y.failed : (mlr_yaml_at){1, 1}, what, NULL);
    }
    if (y.nodes[0].kind != MLR_YAML_MAP) {
        refuse(r, y.nodes[0].at, "settings are a map of names and values", NULL);
    }
    const mlr_yaml_node *i = mlr_yaml_first(&y, &y.nodes[0]);
    for (; i != NULL && r->err->status == MLR_OK; i = mlr_yaml_next(&y, i)) {
        take_setting(r, i);
    }
    mlr_yaml_release(&y);
    return r->err->status;
}

/* $XDG_CONFIG_HOME/mallorn/config.yml or ~/.config/mallorn/config.yml; NULL without both.
 */
static const char *user_path(mlr_cli *cli, mlr_pool *pool)
{
    const char *base = mlr_cli_env(cli, "XDG_CONFIG_HOME"), *middle = "";
    if (base[0] != '/') { /* relative ones are to be ignored */
        base = mlr_cli_env(cli, "HOME");
        middle = "/.config";
    }
    size_t room = strlen(base) + strlen(middle) + sizeof "/mallorn/config.yml";
    char *to = base[0] == '\0' ? NULL : mlr_pool_take(pool, room);
    if (to != NULL) {
        (void)snprintf(to, room, "%s%s/mallorn/config.yml", base, middle);
    }
    return to;
}

/* --- all of it -------------------------------------------------------------------------
 */

static bool concerns(const mlr_cmd *cmd, mlr_config *c)
{
    for (size_t i = 0; i < cmd->opts; i++) {
        if (find(c, cmd->opt[i].name) != NULL) {
            return true;
        }
    }
    return strcmp(cmd->name, "config") == 0;
}

mlr_status mlr_config_load(mlr_config *c, const mlr_cmd *cmd, mlr_cli *cli, mlr_pool *pool,
                           mlr_err *err)
{
    memcpy(c->value, settings, sizeof settings);
    if (!concerns(cmd, c) || cli->env == NULL) {
        return MLR_OK;
    }
    file_reader r = {.c = c, .cli = cli, .pool = pool, .origin = MLR_FROM_USER, .err = err};
    r.path = user_path(cli, pool);
    if (r.path != NULL && read_file(&r) != MLR_OK) {
        return err->status;
    }
    r.path = ".mallorn.yml";
    r.origin = MLR_FROM_PROJECT;
    if (read_file(&r) != MLR_OK) {
        return err->status;
    }
    for (size_t i = 0; i < MLR_SETTINGS; i++) {
        mlr_set_value *v = &c->value[i];
        const char *text = mlr_cli_env(cli, v->variable);
        if (text[0] != '\0') {
            v->text = text;
            v->origin = MLR_FROM_ENVIRONMENT;
        }
    }
    return MLR_OK;
}

const char *mlr_config_value(void *config, const mlr_opt *o)
{
    const mlr_set_value *v = find(config, o->name);
    return v == NULL ? NULL : v->text;
}
