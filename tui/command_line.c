#include "tui/command_line.h"

#include <stdio.h>
#include <string.h>

#include "tui/app_core.h"

typedef struct words {
    char *to;
    size_t n, room;
} words;

static void add(words *w, const char *text)
{
    size_t n = strlen(text);
    if (w->n + n < w->room) {
        memcpy(w->to + w->n, text, n + 1);
        w->n += n;
    }
}

static void add_quoted(words *w, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_./-+=:,@%";
    if (text[0] != '\0' && strspn(text, plain) == strlen(text)) {
        add(w, text);
        return;
    }
    add(w, "'");
    for (const char *p = text; *p != '\0'; p++) {
        char one[2] = {*p, '\0'};
        add(w, *p == '\'' ? "'\\''" : one);
    }
    add(w, "'");
}

static void add_number(words *w, const char *option, uint64_t n)
{
    char text[64];
    snprintf(text, sizeof text, " \\\n    %s %llu", option, (unsigned long long)n);
    add(w, text);
}

void mlr_patch_name(const mlr_app *app, char *to, size_t room)
{
    static const struct {
        const char *model, *patch;
    } suffixes[] = {{".safetensors", ".sftp"},
                    {".gguf", ".ggup"},
                    {".onnx", ".onxp"},
                    {".tflite", ".tflp"}};
    const char *leaf = mlr_path_leaf(app->session.new_path);
    size_t n = strlen(leaf);
    const char *suffix = ".mpatch";
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t m = strlen(suffixes[i].model);
        if (n > m && strcmp(leaf + n - m, suffixes[i].model) == 0) {
            suffix = suffixes[i].patch;
            n -= m;
            break;
        }
    }
    snprintf(to, room, "%.*s%s", (int)n, leaf, suffix);
}

bool mlr_command_is_plain(const mlr_app *app, mlr_pick *pick)
{
    const mlr_desk *d = &app->desk;
    *pick = mlr_desk_full_pick((mlr_pick){0});
    if (mlr_desk_rules(app)->bytes != NULL) {
        return false;
    }
    for (size_t i = 0; i < d->travelling; i++) {
        mlr_pick p = mlr_desk_pick(d, d->by_size[i]);
        if (i > 0 && !mlr_pick_equal(p, *pick)) {
            return false;
        }
        *pick = p;
    }
    return pick->dict == 0;
}

void mlr_command_line(const mlr_app *app, char *to, size_t room)
{
    words w = {to, 0, room};
    mlr_pick pick;
    char name[300];
    char profile[312];
    to[0] = '\0';
    mlr_patch_name(app, name, sizeof name);
    bool one = mlr_command_is_plain(app, &pick);
    add(&w, "mallorn diff ");
    add_quoted(&w, app->session.old_path);
    add(&w, " \\\n    ");
    add_quoted(&w, app->session.new_path);
    add(&w, " \\\n    -o ");
    add_quoted(&w, name);
    if (one && pick.strategy != MLR_AUTO) {
        if (pick.strategy == MLR_NEURAL) {
            add(&w, " --neural");
        } else {
            add(&w, " --strategy ");
            add(&w, mlr_strategy_word(pick.strategy));
        }
    }
    if (one && pick.level != MLR_DESK_LEVEL) {
        add_number(&w, "--level", pick.level);
    }
    if (one && pick.block_bytes != 0) {
        add_number(&w, "--block", pick.block_bytes);
    }
    if (app->desk.budgets.memory > 0) {
        add_number(&w, "--max-memory", app->desk.budgets.memory);
    }
    if (!one) {
        const mlr_desk *d = &app->desk;
        bool saved = d->choices.picked == 0 && !mlr_desk_rules_unsaved(app);
        add(&w, " \\\n    --profile ");
        snprintf(profile, sizeof profile, "%s.yaml", name);
        add_quoted(&w, saved ? d->profile : profile);
        add(&w, saved ? "" : "\n# 6 Export writes the profile with your choices");
    }
}

void mlr_command_lines(char *text, mlr_list *l)
{
    static char none[] = "";
    int i = 0;
    for (char *p = text; *p != '\0' && l->count < MLR_LIST_ITEMS; i++) {
        mlr_item item = {.label = p, .detail = none, .value = i};
        mlr_list_add(l, &item);
        p += strcspn(p, "\n");
        if (*p == '\n') {
            *p++ = '\0';
        }
    }
}
