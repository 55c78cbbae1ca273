#include "tests/support/corpus.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "formats/probe.h"
#include "tests/support/parse_mem.h"
#include "tests/support/test.h"

static const char root[] = "../shared/corpus";

typedef struct corpus_run {
    const char *suffix;
    const mlr_format *format;
    size_t files, tensors;
} corpus_run;

static uint8_t *load(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    uint8_t *data = malloc(*n + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *n, f), *n);
    fclose(f);
    return data;
}

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name), s = strlen(suffix);
    return n >= s && strcmp(name + n - s, suffix) == 0;
}

/* Up to four other files of the folder, as the model would name them. */
static size_t load_siblings(const char *folder, const char *self, mem_sibling to[4])
{
    size_t count = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e != NULL && count < 4; e = readdir(d)) {
        char path[1024];
        if (e->d_name[0] == '.' || strcmp(e->d_name, self) == 0 ||
            !ends_in(e->d_name, ".data")) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        to[count] = (mem_sibling){.path = strdup(e->d_name)};
        to[count].data = load(path, &to[count].n);
        count++;
    }
    closedir(d);
    return count;
}

/* The spans in order are the file, byte for byte. */
static void check_spans(const parse_mem *p)
{
    const mlr_member *m = &p->model.members[0];
    uint8_t *again = malloc(p->n + 1);
    size_t n = 0;
    assert_non_null(again);
    for (size_t i = m->first_span; i < m->first_span + m->span_count; i++) {
        mlr_region r = p->model.spans[i].bytes;
        assert_true(n + r.len <= p->n);
        memcpy(again + n, (const uint8_t *)p->data + r.off, (size_t)r.len);
        n += (size_t)r.len;
    }
    assert_int_equal(n, p->n);
    assert_memory_equal(again, p->data, n);
    free(again);
}

static void check_file(corpus_run *run, const char *folder, const char *name)
{
    char path[1024];
    mem_sibling siblings[4] = {0};
    const mlr_format *probed = NULL;
    parse_mem p = {.format = run->format, .siblings = siblings};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    uint8_t *data = load(path, &p.n);
    p.data = data;
    p.sibling_count = load_siblings(folder, name, siblings);
    parse_mem_run(&p);
    mlr_format_probe(&probed, &p.source.source, name, &p.err);
    if (p.err.status != MLR_OK || probed != run->format) {
        print_message("%s\n", path);
    }
    assert_no_err(&p.err);
    assert_ptr_equal(probed, run->format);
    check_spans(&p);
    run->files++;
    run->tensors += p.model.tensor_count;
    parse_mem_end(&p);
    for (size_t i = 0; i < p.sibling_count; i++) {
        free((void *)(uintptr_t)siblings[i].path);
        free((void *)(uintptr_t)siblings[i].data);
    }
    free(data);
}

static void walk(corpus_run *run, const char *folder)
{
    DIR *d = opendir(folder);
    if (d == NULL) {
        return;
    }
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char path[1024];
        struct stat s;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] == '.' || stat(path, &s) != 0) {
            continue;
        }
        if (S_ISDIR(s.st_mode)) {
            walk(run, path);
        } else if (ends_in(e->d_name, run->suffix)) {
            check_file(run, folder, e->d_name);
        }
    }
    closedir(d);
}

void corpus_each(const char *suffix, const mlr_format *format, size_t least)
{
    corpus_run run = {.suffix = suffix, .format = format};
    walk(&run, root);
    if (run.files == 0) {
        print_message("skipped: no model files in %s\n", root);
        return;
    }
    print_message("%s: %zu files, %zu tensors\n", format->name, run.files, run.tensors);
    assert_true(run.files >= least);
}
