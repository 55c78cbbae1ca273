#include "codec/factors.h"

#include <math.h>
#include <string.h>

#include "codec/cost.h"
#include "codec/factor_refine.h"
#include "codec/lowrank_ops.h"
#include "codec/small_dense.h"

enum {
    LEAST_SIDE = 32,
    PATIENT = 12,          /* level from which time matters less */
    SECOND_TURN = 1 << 21, /* elements up to which least squares goes round again */
    ROUNDED_TURNS = 6,     /* where they leave nothing else */
    REFINE = 1 << 19,      /* elements up to which integers are moved once more */
    REFINE_PATIENT = 1 << 22,
    MOST_ELEMENTS = 1 << 26, /* kept as floats while the search runs */
    SAMPLE_ROWS = 512,
    SAMPLE_COLUMNS = 512,
    FIELD_NONE = 255
};

/* What a factor is charged where ranks are judged. It takes three bits and more where noise
   is left, but least squares and contexts gain beyond what the sample shows; of wide floats
   little, whose factors are long and whose low bits stay noise. */
#define FACTOR_BITS      2.5
#define FACTOR_BITS_WIDE 11
/* The share of noise up to which rounding alone explains what factors leave. */
#define ROUNDED 0.1

/* The difference of a matrix in units of the model's fixed point, and its precision. */
typedef struct matrix {
    size_t rows, columns;
    float *d;      /* rows x columns */
    uint8_t *fine; /* log2 of the unit in the last place, or FIELD_NONE: no such value */
} matrix;

typedef struct search {
    const mlr_encoding *e;
    const mlr_view *view;
    const mlr_neural *shape;
    matrix m;
    size_t side;        /* the larger of rows and columns, rounded up */
    float *u, *v;       /* MLR_RANK_MAX lines of rows and of columns, by component */
    float *y, *z;       /* sketches */
    float *benches;     /* scratch of least squares, for each lane */
    double noise;       /* variance beyond rounding */
    double noise_share; /* its part of all, as weighted: near 0 for a merged adapter */
    float weights[256]; /* of a precision; 0 where there is no value */
    float power[128];   /* 2^(i - 64) */
    uint8_t *base;
    size_t bytes;
} search;

/* --- reading the matrix ----------------------------------------------------------------
 */

static void fill_powers(search *s)
{
    for (int i = 0; i < 128; i++) {
        s->power[i] = ldexpf(1, i - 64);
    }
}

/* The value of `bits` in fixed point, mantissas being shifted by exponent - base; false
   where there is none. */
static bool fixed_point(const search *s, const mlr_number *n, int base, int most,
                        uint64_t bits, float *out)
{
    int field = (int)(bits >> n->mantissa & n->exp_limit);
    uint64_t mantissa = bits & (((uint64_t)1 << n->mantissa) - 1);
    mantissa |= field != 0 ? (uint64_t)1 << n->mantissa : 0;
    int k = (field != 0 ? field : 1) - base;
    if (field == n->exp_limit || k > most) {
        return false;
    }
    float x = k < -60 ? 0 : (float)mantissa * s->power[k + 64];
    *out = (bits & n->sign) != 0 ? -x : x;
    return true;
}

static void read_element(const search *s, uint64_t is, uint64_t was, float *d,
                         uint8_t *fine)
{
    const mlr_neural *m = s->shape;
    float x = 0;
    float y = 0;
    int base = 1 - m->s_least; /* of new exponents, as k_base is of old ones */
    bool ok = fixed_point(s, &m->now, base, 60, is, &x) &&
              fixed_point(s, &m->was, m->k_base, m->k_most, was, &y);
    *d = ok ? x - y : 0;
    int field = (int)(is >> m->now.mantissa & m->now.exp_limit);
    int unit = (field != 0 ? field : 1) - base;
    *fine = !ok ? FIELD_NONE : unit < 0 ? 0 : unit > 60 ? 60 : (uint8_t)unit;
}

/* Reads `n` elements from `first` on; what lies beyond the record counts for nothing. */
static mlr_status read_line(const search *s, uint64_t first, size_t n, float *d,
                            uint8_t *fine, mlr_err *err)
{
    enum { PIECE = 2048 };
    uint8_t news[PIECE * 8];
    uint8_t olds[PIECE * 8];
    const mlr_record *r = s->view->record;
    unsigned wide = s->shape->now.bytes;
    unsigned was = s->shape->was.bytes;
    uint64_t elements = r->new_bytes / wide;
    for (size_t at = 0; at < n; at += PIECE) {
        size_t part = n - at < PIECE ? n - at : PIECE;
        uint64_t from = first + at;
        size_t real = from >= elements         ? 0
                      : elements - from < part ? (size_t)(elements - from)
                                               : part;
        for (size_t i = real; i < part; i++) {
            d[at + i] = 0;
            fine[at + i] = FIELD_NONE;
        }
        if (real == 0) {
            continue;
        }
        mlr_status status =
            s->view->read(s->view->ctx, from * wide, real * wide, news, olds, err);
        if (status != MLR_OK) {
            return status;
        }
        for (size_t i = 0; i < real; i++) {
            read_element(s, mlr_number_load(news + i * wide, wide),
                         mlr_number_load(olds + i * was, was), &d[at + i], &fine[at + i]);
        }
    }
    return MLR_OK;
}

static mlr_status read_matrix(search *s, mlr_err *err)
{
    size_t columns = s->m.columns;
    mlr_status status = MLR_OK;
    for (size_t i = 0; i < s->m.rows && status == MLR_OK; i++) {
        if (!mlr_keep_going(s->e->tick, i, s->m.rows)) {
            return mlr_fail(err, MLR_E_CANCELLED, MLR_NO_OFFSET, "work wanted to the end");
        }
        status = read_line(s, (uint64_t)i * s->shape->row, columns, s->m.d + i * columns,
                           s->m.fine + i * columns, err);
    }
    return status;
}

static void random_signs(float *y, size_t rows)
{
    uint64_t x = 0x9e3779b97f4a7c15U;
    for (size_t i = 0; i < rows * MLR_SKETCH; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        y[i] = (x >> 40 & 1) != 0 ? 1.0F : -1.0F;
    }
}

/*
 * The dominant directions of d: afterwards y (rows) has orthonormal columns and
 * z (columns) = d^T y. Returns the squared length of z.
 */
static double sketch(const float *d, size_t rows, size_t columns, float *y, float *z,
                     unsigned turns)
{
    random_signs(z, columns);
    for (unsigned i = 0; i < turns; i++) {
        mlr_sketch_rows(y, d, z, rows, columns);
        mlr_orthonormal(y, rows, MLR_SKETCH);
        memset(z, 0, columns * MLR_SKETCH * sizeof *z);
        mlr_sketch_columns(z, d, y, rows, columns);
        if (i + 1 < turns) {
            mlr_orthonormal(z, columns, MLR_SKETCH);
        }
    }
    double sum = 0;
    for (size_t i = 0; i < columns * MLR_SKETCH; i++) {
        sum += (double)z[i] * (double)z[i];
    }
    return sum;
}

/* --- least squares ---------------------------------------------------------------------
 */

static size_t up8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

/* Scratch of one lane: the known side's factors and the target, padded for mlr_gram(). */
typedef struct bench {
    float *line, *scaled, *weight;
    float *d;      /* a strip of lines, brought together */
    uint8_t *fine; /* likewise */
} bench;

enum { STRIP = 16 };

static size_t bench_floats(size_t side)
{
    return (2 * (MLR_RANK_MAX + 8) + 1 + STRIP) * side + STRIP * side / sizeof(float);
}

static bench bench_of(const search *s, unsigned lane)
{
    float *at = s->benches + lane * bench_floats(s->side);
    size_t lines = (MLR_RANK_MAX + 8) * s->side;
    float *d = at + 2 * lines + s->side;
    return (bench){.line = at,
                   .scaled = at + lines,
                   .weight = at + 2 * lines,
                   .d = d,
                   .fine = (uint8_t *)(d + STRIP * s->side)};
}

/* One half of a turn: every line of one side against all of the other. */
typedef struct half {
    const search *s;
    const float *known; /* by component */
    float *wanted;      /* by component */
    size_t lines, n;    /* of the wanted side; of the known one */
    size_t step, next;  /* between the elements of a line; between lines */
    unsigned rank;
} half;

static void load_side(const half *h, const bench *b)
{
    size_t padded = up8(h->n);
    memset(b->line, 0, (h->rank + 4U) * padded * sizeof *b->line);
    for (size_t k = 0; k < h->rank; k++) {
        memcpy(b->line + k * padded, h->known + k * h->s->side, h->n * sizeof *h->known);
    }
}

/* Brings a strip of lines together; elements of columns lie apart in the matrix. */
static void gather_strip(const half *h, const bench *b, size_t from, size_t lines)
{
    const matrix *m = &h->s->m;
    if (h->step == 1) {
        memcpy(b->d, m->d + from * h->next, lines * h->n * sizeof(float));
        memcpy(b->fine, m->fine + from * h->next, lines * h->n);
        return;
    }
    for (size_t j = 0; j < h->n; j++) {
        for (size_t i = 0; i < lines; i++) {
            b->d[i * h->n + j] = m->d[j * h->step + (from + i) * h->next];
            b->fine[i * h->n + j] = m->fine[j * h->step + (from + i) * h->next];
        }
    }
}

static void solve_line(const half *h, const bench *b, size_t strip_line, size_t i)
{
    float gram[MLR_GRAM_STRIDE * MLR_GRAM_STRIDE];
    float x[MLR_RANK_MAX];
    const search *s = h->s;
    size_t padded = up8(h->n);
    const uint8_t *fine = b->fine + strip_line * h->n;
    memcpy(b->line + h->rank * padded, b->d + strip_line * h->n, h->n * sizeof(float));
    for (size_t j = 0; j < h->n; j++) {
        b->weight[j] = s->weights[fine[j]];
    }
    for (size_t j = h->n; j < padded; j++) {
        b->weight[j] = 0;
    }
    mlr_gram(gram, b->line, b->scaled, b->weight, h->rank, padded);
    mlr_solve(gram, h->rank, x);
    for (size_t k = 0; k < h->rank; k++) {
        h->wanted[k * s->side + i] = x[k];
    }
}

static void solve_strip(void *arg, size_t strip, unsigned lane)
{
    const half *h = arg;
    bench b = bench_of(h->s, lane);
    size_t from = strip * STRIP;
    size_t lines = h->lines - from < STRIP ? h->lines - from : STRIP;
    load_side(h, &b);
    gather_strip(h, &b, from, lines);
    for (size_t i = 0; i < lines; i++) {
        solve_line(h, &b, i, from + i);
    }
}

static void solve_rows(search *s, unsigned rank)
{
    half h = {.s = s,
              .known = s->v,
              .wanted = s->u,
              .lines = s->m.rows,
              .n = s->m.columns,
              .step = 1,
              .next = s->m.columns,
              .rank = rank};
    mlr_exec_run(s->e->exec, solve_strip, &h, (h.lines + STRIP - 1) / STRIP);
}

static void solve_columns(search *s, unsigned rank)
{
    half h = {.s = s,
              .known = s->u,
              .wanted = s->v,
              .lines = s->m.columns,
              .n = s->m.rows,
              .step = s->m.columns,
              .next = 1,
              .rank = rank};
    mlr_exec_run(s->e->exec, solve_strip, &h, (h.lines + STRIP - 1) / STRIP);
}

/* --- choosing the rank -----------------------------------------------------------------
 */

/* Some rows, and what the first components leave of them. */
typedef struct sample {
    uint32_t count[32][64]; /* sizes in units of the last place, by precision */
    size_t step, rows;
    unsigned rank; /* components taken out so far */
    float *left;   /* rows x columns */
} sample;

static bool sample_begin(const search *s, sample *c)
{
    c->step = s->m.rows * s->m.columns / 65536 + 1;
    c->step = c->step > s->m.rows ? s->m.rows : c->step;
    c->rows = s->m.rows / c->step;
    c->rank = 0;
    c->left = mlr_take(s->e->alloc, c->rows * s->m.columns * sizeof *c->left);
    for (size_t i = 0; c->left != NULL && i < c->rows; i++) {
        memcpy(c->left + i * s->m.columns, s->m.d + i * c->step * s->m.columns,
               s->m.columns * sizeof(float));
    }
    return c->left != NULL;
}

static void sample_end(const search *s, sample *c)
{
    mlr_give(s->e->alloc, c->left, c->rows * s->m.columns * sizeof *c->left);
}

static void sample_take_out(const search *s, sample *c, unsigned rank)
{
    for (size_t i = 0; i < c->rows; i++) {
        float *left = c->left + i * s->m.columns;
        for (size_t k = c->rank; k < rank; k++) {
            mlr_line_subtract(left, s->v + k * s->side, s->u[k * s->side + i * c->step],
                              s->m.columns);
        }
    }
    c->rank = rank;
}

/* Bits * 65536 of what is left in the sample, about. */
static uint64_t sample_cost(const search *s, sample *c)
{
    memset(c->count, 0, sizeof c->count);
    for (size_t i = 0; i < c->rows; i++) {
        const uint8_t *fine = s->m.fine + i * c->step * s->m.columns;
        const float *left = c->left + i * s->m.columns;
        for (size_t j = 0; j < s->m.columns; j++) {
            if (fine[j] == FIELD_NONE) {
                continue;
            }
            float ulps = left[j] * s->power[64 - fine[j]];
            float size = ulps < 0 ? -ulps : ulps;
            unsigned whole = size > 1e6F ? 1000000U : (unsigned)(size + 0.5F);
            unsigned token = whole < 16 ? whole * 2 : 24 + 2 * mlr_log2_u64(whole);
            c->count[fine[j] / 2][token | (ulps < 0 && whole > 0)]++;
        }
    }
    uint64_t cost = 0;
    for (unsigned i = 0; i < 32; i++) {
        cost += mlr_entropy_q16(c->count[i], 64);
        for (unsigned t = 32; t < 64; t++) {
            cost += (uint64_t)c->count[i][t] * ((t - 24) / 2) << 16; /* raw bits */
        }
    }
    return cost;
}

static void set_weights(search *s, double noise)
{
    for (unsigned f = 0; f < 64; f++) {
        double unit = (double)s->power[64 + (f < 60 ? f : 60)];
        s->weights[f] = (float)(1 / (unit * unit / 12 + noise));
    }
    for (unsigned f = 64; f < 256; f++) {
        s->weights[f] = 0;
    }
}

/* Finds the variance that is neither rounding nor explained by the components taken out. */
static void settle_noise(search *s, const sample *c)
{
    for (int turn = 0; turn < 3; turn++) {
        double excess = 0;
        double weight = 0;
        for (size_t i = 0; i < c->rows; i++) {
            const uint8_t *fine = s->m.fine + i * c->step * s->m.columns;
            const float *left = c->left + i * s->m.columns;
            for (size_t j = 0; j < s->m.columns; j++) {
                double unit = (double)s->power[64 + (fine[j] & 63)];
                double w = (double)s->weights[fine[j]];
                weight += w;
                excess += w * ((double)left[j] * (double)left[j] - unit * unit / 12);
            }
        }
        double noise = weight > 0 ? excess / weight : 0;
        double least = 1e-3 * (double)(c->rows * s->m.columns) / (weight + 1e-30);
        s->noise = noise > 0 ? noise : 0;
        s->noise_share = s->noise * weight / (double)(c->rows * s->m.columns);
        set_weights(s, noise > least ? noise : least);
    }
}

static double factor_bits(const search *s)
{
    return s->shape->now.bytes > 2 ? FACTOR_BITS_WIDE : FACTOR_BITS;
}

/* `price` is what one more component takes, in bits. */
static unsigned choose_rank(const search *s, sample *c, double price)
{
    static const uint8_t ranks[] = {0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32};
    unsigned best = 0;
    double least = 0;
    double scale = (double)s->m.rows / (double)c->rows;
    size_t small = s->m.rows < s->m.columns ? s->m.rows : s->m.columns;
    for (size_t i = 0; i < sizeof ranks && ranks[i] <= small / 2; i++) {
        sample_take_out(s, c, ranks[i]);
        double bits = (double)sample_cost(s, c) / 65536 * scale + ranks[i] * price;
        if (i == 0 || bits < least) {
            least = bits;
            best = ranks[i];
        } else if (bits > least * 1.05 && ranks[i] > 2 * best + 8) {
            break;
        }
    }
    return best;
}

static mlr_status choose(search *s, double price, unsigned *rank, mlr_err *err)
{
    sample c;
    if (!sample_begin(s, &c)) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                        "memory for studying a tensor");
    }
    *rank = choose_rank(s, &c, price);
    sample_end(s, &c);
    return MLR_OK;
}

/* Sets the weights for the first `rank` components as they are now. */
static mlr_status weigh(search *s, unsigned rank, mlr_err *err)
{
    sample c;
    if (!sample_begin(s, &c)) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                        "memory for studying a tensor");
    }
    sample_take_out(s, &c, rank);
    settle_noise(s, &c);
    sample_end(s, &c);
    return MLR_OK;
}

/* --- integers --------------------------------------------------------------------------
 */

/* Gives both sides the same share of every component's size, components orthogonal. */
static void balance(search *s, unsigned rank, double *size)
{
    mlr_square gu;
    mlr_square gv;
    mlr_square q;
    double value[MLR_SKETCH];
    float *y = s->y;
    float *z = s->z;
    for (unsigned k = 0; k < rank; k++) {
        for (size_t i = 0; i < s->m.rows; i++) {
            y[i * MLR_SKETCH + k] = s->u[k * s->side + i];
        }
        for (size_t j = 0; j < s->m.columns; j++) {
            z[j * MLR_SKETCH + k] = s->v[k * s->side + j];
        }
    }
    /* y = p * diag, p orthonormal: y * q has orthogonal columns of length sqrt(value) */
    mlr_gram_of(y, s->m.rows, rank, &gu);
    mlr_eigen(&gu, rank, &q, value);
    mlr_turn_lines(y, s->m.rows, rank, &q);
    mlr_turn_lines(z, s->m.columns, rank, &q);
    mlr_square scale = {{{0}}};
    mlr_square back = {{{0}}};
    for (unsigned k = 0; k < rank; k++) {
        double length = value[k] > 0 ? sqrt(value[k]) : 0;
        scale.a[k][k] = length > 0 ? 1 / length : 0;
        back.a[k][k] = length;
    }
    mlr_turn_lines(y, s->m.rows, rank, &scale);
    mlr_turn_lines(z, s->m.columns, rank, &back);
    mlr_gram_of(z, s->m.columns, rank, &gv);
    mlr_eigen(&gv, rank, &q, value);
    mlr_turn_lines(y, s->m.rows, rank, &q);
    mlr_turn_lines(z, s->m.columns, rank, &q);
    for (unsigned k = 0; k < rank; k++) {
        double length = value[k] > 0 ? sqrt(value[k]) : 0; /* the singular value */
        double root = sqrt(length);
        size[k] = length;
        for (size_t i = 0; i < s->m.rows; i++) {
            s->u[k * s->side + i] = (float)((double)y[i * MLR_SKETCH + k] * root);
        }
        for (size_t j = 0; j < s->m.columns; j++) {
            float x = z[j * MLR_SKETCH + k];
            s->v[k * s->side + j] = root > 0 ? (float)((double)x / root) : 0;
        }
    }
}

/*
 * log2 of the product of both sides' steps, in units of the fixed point: a bit less for
 * every factor against what the coarser prediction costs, by precision of the elements.
 */
static int choose_shift(const search *s, unsigned rank, const double *size)
{
    uint32_t count[64] = {0};
    double sum = 0;
    double rows = (double)s->m.rows;
    double columns = (double)s->m.columns;
    for (unsigned k = 0; k < rank; k++) {
        sum += size[k];
    }
    for (size_t i = 0; i < s->m.rows * s->m.columns; i++) {
        count[s->m.fine[i] & 63] += s->m.fine[i] != FIELD_NONE;
    }
    int best = -30;
    double least = 0;
    for (int shift = -30; shift <= 30; shift++) {
        double step = ldexp(1, shift);
        double error = s->noise + step * sum * (1 / rows + 1 / columns) / 12;
        double bits = -0.5 * shift * (rows + columns) * rank;
        for (int f = 0; f < 64; f++) {
            if (count[f] > 0) {
                bits += count[f] * log2(1 + 3 * sqrt(error) / ldexp(1, f));
            }
        }
        if (shift == -30 || bits < least) {
            least = bits;
            best = shift;
        }
    }
    return best;
}

static int16_t to_step(float x, double step)
{
    double q = floor((double)x / step + 0.5);
    return (int16_t)(q > 32767 ? 32767 : q < -32767 ? -32767 : q);
}

/* Where nothing but rounding is left, factors may lie anywhere between its edges; then a
   coarser step does. */
static bool may_refine(const search *s)
{
    size_t most = s->e->level >= PATIENT ? REFINE_PATIENT : REFINE;
    return s->noise_share <= ROUNDED && s->m.rows * s->m.columns <= most &&
           s->shape->sum_limit <= INT32_MAX;
}

static bool make_integers(search *s, unsigned rank, mlr_factors *f)
{
    double size[MLR_SKETCH];
    size_t pairs = (rank + 1U) / 2;
    balance(s, rank, size);
    f->shift = choose_shift(s, rank, size) + may_refine(s);
    double step = sqrt(ldexp(1, f->shift));
    f->bytes = (s->m.rows + s->m.columns) * 2 * pairs * sizeof(int16_t);
    f->v = mlr_take(s->e->alloc, f->bytes);
    if (f->v == NULL) {
        return false;
    }
    memset(f->v, 0, f->bytes);
    f->u = f->v + s->m.columns * 2 * pairs;
    for (size_t k = 0; k < rank; k++) {
        for (size_t j = 0; j < s->m.columns; j++) {
            int16_t q = to_step(s->v[k * s->side + j], step);
            f->v[(k / 2 * s->m.columns + j) * 2 + k % 2] = q;
            s->v[k * s->side + j] = (float)((double)q * step);
        }
    }
    solve_rows(s, rank); /* once more, against what the decoder will see of V */
    for (size_t k = 0; k < rank; k++) {
        for (size_t i = 0; i < s->m.rows; i++) {
            f->u[i * 2 * pairs + k] = to_step(s->u[k * s->side + i], step);
        }
    }
    f->rank = rank;
    return true;
}

static void refine(const search *s, mlr_factors *f)
{
    mlr_refining r = {.d = s->m.d,
                      .fine = s->m.fine,
                      .rows = s->m.rows,
                      .columns = s->m.columns,
                      .turns = s->e->level >= PATIENT ? 64 : 0,
                      .alloc = s->e->alloc,
                      .exec = s->e->exec};
    (void)mlr_factors_refine(&r, f);
}

/* --- the search ------------------------------------------------------------------------
 */

static bool take_memory(search *s)
{
    size_t n = s->m.rows * s->m.columns;
    size_t side = up8(s->m.rows > s->m.columns ? s->m.rows : s->m.columns);
    size_t sketches = 2 * side * MLR_SKETCH;
    size_t factors = 2 * MLR_RANK_MAX * side;
    size_t benches = mlr_exec_lanes(s->e->exec) * bench_floats(side);
    s->side = side;
    s->bytes = (up8(n) + sketches + factors + benches) * sizeof(float) + n;
    s->base = mlr_take(s->e->alloc, s->bytes);
    if (s->base == NULL) {
        return false;
    }
    s->m.d = (float *)(void *)s->base;
    s->y = s->m.d + up8(n);
    s->z = s->y + side * MLR_SKETCH;
    s->u = s->z + side * MLR_SKETCH;
    s->v = s->u + side * MLR_RANK_MAX;
    s->benches = s->v + side * MLR_RANK_MAX;
    s->m.fine = (uint8_t *)(s->benches + benches);
    return true;
}

/* Components from the sketch, largest first: u = y * q, v = z * q. */
static void components(search *s)
{
    mlr_square g;
    mlr_square q;
    double value[MLR_SKETCH];
    mlr_gram_of(s->z, s->m.columns, MLR_SKETCH, &g);
    mlr_eigen(&g, MLR_SKETCH, &q, value);
    mlr_turn_lines(s->y, s->m.rows, MLR_SKETCH, &q);
    mlr_turn_lines(s->z, s->m.columns, MLR_SKETCH, &q);
    for (size_t k = 0; k < MLR_RANK_MAX; k++) {
        for (size_t i = 0; i < s->m.rows; i++) {
            s->u[k * s->side + i] = s->y[i * MLR_SKETCH + k];
        }
        for (size_t j = 0; j < s->m.columns; j++) {
            s->v[k * s->side + j] = s->z[j * MLR_SKETCH + k];
        }
    }
}

/*
 * Whether factors would pay, judged by a sample as if it were the matrix. A component is
 * then charged its share of the whole matrix's factors and what it would seem to gain from
 * noise.
 */
static mlr_status promising(const search *whole, bool *yes, mlr_err *err)
{
    search s = *whole;
    s.m.rows = s.m.rows < SAMPLE_ROWS ? s.m.rows : SAMPLE_ROWS;
    s.m.columns = s.m.columns < SAMPLE_COLUMNS ? s.m.columns : SAMPLE_COLUMNS;
    size_t step = whole->m.rows / s.m.rows;
    if (!take_memory(&s)) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                        "memory for studying a tensor");
    }
    mlr_status status = MLR_OK;
    for (size_t i = 0; i < s.m.rows && status == MLR_OK; i++) {
        status = read_line(&s, (uint64_t)i * step * s.shape->row, s.m.columns,
                           s.m.d + i * s.m.columns, s.m.fine + i * s.m.columns, err);
    }
    if (status == MLR_OK) {
        double rows = (double)s.m.rows;
        double columns = (double)s.m.columns;
        double lines = (double)whole->m.rows + (double)whole->m.columns;
        double all = (double)whole->m.rows * (double)whole->m.columns;
        double edge = (sqrt(rows) + sqrt(columns)) * (sqrt(rows) + sqrt(columns));
        double noise = -0.5 * rows * columns * log2(1 - 0.9 * edge / (rows * columns));
        double price = lines * factor_bits(&s) * rows * columns / all + 0.7 * noise;
        unsigned rank = 0;
        (void)sketch(s.m.d, s.m.rows, s.m.columns, s.y, s.z, 2);
        components(&s);
        set_weights(&s, 0);
        status = choose(&s, price, &rank, err);
        *yes = rank > 0;
    }
    mlr_give(s.e->alloc, s.base, s.bytes);
    return status;
}

static mlr_status fit(search *s, mlr_factors *f, mlr_err *err)
{
    mlr_status status = read_matrix(s, err);
    if (status != MLR_OK) {
        return status;
    }
    (void)sketch(s->m.d, s->m.rows, s->m.columns, s->y, s->z, 2);
    components(s);
    set_weights(s, 0);
    unsigned rank = 0;
    status = choose(s, (double)(s->m.rows + s->m.columns) * factor_bits(s), &rank, err);
    if (status == MLR_OK && rank > 0) {
        status = weigh(s, rank, err);
    }
    if (status != MLR_OK || rank == 0) {
        return status;
    }
    /* factors that leave little but rounding are worth a second turn */
    bool again = s->m.rows * s->m.columns <= SECOND_TURN || s->e->level >= PATIENT;
    unsigned turns = s->noise_share < 0.6 && again ? 2 : 1;
    for (unsigned turn = 0; turn < turns && status == MLR_OK; turn++) {
        solve_rows(s, rank);
        solve_columns(s, rank);
        status = weigh(s, rank, err);
        turns = s->noise_share < ROUNDED && again ? ROUNDED_TURNS : turns;
    }
    if (status != MLR_OK) {
        return status;
    }
    bool ok = make_integers(s, rank, f);
    if (ok && may_refine(s)) {
        refine(s, f);
    }
    return ok ? MLR_OK
              : mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                         "memory for studying a tensor");
}

mlr_status mlr_lowrank_search(const mlr_encoding *e, const mlr_view *v,
                              const mlr_neural *shape, mlr_factors *f, mlr_err *err)
{
    *f = (mlr_factors){0};
    uint64_t elements = v->record->new_bytes / shape->now.bytes;
    uint64_t row = v->record->row;
    if (!shape->now.is_float || row < LEAST_SIDE || elements / row < LEAST_SIDE ||
        elements > MOST_ELEMENTS || shape->now.bytes == 8 || shape->was.bytes == 8) {
        return MLR_OK;
    }
    search s = {.e = e, .view = v, .shape = shape};
    s.m.columns = (size_t)row;
    s.m.rows = (size_t)(elements / row + (elements % row != 0));
    fill_powers(&s);
    bool yes = true;
    mlr_status status = MLR_OK;
    if (elements > 2 * SAMPLE_ROWS * SAMPLE_COLUMNS) {
        status = promising(&s, &yes, err);
    }
    if (status != MLR_OK || !yes) {
        return status;
    }
    if (!take_memory(&s)) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                        "memory for studying a tensor");
    }
    status = fit(&s, f, err);
    mlr_give(e->alloc, s.base, s.bytes);
    return status;
}
