/*
 * Opens every model file of the shared corpus, where it is there, and proves that the spans
 * tile each file and that what they hold, joined again, is the file. One line a format.
 */
#include "tests/support/test.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/base/sha256.h"
#include "apply/host/heap.h"
#include "formats/format.h"
#include "formats/open.h"
#include "tests/support/model_fault.h"

static const char *const folders[] = {"../shared/corpus/real", "../shared/corpus/trained",
                                      "../../shared/corpus/real",
                                      "../../shared/corpus/trained"};

/* Files that upstream keeps to crash readers with; to be read as bytes is right for them.
 */
static const char hostile[] = "fuzzseed__";

typedef struct tally {
    size_t files, tensors, failures, as_bytes;
    uint64_t bytes;
} tally;

/* By the places of mlr_formats; the last counts what no format claims. */
static tally tallies[16];
static size_t format_count;

static tally *tally_of(const mlr_format *f)
{
    for (size_t i = 0; i < format_count; i++) {
        if (mlr_formats[i] == f) {
            return &tallies[i];
        }
    }
    return &tallies[format_count];
}

static int hash_range(mlr_sha256 *h, const mlr_source *s, uint64_t off, uint64_t len)
{
    uint8_t buffer[4096];
    while (len > 0) {
        size_t n = len < sizeof buffer ? (size_t)len : sizeof buffer;
        mlr_err err = {0};
        if (s->read_at(s->ctx, off, buffer, n, &err) != MLR_OK) {
            return 0;
        }
        mlr_sha256_add(h, buffer, n);
        off += n;
        len -= n;
    }
    return 1;
}

/* The spans follow on each other without gap, and joined they hash like the file. */
static int spans_are_the_file(const mlr_model *m, const mlr_member *member)
{
    mlr_sha256 whole, joined;
    uint8_t a[MLR_SHA256_BYTES], b[MLR_SHA256_BYTES];
    uint64_t pos = 0;
    mlr_sha256_begin(&whole, NULL);
    mlr_sha256_begin(&joined, NULL);
    int fine = hash_range(&whole, member->source, 0, member->source->size);
    for (size_t i = 0; i < member->span_count; i++) {
        mlr_region r = m->spans[member->first_span + i].bytes;
        fine = fine && r.off == pos && r.len > 0;
        fine = fine && hash_range(&joined, member->source, r.off, r.len);
        pos += r.len;
    }
    mlr_sha256_end(&whole, a);
    mlr_sha256_end(&joined, b);
    return fine && pos == member->source->size && memcmp(a, b, sizeof a) == 0;
}

static void check_file(const char *path)
{
    mlr_heap heap;
    mlr_heap_init(&heap);
    mlr_opened *o = NULL;
    mlr_err err = {0};
    mlr_open_options options = {.single = true};
    if (mlr_model_open(&o, path, &options, &heap.alloc, &err) != MLR_OK) {
        print_message("%s: %s\n", path, err.rule);
        tallies[format_count].failures++;
        return;
    }
    const mlr_model *m = mlr_opened_model(o);
    tally *t = tally_of(m->members[0].format);
    t->files++;
    t->tensors += m->tensor_count;
    for (size_t i = 0; i < m->member_count; i++) {
        t->bytes += m->members[i].source->size;
        if (!spans_are_the_file(m, &m->members[i])) {
            print_message("%s: spans do not tile %s\n", path, m->members[i].name);
            t->failures++;
        }
    }
    if (model_fault(m) != NULL) {
        print_message("%s: not %s\n", path, model_fault(m));
        t->failures++;
    }
    if (m->note != NULL) {
        int expected = strstr(path, hostile) != NULL;
        print_message("%s%s: %s\n", expected ? "expected: " : "", path, m->note);
        t->as_bytes += expected != 0;
        t->failures += expected == 0;
    }
    mlr_model_close(o);
    assert_int_equal(heap.used, 0);
}

/* Whether some format of this build claims files named so. */
static int is_model_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < format_count; i++) {
        if (strstr(mlr_formats[i]->suffixes, dot + 1) != NULL) {
            return 1;
        }
    }
    return 0;
}

static void check_folder(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d)) {
        char path[1024];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] == '.' || stat(path, &st) != 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            check_folder(path);
        } else if (is_model_name(e->d_name)) {
            check_file(path);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
}

static void every_file_opens_in_its_format_and_is_tiled(void **state)
{
    (void)state;
    size_t failures = 0, files = 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        check_folder(folders[i]);
    }
    for (size_t i = 0; i <= format_count; i++) {
        const tally *t = &tallies[i];
        files += t->files;
        failures += t->failures;
        if (t->files > 0 || t->failures > 0) {
            const mlr_format *f = i < format_count ? mlr_formats[i] : &mlr_format_opaque;
            print_message("  %-12s %3zu files %6zu tensors %10" PRIu64
                          " bytes  failures = %zu\n",
                          f->name, t->files, t->tensors, t->bytes, t->failures);
        }
    }
    if (files == 0) {
        print_message("  skipped: no corpus here\n");
    }
    assert_int_equal(failures, 0);
}

int main(void)
{
    while (mlr_formats[format_count] != NULL) {
        format_count++;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_opens_in_its_format_and_is_tiled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
