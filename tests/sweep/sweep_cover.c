/*
 * Byte-identical round trips through the commands. Below 4 MiB every pair of values of
 * (strategy, level, threads, device) occurs together; above, each value occurs; below
 * 64 KiB there is the full product.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "tests/support/random_pair.h"
#include "tests/support/temp_dir.h"
#include "tests/sweep/model_pairs.h"
#include "tests/sweep/sweep.h"
#include "tui/cli/cmd.h"

enum { FACTORS = 4, VALUES = 16, SMALL = 64 << 10, MIDDLE = 4 << 20, MOST_ROWS = 512 };
enum { RANDOM_ROUNDS = 2 };

static const char *const strategies[] = {
    "auto",       "--neural", "raw",          "zstd",         "zstd-ref", "xor",
    "xor-planes", "sub",      "sparse",       "block-fields", "mix",      "sub-planes",
    "exp-man",    "neural",   "neural-quant", "neural-max"};
static const char *const levels[] = {"1", "3", "6", "12", "19", "22"};
static const char *const lanes[] = {"1", "2", "3", "8"};
static const struct {
    const char *name, *budget;
} devices[] = {{"desktop", NULL}, {"64M", NULL},      {"16M", NULL},
               {"1M", NULL},      {"256K", "262144"}, {"micro", "32768"}};
static const unsigned sizes[FACTORS] = {16, 6, 4, 6};

typedef struct row {
    uint8_t value[FACTORS];
} row;

static row row_at(unsigned i)
{
    row r;
    for (unsigned f = 0; f < FACTORS; f++) {
        r.value[f] = (uint8_t)(i % sizes[f]);
        i /= sizes[f];
    }
    return r;
}

static unsigned all_rows(void)
{
    return sizes[0] * sizes[1] * sizes[2] * sizes[3];
}

/* Greedy: of all rows always the first that has the most new pairs of values in it. */
static size_t pairwise(row *rows)
{
    static bool seen[FACTORS][VALUES][FACTORS][VALUES];
    memset(seen, 0, sizeof seen);
    size_t count = 0;
    for (;;) {
        unsigned best = 0, best_new = 0;
        for (unsigned i = 0; i < all_rows(); i++) {
            row r = row_at(i);
            unsigned fresh = 0;
            for (unsigned a = 0; a < FACTORS; a++) {
                for (unsigned b = a + 1; b < FACTORS; b++) {
                    fresh += !seen[a][r.value[a]][b][r.value[b]];
                }
            }
            if (fresh > best_new) {
                best = i;
                best_new = fresh;
            }
        }
        if (best_new == 0 || count == MOST_ROWS) {
            return count;
        }
        row r = row_at(best);
        rows[count++] = r;
        for (unsigned a = 0; a < FACTORS; a++) {
            for (unsigned b = a + 1; b < FACTORS; b++) {
                seen[a][r.value[a]][b][r.value[b]] = true;
            }
        }
    }
}

/* --- one round trip ---------------------------------------------------------------------
 */

typedef struct trip {
    temp_dir dir;
    char patch[512], out[512], said[512];
    const char *old_path, *new_path;
} trip;

static int command(trip *t, const char *const *argv)
{
    mlr_heap heap;
    char *out = NULL, *said = NULL;
    size_t out_n = 0, said_n = 0;
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    mlr_heap_init(&heap);
    mlr_cli cli = {.alloc = &heap.alloc,
                   .width = 80,
                   .out = open_memstream(&out, &out_n),
                   .err = open_memstream(&said, &said_n)};
    int code = mlr_cli_run(&cli, argc, argv);
    fclose(cli.out);
    fclose(cli.err);
    snprintf(t->said, sizeof t->said, "%s", said);
    free(out);
    free(said);
    return heap.used == 0 ? code : -1;
}

static bool same_file(const char *a, const char *b)
{
    static char piece[2][1 << 16];
    FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
    bool same = f != NULL && g != NULL;
    size_t n = 1;
    while (same && n > 0) {
        n = fread(piece[0], 1, sizeof piece[0], f);
        same = fread(piece[1], 1, sizeof piece[1], g) == n &&
               (n == 0 || memcmp(piece[0], piece[1], n) == 0);
    }
    if (f != NULL) {
        fclose(f);
    }
    if (g != NULL) {
        fclose(g);
    }
    return same;
}

/* A folder of outputs beside the folder they were made from. */
static bool same_model(const char *out, const char *wanted)
{
    struct stat st;
    if (stat(out, &st) != 0) {
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        return same_file(out, wanted);
    }
    char line[1200];
    snprintf(line, sizeof line, "diff -rq '%s' '%s' >/dev/null", out, wanted);
    return system(line) == 0;
}

static void remove_output(const char *out)
{
    char line[600];
    struct stat st;
    if (stat(out, &st) == 0 && S_ISDIR(st.st_mode)) {
        snprintf(line, sizeof line, "rm -rf '%s'", out);
        (void)!system(line);
    }
    (void)unlink(out);
}

/* NULL, or what went wrong. A device that is too small for a strategy may be refused. */
static const char *go(trip *t, const row *r)
{
    const char *strategy = strategies[r->value[0]], *threads = lanes[r->value[2]];
    bool neural = strategy[0] == '-';
    const char *make[] = {"mallorn",
                          "diff",
                          t->old_path,
                          t->new_path,
                          "-o",
                          t->patch,
                          "-f",
                          "-q",
                          "--level",
                          levels[r->value[1]],
                          "--threads",
                          threads,
                          "--device",
                          devices[r->value[3]].name,
                          neural ? "--neural" : "--strategy",
                          neural ? NULL : strategy,
                          NULL};
    int code = command(t, make);
    if (code == 10 && devices[r->value[3]].budget != NULL) {
        return NULL;
    }
    if (code != 0) {
        return "diff";
    }
    const char *budget = devices[r->value[3]].budget;
    const char *take[] = {
        "mallorn", "patch", t->old_path, t->patch, "-o",
        t->out,    "-q",    "--threads", threads,  budget == NULL ? NULL : "--buffer-size",
        budget,    NULL};
    code = command(t, take);
    const char *wrong = code != 0                          ? "patch"
                        : !same_model(t->out, t->new_path) ? "the new model"
                                                           : NULL;
    remove_output(t->out);
    return wrong;
}

static void check(sweep *s, trip *t, const row *r)
{
    const char *wrong = go(t, r);
    if (wrong != NULL) {
        sweep_fail(s, "%s -> %s: %s, level %s, %s threads, device %s: broken: %s; said: %s",
                   t->old_path, t->new_path, strategies[r->value[0]], levels[r->value[1]],
                   lanes[r->value[2]], devices[r->value[3]].name, wrong, t->said);
    }
}

static void begin(trip *t, const char *old_path, const char *new_path)
{
    temp_dir_make(&t->dir);
    temp_dir_at(&t->dir, "patch", t->patch);
    temp_dir_at(&t->dir, "out", t->out);
    t->old_path = old_path;
    t->new_path = new_path;
}

/* --- pairwise ----------------------------------------------------------------------------
 */

static unsigned cover_units(void)
{
    size_t n = 0;
    (void)model_pairs(&n);
    return (unsigned)n;
}

static void run_cover(sweep *s)
{
    static row rows[MOST_ROWS];
    trip t;
    size_t n = 0, count = pairwise(rows);
    const model_path_pair *p = &model_pairs(&n)[s->unit];
    begin(&t, p->old_path, p->new_path);
    for (size_t i = 0; p->bytes < MIDDLE && i < count; i++) {
        if (sweep_next(s)) {
            check(s, &t, &rows[i]);
        }
    }
    for (unsigned i = 0; p->bytes >= MIDDLE && i < sizes[0]; i++) {
        row r;
        for (unsigned f = 0; f < FACTORS; f++) {
            r.value[f] = (uint8_t)((i + s->unit * (f > 0)) % sizes[f]);
        }
        if (sweep_next(s)) {
            check(s, &t, &r);
        }
    }
    temp_dir_remove(&t.dir);
}

const sweep_class sweep_cover = {
    "C1", "round trips: every pair of strategy, level, threads and device", cover_units,
    run_cover};

/* --- the full product --------------------------------------------------------------------
 */

static unsigned product_units(void)
{
    return cover_units() + RANDOM_FORMATS * RANDOM_ROUNDS;
}

static void run_product(sweep *s)
{
    trip t;
    size_t n = 0;
    char paths[2][512];
    const model_path_pair *p = model_pairs(&n);
    if (s->unit < n && p[s->unit].bytes >= SMALL) {
        return;
    }
    if (s->unit < n) {
        begin(&t, p[s->unit].old_path, p[s->unit].new_path);
    } else {
        unsigned which = s->unit - (unsigned)n;
        rng r = rng_new(s->seed * 4099 + which);
        random_file a, b;
        random_pair_small(&r, (random_format)(which % RANDOM_FORMATS), &a, &b);
        begin(&t, paths[0], paths[1]);
        temp_dir_write(&t.dir, "old", a.data, a.n);
        temp_dir_write(&t.dir, "new", b.data, b.n);
        temp_dir_at(&t.dir, "old", paths[0]);
        temp_dir_at(&t.dir, "new", paths[1]);
        free(a.data);
        free(b.data);
    }
    for (unsigned i = 0; i < all_rows(); i++) {
        row r = row_at(i);
        if (sweep_next(s)) {
            check(s, &t, &r);
        }
    }
    temp_dir_remove(&t.dir);
}

const sweep_class sweep_product = {"C2",
                                   "round trips: the full product on pairs below 64 KiB",
                                   product_units, run_product};
