/*
 * R6: damaged patches. Every bit flipped, bytes replaced, every truncation, chunks spliced;
 * the flips once more with all checks made right again, so that they reach the decoders.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/patch_format.h"
#include "tests/support/hand_patch.h"
#include "tests/support/rng.h"
#include "tests/sweep/golden.h"
#include "tests/sweep/sweep.h"

enum { SPLICES = 400, STORMS = 2000, MOST_PATCH = 1 << 16 };

static unsigned units(void)
{
    unsigned n = (unsigned)golden_count();
    return n > 0 ? n : 1; /* where there is none, that is a failure */
}

/* `strict`: it must be refused; otherwise the right output is fine too. */
static void check(sweep *s, const golden *g, const uint8_t *patch, size_t n, bool strict,
                  const char *how, size_t at)
{
    apply_run run = g->run;
    run.patch = patch;
    run.patch_bytes = n;
    apply_outcome o;
    apply_run_do(&run, &o);
    const char *wrong = golden_broken(g, &o);
    if (wrong == NULL && strict && o.err.status == MLR_OK) {
        wrong = "a refusal";
    }
    if (wrong != NULL) {
        sweep_fail(s, "%s, %s at %zu: %s, broken: %s", g->name, how, at,
                   mlr_status_name(o.err.status), wrong);
    }
    apply_outcome_release(&o);
}

static void seal(uint8_t *patch, size_t n, const size_t *starts, size_t chunks, size_t at)
{
    (void)n;
    if (chunks == 0 || at < starts[0]) {
        hand_patch_seal_header(patch);
        return;
    }
    size_t c = 0;
    while (c + 1 < chunks && starts[c + 1] <= at) {
        c++;
    }
    hand_patch_seal_chunk(patch, starts[c]);
}

/* Whether a change here would make sealing read or write elsewhere. */
static bool is_frame(const uint8_t *patch, const size_t *starts, size_t chunks, size_t at)
{
    if (chunks == 0 || at < starts[0]) {
        return at >= 8 && at < 12; /* the header's length */
    }
    size_t c = 0;
    while (c + 1 < chunks && starts[c + 1] <= at) {
        c++;
    }
    size_t end = starts[c] + 1;
    while ((patch[end] & 0x80) != 0) {
        end++;
    }
    return at > starts[c] && at <= end;
}

static void flips(sweep *s, const golden *g, uint8_t *own)
{
    size_t starts[HAND_CHUNKS] = {0};
    size_t chunks = hand_patch_chunks(g->patch, g->patch_bytes, starts);
    for (size_t at = 0; at < g->patch_bytes; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            if (sweep_next(s)) {
                own[at] ^= (uint8_t)(1u << bit);
                check(s, g, own, g->patch_bytes, true, "bit flipped", at);
                own[at] = g->patch[at];
            }
            if (!is_frame(g->patch, starts, chunks, at) && sweep_next(s)) {
                own[at] ^= (uint8_t)(1u << bit);
                seal(own, g->patch_bytes, starts, chunks, at);
                check(s, g, own, g->patch_bytes, false, "bit flipped, checks right", at);
                memcpy(own, g->patch, g->patch_bytes);
            }
        }
        static const uint8_t values[] = {0x00, 0xff, 0x7f, 0x80, 0x01};
        for (size_t v = 0; v < sizeof values; v++) {
            if (own[at] != values[v] && sweep_next(s)) {
                own[at] = values[v];
                check(s, g, own, g->patch_bytes, true, "byte replaced", at);
                own[at] = g->patch[at];
            }
        }
    }
}

static void cuts(sweep *s, const golden *g)
{
    for (size_t n = 0; n < g->patch_bytes; n++) {
        if (sweep_next(s)) {
            /* A copy of its own: reading behind the end is seen. */
            uint8_t *own = malloc(n + 1);
            memcpy(own, g->patch, n);
            check(s, g, own, n, true, "truncated", n);
            free(own);
        }
    }
}

/* Several bytes at once, with checks made right. */
static void storms(sweep *s, const golden *g, uint8_t *own)
{
    size_t starts[HAND_CHUNKS] = {0};
    size_t chunks = hand_patch_chunks(g->patch, g->patch_bytes, starts);
    rng r = rng_new(s->seed * 7919 + s->unit);
    for (unsigned i = 0; i < STORMS; i++) {
        unsigned blows = 2 + (unsigned)rng_below(&r, 6);
        size_t at[8];
        uint8_t value[8];
        for (unsigned b = 0; b < blows; b++) {
            at[b] = (size_t)rng_below(&r, g->patch_bytes);
            value[b] = (uint8_t)rng_next(&r);
        }
        if (!sweep_next(s)) {
            continue;
        }
        for (unsigned b = 0; b < blows; b++) {
            if (!is_frame(g->patch, starts, chunks, at[b])) {
                own[at[b]] = value[b];
                seal(own, g->patch_bytes, starts, chunks, at[b]);
            }
        }
        check(s, g, own, g->patch_bytes, false, "several bytes, the first", at[0]);
        memcpy(own, g->patch, g->patch_bytes);
    }
}

/* Chunks dropped, doubled, exchanged, and taken from another patch. */
static void splices(sweep *s, const golden *g)
{
    size_t starts[HAND_CHUNKS] = {0}, others[HAND_CHUNKS] = {0};
    golden other;
    if (!golden_load(&other, (s->unit + 1 + s->seed) % golden_count())) {
        golden_release(&other);
        return;
    }
    size_t chunks = hand_patch_chunks(g->patch, g->patch_bytes, starts);
    size_t more = hand_patch_chunks(other.patch, other.patch_bytes, others);
    uint8_t *own = malloc(4 * (g->patch_bytes + other.patch_bytes));
    rng r = rng_new(s->seed * 104729 + s->unit);
    for (unsigned i = 0; i < SPLICES && chunks > 0 && more > 0; i++) {
        size_t n = starts[0];
        memcpy(own, g->patch, n);
        for (size_t c = 0; c < chunks; c++) {
            uint64_t luck = rng_below(&r, chunks < 6 ? 6 : chunks);
            size_t from = luck == 1 ? (size_t)rng_below(&r, chunks) : c;
            size_t size = starts[from + 1] - starts[from];
            if (luck == 0) {
                continue;
            }
            memcpy(own + n, g->patch + starts[from], size);
            n += size;
            if (luck == 2) {
                memcpy(own + n, g->patch + starts[from], size);
                n += size;
            } else if (luck == 3) {
                from = (size_t)rng_below(&r, more);
                size = others[from + 1] - others[from];
                memcpy(own + n, other.patch + others[from], size);
                n += size;
            }
        }
        if (sweep_next(s)) {
            bool same = n == g->patch_bytes && memcmp(own, g->patch, n) == 0;
            check(s, g, own, n, false, same ? "unharmed" : "spliced", n);
        }
    }
    free(own);
    golden_release(&other);
}

/* A base with one bit wrong is another base. */
static void bases(sweep *s, golden *g)
{
    for (size_t m = 0; m < g->bases; m++) {
        for (size_t at = 0; at < g->base_bytes[m]; at += 1 + at / 256) {
            if (!sweep_next(s)) {
                continue;
            }
            g->base[m][at] ^= (uint8_t)(1u << at % 8);
            apply_outcome o;
            apply_run_do(&g->run, &o);
            if (o.err.status != MLR_E_BASE || o.out.n != 0) {
                sweep_fail(s, "%s: base %zu, byte %zu: %s after %zu bytes of output",
                           g->name, m, at, mlr_status_name(o.err.status), o.out.n);
            }
            apply_outcome_release(&o);
            g->base[m][at] ^= (uint8_t)(1u << at % 8);
        }
    }
}

static void run(sweep *s)
{
    golden g;
    if (!golden_load(&g, s->unit)) {
        sweep_next(s);
        sweep_fail(s, "golden patch %u (%s) does not apply", s->unit, g.name);
        golden_release(&g);
        return;
    }
    uint8_t *own = malloc(g.patch_bytes);
    memcpy(own, g.patch, g.patch_bytes);
    flips(s, &g, own);
    cuts(s, &g);
    storms(s, &g, own);
    splices(s, &g);
    bases(s, &g);
    free(own);
    golden_release(&g);
}

const sweep_class sweep_damage = {
    "R6", "damaged patches and bases of every strategy: bits, bytes, cuts, splices", units,
    run};
