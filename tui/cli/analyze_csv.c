/* `mallorn analyze --csv`: one line per tensor (RFC 4180), in the order of the new model.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tui/cli/analyze.h"

enum { ASK_EVERY = 256 };

/* Quoted where need be. Quotes inside are doubled; control characters become '?'. */
static void put_text(FILE *out, mlr_str s)
{
    bool plain = true;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        plain = plain && c > ' ' && c < 0x7f && c != '"' && c != ',';
    }
    if (!plain) {
        putc('"', out);
    }
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"') {
            putc('"', out);
        }
        putc(c < ' ' || c == 0x7f ? '?' : c, out);
    }
    if (!plain) {
        putc('"', out);
    }
}

static void put_real(FILE *out, bool known, double v)
{
    if (known && isfinite(v)) {
        fprintf(out, ",%.9g", v);
    } else {
        putc(',', out);
    }
}

static void put_measure(FILE *out, const mlr_measure *m)
{
    bool pair = m != NULL && (m->have & MLR_HAVE_PAIR) != 0;
    bool numbers = pair && (m->have & MLR_HAVE_NUMBERS) != 0;
    bool bits = pair && (m->have & MLR_HAVE_PAIR_BITS) != 0;
    if (pair) {
        fprintf(out, ",%" PRIu64 ",%" PRIu64, m->elements, m->changed_elements);
    } else {
        fputs(",,", out);
    }
    put_real(out, numbers, numbers ? m->delta.l2 : 0);
    put_real(out, numbers, numbers ? m->delta.l2_relative : 0);
    put_real(out, numbers, numbers ? m->delta.most : 0);
    put_real(out, numbers, numbers ? m->delta.cosine : 0);
    put_real(out, bits, bits ? m->bits.of_new : 0);
    put_real(out, bits, bits ? m->bits.of_delta : 0);
    put_real(out, bits, bits ? m->bits.of_xor : 0);
}

static void put_prediction(const mlr_analyze *a, size_t pair)
{
    FILE *out = a->cli->out;
    const mlr_prediction *p = a->predicted ? &a->prediction[pair] : NULL;
    if (p == NULL || p->bytes == 0) {
        fputs(",,,,\n", out);
        return;
    }
    fprintf(out, ",%s,%" PRIu64 ",%.6g,%s\n", mlr_decoder_get(p->strategy)->name, p->bytes,
            p->error, p->exact ? "exact" : "sampled");
}

void mlr_analyze_print_csv(mlr_analyze *a)
{
    FILE *out = a->cli->out;
    fputs("tensor,change,dtype,new_bytes,old_bytes,compared,changed,l2,l2_relative,"
          "max_abs,cosine,entropy_new,entropy_delta,entropy_xor,strategy,patch_bytes,"
          "patch_error,patch_basis\n",
          out);
    for (size_t i = 0; i < a->diff.matching.count; i++) {
        mlr_pair p = mlr_diff_pair(&a->diff, i);
        if (i % ASK_EVERY == 0 && mlr_cli_output_lost(a->cli)) {
            return;
        }
        put_text(out, mlr_analyze_key(a, i));
        fprintf(out, ",%s,%s,%" PRIu64 ",%" PRIu64,
                mlr_change_name(a->diff.matching.pairs[i].change),
                mlr_analyze_tensor(a, i)->dtype->name,
                p.new_tensor == NULL ? 0 : p.new_tensor->data.len,
                p.old_tensor == NULL ? 0 : p.old_tensor->data.len);
        put_measure(out, a->diff.measures[i]);
        put_prediction(a, i);
    }
}
