#include "tui/model_pair.h"

#include <stdio.h>
#include <string.h>

const char *mlr_path_leaf(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL || slash[1] == '\0' ? path : slash + 1;
}

mlr_status mlr_pair_open(mlr_opened_pair *p, const mlr_allocator *alloc, mlr_err *err)
{
    mlr_status s = mlr_model_open(&p->old_opened, p->old_path, NULL, alloc, err);
    if (s == MLR_OK) {
        s = mlr_model_open(&p->new_opened, p->new_path, NULL, alloc, err);
    }
    if (s == MLR_OK) {
        s = mlr_rows_build(&p->rows, mlr_opened_model(p->old_opened),
                           mlr_opened_model(p->new_opened), alloc, err);
    }
    if (s != MLR_OK) {
        mlr_pair_release(p);
    }
    return s;
}

void mlr_pair_release(mlr_opened_pair *p)
{
    mlr_rows_release(&p->rows);
    mlr_model_close(p->old_opened);
    mlr_model_close(p->new_opened);
    p->old_opened = NULL;
    p->new_opened = NULL;
}

void mlr_session_init(mlr_ui_session *s, const mlr_allocator *alloc)
{
    *s = (mlr_ui_session){.alloc = alloc};
}

void mlr_session_release(mlr_ui_session *s)
{
    mlr_rows_release(&s->rows);
    mlr_model_close(s->old_opened);
    mlr_model_close(s->new_opened);
    s->old_opened = NULL;
    s->new_opened = NULL;
    s->old_model = NULL;
    s->new_model = NULL;
}

void mlr_session_adopt(mlr_ui_session *s, mlr_opened_pair *p)
{
    mlr_session_release(s);
    memcpy(s->old_path, p->old_path, sizeof s->old_path);
    memcpy(s->new_path, p->new_path, sizeof s->new_path);
    s->old_opened = p->old_opened;
    s->new_opened = p->new_opened;
    s->old_model = mlr_opened_model(p->old_opened);
    s->new_model = mlr_opened_model(p->new_opened);
    s->rows = p->rows;
    s->generation++;
    p->old_opened = NULL;
    p->new_opened = NULL;
    p->rows = (mlr_ui_rows){0};
}

mlr_status mlr_session_show(mlr_ui_session *s, const mlr_model *old_model,
                            const char *old_name, const mlr_model *new_model,
                            const char *new_name, mlr_err *err)
{
    mlr_ui_rows rows = {0};
    mlr_status st = mlr_rows_build(&rows, old_model, new_model, s->alloc, err);
    if (st != MLR_OK) {
        return st;
    }
    mlr_session_release(s);
    snprintf(s->old_path, sizeof s->old_path, "%s", old_name);
    snprintf(s->new_path, sizeof s->new_path, "%s", new_name);
    s->old_model = old_model;
    s->new_model = new_model;
    s->rows = rows;
    s->generation++;
    return MLR_OK;
}
