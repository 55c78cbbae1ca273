#include "tests/support/golden_screen.h"

#if MLR_TUI
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/test.h"
#include "tui/script.h"

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = f == NULL ? NULL : calloc(1, 1 << 20);
    if (text != NULL && fread(text, 1, (1 << 20) - 1, f) == 0) {
        text[0] = '\0';
    }
    if (f != NULL) {
        fclose(f);
    }
    return text;
}

static void keep(mlr_app *app, const char *mode, const char *name, const char *got)
{
    char path[256];
    mlr_err err = {0};
    if (strcmp(mode, "write") == 0) {
        snprintf(path, sizeof path, "tests/golden/screens/%s.txt", name);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fputs(got, f);
        fclose(f);
    }
    if (strcmp(mode, "svg") == 0) {
        mkdir("build/screens", 0777);
        snprintf(path, sizeof path, "build/screens/%s.svg", name);
        mlr_app_screenshot(app, path, &err);
        assert_no_err(&err);
    }
}

void golden_screen(mlr_app *app, const char *name)
{
    char path[256];
    size_t taken = 0;
    const char *mode = getenv("MLR_GOLDEN");
    char *got = mlr_script_golden(app, &taken);
    assert_non_null(got);
    keep(app, mode == NULL ? "" : mode, name, got);
    snprintf(path, sizeof path, "tests/golden/screens/%s.txt", name);
    char *want = read_file(path);
    if (want == NULL || strcmp(want, got) != 0) {
        print_message("%s differs; it is now:\n%s\n", path, got);
    }
    assert_non_null(want);
    assert_string_equal(got, want);
    free(want);
    mlr_give(app->alloc, got, taken);
}

typedef struct variant {
    const char *suffix, *script;
} variant;

void golden_screen_sizes(mlr_app *app, const char *name)
{
    static const variant t[] = {
        {"40x12", "@size 12 40\n@glyphs block\n@theme default\n@depth rgb\n"},
        {"80x24", "@size 24 80\n"},
        {"140x45", "@size 45 140\n"},
        {"40x12.ascii", "@size 12 40\n@glyphs ascii\n@theme mono\n@depth mono\n"},
        {"140x45.ascii", "@size 45 140\n"},
        {"80x24.ascii", "@size 24 80\n"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char file[128];
        mlr_err err = {0};
        mlr_script_run(app, t[i].script, &err);
        assert_no_err(&err);
        snprintf(file, sizeof file, "%s_%s", name, t[i].suffix);
        golden_screen(app, file);
    }
}
#endif
