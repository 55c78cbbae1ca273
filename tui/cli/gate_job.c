#include "tui/cli/gate_job.h"

#include <string.h>

#include "apply/host/host_kernels.h"
#include "tui/cli/gate_report.h"

static mlr_status report(const mlr_gate_job *g, const mlr_patch_figures *figures,
                         mlr_err *err)
{
    const mlr_report r = {.verdict = &g->verdict,
                          .profile = &g->doc.profile,
                          .matching = g->matching,
                          .figures = figures,
                          .profile_path = g->path,
                          .old_path = g->wish->old_path,
                          .new_path = g->wish->new_path,
                          .patch_path = g->wish->out_path};
    mlr_report_annotate(&r, g->cli);
    for (size_t i = 0; i < g->reports->count && err->status == MLR_OK; i++) {
        mlr_report_kind kind;
        const char *path;
        if (mlr_report_kind_of(g->reports->item[i], &kind, &path)) {
            mlr_report_write(&r, kind, path, g->cli, err);
        }
    }
    return err->status;
}

/* Every broken check is a line of its own; the first one is the error as well. */
static mlr_status refuse(const mlr_gate_job *g, mlr_err *err)
{
    const mlr_check *worst = mlr_verdict_worst(&g->verdict);
    char text[480];
    for (size_t i = 0; i < g->verdict.count; i++) {
        const mlr_check *c = &g->verdict.check[i];
        if (c->broken && c != worst) {
            mlr_check_sentence(c, g->matching, text, sizeof text);
            fprintf(g->cli->err, "mallorn diff: gate broken: %s\n", text);
        }
    }
    mlr_check_sentence(worst, g->matching, text, sizeof text);
    err->found = worst->found;
    err->limit = worst->most;
    return mlr_cli_fail(g->cli, err, MLR_E_GATE, "gate broken: %s", text);
}

static mlr_status on_matched(void *ctx, const mlr_matching *m, bool *enough, mlr_err *err)
{
    mlr_gate_job *g = ctx;
    const mlr_work work = {
        .alloc = g->cli->alloc, .exec = g->cli->exec, .tick = g->cli->tick};
    g->matching = m;
    mlr_verdict_begin(&g->verdict, &g->doc.profile);
    if (mlr_verdict_models(&g->verdict, &g->doc.profile, m, &work,
                           mlr_host_kernels()->sha256, &g->pool, err) != MLR_OK) {
        return err->status;
    }
    *enough = g->gate_only && !mlr_verdict_needs_patch(&g->verdict);
    if (g->verdict.broken == 0 && !*enough) {
        return MLR_OK;
    }
    if (report(g, NULL, err) != MLR_OK || g->verdict.broken == 0) {
        return err->status;
    }
    return refuse(g, err);
}

/* Where the budget is that of a process, what its runtime takes counts, too: as
   --max-memory has it. */
static uint64_t memory_of(const mlr_gate_job *g, uint64_t need)
{
    bool process = g->doc.profile.bound[MLR_CHECK_MEMORY].most >= MLR_PROCESS_LIMIT;
    return process ? need + MLR_RUNTIME_BYTES : need;
}

static mlr_status on_made(void *ctx, const mlr_diff_result *r, mlr_err *err)
{
    mlr_gate_job *g = ctx;
    const mlr_patch_figures figures = {.patch_bytes = r->made.patch_bytes,
                                       .new_bytes = r->new_bytes,
                                       .memory_bytes = memory_of(g, r->need_bytes),
                                       .decode_us = r->made.decode_us};
    mlr_verdict_patch(&g->verdict, &figures);
    if (report(g, &figures, err) != MLR_OK || g->verdict.broken == 0) {
        return err->status;
    }
    return refuse(g, err);
}

static mlr_status check_reports(const mlr_opt_list *reports, mlr_cli *cli, mlr_err *err)
{
    for (size_t i = 0; i < reports->count; i++) {
        mlr_report_kind kind;
        const char *path;
        if (!mlr_report_kind_of(reports->item[i], &kind, &path)) {
            return mlr_cli_fail(cli, err, MLR_E_USAGE,
                                "--report takes json FILE, md FILE or junit FILE");
        }
    }
    return MLR_OK;
}

static void obey(mlr_gate_job *g, mlr_diff_wish *wish)
{
    const mlr_profile *p = &g->doc.profile;
    const mlr_bound *memory = &p->bound[MLR_CHECK_MEMORY];
    g->chooser = (mlr_profile_chooser){.profile = p, .fallback = wish->plan.choice};
    wish->plan.choose = mlr_profile_choose;
    wish->plan.small_bytes = p->small_bytes;
    mlr_setting_apply(&p->defaults, &wish->plan.choice); /* its level is the structure's */
    wish->plan.ctx = &g->chooser;
    wish->device = p->device != NULL ? p->device : wish->device;
    wish->dict_path = p->dict_path != NULL ? p->dict_path : wish->dict_path;
    wish->embed_dict = wish->embed_dict || p->embed_dict;
    if (memory->set && (wish->max_memory == 0 || memory->most < wish->max_memory)) {
        wish->max_memory = memory->most;
    }
    g->hooks = (mlr_diff_hooks){.ctx = g, .matched = on_matched, .made = on_made};
    wish->hooks = &g->hooks;
    if (g->gate_only) {
        wish->out_path = NULL;
    }
}

mlr_status mlr_gate_begin(mlr_gate_job *g, mlr_diff_wish *wish, const char *profile_path,
                          const mlr_opt_list *reports, bool gate_only, mlr_cli *cli,
                          mlr_err *err)
{
    *g = (mlr_gate_job){.cli = cli,
                        .wish = wish,
                        .path = profile_path,
                        .reports = reports,
                        .gate_only = gate_only};
    mlr_pool_init(&g->pool, cli->alloc);
    if (profile_path == NULL) {
        return reports->count > 0 || gate_only
                   ? mlr_cli_fail(cli, err, MLR_E_USAGE,
                                  "--report and --gate-only go with --profile")
                   : MLR_OK;
    }
    if (check_reports(reports, cli, err) == MLR_OK &&
        mlr_profile_load(&g->doc, profile_path, cli, err) == MLR_OK) {
        obey(g, wish);
    }
    return err->status;
}

bool mlr_gate_was_enough(const mlr_gate_job *g)
{
    return g->gate_only && !mlr_verdict_needs_patch(&g->verdict);
}

void mlr_gate_end(mlr_gate_job *g)
{
    mlr_profile_release(&g->doc);
    mlr_pool_release(&g->pool);
}
