/* `mallorn strategies`: what a tensor can be coded with. */
#include "codec/strategy.h"
#include "tui/cli/cmd.h"

typedef struct strategies_values {
    bool json;
} strategies_values;

static const mlr_opt strategies_opts[] = {
    {.name = "json",
     .letter = 'j',
     .kind = MLR_OPT_FLAG,
     .help = "Print one JSON object (mallorn.strategies/1).",
     .field = offsetof(strategies_values, json)},
};

static void print_json(mlr_cli *cli)
{
    mlr_json *j = &cli->json;
    mlr_json_init(j, cli->out);
    mlr_json_object(j, NULL);
    mlr_json_text(j, "schema", "mallorn.strategies/1");
    mlr_json_array(j, "strategies");
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        const mlr_decoder *d = mlr_decoder_get(id);
        const mlr_encoder *e = mlr_encoder_get(id);
        if (d == NULL) {
            continue;
        }
        mlr_json_object(j, NULL);
        mlr_json_u64(j, "id", id);
        mlr_json_text(j, "name", d->name);
        mlr_json_bool(j, "needs_base", (d->traits & MLR_NEEDS_OLD) != 0);
        mlr_json_bool(j, "needs_zstd", (d->traits & MLR_NEEDS_INFLATE) != 0);
        mlr_json_text(j, "summary", e == NULL ? NULL : e->summary);
        mlr_json_end(j);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static mlr_status run_strategies(mlr_cli *cli, const mlr_args *args, mlr_err *err)
{
    const strategies_values *v = args->values;
    if (v->json) {
        print_json(cli);
        return err->status;
    }
    for (unsigned id = 0; id < MLR_STRATEGY_LIMIT; id++) {
        const mlr_encoder *e = mlr_encoder_get(id);
        if (e != NULL) {
            fprintf(cli->out, "%s%-13s%s %s\n", mlr_cli_on(cli, MLR_STYLE_TITLE),
                    mlr_decoder_get(id)->name, mlr_cli_off(cli, MLR_STYLE_TITLE),
                    e->summary);
        }
    }
    return err->status;
}

const mlr_cmd mlr_cmd_strategies = {
    .name = "strategies",
    .group = "Make and apply patches",
    .summary = "List the ways a tensor can be coded.",
    .operands = "",
    .about =
        "Each name can be given to 'mallorn diff --strategy' and in profiles; auto tries "
        "all that fit a tensor and takes the one that proves smallest.",
    .examples = "mallorn strategies\tOne line each",
    .schema = "mallorn.strategies/1",
    .opt = strategies_opts,
    .opts = sizeof strategies_opts / sizeof strategies_opts[0],
    .values_bytes = sizeof(strategies_values),
    .run = run_strategies,
};
