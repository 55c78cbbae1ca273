/* Whole models compared: publication, totals, tree, metadata, vocabulary, hints. */
#include "analysis/diff.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/hints.h"
#include "analysis/meta_diff.h"
#include "analysis/numeric.h"
#include "analysis/rank_energy.h"
#include "analysis/summary.h"
#include "apply/host/heap.h"
#include "apply/host/threads.h"
#include "formats/open.h"
#include "tests/support/hand_model.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

static hand_model A, B;
static mlr_heap heap;
static mlr_pool pool;
static mlr_diff D;

static int setup(void **state)
{
    (void)state;
    hand_begin(&A, 4 << 20);
    hand_begin(&B, 4 << 20);
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mlr_pool_release(&pool);
    hand_release(&A);
    hand_release(&B);
    return heap.used != 0;
}

static mlr_work work_here(void)
{
    return (mlr_work){.alloc = &heap.alloc};
}

static void diff_with(const mlr_diff_options *options, const mlr_exec *exec)
{
    mlr_err err = {.status = MLR_OK};
    mlr_work work = {.alloc = &heap.alloc, .exec = exec};
    mlr_diff_begin(&D, &A.model, &B.model, NULL, &pool, &err);
    assert_no_err(&err);
    mlr_diff_compare(&D, options, &work, &err);
    assert_no_err(&err);
}

static mlr_str str(const char *text)
{
    return (mlr_str){text, strlen(text)};
}

static void assert_str(mlr_str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

/* Adds the tensor to both models; the new one moves by `step` times a normal deviate. */
static void add_floats(const char *key, const char *shape, size_t n, double step)
{
    uint32_t i = hand_add(&A, key, "f32", shape, NULL, n * 4);
    uint32_t j = hand_add(&B, key, "f32", shape, NULL, n * 4);
    rng r = rng_new(n + (uint64_t)(step * 1e6));
    for (size_t k = 0; k < n; k++) {
        float v = (float)rng_normal(&r), w = (float)((double)v + step * rng_normal(&r));
        memcpy(hand_bytes(&A, i) + 4 * k, &v, 4);
        memcpy(hand_bytes(&B, j) + 4 * k, &w, 4);
    }
}

static void two_models(void)
{
    add_floats("model.layers.0.attn.w", "32x32", 1024, 0);
    add_floats("model.layers.0.mlp.w", "32x32", 1024, 0);
    add_floats("model.layers.2.attn.w", "32x32", 1024, 1e-2);
    add_floats("model.layers.10.attn.w", "32x32", 1024, 2e-2);
    add_floats("model.norm", "32", 32, 1e-3);
    const float one = 1;
    hand_add(&B, "model.extra", "f32", "", &one, 4);
    hand_add(&A, "model.gone", "f32", "1x1", &one, 4);
}

/* --- diff --------------------------------------------------------------------------------
 */

typedef struct seen {
    size_t matched, measured, last;
    bool in_order, detail;
} seen;

static void see_match(void *ctx, const mlr_diff *d)
{
    seen *s = ctx;
    s->matched++;
    assert_int_equal(d->matching.pairs[0].change, MLR_CHANGE_SAME);
}

static void see_measure(void *ctx, const mlr_diff *d, size_t index, const mlr_measure *m,
                        const mlr_detail *detail)
{
    seen *s = ctx;
    s->in_order = s->in_order && (s->measured == 0 || index > s->last);
    s->last = index;
    s->measured++;
    s->detail = detail != NULL && (detail->rows > 0 || m->elements == 0);
    assert_int_equal(d->measured, s->measured);
}

static void publishes_what_changed_in_order(void **state)
{
    (void)state;
    two_models();
    seen s = {.in_order = true};
    mlr_diff_watch watch = {&s, see_match, see_measure};
    mlr_diff_options options = {.depth = MLR_DEPTH_FULL, .watch = &watch, .detail = true};
    diff_with(&options, NULL);
    assert_int_equal(s.matched, 1);
    assert_int_equal(s.measured, 5); /* three changed, one added, one removed */
    assert_int_equal(D.to_measure, 5);
    assert_true(s.in_order && s.detail);
    assert_null(D.measures[0]);
    assert_int_equal(D.measures[2]->changed_elements, 1024);
    assert_int_equal(D.measures[5]->have & MLR_HAVE_PAIR, 0);
}

static void keeps_no_more_measures_than_it_may(void **state)
{
    (void)state;
    two_models();
    mlr_diff_options options = {.depth = MLR_DEPTH_QUICK,
                                .keep_bytes = sizeof(mlr_measure)};
    diff_with(&options, NULL);
    assert_non_null(D.measures[2]);
    assert_null(D.measures[3]);
    assert_int_equal(D.measured, 5);
}

static void threads_give_the_same_figures(void **state)
{
    (void)state;
    two_models();
    mlr_diff_options options = {.depth = MLR_DEPTH_FULL, .same_too = true};
    diff_with(&options, NULL);
    mlr_diff alone = D;
    mlr_err err = {.status = MLR_OK};
    mlr_threads *threads = NULL;
    mlr_threads_start(&threads, 3, &heap.alloc, &err);
    assert_no_err(&err);
    diff_with(&options, mlr_threads_exec(threads));
    mlr_threads_stop(threads);
    for (size_t i = 0; i < D.matching.count; i++) {
        assert_memory_equal(D.measures[i], alone.measures[i], sizeof(mlr_measure));
    }
}

static void a_failed_read_names_the_tensor(void **state)
{
    (void)state;
    add_floats("only", "32x32", 1024, 1e-2);
    mlr_err err = {.status = MLR_OK};
    mlr_work work = work_here();
    mlr_diff_options options = {.depth = MLR_DEPTH_FULL};
    mlr_diff_begin(&D, &A.model, &B.model, NULL, &pool, &err);
    B.source.fail_at = 3; /* one to compare, one for a signature, then to measure */
    assert_int_equal(mlr_diff_compare(&D, &options, &work, &err), MLR_E_IO);
    assert_string_equal(err.subject, "only");
}

/* --- summary -----------------------------------------------------------------------------
 */

static void finds_the_layer_in_a_name(void **state)
{
    (void)state;
    static const struct {
        const char *key, *layer;
        uint64_t number;
    } cases[] = {
        {"model.layers.12.self_attn.q_proj.weight", "model.layers.12", 12},
        {"blk.3.ffn_up.weight", "blk.3", 3},
        {"/encoder/layer_7/conv", "/encoder/layer_7", 7},
        {"h.0", "h.0", 0},
        {"conv2d.weight", NULL, 0},
        {"", NULL, 0},
        {"a.99999999999999999999.b", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mlr_str layer;
        uint64_t number = 0;
        bool found = mlr_layer_of(str(cases[i].key), &layer, &number);
        assert_int_equal(found, cases[i].layer != NULL);
        if (found) {
            assert_str(layer, cases[i].layer);
            assert_int_equal(number, cases[i].number);
        }
    }
}

static void numbers_sort_by_value(void **state)
{
    (void)state;
    assert_true(mlr_natural_order(str("l.2.a"), str("l.10.a")) < 0);
    assert_true(mlr_natural_order(str("l.10"), str("l.2")) > 0);
    assert_true(mlr_natural_order(str("l.02.b"), str("l.2.a")) > 0);
    assert_true(mlr_natural_order(str("a"), str("a.b")) < 0);
    assert_true(mlr_natural_order(str("a.b"), str("a-b")) < 0);
    assert_int_equal(mlr_natural_order(str("x1"), str("x1")), 0);
}

static const mlr_node *node_named(const mlr_summary *s, const char *name)
{
    for (size_t i = 0; i < s->node_count; i++) {
        if (s->nodes[i].name.n == strlen(name) &&
            memcmp(s->nodes[i].name.p, name, strlen(name)) == 0) {
            return &s->nodes[i];
        }
    }
    fail_msg("no node %s", name);
    return NULL;
}

static void totals_by_layer_type_and_module(void **state)
{
    (void)state;
    two_models();
    mlr_diff_options options = {.depth = MLR_DEPTH_FULL};
    diff_with(&options, NULL);
    mlr_summary s;
    mlr_err err = {.status = MLR_OK};
    mlr_summary_make(&s, &D, &pool, &err);
    assert_no_err(&err);
    assert_int_equal(s.all.tensors[MLR_CHANGE_SAME], 2);
    assert_int_equal(s.all.tensors[MLR_CHANGE_CHANGED], 3);
    assert_int_equal(s.all.tensors[MLR_CHANGE_ADDED], 1);
    assert_int_equal(s.all.tensors[MLR_CHANGE_REMOVED], 1);
    assert_int_equal(s.all.same_bytes, 8192);
    assert_int_equal(s.all.new_bytes, 4 * 4096 + 128 + 4);
    assert_int_equal(s.layer_count, 3);
    assert_str(s.layers[0].name, "model.layers.0");
    assert_int_equal(s.layers[2].number, 10);
    double relative = sqrt(s.layers[2].tally.delta_square / s.layers[2].tally.old_square);
    assert_true(relative > 0.018 && relative < 0.022);
    assert_int_equal(s.dtype_count, 1);
    assert_str(s.dtypes[0].name, "f32");
    assert_int_equal(s.nodes[0].next, s.node_count);
    const mlr_node *model = node_named(&s, "model"), *zero = node_named(&s, "0");
    assert_int_equal(model->depth, 1);
    assert_int_equal(model->tally.new_bytes, s.all.new_bytes);
    assert_int_equal(zero->tally.tensors[MLR_CHANGE_SAME], 2);
    assert_int_equal(zero->next - (zero - s.nodes), 5); /* itself, attn, w, mlp, w */
    assert_str(s.nodes[zero->parent].name, "layers");
    assert_true(node_named(&s, "2") < node_named(&s, "10"));
}

/* --- metadata and vocabulary -------------------------------------------------------------
 */

static void metadata_is_compared_key_by_key(void **state)
{
    (void)state;
    hand_meta_text(&A, "name", "one");
    hand_meta_text(&B, "name", "two");
    hand_meta_uint(&A, "opset.ai.onnx", 17);
    hand_meta_uint(&B, "opset.ai.onnx", 18);
    hand_meta_uint(&A, "graph.ops.Relu", 4);
    hand_meta_uint(&B, "graph.ops.Gelu", 4);
    hand_meta_uint(&A, "same", 1);
    hand_meta_uint(&B, "same", 1);
    const char *x[] = {"a", "b"}, *y[] = {"a", "c"};
    hand_meta_strings(&A, "list", x, 2);
    hand_meta_strings(&B, "list", y, 2);
    mlr_meta_diff d;
    mlr_err err = {.status = MLR_OK};
    mlr_work work = work_here();
    mlr_meta_diff_make(&d, &A.model, &B.model, &work, &pool, &err);
    assert_no_err(&err);
    assert_int_equal(d.count, 6);
    assert_int_equal(d.counts[MLR_CHANGE_CHANGED], 3);
    assert_int_equal(d.counts[MLR_CHANGE_SAME], 1);
    assert_int_equal(d.changes[1].area, MLR_META_OPSET);
    assert_int_equal(d.changes[2].change, MLR_CHANGE_ADDED);
    assert_int_equal(d.changes[2].area, MLR_META_OPERATOR);
    assert_int_equal(d.changes[5].change, MLR_CHANGE_REMOVED);
    assert_str(d.changes[5].old_meta->key, "graph.ops.Relu");
}

static void tokens_are_added_removed_and_moved(void **state)
{
    (void)state;
    const char *o[] = {"<s>", "a", "b", "dup", "dup", "gone"};
    const char *n[] = {"<s>", "b", "a", "dup", "dup", "new", "newer"};
    hand_meta_strings(&A, "tokenizer.ggml.tokens", o, 6);
    hand_meta_strings(&B, "tokenizer.ggml.tokens", n, 7);
    mlr_vocabulary_diff d;
    mlr_err err = {.status = MLR_OK};
    mlr_work work = work_here();
    mlr_vocabulary_diff_make(&d, &A.model, &B.model, &work, &pool, &err);
    assert_no_err(&err);
    assert_true(d.known);
    assert_int_equal(d.same, 3);
    assert_int_equal(d.added, 2);
    assert_int_equal(d.removed, 1);
    assert_int_equal(d.moved, 2);
    assert_str(d.changes[0].text, "new");
    assert_int_equal(d.changes[0].new_id, 5);
    assert_str(d.changes[2].text, "gone");
    assert_int_equal(d.changes[3].old_id, 2);
    assert_int_equal(d.changes[3].new_id, 1);
}

static void a_model_without_tokens_has_no_vocabulary(void **state)
{
    (void)state;
    mlr_vocabulary_diff d;
    mlr_work work = work_here();
    assert_int_equal(mlr_vocabulary_diff_make(&d, &A.model, &B.model, &work, &pool, NULL),
                     MLR_OK);
    assert_false(d.known);
}

/* --- ranks and hints ---------------------------------------------------------------------
 */

enum { N = 96 };

/* new = old + a sum of `rank` outer products + `noise`. */
static void add_low_rank(int rank, double noise)
{
    static float o[N * N], n[N * N];
    rng r = rng_new(77);
    for (int i = 0; i < N * N; i++) {
        o[i] = (float)rng_normal(&r);
        n[i] = o[i] + (float)(noise * rng_normal(&r));
    }
    for (int k = 0; k < rank; k++) {
        double u[N], v[N];
        for (int i = 0; i < N; i++) {
            u[i] = 0.1 * rng_normal(&r);
            v[i] = 0.1 * rng_normal(&r);
        }
        for (int i = 0; i < N * N; i++) {
            n[i] += (float)(u[i / N] * v[i % N]);
        }
    }
    hand_add(&A, "w", "f32", "96x96", o, sizeof o);
    hand_add(&B, "w", "f32", "96x96", n, sizeof n);
}

static mlr_pair first_pair(void)
{
    return (mlr_pair){&A.model, &B.model, &A.tensors[0], &B.tensors[0]};
}

static mlr_low_rank rank_energy(void)
{
    mlr_low_rank out;
    mlr_pair p = first_pair();
    mlr_work work = work_here();
    mlr_err err = {.status = MLR_OK};
    mlr_measure_low_rank(&out, &p, &work, &err);
    assert_no_err(&err);
    return out;
}

static void a_rank_three_change_is_held_by_rank_three(void **state)
{
    (void)state;
    add_low_rank(3, 0);
    mlr_low_rank r = rank_energy();
    assert_true(r.whole);
    assert_int_equal(r.ranks, 64);
    assert_true(r.energy[1] < 0.9 && r.energy[2] < 0.99);
    assert_true(r.energy[3] > 0.9999999 && r.energy[3] <= 1);
    assert_true(r.energy[64] <= 1);
}

static void noise_has_no_low_rank(void **state)
{
    (void)state;
    add_low_rank(0, 1);
    mlr_low_rank r = rank_energy();
    assert_true(r.energy[1] < 0.06);
    assert_true(r.energy[8] < 0.35);
    for (int i = 1; i <= 64; i++) {
        assert_true(r.energy[i] >= r.energy[i - 1]);
    }
}

static void an_unchanged_tensor_has_no_ranks(void **state)
{
    (void)state;
    add_low_rank(0, 0);
    assert_int_equal(rank_energy().ranks, 0);
}

static unsigned hints(mlr_hint out[MLR_HINT_COUNT], const mlr_low_rank *rank)
{
    mlr_pair p = first_pair();
    mlr_measure m;
    mlr_work work = work_here();
    mlr_measure_options how = {.depth = MLR_DEPTH_FULL};
    assert_int_equal(mlr_measure_pair(&m, NULL, &p, &how, &work, NULL), MLR_OK);
    return mlr_hints_of_pair(out, &p, &m, rank);
}

static void hints_at_a_low_rank_merge(void **state)
{
    (void)state;
    mlr_hint h[MLR_HINT_COUNT];
    add_low_rank(4, 1e-4);
    mlr_low_rank r = rank_energy();
    assert_int_equal(hints(h, &r), 1);
    assert_int_equal(h[0].kind, MLR_HINT_LOW_RANK);
    assert_int_equal(h[0].rank, 4);
    assert_string_equal(mlr_hint_name(h[0].kind), "low-rank");
}

static void add_scaled(const char *new_type, double factor, double noise)
{
    const mlr_dtype *t = mlr_dtype_named(new_type, strlen(new_type));
    uint32_t i = hand_add(&A, "w", "f32", "32x32", NULL, 4096);
    uint32_t j = hand_add(&B, "w", new_type, "32x32", NULL, (size_t)1024 * t->block_bytes);
    rng r = rng_new(3);
    for (size_t k = 0; k < 1024; k++) {
        float v = (float)rng_normal(&r);
        uint32_t code = 0;
        assert_true(mlr_from_f64(t, factor * (double)v + noise * rng_normal(&r), &code));
        memcpy(hand_bytes(&A, i) + 4 * k, &v, 4);
        memcpy(hand_bytes(&B, j) + t->block_bytes * k, &code, t->block_bytes);
    }
}

static void hints_at_uniform_scaling(void **state)
{
    (void)state;
    mlr_hint h[MLR_HINT_COUNT];
    add_scaled("f32", 0.99, 1e-4);
    assert_int_equal(hints(h, NULL), 1);
    assert_int_equal(h[0].kind, MLR_HINT_SCALED);
    assert_true(fabs(h[0].factor - 0.99) < 1e-4 && h[0].figure > 0.99);
}

static void hints_at_a_cast(void **state)
{
    (void)state;
    mlr_hint h[MLR_HINT_COUNT];
    add_scaled("bf16", 1, 0);
    assert_int_equal(hints(h, NULL), 1);
    assert_int_equal(h[0].kind, MLR_HINT_CAST);
}

static void hints_at_unrelated_values(void **state)
{
    (void)state;
    mlr_hint h[MLR_HINT_COUNT];
    add_scaled("f32", 0, 1);
    assert_int_equal(hints(h, NULL), 1);
    assert_int_equal(h[0].kind, MLR_HINT_UNRELATED);
    assert_true(fabs(h[0].figure) < 0.2);
}

static void an_ordinary_fine_tune_gives_no_hint(void **state)
{
    (void)state;
    mlr_hint h[MLR_HINT_COUNT];
    add_low_rank(0, 1e-2);
    mlr_low_rank r = rank_energy();
    assert_int_equal(hints(h, &r), 0);
}

static void hints_at_frozen_layers_and_new_tokens(void **state)
{
    (void)state;
    two_models();
    const char *o[] = {"a"}, *n[] = {"a", "b"};
    hand_meta_strings(&A, "tokenizer.ggml.tokens", o, 1);
    hand_meta_strings(&B, "tokenizer.ggml.tokens", n, 2);
    mlr_diff_options options = {.depth = MLR_DEPTH_FULL};
    diff_with(&options, NULL);
    mlr_summary s;
    mlr_vocabulary_diff v;
    mlr_work work = work_here();
    mlr_hint h[MLR_HINT_COUNT];
    assert_int_equal(mlr_summary_make(&s, &D, &pool, NULL), MLR_OK);
    assert_int_equal(mlr_vocabulary_diff_make(&v, &A.model, &B.model, &work, &pool, NULL),
                     MLR_OK);
    assert_int_equal(mlr_hints_of_models(h, &D, &s, &v), 2);
    assert_int_equal(h[0].kind, MLR_HINT_FROZEN_LAYERS);
    assert_true(h[0].figure == 1 && h[0].of == 3);
    assert_int_equal(h[1].kind, MLR_HINT_GROWN_VOCABULARY);
}

/* --- the corpus --------------------------------------------------------------------------
 */

#define CORPUS "../shared/corpus/"

static void diff_files(const char *old_path, const char *new_path)
{
    mlr_err err = {.status = MLR_OK};
    mlr_opened *o = NULL, *n = NULL;
    mlr_model_open(&o, old_path, NULL, &heap.alloc, &err);
    mlr_model_open(&n, new_path, NULL, &heap.alloc, &err);
    assert_no_err(&err);
    mlr_work work = work_here();
    mlr_diff_options options = {.depth = MLR_DEPTH_FULL};
    mlr_diff_begin(&D, mlr_opened_model(o), mlr_opened_model(n), NULL, &pool, &err);
    mlr_diff_compare(&D, &options, &work, &err);
    assert_no_err(&err);
    mlr_model_close(o);
    mlr_model_close(n);
}

static size_t count(mlr_change change)
{
    size_t n = 0;
    for (size_t i = 0; i < D.matching.count; i++) {
        n += D.matching.pairs[i].change == change;
    }
    return n;
}

static void real_pairs_have_the_changes_they_are_known_for(void **state)
{
    (void)state;
    if (access(CORPUS "trained", R_OK) != 0) {
        puts("skipped: no corpus");
        return;
    }
    diff_files(CORPUS "trained/safetensors/tiny_ft.bf16.safetensors",
               CORPUS "trained/safetensors/variants/tiny_ft_reorder.bf16.safetensors");
    assert_int_equal(count(MLR_CHANGE_SAME), D.matching.count);
    diff_files(CORPUS "trained/safetensors/tiny_ft.bf16.safetensors",
               CORPUS "trained/safetensors/tiny_ft_shards/model.safetensors.index.json");
    assert_int_equal(count(MLR_CHANGE_SAME), D.matching.count);
    diff_files(CORPUS "trained/safetensors/tiny_base.bf16.safetensors",
               CORPUS "trained/safetensors/variants/tiny_ft_addtok.bf16.safetensors");
    size_t resized = 0;
    for (size_t i = 0; i < D.matching.count; i++) {
        resized += (D.matching.pairs[i].flags & MLR_PAIR_RESIZED) != 0;
    }
    assert_true(resized > 0);
    assert_int_equal(count(MLR_CHANGE_ADDED) + count(MLR_CHANGE_REMOVED), 0);
    diff_files(CORPUS "trained/gguf/tiny_base.Q4_K_M.gguf",
               CORPUS "trained/gguf/tiny_ftlight.Q4_K_M.gguf");
    assert_true(count(MLR_CHANGE_CHANGED) > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(publishes_what_changed_in_order),
        TEST(keeps_no_more_measures_than_it_may),
        TEST(threads_give_the_same_figures),
        TEST(a_failed_read_names_the_tensor),
        TEST(finds_the_layer_in_a_name),
        TEST(numbers_sort_by_value),
        TEST(totals_by_layer_type_and_module),
        TEST(metadata_is_compared_key_by_key),
        TEST(tokens_are_added_removed_and_moved),
        TEST(a_model_without_tokens_has_no_vocabulary),
        TEST(a_rank_three_change_is_held_by_rank_three),
        TEST(noise_has_no_low_rank),
        TEST(an_unchanged_tensor_has_no_ranks),
        TEST(hints_at_a_low_rank_merge),
        TEST(hints_at_uniform_scaling),
        TEST(hints_at_a_cast),
        TEST(hints_at_unrelated_values),
        TEST(an_ordinary_fine_tune_gives_no_hint),
        TEST(hints_at_frozen_layers_and_new_tokens),
        TEST(real_pairs_have_the_changes_they_are_known_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
