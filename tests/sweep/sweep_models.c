/*
 * R7: hostile model files: every bit of a small model of each format flipped, every
 * truncation, lengths set to extremes. It opens with a correct tiling or is refused; and as
 * a new model it comes back byte for byte, whatever it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/base/cursor.h"
#include "apply/host/heap.h"
#include "tests/support/model_fault.h"
#include "tests/support/parse_bytes.h"
#include "tests/support/patching.h"
#include "tests/support/random_pair.h"
#include "tests/support/temp_dir.h"
#include "tests/sweep/sweep.h"
#include "tui/cli/cmd.h"

enum { ROUNDS = 8, MOST_BYTES = 6000, EVERY_TRIP = 61 };

static unsigned units(void)
{
    return (RANDOM_FORMATS - 1) * ROUNDS;
}

typedef struct hostile {
    random_file old;
    patching p;
    mlr_heap heap;
    temp_dir dir;
    char old_path[512], new_path[512];
} hostile;

static void begin(hostile *h, random_format format, uint64_t seed)
{
    rng r = rng_new(seed);
    random_file b;
    do {
        random_pair_small(&r, format, &h->old, &b);
        free(b.data);
    } while ((h->old.n < 300 || h->old.n > MOST_BYTES) && (free(h->old.data), true));
    temp_dir_make(&h->dir);
    temp_dir_at(&h->dir, "old", h->old_path);
    temp_dir_at(&h->dir, "new", h->new_path);
    temp_dir_write(&h->dir, "old", h->old.data, h->old.n);
    mlr_heap_init(&h->heap);
    patching_init(&h->p, &h->heap.alloc);
}

static const char *parse(const uint8_t *data, size_t n)
{
    parsed p;
    parsed_init(&p);
    mlr_status status = parsed_run(&p, data, n, NULL);
    const char *wrong = NULL;
    if (status == MLR_OK) {
        wrong = model_fault(&p.model);
    } else if (status == MLR_E_INTERNAL || p.err.rule == NULL) {
        wrong = "a refusal that says why";
    }
    return parsed_release(&p) ? wrong : "memory that is given back";
}

static const char *trip(hostile *h, const uint8_t *data, size_t n)
{
    mlr_err err = {0};
    patch_bytes patch = {0};
    temp_dir_write(&h->dir, "new", data, n);
    if (patching_diff(&h->p, h->old_path, h->new_path, &patch, &err) == MLR_OK) {
        patching_apply(&h->p, h->old_path, h->new_path, &patch, &err);
    }
    patch_bytes_release(&h->p, &patch);
    if (err.status != MLR_OK) {
        return err.rule == NULL ? "a round trip" : err.rule;
    }
    return h->heap.used == 0 ? NULL : "memory that is given back";
}

/* A command that looks at it: says what it is, or refuses it. */
static const char *look(hostile *h, const char *const *argv, int argc)
{
    char *out = NULL, *said = NULL;
    size_t out_n = 0, said_n = 0;
    mlr_cli cli = {.alloc = &h->heap.alloc,
                   .width = 80,
                   .out = open_memstream(&out, &out_n),
                   .err = open_memstream(&said, &said_n)};
    int code = mlr_cli_run(&cli, argc, argv);
    fclose(cli.out);
    fclose(cli.err);
    free(out);
    free(said);
    return code != 0 && code != 12 && code != 9 ? argv[1]
           : h->heap.used != 0                  ? "memory that is given back"
                                                : NULL;
}

static const char *looks(hostile *h)
{
    const char *const info[] = {"mallorn", "info", "-jtsmd", h->new_path};
    const char *const text[] = {"mallorn", "info", "-tsmd", h->new_path};
    const char *const both[] = {"mallorn", "analyze",   h->old_path, h->new_path,
                                "--json",  "--threads", "1"};
    const char *const back[] = {"mallorn",   "analyze",   h->new_path,
                                h->old_path, "--threads", "1"};
    const char *wrong = look(h, info, 4);
    wrong = wrong == NULL ? look(h, text, 4) : wrong;
    wrong = wrong == NULL ? look(h, both, 7) : wrong;
    return wrong == NULL ? look(h, back, 6) : wrong;
}

static void check(sweep *s, hostile *h, const uint8_t *data, size_t n, const char *how,
                  size_t at)
{
    const char *wrong = parse(data, n);
    if (wrong == NULL && s->tally->cases % EVERY_TRIP == 0) {
        wrong = trip(h, data, n);
        wrong = wrong == NULL ? looks(h) : wrong;
    }
    if (wrong != NULL) {
        sweep_fail(s, "%s at %zu: broken: %s", how, at, wrong);
    }
}

static void extremes(sweep *s, hostile *h, uint8_t *own)
{
    static const uint64_t values[] = {0,          1,          0x7f,          0xff,
                                      0x7fffffff, 0x80000000, 0xffffffff,    0x100000000,
                                      INT64_MAX,  UINT64_MAX, UINT64_MAX - 7};
    for (size_t at = 0; at + 8 <= h->old.n; at++) {
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            if (sweep_next(s)) {
                mlr_store64(own + at, values[v]);
                check(s, h, own, h->old.n, "extreme value", at);
                memcpy(own + at, h->old.data + at, 8);
            }
        }
    }
}

static void run(sweep *s)
{
    hostile h;
    random_format format = (random_format)(s->unit % (RANDOM_FORMATS - 1));
    begin(&h, format, s->seed * 1000 + 500 + s->unit);
    uint8_t *own = malloc(h.old.n);
    memcpy(own, h.old.data, h.old.n);
    for (size_t at = 0; at < h.old.n; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            if (sweep_next(s)) {
                own[at] ^= (uint8_t)(1u << bit);
                check(s, &h, own, h.old.n, "bit flipped", at);
                own[at] = h.old.data[at];
            }
        }
        if (sweep_next(s)) {
            uint8_t *cut = malloc(at + 1);
            memcpy(cut, own, at);
            check(s, &h, cut, at, "truncated", at);
            free(cut);
        }
    }
    extremes(s, &h, own);
    free(own);
    free(h.old.data);
    temp_dir_remove(&h.dir);
}

const sweep_class sweep_models = {
    "R7", "hostile model files: bits, cuts, extreme numbers; some diffed and applied",
    units, run};
