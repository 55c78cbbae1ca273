/* The pair of models: opened, read again, watched for changes on disk, analysed. */
#include "tui/app_open.h"

#include <string.h>

void mlr_app_drop_opening(mlr_app *app)
{
    if (app->opening != NULL) {
        mlr_pair_release(app->opening);
        mlr_give(app->alloc, app->opening, sizeof *app->opening);
        app->opening = NULL;
    }
}

void mlr_app_halt(mlr_app *app)
{
    for (int i = 0; i < MLR_SCREEN_COUNT; i++) {
        if (app->state[i] != NULL && mlr_screen_get((mlr_screen_id)i)->halt != NULL) {
            mlr_screen_get((mlr_screen_id)i)->halt(app, app->state[i]);
        }
    }
}

/* --- models that change on disk ---------------------------------------------------------
 */

static bool changed(const mlr_opened *o)
{
    mlr_err quiet = {0};
    return o != NULL && mlr_model_unchanged(o, &quiet) != MLR_OK;
}

/* What was read stays on the screen; nothing more is read from files that are others now.
 */
static void mark_stale(mlr_app *app)
{
    const mlr_ui_session *s = &app->session;
    const char *name = mlr_path_leaf(app->stale_new ? s->new_path : s->old_path);
    if (app->opening == NULL) {
        mlr_job_cancel(&app->job);
    }
    mlr_desk_pause(app);
    mlr_app_say(app, MLR_ROLE_WARNING,
                "%.80s changed on disk: this is what it was; R reads it again", name);
}

bool mlr_app_stale(mlr_app *app)
{
    enum { SELDOM_MS = 2000 }; /* where the system tells nothing, and only while awake */
    const mlr_ui_session *s = &app->session;
    bool before = app->stale_old || app->stale_new;
    bool due = app->now_ms - app->looked_ms >= SELDOM_MS;
    if ((mlr_watch_any(&app->watch) || due) && !(app->stale_old && app->stale_new)) {
        app->looked_ms = app->now_ms;
        app->stale_old = app->stale_old || changed(s->old_opened);
        app->stale_new = app->stale_new || changed(s->new_opened);
        if (!before && (app->stale_old || app->stale_new)) {
            mark_stale(app);
        }
    }
    return app->stale_old || app->stale_new;
}

void mlr_app_reload(mlr_app *app)
{
    if (app->session.new_opened == NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING, "no models are open: choose two files first");
        return;
    }
    mlr_app_open_pair(app, app->session.old_path, app->session.new_path);
}

/* --- opening ----------------------------------------------------------------------------
 */

static mlr_status open_work(mlr_job *job, void *arg, const mlr_tick *tick, mlr_err *err)
{
    mlr_app *app = arg;
    (void)job;
    if (!mlr_keep_going(tick, 0, 0)) {
        return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, NULL);
    }
    return mlr_pair_open(app->opening, app->alloc, err);
}

static void collect_notes(mlr_app *app)
{
    for (mlr_note *n = mlr_job_collect(&app->job); n != NULL;) {
        mlr_note *next = n->next;
        if (app->survey == NULL) {
            n->release(n);
        } else {
            mlr_survey_apply(app->survey, &app->session.rows, n);
            if (app->survey->matched) {
                mlr_desk_matched(app, &app->survey->diff.matching);
            }
        }
        n = next;
    }
}

void mlr_app_analyse(mlr_app *app)
{
    mlr_err err = {0};
    const mlr_ui_session *s = &app->session;
    if (s->new_model == NULL || mlr_job_state_of(&app->job) != MLR_JOB_IDLE) {
        return;
    }
    mlr_app_halt(app);
    mlr_desk_forget(app); /* forecasts rest on the survey's matching */
    mlr_survey_release(app->survey);
    app->survey = mlr_survey_make(s->old_model, s->new_model, app->alloc);
    app->job.started_ms = app->now_ms;
    if (app->survey == NULL || mlr_job_start(&app->job, "analysing", mlr_survey_work,
                                             app->survey, &err) != MLR_OK) {
        mlr_app_say(app, MLR_ROLE_ERROR, "no memory or no thread to analyse the models");
    }
}

void mlr_app_open_pair(mlr_app *app, const char *old_path, const char *new_path)
{
    if (app->opening == NULL) { /* an analysis gives way */
        mlr_job_cancel(&app->job);
        (void)mlr_job_join(&app->job);
        collect_notes(app);
    }
    if (mlr_job_state_of(&app->job) != MLR_JOB_IDLE) {
        mlr_app_say(app, MLR_ROLE_WARNING, "%s is still running; ^G stops it",
                    app->job.title);
        return;
    }
    mlr_opened_pair *p = mlr_take(app->alloc, sizeof *p);
    if (p == NULL || strlen(old_path) >= sizeof p->old_path ||
        strlen(new_path) >= sizeof p->new_path) {
        mlr_give(app->alloc, p, sizeof *p);
        mlr_app_say(app, MLR_ROLE_ERROR, "no memory, or a path above 4,096 bytes");
        return;
    }
    memset(p, 0, sizeof *p);
    memcpy(p->old_path, old_path, strlen(old_path) + 1);
    memcpy(p->new_path, new_path, strlen(new_path) + 1);
    app->opening = p;
    app->job.started_ms = app->now_ms;
    mlr_err err = {0};
    if (mlr_job_start(&app->job, "reading", open_work, app, &err) != MLR_OK) {
        mlr_app_drop_opening(app);
        mlr_app_say_err(app, &err);
    }
}

static void renew_screens(mlr_app *app)
{
    for (int i = 0; i < MLR_SCREEN_COUNT; i++) {
        if (app->state[i] != NULL && mlr_screen_get((mlr_screen_id)i)->renew != NULL) {
            mlr_screen_get((mlr_screen_id)i)->renew(app, app->state[i]);
        }
    }
}

/* A file that looks like a format but breaks its rules has no tensors to show. */
static void tell_notes(mlr_app *app)
{
    const mlr_ui_session *s = &app->session;
    const mlr_model *m = s->new_model->note != NULL ? s->new_model : s->old_model;
    if (m->note != NULL) {
        mlr_app_say(app, MLR_ROLE_WARNING, "%.80s is taken as plain bytes: %.120s",
                    mlr_path_leaf(m == s->new_model ? s->new_path : s->old_path), m->note);
    }
}

static void finish_opening(mlr_app *app, const mlr_err *err)
{
    if (err->status == MLR_E_CANCELLED) {
        mlr_app_say(app, MLR_ROLE_WARNING, "stopped reading");
    } else if (err->status != MLR_OK) {
        mlr_app_say_err(app, err);
        if (app->state[app->tab] == NULL) {
            (void)mlr_app_show(app, MLR_SCREEN_OPEN);
        }
    } else {
        mlr_app_halt(app);
        mlr_desk_clear(&app->desk);
        mlr_survey_release(app->survey); /* it reads the models that close now */
        app->survey = NULL;
        mlr_session_adopt(&app->session, app->opening);
        app->stale_old = false;
        app->stale_new = false;
        mlr_watch_begin(&app->watch, app->session.old_opened, app->session.new_opened);
        app->focus = MLR_NO_ROW;
        mlr_desk_begin(app);
        tell_notes(app);
        renew_screens(app);
        mlr_app_uncover(app);
        (void)mlr_app_show(app, MLR_SCREEN_TENSORS);
    }
    mlr_app_drop_opening(app);
    if (err->status == MLR_OK) {
        mlr_app_analyse(app);
    }
}

static void finish_analysis(mlr_app *app, const mlr_err *err)
{
    app->looked_ms = 0;
    if (err->status != MLR_OK && mlr_app_stale(app)) {
        return; /* that is why, and it was said */
    }
    if (err->status == MLR_E_CANCELLED) {
        mlr_app_say(app, MLR_ROLE_WARNING, "analysis stopped; what is known stays");
    } else if (err->status != MLR_OK) {
        mlr_app_say_err(app, err);
    }
}

bool mlr_app_poll_job(mlr_app *app)
{
    mlr_job_state state = mlr_job_state_of(&app->job);
    if (state == MLR_JOB_IDLE) {
        return false;
    }
    collect_notes(app);
    if (state == MLR_JOB_RUNNING) {
        return true;
    }
    (void)mlr_job_join(&app->job);
    mlr_err err = app->job.err;
    if (app->opening != NULL) {
        finish_opening(app, &err);
    } else {
        finish_analysis(app, &err);
    }
    return true;
}
