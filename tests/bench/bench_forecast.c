/*
 * How right forecasts are: every lossless strategy at levels 3, 9 and 19 on pairs of
 * models, predicted from the default sample and then really encoded. bench_forecast
 * [--glance|--default|--close] [--most BYTES] [--block BYTES]
 *                  [--pair OLD NEW]... Without pairs: those of
 * PEERS.tsv under CORPUS (default ../shared/corpus), `unpacked/` standing for CORPUS_MAIN.
 * Models over --most are left out (default 8 MiB). STRATEGIES and LEVELS name subsets
 * ("neural,zstd", "3,9"); VERBOSE=1 prints every tensor. Tab-separated; forecast_table.py
 * makes the table of docs/analysis.md of it.
 *
 * Two lines for a pair and level tell what choices are worth: `recommended` takes for each
 * record the strategy whose forecast is smallest, `auto` is what `mallorn diff` does at
 * this level; both stand beside the best choice with hindsight.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply/host/heap.h"
#include "apply/host/host_kernels.h"
#include "apply/host/inflate_zstd.h"
#include "codec/forecast.h"
#include "codec/make.h"
#include "formats/open.h"

enum { MOST_STRATEGIES = 32, LARGE = 256 << 10 };

typedef struct tally { /* over the records of a pair, or over all pairs */
    double predicted, real, patch_error;
    unsigned large, large_near, tensors, within_error;
    double forecast_s, encode_s;
    double worst; /* relative error of a pair's total */
} tally;

typedef struct bench {
    mlr_heap heap;
    mlr_inflater inflater;
    mlr_effort effort;
    uint64_t most;
    uint32_t block; /* 0: the device's */
    bool verbose;
    unsigned ids[MOST_STRATEGIES], id_count;
    int levels[3], level_count;
    tally sum[MOST_STRATEGIES][3];
    tally last[MOST_STRATEGIES]; /* of the pair at hand, at the level before */
    double chosen, best;
    mlr_opened *old_model, *new_model;
    mlr_pool pool;
    mlr_matching matching;
    mlr_plan plan;
    uint64_t *real; /* stored bytes of each record under the strategy at hand */
    size_t at;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static mlr_status drop(void *ctx, const void *src, size_t n, mlr_err *err)
{
    (void)ctx, (void)src, (void)n, (void)err;
    return MLR_OK;
}

static mlr_status drop_at(void *ctx, uint64_t off, const void *src, size_t n, mlr_err *err)
{
    (void)off;
    return drop(ctx, src, n, err);
}

static void keep_real(void *ctx, const mlr_made_record *r)
{
    bench *b = ctx;
    b->real[b->at++] = r->stored_bytes;
}

static void die(const mlr_err *err, const char *what)
{
    fprintf(stderr, "bench_forecast: %s: %s\n", what, err->rule);
    exit(1);
}

/* The plan with one choice for every record. */
static void plan_with(bench *b, int strategy, int level)
{
    mlr_err err = {0};
    mlr_plan_options o = {.choice = {.strategy = (int16_t)strategy,
                                     .level = (uint8_t)level,
                                     .block_bytes = b->block}};
    if (mlr_plan_make(&b->plan, &b->matching, &o, &b->pool, &err) != MLR_OK) {
        die(&err, "plan");
    }
}

static void encode(bench *b)
{
    mlr_err err = {0};
    mlr_made made;
    mlr_patch_out out = {.write = drop, .rewrite = drop_at};
    mlr_make_options o = {.plan = &b->plan,
                          .inflater = &b->inflater,
                          .kernels = mlr_host_kernels(),
                          .alloc = &b->heap.alloc,
                          .made = keep_real,
                          .made_ctx = b};
    b->at = 0;
    if (mlr_patch_make(&o, &out, &made, &err) != MLR_OK) {
        die(&err, "encode");
    }
}

static void compare_record(bench *b, tally *t, size_t i, const mlr_prediction *p)
{
    const mlr_plan_record *r = &b->plan.records[i];
    double real = (double)b->real[i], off = (double)p->bytes - real;
    t->predicted += (double)p->bytes;
    t->real += real;
    t->tensors++;
    t->within_error += fabs(off) <= 2 * p->error * (double)p->bytes + 1;
    if (r->bytes.len > LARGE && !r->copy) {
        t->large++;
        t->large_near += fabs(off) <= 0.05 * real;
    }
    if (b->verbose) {
        mlr_str key = b->matching.new_model->tensors[r->pair].key;
        printf("  %.*s\t%llu\t%llu\t%+.2f%%\t+-%.2f%%\n", (int)key.n, key.p,
               (unsigned long long)r->bytes.len, (unsigned long long)b->real[i],
               real > 0 ? 100 * off / real : 0, 100 * p->error);
    }
}

static void add(tally *sum, const tally *t)
{
    sum->predicted += t->predicted;
    sum->real += t->real;
    sum->large += t->large;
    sum->large_near += t->large_near;
    sum->tensors += t->tensors;
    sum->within_error += t->within_error;
    sum->forecast_s += t->forecast_s;
    sum->encode_s += t->encode_s;
    double off = t->real > 0 ? fabs(t->predicted / t->real - 1) : 0;
    sum->worst = off > sum->worst ? off : sum->worst;
}

static void print_tally(const char *pair, const char *strategy, int level, const tally *t)
{
    printf("%s\t%s\t%d\t%.0f\t%.0f\t%+.2f\t%.2f\t%u/%u\t%u/%u\t%.2f\t%.2f\n", pair,
           strategy, level, t->predicted, t->real,
           t->real > 0 ? 100 * (t->predicted / t->real - 1) : 0, 100 * t->worst,
           t->large_near, t->large, t->within_error, t->tensors, t->forecast_s,
           t->encode_s);
    fflush(stdout);
}

/* One strategy at one level; `guess` and `truth` keep the records' bytes. */
static void run_one(bench *b, const char *name, unsigned s, unsigned l, double *guess,
                    double *truth)
{
    int level = b->levels[l];
    tally t = {0};
    plan_with(b, (int)b->ids[s], level);
    double begun = now();
    encode(b);
    t.encode_s = now() - begun;
    mlr_predictor p = {.plan = &b->plan,
                       .inflater = &b->inflater,
                       .kernels = mlr_host_kernels(),
                       .alloc = &b->heap.alloc};
    for (size_t i = 0; i < b->plan.record_count; i++) {
        mlr_prediction one;
        mlr_err err = {0};
        begun = now();
        if (mlr_predict_record(&p, i, &b->plan.records[i].choice, b->effort, &one, &err) !=
            MLR_OK) {
            die(&err, "forecast");
        }
        t.forecast_s += now() - begun;
        if (one.fits) {
            compare_record(b, &t, i, &one);
            guess[i] = (double)one.bytes;
            truth[i] = (double)b->real[i];
        }
    }
    add(&b->sum[s][l], &t);
    double off = t.real > 0 ? fabs(t.predicted / t.real - 1) : 0;
    t.worst = off;
    b->last[s] = t;
    print_tally(name, mlr_decoder_get(b->ids[s])->name, level, &t);
}

/* `mix` knows two classes of levels, and takes longest: what it does at level 9 it would do
   again at 19. */
static bool does_the_same(const bench *b, unsigned s, unsigned l)
{
    return l > 0 && b->ids[s] == MLR_STRATEGY_mix && b->levels[l - 1] > 3;
}

static void run_again(bench *b, const char *name, unsigned s, unsigned l)
{
    add(&b->sum[s][l], &b->last[s]);
    print_tally(name, mlr_decoder_get(b->ids[s])->name, b->levels[l], &b->last[s]);
}

static void print_choice(const char *pair, const char *how, int level, double bytes,
                         double best)
{
    printf("%s\t%s\t%d\t%.0f\t%.0f\t%+.3f\n", pair, how, level, bytes, best,
           best > 0 ? 100 * (bytes / best - 1) : 0);
    fflush(stdout);
}

static double auto_bytes(bench *b, int level)
{
    double sum = 0;
    plan_with(b, MLR_AUTO, level);
    encode(b);
    for (size_t i = 0; i < b->at; i++) {
        sum += (double)b->real[i];
    }
    return sum;
}

/* What choosing by forecast costs against choosing by the truth; raw is left where no
   strategy suits. */
static void run_choices(bench *b, const char *name, int level, const double *guess,
                        const double *truth)
{
    size_t n = b->plan.record_count;
    double chosen = 0, best = 0;
    for (size_t i = 0; i < n; i++) {
        double raw = 32 + (double)b->plan.records[i].bytes.len;
        double least_guess = raw, of_guess = raw, least = raw;
        for (size_t k = i; k < n * b->id_count; k += n) {
            of_guess = guess[k] < least_guess ? truth[k] : of_guess;
            least_guess = fmin(least_guess, guess[k]);
            least = fmin(least, truth[k]);
        }
        chosen += of_guess;
        best += least;
    }
    b->chosen += chosen;
    b->best += best;
    print_choice(name, "recommended", level, chosen, best);
    print_choice(name, "auto", level, auto_bytes(b, level), best);
}

static bool begin_pair(bench *b, const char *old_path, const char *new_path)
{
    mlr_err err = {0};
    mlr_open_options open = {0};
    mlr_work work = {.alloc = &b->heap.alloc};
    mlr_pool_init(&b->pool, &b->heap.alloc);
    b->old_model = b->new_model = NULL;
    return mlr_model_open(&b->old_model, old_path, &open, &b->heap.alloc, &err) == MLR_OK &&
           mlr_model_open(&b->new_model, new_path, &open, &b->heap.alloc, &err) == MLR_OK &&
           mlr_match_headers(&b->matching, mlr_opened_model(b->old_model),
                             mlr_opened_model(b->new_model), NULL, &b->pool,
                             &err) == MLR_OK &&
           mlr_match_contents(&b->matching, NULL, &work, &err) == MLR_OK;
}

static uint64_t model_bytes(const mlr_model *m)
{
    uint64_t n = 0;
    for (size_t i = 0; i < m->member_count; i++) {
        n += m->members[i].source->size;
    }
    return n;
}

static void run_levels(bench *b, const char *name)
{
    plan_with(b, 0, 3);
    size_t n = b->plan.record_count, cells = n * b->id_count + 1;
    double *guess = malloc(cells * sizeof *guess), *truth = malloc(cells * sizeof *truth);
    b->real = calloc(n + 1, sizeof *b->real);
    for (unsigned l = 0; l < (unsigned)b->level_count; l++) {
        for (unsigned s = 0; s < b->id_count; s++) {
            if (does_the_same(b, s, l)) {
                run_again(b, name, s, l);
                continue;
            }
            for (size_t i = 0; i < n; i++) {
                guess[s * n + i] = truth[s * n + i] = INFINITY;
            }
            run_one(b, name, s, l, guess + s * n, truth + s * n);
        }
        run_choices(b, name, b->levels[l], guess, truth);
    }
    free(b->real);
    free(guess);
    free(truth);
}

static void run_pair(bench *b, const char *old_path, const char *new_path)
{
    const char *slash = strrchr(new_path, '/');
    if (!begin_pair(b, old_path, new_path)) {
        printf("skipped: %s\n", new_path);
    } else if (model_bytes(mlr_opened_model(b->new_model)) <= b->most) {
        run_levels(b, slash == NULL ? new_path : slash + 1);
    }
    mlr_pool_release(&b->pool);
    mlr_model_close(b->old_model);
    mlr_model_close(b->new_model);
}

static void full_path(char *to, size_t room, const char *path)
{
    const char *corpus = getenv("CORPUS"), *unpacked = getenv("CORPUS_MAIN");
    if (strncmp(path, "unpacked/", 9) == 0 && unpacked != NULL) {
        snprintf(to, room, "%s/%s", unpacked, path + 9);
    } else {
        snprintf(to, room, "%s/%s", corpus != NULL ? corpus : "../shared/corpus", path);
    }
}

static void run_corpus(bench *b)
{
    char path[600], line[1024], was[256], is[256], old_path[600], new_path[600];
    full_path(path, sizeof path, "PEERS.tsv");
    FILE *peers = fopen(path, "r");
    if (peers == NULL) {
        printf("skipped: no %s\n", path);
        return;
    }
    while (fgets(line, sizeof line, peers) != NULL) {
        if (line[0] != '#' && sscanf(line, "%255s %255s", was, is) == 2 &&
            strcmp(was, "old") != 0) {
            full_path(old_path, sizeof old_path, was);
            full_path(new_path, sizeof new_path, is);
            run_pair(b, old_path, new_path);
        }
    }
    fclose(peers);
}

static bool listed(const char *list, const char *word)
{
    char all[512], want[64];
    if (list == NULL) {
        return true;
    }
    snprintf(all, sizeof all, ",%s,", list);
    snprintf(want, sizeof want, ",%s,", word);
    return strstr(all, want) != NULL;
}

static void choose_what(bench *b)
{
    static const int levels[] = {3, 9, 19};
    for (unsigned i = 0; i < MLR_STRATEGY_LIMIT; i++) {
        const mlr_encoder *e = mlr_encoder_get(i);
        const mlr_decoder *d = mlr_decoder_get(i);
        bool plain = i == MLR_STRATEGY_raw || i == MLR_STRATEGY_copy;
        if (e != NULL && d != NULL && !plain && b->id_count < MOST_STRATEGIES &&
            listed(getenv("STRATEGIES"), d->name)) {
            b->ids[b->id_count++] = i;
        }
    }
    for (size_t i = 0; i < 3; i++) {
        char word[16];
        snprintf(word, sizeof word, "%d", levels[i]);
        if (listed(getenv("LEVELS"), word)) {
            b->levels[b->level_count++] = levels[i];
        }
    }
}

static void print_sums(const bench *b)
{
    for (unsigned s = 0; s < b->id_count; s++) {
        for (unsigned l = 0; l < (unsigned)b->level_count; l++) {
            print_tally("all", mlr_decoder_get(b->ids[s])->name, b->levels[l],
                        &b->sum[s][l]);
        }
    }
    print_choice("all", "recommended", 0, b->chosen, b->best);
}

int main(int argc, char **argv)
{
    static bench b = {.effort = MLR_EFFORT_DEFAULT, .most = 8 << 20};
    bool pairs = false;
    mlr_heap_init(&b.heap);
    b.inflater = mlr_inflate_zstd();
    b.verbose = getenv("VERBOSE") != NULL;
    choose_what(&b);
    printf("pair\tstrategy\tlevel\tpredicted\treal\toff_%%\tworst_%%\tlarge_within_5%%\t"
           "within_2_errors\tforecast_s\tencode_s\n");
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--glance") == 0) {
            b.effort = MLR_EFFORT_GLANCE;
        } else if (strcmp(argv[i], "--close") == 0) {
            b.effort = MLR_EFFORT_CLOSE;
        } else if (strcmp(argv[i], "--most") == 0 && i + 1 < argc) {
            b.most = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--block") == 0 && i + 1 < argc) {
            b.block = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--pair") == 0 && i + 2 < argc) {
            pairs = true;
            b.most = UINT64_MAX;
            run_pair(&b, argv[i + 1], argv[i + 2]);
            i += 2;
        }
    }
    if (!pairs) {
        run_corpus(&b);
    }
    print_sums(&b);
    return 0;
}
