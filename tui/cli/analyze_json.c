/* `mallorn analyze --json`: schema mallorn.analyze/1, docs/json/analyze.schema.json. */
#include <string.h>

#include "tui/cli/analyze.h"
#include "tui/cli/meta_text.h"

enum { ASK_EVERY = 256, META_TEXT = 256 };

static void put_name(mlr_json *j, const char *key, mlr_str s)
{
    mlr_json_str(j, key, s.p, s.n);
}

static void put_shape(mlr_json *j, const char *key, const mlr_tensor *t)
{
    mlr_json_array(j, key);
    for (unsigned i = 0; i < t->rank; i++) {
        mlr_json_u64(j, NULL, t->dim[i]);
    }
    mlr_json_end(j);
}

static void put_side(mlr_json *j, const char *key, const mlr_tensor *t)
{
    if (t == NULL) {
        mlr_json_null(j, key);
        return;
    }
    mlr_json_object(j, key);
    put_name(j, "key", t->key);
    put_name(j, "name", t->name);
    mlr_json_text(j, "dtype", t->dtype->name);
    put_shape(j, "shape", t);
    mlr_json_u64(j, "elements", t->elements);
    mlr_json_u64(j, "bytes", t->data.len);
    mlr_json_end(j);
}

void mlr_analyze_json_pair(mlr_json *j, const mlr_analyze *a, size_t pair)
{
    const mlr_pairing *q = &a->diff.matching.pairs[pair];
    mlr_pair p = mlr_diff_pair(&a->diff, pair);
    mlr_json_text(j, "change", mlr_change_name(q->change));
    mlr_json_array(j, "flags");
    uint16_t flags = q->flags & (uint16_t)~MLR_PAIR_COMPARED;
    for (const char *f; (f = mlr_pair_flag_next(&flags)) != NULL;) {
        mlr_json_text(j, NULL, f);
    }
    mlr_json_end(j);
    mlr_json_text(j, "paired_by", mlr_paired_by_name(q->by));
    put_side(j, "old", p.old_tensor);
    put_side(j, "new", p.new_tensor);
}

/* --- a measure --------------------------------------------------------------------------
 */

static void put_values(mlr_json *j, const char *key, const mlr_side *s)
{
    mlr_json_object(j, key);
    mlr_json_u64(j, "elements", s->elements);
    mlr_json_u64(j, "nan", s->nan);
    mlr_json_u64(j, "infinite", s->infinite);
    mlr_json_u64(j, "denormal", s->denormal);
    mlr_json_u64(j, "zero", s->zero);
    mlr_json_real(j, "min", s->min);
    mlr_json_real(j, "max", s->max);
    mlr_json_real(j, "least", s->least);
    mlr_json_real(j, "most", s->most);
    mlr_json_real(j, "mean", s->mean);
    mlr_json_real(j, "deviation", s->deviation);
    mlr_json_real(j, "l1", s->l1);
    mlr_json_real(j, "l2", s->l2);
    mlr_json_real(j, "dynamic_range_db", s->dynamic_range_db);
    mlr_json_end(j);
}

static void put_delta(mlr_json *j, const mlr_delta *d)
{
    mlr_json_object(j, "delta");
    mlr_json_u64(j, "elements", d->elements);
    mlr_json_u64(j, "sign_flips", d->sign_flips);
    mlr_json_real(j, "mean", d->mean);
    mlr_json_real(j, "deviation", d->deviation);
    mlr_json_real(j, "min", d->min);
    mlr_json_real(j, "max", d->max);
    mlr_json_real(j, "most", d->most);
    mlr_json_u64(j, "most_index", d->most_index);
    mlr_json_real(j, "l1", d->l1);
    mlr_json_real(j, "l2", d->l2);
    mlr_json_real(j, "l1_relative", d->l1_relative);
    mlr_json_real(j, "l2_relative", d->l2_relative);
    mlr_json_real(j, "rmse", d->rmse);
    mlr_json_real(j, "snr_db", d->snr_db);
    mlr_json_real(j, "cosine", d->cosine);
    mlr_json_real(j, "correlation", d->correlation);
    mlr_json_real(j, "scale", d->scale);
    mlr_json_real(j, "scale_rest", d->scale_rest);
    mlr_json_end(j);
}

static void put_planes(mlr_json *j, const char *key, const double *plane, unsigned n)
{
    mlr_json_array(j, key);
    for (unsigned i = 0; i < n; i++) {
        mlr_json_real(j, NULL, plane[i]);
    }
    mlr_json_end(j);
}

static void put_entropy(mlr_json *j, const mlr_measure *m)
{
    const mlr_entropies *e = &m->bits;
    mlr_json_object(j, "entropy");
    mlr_json_u64(j, "symbol_bits", e->symbol_bits);
    mlr_json_u64(j, "symbols", e->symbols);
    mlr_json_real(j, "new", e->of_new);
    mlr_json_real(j, "sign", e->sign);
    mlr_json_real(j, "exponent", e->exponent);
    mlr_json_real(j, "mantissa", e->mantissa);
    put_planes(j, "plane_new", e->plane_new, e->planes);
    if ((m->have & MLR_HAVE_PAIR_BITS) != 0) {
        mlr_json_real(j, "delta", e->of_delta);
        mlr_json_real(j, "xor", e->of_xor);
        put_planes(j, "plane_delta", e->plane_delta, e->planes);
        put_planes(j, "plane_xor", e->plane_xor, e->planes);
    }
    mlr_json_end(j);
}

static void put_steps(mlr_json *j, const mlr_ulps *u)
{
    unsigned last = 0;
    for (unsigned i = 0; i < MLR_ULP_BINS; i++) {
        last = u->count[i] > 0 ? i : last;
    }
    mlr_json_object(j, "steps");
    mlr_json_u64(j, "p50", u->p50);
    mlr_json_u64(j, "p90", u->p90);
    mlr_json_u64(j, "p99", u->p99);
    mlr_json_u64(j, "max", u->max);
    mlr_json_array(j, "histogram");
    for (unsigned i = 0; i <= last; i++) {
        mlr_json_u64(j, NULL, u->count[i]);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static void put_blocks(mlr_json *j, const mlr_blocks_changed *b)
{
    mlr_json_object(j, "blocks");
    mlr_json_u64(j, "blocks", b->blocks);
    mlr_json_u64(j, "same", b->same);
    mlr_json_u64(j, "scales_only", b->scales_only);
    mlr_json_u64(j, "codes_only", b->codes_only);
    mlr_json_u64(j, "both", b->both);
    mlr_json_end(j);
}

void mlr_analyze_json_measure(mlr_json *j, const mlr_measure *m)
{
    mlr_json_object(j, "measure");
    mlr_json_bool(j, "full", m->full);
    if ((m->have & MLR_HAVE_PAIR) != 0) {
        mlr_json_u64(j, "elements", m->elements);
        mlr_json_u64(j, "changed_elements", m->changed_elements);
        mlr_json_bool(j, "changed_exact", m->changed_exact);
        mlr_json_u64(j, "changed_bytes", m->changed_bytes);
        if ((m->have & MLR_HAVE_NUMBERS) != 0) {
            put_delta(j, &m->delta);
        }
    }
    if ((m->have & MLR_HAVE_CAST) != 0) {
        mlr_json_u64(j, "cast_exact", m->cast_exact);
    }
    if ((m->have & MLR_HAVE_SIDES) != 0 && (m->have & MLR_HAVE_OLD) != 0) {
        put_values(j, "old_values", &m->old_side);
    }
    if ((m->have & MLR_HAVE_SIDES) != 0 && (m->have & MLR_HAVE_NEW) != 0) {
        put_values(j, "new_values", &m->new_side);
    }
    if ((m->have & MLR_HAVE_BITS) != 0) {
        put_entropy(j, m);
    }
    if ((m->have & MLR_HAVE_ULPS) != 0) {
        put_steps(j, &m->ulps);
    }
    if ((m->have & MLR_HAVE_BLOCKS) != 0) {
        put_blocks(j, &m->blocks);
    }
    mlr_json_end(j);
}

void mlr_analyze_json_hint(mlr_json *j, const mlr_hint *h)
{
    mlr_json_text(j, "kind", mlr_hint_name(h->kind));
    mlr_json_text(j, "figure_is", mlr_hint_figure(h->kind));
    mlr_json_real(j, "figure", h->figure);
    mlr_json_real(j, "bound", h->bound);
    if (h->of > 0) {
        mlr_json_u64(j, "of", h->of);
    }
    if (h->rank > 0) {
        mlr_json_u64(j, "rank", h->rank);
    }
    if (h->factor != 0) {
        mlr_json_real(j, "factor", h->factor);
    }
}

void mlr_analyze_json_prediction(mlr_json *j, const char *key, const mlr_prediction *p)
{
    mlr_json_object(j, key);
    mlr_json_text(j, "strategy", mlr_decoder_get(p->strategy)->name);
    mlr_json_bool(j, "fits", p->fits);
    if (p->fits) {
        mlr_json_u64(j, "bytes", p->bytes);
        mlr_json_bool(j, "exact", p->exact);
        mlr_json_real(j, "error", p->error);
        mlr_json_bool(j, "lossless", p->lossless);
        mlr_json_u64(j, "memory_bytes", p->memory);
        if (p->encode_bytes_s > 0) {
            mlr_json_real(j, "encode_bytes_per_s", p->encode_bytes_s);
            mlr_json_real(j, "decode_bytes_per_s", p->decode_bytes_s);
        }
    }
    mlr_json_end(j);
}

/* --- the models -------------------------------------------------------------------------
 */

static void put_totals(mlr_json *j, const mlr_analyze *a)
{
    const mlr_tally *t = &a->summary.all;
    mlr_json_object(j, "totals");
    for (unsigned i = MLR_CHANGE_SAME; i < MLR_CHANGE_COUNT; i++) {
        mlr_json_u64(j, mlr_change_name(i), t->tensors[i]);
    }
    mlr_json_u64(j, "renamed", t->renamed);
    mlr_json_u64(j, "moved", t->moved);
    mlr_json_u64(j, "resized", t->resized);
    mlr_json_u64(j, "retyped", t->retyped);
    mlr_json_u64(j, "tied", t->tied);
    mlr_json_u64(j, "old_tensor_bytes", t->old_bytes);
    mlr_json_u64(j, "new_tensor_bytes", t->new_bytes);
    mlr_json_u64(j, "same_bytes", t->same_bytes);
    mlr_json_u64(j, "elements", t->elements);
    mlr_json_u64(j, "changed_elements", t->changed_elements);
    mlr_json_real(j, "l2_relative", mlr_analyze_relative(t->delta_square, t->old_square));
    mlr_json_end(j);
}

static void put_patch(mlr_json *j, const mlr_analyze *a)
{
    if (!a->predicted) {
        mlr_json_null(j, "patch");
        return;
    }
    mlr_json_object(j, "patch");
    mlr_json_u64(j, "level", a->wish->level);
    mlr_json_u64(j, "new_bytes", a->plan.new_bytes);
    mlr_json_u64(j, "record_bytes", a->total.bytes);
    mlr_json_u64(j, "structure_bytes", a->structure_bytes);
    mlr_json_real(j, "error", a->total.error);
    mlr_json_bool(j, "exact", a->total.exact);
    mlr_json_bool(j, "lossless", a->total.lossless);
    mlr_json_u64(j, "memory_bytes", a->total.memory);
    mlr_json_end(j);
}

static void put_groups(mlr_json *j, const char *key, const mlr_analyze *a,
                       const mlr_analyze_groups *groups)
{
    mlr_json_array(j, key);
    for (size_t i = 0; i < groups->count; i++) {
        const mlr_analyze_group *g = &groups->item[i];
        mlr_json_object(j, NULL);
        put_name(j, "name", g->name);
        mlr_json_u64(j, "tensors", g->tensors);
        mlr_json_u64(j, "changed_tensors", g->changed);
        mlr_json_u64(j, "new_bytes", g->new_bytes);
        mlr_json_u64(j, "elements", g->elements);
        mlr_json_u64(j, "changed_elements", g->changed_elements);
        mlr_json_real(j, "l2_relative",
                      mlr_analyze_relative(g->delta_square, g->old_square));
        if (a->predicted) {
            mlr_json_u64(j, "patch_bytes", g->patch_bytes);
        }
        mlr_json_end(j);
    }
    mlr_json_end(j);
}

static void put_hints(mlr_json *j, const mlr_analyze *a)
{
    mlr_json_array(j, "hints");
    for (size_t i = 0; i < a->hints; i++) {
        const mlr_analyze_hint *h = &a->hint[i];
        mlr_json_object(j, NULL);
        mlr_analyze_json_hint(j, &h->hint);
        if (h->pair != MLR_NO_TENSOR) {
            put_name(j, "tensor", mlr_analyze_key(a, h->pair));
            mlr_json_u64(j, "tensors", h->tensors);
            mlr_json_u64(j, "bytes", h->bytes);
        }
        mlr_json_end(j);
    }
    mlr_json_end(j);
}

static void put_meta(mlr_json *j, const char *key, const mlr_meta *m)
{
    char text[META_TEXT];
    if (m == NULL) {
        mlr_json_null(j, key);
        return;
    }
    mlr_meta_text(m, text, sizeof text);
    mlr_json_text(j, key, text);
}

static void put_metas(mlr_json *j, const mlr_analyze *a)
{
    static const char *const area[] = {"general", "tokenizer", "opset", "operator"};
    mlr_json_object(j, "metadata");
    for (unsigned i = MLR_CHANGE_SAME; i < MLR_CHANGE_COUNT; i++) {
        mlr_json_u64(j, mlr_change_name(i), a->meta.counts[i]);
    }
    mlr_json_array(j, "changes");
    for (size_t i = 0; i < a->meta.count; i++) {
        const mlr_meta_change *c = &a->meta.changes[i];
        if (c->change == MLR_CHANGE_SAME) {
            continue;
        }
        mlr_json_object(j, NULL);
        put_name(j, "key", (c->new_meta != NULL ? c->new_meta : c->old_meta)->key);
        mlr_json_text(j, "area", area[c->area]);
        mlr_json_text(j, "change", mlr_change_name(c->change));
        put_meta(j, "old", c->old_meta);
        put_meta(j, "new", c->new_meta);
        mlr_json_end(j);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static void put_id(mlr_json *j, const char *key, uint32_t id)
{
    if (id == MLR_NO_TOKEN) {
        mlr_json_null(j, key);
    } else {
        mlr_json_u64(j, key, id);
    }
}

static void put_vocabulary(mlr_json *j, const mlr_analyze *a)
{
    enum { MOST = 1000 };
    const mlr_vocabulary_diff *v = &a->vocabulary;
    if (!v->known) {
        mlr_json_null(j, "vocabulary");
        return;
    }
    mlr_json_object(j, "vocabulary");
    mlr_json_u64(j, "old_tokens", v->old_count);
    mlr_json_u64(j, "new_tokens", v->new_count);
    mlr_json_u64(j, "same", v->same);
    mlr_json_u64(j, "added", v->added);
    mlr_json_u64(j, "removed", v->removed);
    mlr_json_u64(j, "moved", v->moved);
    mlr_json_array(j, "changes");
    for (size_t i = 0; i < v->count && i < MOST; i++) {
        mlr_json_object(j, NULL);
        put_name(j, "token", v->changes[i].text);
        put_id(j, "old_id", v->changes[i].old_id);
        put_id(j, "new_id", v->changes[i].new_id);
        mlr_json_end(j);
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static void put_tensors(mlr_json *j, const mlr_analyze *a)
{
    mlr_json_array(j, "tensors");
    for (size_t i = 0; i < a->diff.matching.count; i++) {
        if (i % ASK_EVERY == 0 && mlr_cli_output_lost(a->cli)) {
            break;
        }
        mlr_json_object(j, NULL);
        mlr_analyze_json_pair(j, a, i);
        if (a->diff.measures[i] != NULL) {
            mlr_analyze_json_measure(j, a->diff.measures[i]);
        }
        if (a->predicted && a->prediction[i].bytes > 0) {
            mlr_analyze_json_prediction(j, "prediction", &a->prediction[i]);
        }
        mlr_json_end(j);
    }
    mlr_json_end(j);
}

static void begin(mlr_json *j, const mlr_analyze *a)
{
    mlr_json_init(j, a->cli->out);
    mlr_json_object(j, NULL);
    mlr_json_text(j, "schema", "mallorn.analyze/1");
    mlr_json_str(j, "old_path", a->old_path, strlen(a->old_path));
    mlr_json_str(j, "new_path", a->new_path, strlen(a->new_path));
}

void mlr_analyze_print_json(mlr_analyze *a)
{
    mlr_json *j = &a->cli->json;
    begin(j, a);
    put_totals(j, a);
    put_patch(j, a);
    put_groups(j, "modules", a, &a->modules);
    put_groups(j, "layers", a, &a->layers);
    put_hints(j, a);
    put_metas(j, a);
    put_vocabulary(j, a);
    put_tensors(j, a);
    mlr_json_end(j);
}

/* --- one tensor -------------------------------------------------------------------------
 */

static void put_histogram(mlr_json *j, const char *key, const mlr_log_histogram *h)
{
    mlr_json_object(j, key);
    mlr_json_u64(j, "zero", h->zero);
    mlr_json_u64(j, "infinite", h->infinite);
    mlr_json_u64(j, "nan", h->nan);
    mlr_json_array(j, "bins");
    for (int i = 0; i < MLR_LOG_BINS; i++) {
        if (h->positive[i] + h->negative[i] > 0) {
            mlr_json_object(j, NULL);
            mlr_json_i64(j, "exponent", i - MLR_LOG_BIAS);
            mlr_json_u64(j, "positive", h->positive[i]);
            mlr_json_u64(j, "negative", h->negative[i]);
            mlr_json_end(j);
        }
    }
    mlr_json_end(j);
    mlr_json_end(j);
}

static void put_strategies(mlr_json *j, const mlr_analyze_one *one)
{
    char reason[MLR_ANALYZE_REASON];
    mlr_json_array(j, "strategies");
    for (unsigned i = 0; i < one->strategies; i++) {
        const mlr_analyze_strategy *s = &one->strategy[i];
        mlr_json_object(j, NULL);
        mlr_json_text(j, "strategy", mlr_decoder_get(s->id)->name);
        mlr_json_bool(j, "suits", s->suits);
        mlr_json_bool(j, "recommended", one->best == (int)i);
        mlr_json_bool(j, "fastest", one->fastest == (int)i);
        mlr_json_text(j, "why_not", mlr_analyze_reason(one, s, reason));
        mlr_json_array(j, "levels");
        for (unsigned k = 0; s->suits && k < one->levels; k++) {
            mlr_json_object(j, NULL);
            mlr_json_u64(j, "level", one->level[k]);
            mlr_analyze_json_prediction(j, "prediction", &s->at[k]);
            mlr_json_end(j);
        }
        mlr_json_end(j);
        mlr_json_end(j);
    }
    mlr_json_end(j);
}

static void put_thumb(mlr_json *j, const mlr_rule_of_thumb *t)
{
    mlr_json_object(j, "rule_of_thumb");
    mlr_json_text(j, "strategy", mlr_decoder_get(t->strategy)->name);
    mlr_json_text(j, "rule", t->rule);
    mlr_json_real(j, "figure", t->figure);
    mlr_json_real(j, "bound", t->bound);
    mlr_json_bool(j, "above", t->above);
    mlr_json_real(j, "unchanged", t->unchanged);
    mlr_json_real(j, "range", t->range);
    mlr_json_real(j, "deviation", t->deviation);
    mlr_json_real(j, "entropy", t->entropy);
    mlr_json_end(j);
}

void mlr_analyze_one_json(mlr_analyze *a, const mlr_analyze_one *one)
{
    mlr_json *j = &a->cli->json;
    begin(j, a);
    mlr_json_object(j, "tensor");
    mlr_analyze_json_pair(j, a, one->pair);
    mlr_analyze_json_measure(j, &one->measure);
    put_histogram(j, "old_magnitudes", &one->detail->old_values);
    put_histogram(j, "new_magnitudes", &one->detail->new_values);
    put_histogram(j, "delta_magnitudes", &one->detail->delta_values);
    if (one->low_rank.ranks > 0) {
        put_planes(j, "rank_energy", one->low_rank.energy, one->low_rank.ranks + 1);
        mlr_json_bool(j, "rank_energy_sampled", !one->low_rank.whole);
    }
    mlr_json_array(j, "hints");
    for (unsigned i = 0; i < one->hints; i++) {
        mlr_json_object(j, NULL);
        mlr_analyze_json_hint(j, &one->hint[i]);
        mlr_json_end(j);
    }
    mlr_json_end(j);
    mlr_json_text(j, "note", one->tip);
    mlr_json_u64(j, "max_memory", one->max_memory);
    put_strategies(j, one);
    put_thumb(j, &one->thumb);
    mlr_json_end(j);
    mlr_json_end(j);
}
