/* `mallorn config`: every setting with its value and where that comes from. */
#include <string.h>

#include "apply/host/printable.h"
#include "tui/cli/config.h"
#include "tui/cli/table.h"

extern const mlr_cmd mlr_cmd_config; /* defined below; its own table is asked for */

typedef struct config_values {
    bool json;
} config_values;

static const mlr_opt config_opts[] = {
    {.name = "json",
     .letter = 'j',
     .kind = MLR_OPT_FLAG,
     .help = "Print one JSON object (mallorn.config/1).",
     .field = offsetof(config_values, json)},
};

/* The default as the first command says that has the option; NULL for none. */
static const char *default_of(const char *name)
{
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        for (size_t k = 0; k < mlr_cmds[i]->opts; k++) {
            const mlr_opt *o = &mlr_cmds[i]->opt[k];
            if (strcmp(o->name, name) == 0 && o->fallback != NULL) {
                return o->fallback;
            }
        }
    }
    return NULL;
}

static const char *value_of(const mlr_set_value *v)
{
    return v->text != NULL ? v->text : default_of(v->name);
}

static void config_row(void *ctx, size_t i, mlr_row *row)
{
    const mlr_config *c = ctx;
    const mlr_set_value *v = &c->value[i];
    const char *text = value_of(v);
    char file[256];
    (void)snprintf(row->cell[0], MLR_TABLE_CELL, "%s", v->name);
    if (text != NULL) {
        (void)mlr_printable(row->cell[1], MLR_TABLE_CELL, text, strlen(text));
    }
    if (v->origin == MLR_FROM_DEFAULT) {
        (void)snprintf(row->cell[2], MLR_TABLE_CELL, "default");
    } else if (v->origin == MLR_FROM_ENVIRONMENT) {
        (void)snprintf(row->cell[2], MLR_TABLE_CELL, "%s", v->variable);
    } else {
        (void)mlr_printable(file, sizeof file, v->file, strlen(v->file));
        (void)snprintf(row->cell[2], MLR_TABLE_CELL, "%s:%u", file, v->line);
    }
}

static void print_json(mlr_cli *cli, const mlr_config *c)
{
    static const char *const origins[] = {"default", "user", "project", "environment"};
    mlr_json *j = &cli->json;
    mlr_json_init(j, cli->out);
    mlr_json_object(j, NULL);
    mlr_json_text(j, "schema", "mallorn.config/1");
    mlr_json_array(j, "settings");
    for (size_t i = 0; i < MLR_SETTINGS; i++) {
        const mlr_set_value *v = &c->value[i];
        mlr_json_object(j, NULL);
        mlr_json_text(j, "name", v->name);
        mlr_json_text(j, "value", value_of(v));
        mlr_json_text(j, "origin", origins[v->origin]);
        mlr_json_text(j, "variable", v->variable);
        mlr_json_text(j, "file", v->file);
        mlr_json_u64(j, "line", v->line);
        mlr_json_end(j);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static mlr_status run_config(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    static const mlr_column columns[] = {{"Setting", MLR_LEFT, MLR_STYLE_PLAIN},
                                         {"Value", MLR_LEFT, MLR_STYLE_ACCENT},
                                         {"From", MLR_LEFT, MLR_STYLE_DIM}};
    const config_values *v = args->values;
    mlr_config config;
    mlr_pool pool;
    mlr_pool_init(&pool, cli->alloc);
    if (mlr_config_load(&config, &mlr_cmd_config, cli, &pool, err) == MLR_OK) {
        const mlr_table table = {.column = columns,
                                 .columns = sizeof columns / sizeof columns[0],
                                 .rows = MLR_SETTINGS,
                                 .row = config_row,
                                 .ctx = &config};
        if (v->json) {
            print_json(cli, &config);
        } else {
            mlr_table_print(&table, cli);
        }
    }
    mlr_cli_keep_error(cli, err);
    mlr_pool_release(&pool);
    return err->status;
}

const mlr_cmd mlr_cmd_config = {
    .name = "config",
    .group = "Settle once, run everywhere",
    .summary = "Show every setting, its value and where that comes from.",
    .operands = "",
    .least = 0,
    .most = 0,
    .about =
        "A setting stands in for the option of its name where that is not given: first "
        "a variable of the environment (MALLORN_LEVEL), then the file .mallorn.yml in "
        "the current folder, then mallorn/config.yml in $XDG_CONFIG_HOME or "
        "~/.config, then the option's default. Both files are maps such as "
        "'level: 9'.",
    .examples = "mallorn config\tWhat holds here",
    .schema = "mallorn.config/1",
    .opt = config_opts,
    .opts = sizeof config_opts / sizeof config_opts[0],
    .values_bytes = sizeof(config_values),
    .run = run_config,
};
