#include "apply/quant_block.h"

#include "apply/base/cursor.h"
#include "apply/base/mem.h"

/* Twice the values of E2M1, with the needless negative zero last, and the code book of
   IQ4_NL, from the lowest up. */
static const int8_t e2m1[16] = {-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12, 0};
static const int8_t nonlinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};

static const mlr_quant_shape shapes[] = {
    {.dtype = MLR_DTYPE_Q4_0,
     .supers = 1,
     .groups = 1,
     .group_log = 5,
     .zero = 8,
     .top = 15,
     .code_at = 2},
    {.dtype = MLR_DTYPE_Q4_1,
     .supers = 2,
     .groups = 1,
     .group_log = 5,
     .top = 15,
     .min_sign = 1,
     .super_at = {0, 2},
     .code_at = 4},
    {.dtype = MLR_DTYPE_Q5_0,
     .supers = 1,
     .groups = 1,
     .group_log = 5,
     .zero = 16,
     .top = 31,
     .high_at = 2,
     .code_at = 6},
    {.dtype = MLR_DTYPE_Q5_1,
     .supers = 2,
     .groups = 1,
     .group_log = 5,
     .top = 31,
     .min_sign = 1,
     .super_at = {0, 2},
     .high_at = 4,
     .code_at = 8},
    {.dtype = MLR_DTYPE_Q8_0,
     .supers = 1,
     .groups = 1,
     .group_log = 5,
     .zero = 128,
     .top = 255,
     .anchor = MLR_ANCHOR_NEXT_TO_ENDS,
     .code_at = 2},
    {.dtype = MLR_DTYPE_Q2_K,
     .supers = 2,
     .groups = 16,
     .group_log = 4,
     .subs = 2,
     .sub_top = {15, 15},
     .top = 3,
     .min_sign = -1,
     .super_at = {80, 82},
     .code_at = 16},
    {.dtype = MLR_DTYPE_Q3_K,
     .supers = 1,
     .groups = 16,
     .group_log = 4,
     .subs = 1,
     .sub_top = {63, 0},
     .sub_zero = 32,
     .zero = 4,
     .top = 7,
     .super_at = {108, 0},
     .high_at = 0,
     .code_at = 32,
     .sub_at = 96},
    {.dtype = MLR_DTYPE_Q4_K,
     .supers = 2,
     .groups = 8,
     .group_log = 5,
     .subs = 2,
     .sub_top = {63, 63},
     .top = 15,
     .min_sign = -1,
     .super_at = {0, 2},
     .sub_at = 4,
     .code_at = 16},
    {.dtype = MLR_DTYPE_Q5_K,
     .supers = 2,
     .groups = 8,
     .group_log = 5,
     .subs = 2,
     .sub_top = {63, 63},
     .top = 31,
     .min_sign = -1,
     .super_at = {0, 2},
     .sub_at = 4,
     .high_at = 16,
     .code_at = 48},
    {.dtype = MLR_DTYPE_Q6_K,
     .supers = 1,
     .groups = 16,
     .group_log = 4,
     .subs = 1,
     .sub_top = {255, 0},
     .sub_zero = 128,
     .zero = 32,
     .top = 63,
     .super_at = {208, 0},
     .high_at = 128,
     .sub_at = 192},
    {.dtype = MLR_DTYPE_IQ4_NL,
     .supers = 1,
     .groups = 1,
     .group_log = 5,
     .top = 15,
     .value = nonlinear,
     .levels = 16,
     .code_at = 2},
    {.dtype = MLR_DTYPE_MXFP4,
     .supers = 1,
     .tiny_super = true,
     .groups = 1,
     .group_log = 5,
     .top = 15,
     .value = e2m1,
     .levels = 15,
     .code_at = 1},
    {.dtype = MLR_DTYPE_I8, .groups = 1, .zero = 128, .top = 255},
    {.dtype = MLR_DTYPE_U8, .groups = 1, .zero = 128, .top = 255},
    {.dtype = MLR_DTYPE_I4, .groups = 1, .group_log = 1, .zero = 8, .top = 15},
    {.dtype = MLR_DTYPE_U4, .groups = 1, .group_log = 1, .zero = 8, .top = 15},
};

const mlr_quant_shape *mlr_quant_shape_of(const mlr_dtype *t)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (shapes[i].dtype == t->id) {
            return &shapes[i];
        }
    }
    return NULL;
}

/* --- codes ---------------------------------------------------------------------------- */

/* Two codes a byte: the first `half` codes in the low nibbles, the next in the high ones.
 */
static inline void nibbles_out(const uint8_t *restrict in, size_t half,
                               uint8_t *restrict code)
{
    for (size_t i = 0; i < half; i++) {
        code[i] = in[i] & 15;
        code[half + i] = in[i] >> 4;
    }
}

static inline void nibbles_in(const uint8_t *restrict code, size_t half,
                              uint8_t *restrict out)
{
    for (size_t i = 0; i < half; i++) {
        out[i] = (uint8_t)((code[i] & 15) | code[half + i] << 4);
    }
}

/* E2M1 has a sign bit; ranks are what sorts. */
static uint8_t e2m1_rank(uint8_t code)
{
    return (uint8_t)(code == 8 ? 15 : code > 8 ? 15 - code : 7 + code);
}

static uint8_t e2m1_code(uint8_t rank)
{
    return (uint8_t)(rank == 15 ? 8 : rank < 7 ? 15 - rank : rank - 7);
}

static void unpack_small(const mlr_quant_shape *s, const uint8_t *in, uint8_t *code)
{
    if (s->dtype == MLR_DTYPE_Q8_0) {
        for (size_t i = 0; i < 32; i++) {
            code[i] = in[2 + i] ^ 128;
        }
        return;
    }
    nibbles_out(in + s->code_at, 16, code);
    if (s->top == 31) {
        uint32_t high = mlr_load32(in + s->high_at);
        for (size_t i = 0; i < 32; i++) {
            code[i] = (uint8_t)(code[i] | (high >> i & 1) << 4);
        }
    }
    if (s->tiny_super) {
        for (size_t i = 0; i < 32; i++) {
            code[i] = e2m1_rank(code[i]);
        }
    }
}

static void pack_small(const mlr_quant_shape *s, const uint8_t *code, uint8_t *out)
{
    if (s->dtype == MLR_DTYPE_Q8_0) {
        for (size_t i = 0; i < 32; i++) {
            out[2 + i] = code[i] ^ 128;
        }
        return;
    }
    if (s->tiny_super) {
        uint8_t plain[32];
        for (size_t i = 0; i < 32; i++) {
            plain[i] = e2m1_code(code[i] & 15);
        }
        nibbles_in(plain, 16, out + s->code_at);
        return;
    }
    nibbles_in(code, 16, out + s->code_at);
    if (s->top == 31) {
        uint32_t high = 0;
        for (size_t i = 0; i < 32; i++) {
            high |= (uint32_t)(code[i] >> 4 & 1) << i;
        }
        mlr_store32(out + s->high_at, high);
    }
}

/* Two bits: in each half of the block, bits 2j of byte i belong to code 32 j + i. They are
   put above what a code has below `shift`. */
static inline void add_crumbs(const uint8_t *restrict in, unsigned shift,
                              uint8_t *restrict code)
{
    for (unsigned part = 0; part < 8; part++) {
        const uint8_t *from = in + part / 4 * 32;
        uint8_t *to = code + part * 32;
        unsigned down = part % 4 * 2;
        for (size_t i = 0; i < 32; i++) {
            to[i] = (uint8_t)(to[i] | (from[i] >> down & 3) << shift);
        }
    }
}

static void pack_crumbs(const uint8_t *code, uint8_t *out)
{
    for (size_t h = 0; h < 2; h++) {
        for (size_t i = 0; i < 32; i++) {
            const uint8_t *c = code + h * 128 + i;
            out[h * 32 + i] = (uint8_t)((c[0] & 3) | (c[32] & 3) << 2 | (c[64] & 3) << 4 |
                                        (c[96] & 3) << 6);
        }
    }
}

/* A fifth or third bit: bit i / 32 of byte i % 32. */
static inline void add_masks(const uint8_t *restrict in, unsigned shift,
                             uint8_t *restrict code)
{
    for (unsigned part = 0; part < 8; part++) {
        uint8_t *to = code + part * 32;
        for (size_t i = 0; i < 32; i++) {
            to[i] = (uint8_t)(to[i] | (in[i] >> part & 1) << shift);
        }
    }
}

static void take_masks(const uint8_t *code, unsigned shift, uint8_t *out)
{
    for (size_t i = 0; i < 32; i++) {
        unsigned mask = 0;
        for (size_t j = 0; j < 8; j++) {
            mask |= (unsigned)(code[32 * j + i] >> shift & 1) << j;
        }
        out[i] = (uint8_t)mask;
    }
}

/* Q6_K: in each half, 32 codes each from low nibbles of 64 bytes, then from the high. */
static void unpack_q6(const uint8_t *in, uint8_t *code)
{
    for (size_t h = 0; h < 2; h++) {
        nibbles_out(in + 64 * h, 64, code + 128 * h);
    }
    add_crumbs(in + 128, 4, code);
}

static void pack_q6(const uint8_t *code, uint8_t *out)
{
    uint8_t high[256];
    for (size_t i = 0; i < 256; i++) {
        high[i] = code[i] >> 4;
    }
    for (size_t h = 0; h < 2; h++) {
        nibbles_in(code + 128 * h, 64, out + 64 * h);
    }
    pack_crumbs(high, out + 128);
}

static void unpack_codes(const mlr_quant_shape *s, const uint8_t *in, uint8_t *code)
{
    switch (s->dtype) {
    case MLR_DTYPE_Q2_K:
        memset(code, 0, 256);
        add_crumbs(in + s->code_at, 0, code);
        break;
    case MLR_DTYPE_Q3_K:
        memset(code, 0, 256);
        add_crumbs(in + s->code_at, 0, code);
        add_masks(in, 2, code);
        break;
    case MLR_DTYPE_Q4_K:
    case MLR_DTYPE_Q5_K:
        for (size_t g = 0; g < 4; g++) {
            nibbles_out(in + s->code_at + 32 * g, 32, code + 64 * g);
        }
        if (s->top == 31) {
            add_masks(in + s->high_at, 4, code);
        }
        break;
    case MLR_DTYPE_Q6_K:
        unpack_q6(in, code);
        break;
    default:
        unpack_small(s, in, code);
        break;
    }
}

static void pack_codes(const mlr_quant_shape *s, const uint8_t *code, uint8_t *out)
{
    switch (s->dtype) {
    case MLR_DTYPE_Q2_K:
        pack_crumbs(code, out + s->code_at);
        break;
    case MLR_DTYPE_Q3_K:
        pack_crumbs(code, out + s->code_at);
        take_masks(code, 2, out);
        break;
    case MLR_DTYPE_Q4_K:
    case MLR_DTYPE_Q5_K:
        for (size_t g = 0; g < 4; g++) {
            nibbles_in(code + 64 * g, 32, out + s->code_at + 32 * g);
        }
        if (s->top == 31) {
            take_masks(code, 4, out + s->high_at);
        }
        break;
    case MLR_DTYPE_Q6_K:
        pack_q6(code, out);
        break;
    default:
        pack_small(s, code, out);
        break;
    }
}

/* --- scales of groups ------------------------------------------------------------------
 */

/* Q4_K, Q5_K: eight scales and eight mins of six bits in twelve bytes. */
static void unpack_six(const uint8_t *in, uint8_t *scale, uint8_t *min)
{
    for (size_t j = 0; j < 4; j++) {
        scale[j] = in[j] & 63;
        min[j] = in[j + 4] & 63;
        scale[j + 4] = (uint8_t)((in[j + 8] & 15) | in[j] >> 6 << 4);
        min[j + 4] = (uint8_t)(in[j + 8] >> 4 | in[j + 4] >> 6 << 4);
    }
}

static void pack_six(const uint8_t *scale, const uint8_t *min, uint8_t *out)
{
    for (size_t j = 0; j < 4; j++) {
        out[j] = (uint8_t)((scale[j] & 63) | scale[j + 4] >> 4 << 6);
        out[j + 4] = (uint8_t)((min[j] & 63) | min[j + 4] >> 4 << 6);
        out[j + 8] = (uint8_t)((scale[j + 4] & 15) | min[j + 4] << 4);
    }
}

/* Q3_K: sixteen scales, low nibbles in eight bytes, high pairs in four. */
static void unpack_q3(const uint8_t *in, uint8_t *scale)
{
    for (size_t i = 0; i < 16; i++) {
        unsigned low = i < 8 ? in[i] & 15U : (unsigned)(in[i - 8] >> 4);
        unsigned high = (unsigned)(in[8 + (i & 3)] >> (i >> 2) * 2) & 3;
        scale[i] = (uint8_t)(low | high << 4);
    }
}

static void pack_q3(const uint8_t *scale, uint8_t *out)
{
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)((scale[i] & 15) | scale[i + 8] << 4);
    }
    for (size_t i = 0; i < 4; i++) {
        out[8 + i] =
            (uint8_t)((scale[i] >> 4 & 3) | (scale[i + 4] >> 4 & 3) << 2 |
                      (scale[i + 8] >> 4 & 3) << 4 | (scale[i + 12] >> 4 & 3) << 6);
    }
}

static void unpack_subs(const mlr_quant_shape *s, const uint8_t *in, uint8_t *scale,
                        uint8_t *min)
{
    in += s->sub_at;
    if (s->dtype == MLR_DTYPE_Q3_K) {
        unpack_q3(in, scale);
    } else if (s->groups == 8) {
        unpack_six(in, scale, min);
    } else {
        for (size_t i = 0; i < 16; i++) {
            scale[i] = s->subs == 2 ? in[i] & 15 : in[i] ^ 128;
            min[i] = in[i] >> 4; /* of no use where there are no mins */
        }
    }
}

static void pack_subs(const mlr_quant_shape *s, const uint8_t *scale, const uint8_t *min,
                      uint8_t *out)
{
    out += s->sub_at;
    if (s->dtype == MLR_DTYPE_Q3_K) {
        pack_q3(scale, out);
    } else if (s->groups == 8) {
        pack_six(scale, min, out);
    } else {
        for (size_t i = 0; i < 16; i++) {
            out[i] =
                (uint8_t)(s->subs == 2 ? (scale[i] & 15) | min[i] << 4 : scale[i] ^ 128);
        }
    }
}

/* --- integers ------------------------------------------------------------------------- */

/* Signed codes are moved so that they sort; two codes a byte, the lower nibble first. */
static void unpack_plain(const mlr_quant_shape *s, const uint8_t *in, size_t n,
                         uint8_t *code)
{
    bool is_signed = s->dtype == MLR_DTYPE_I8 || s->dtype == MLR_DTYPE_I4;
    uint8_t turn = is_signed ? s->zero : 0;
    if (s->top == 255) {
        for (size_t i = 0; i < n; i++) {
            code[i] = in[i] ^ turn;
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        code[2 * i] = (in[i] & 15) ^ turn;
        code[2 * i + 1] = in[i] >> 4 ^ turn;
    }
}

static void pack_plain(const mlr_quant_shape *s, const uint8_t *code, size_t n,
                       uint8_t *out)
{
    bool is_signed = s->dtype == MLR_DTYPE_I8 || s->dtype == MLR_DTYPE_I4;
    uint8_t turn = is_signed ? s->zero : 0;
    if (s->top == 255) {
        for (size_t i = 0; i < n; i++) {
            out[i] = code[i] ^ turn;
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(((code[2 * i] ^ turn) & 15) | (code[2 * i + 1] ^ turn) << 4);
    }
}

/* --- blocks ----------------------------------------------------------------------------
 */

static size_t block_bytes(const mlr_quant_shape *s)
{
    return mlr_dtype_get(s->dtype)->block_bytes;
}

void mlr_quant_unpack(const mlr_quant_shape *s, const uint8_t *in, size_t blocks,
                      mlr_quant_parts *p)
{
    if (s->supers == 0) {
        unpack_plain(s, in, blocks, p->code);
        return;
    }
    size_t bytes = block_bytes(s);
    size_t items = mlr_quant_items(s);
    uint8_t *min = p->sub + blocks * s->groups;
    for (size_t b = 0; b < blocks; b++, in += bytes) {
        for (size_t i = 0; i < s->supers; i++) {
            uint8_t *super = p->super + 2 * (i * blocks + b);
            super[0] = in[s->super_at[i]];
            super[1] = s->tiny_super ? 0 : in[s->super_at[i] + 1];
        }
        if (s->subs > 0) {
            unpack_subs(s, in, p->sub + b * s->groups, min + b * s->groups);
        }
        unpack_codes(s, in, p->code + b * items);
    }
}

void mlr_quant_pack(const mlr_quant_shape *s, const mlr_quant_parts *p, size_t blocks,
                    uint8_t *out)
{
    if (s->supers == 0) {
        pack_plain(s, p->code, blocks, out);
        return;
    }
    size_t bytes = block_bytes(s);
    size_t items = mlr_quant_items(s);
    const uint8_t *min = p->sub + blocks * s->groups;
    for (size_t b = 0; b < blocks; b++, out += bytes) {
        for (size_t i = 0; i < s->supers; i++) {
            memcpy(out + s->super_at[i], p->super + 2 * (i * blocks + b),
                   s->tiny_super ? 1 : 2);
        }
        if (s->subs > 0) {
            pack_subs(s, p->sub + b * s->groups, min + b * s->groups, out);
        }
        pack_codes(s, p->code + b * items, out);
    }
}
