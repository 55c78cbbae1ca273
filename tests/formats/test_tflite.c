#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/open.h"
#include "tests/support/fb_build.h"
#include "tests/support/model_fault.h"
#include "tests/support/parse_mem.h"
#include "tests/support/test.h"
#include "tests/support/tfl_sample.h"

typedef struct tflite_case {
    fb_bytes file;
    parse_mem p;
} tflite_case;

static const uint8_t zeros[4096];
static const mem_sibling weights = {.path = "w.bin", .data = zeros, .n = sizeof zeros};

static void run(tflite_case *c)
{
    c->p.format = &mlr_format_tflite;
    c->p.data = c->file.data;
    c->p.n = c->file.n;
    c->p.siblings = &weights;
    c->p.sibling_count = 1;
    parse_mem_run(&c->p);
    assert_no_err(&c->p.err);
}

static void begin(tflite_case *c, const char *notation)
{
    *c = (tflite_case){.file = fb_build(notation)};
    run(c);
}

/* The sample with one value of another. */
static void begin_with(tflite_case *c, const char *where, uint32_t value, unsigned width)
{
    *c = (tflite_case){.file = fb_build(TFL_SAMPLE)};
    for (unsigned i = 0; i < width; i++) {
        c->file.data[fb_at(&c->file, where) + i] = (uint8_t)(value >> (8 * i));
    }
    run(c);
}

static void end(tflite_case *c)
{
    parse_mem_end(&c->p);
    free(c->file.data);
}

static void reads_a_weight_with_its_shape_and_place(void **state)
{
    (void)state;
    tflite_case c;
    begin(&c, TFL_SAMPLE);
    const mlr_tensor *t = parse_mem_tensor(&c.p, "main/W");
    assert_int_equal(t->dtype->id, MLR_DTYPE_I8);
    assert_int_equal(t->rank, 2);
    assert_int_equal(t->dim[0], 2);
    assert_int_equal(t->dim[1], 3);
    assert_int_equal(t->data.off, fb_at(&c.file, "wdata+4"));
    assert_int_equal(t->data.len, 6);
    assert_int_equal(t->native_type, 9);
    assert_int_equal(t->name.n, 1);
    assert_int_equal(c.p.model.tensor_count, 2); /* and the metadata */
    end(&c);
}

static void reads_scales_zero_points_and_their_axis(void **state)
{
    (void)state;
    tflite_case c;
    begin(&c, TFL_SAMPLE);
    const mlr_quant *q = parse_mem_tensor(&c.p, "main/W")->quant;
    assert_non_null(q);
    assert_string_equal(q->scheme, "affine");
    assert_int_equal(q->axis, 0);
    assert_int_equal(q->block, 0);
    assert_int_equal(q->scale.dtype->id, MLR_DTYPE_F32);
    assert_int_equal(q->scale.count, 2);
    assert_int_equal(q->scale.bytes.off, fb_at(&c.file, "scale+4"));
    assert_int_equal(q->scale.bytes.len, 8);
    assert_int_equal(q->zero.dtype->id, MLR_DTYPE_I64);
    assert_int_equal(q->zero.bytes.off, fb_at(&c.file, "zero+4"));
    assert_int_equal(q->zero.bytes.len, 16);
    end(&c);
}

/* Two scales cannot run along a dimension of three, nor along one that is not there. */
static void believes_an_axis_only_where_the_scales_agree(void **state)
{
    (void)state;
    static const struct {
        uint32_t dimension;
        int axis;
    } rows[] = {{0, 0}, {1, -1}, {2, -1}, {UINT32_MAX, -1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tflite_case c;
        begin_with(&c, "q_dim", rows[i].dimension, 4);
        assert_int_equal(parse_mem_tensor(&c.p, "main/W")->quant->axis, rows[i].axis);
        end(&c);
    }
}

static void maps_every_tensor_type(void **state)
{
    (void)state;
    static const struct {
        uint8_t dtype;
        uint8_t bytes; /* of six elements; 0: of any length */
    } types[] = {
        {MLR_DTYPE_F32, 24},    {MLR_DTYPE_F16, 12},    {MLR_DTYPE_I32, 24},
        {MLR_DTYPE_U8, 6},      {MLR_DTYPE_I64, 48},    {MLR_DTYPE_STRING, 0},
        {MLR_DTYPE_BOOL, 6},    {MLR_DTYPE_I16, 12},    {MLR_DTYPE_C64, 48},
        {MLR_DTYPE_I8, 6},      {MLR_DTYPE_F64, 48},    {MLR_DTYPE_C128, 96},
        {MLR_DTYPE_U64, 48},    {MLR_DTYPE_OPAQUE, 0},  {MLR_DTYPE_OPAQUE, 0},
        {MLR_DTYPE_U32, 24},    {MLR_DTYPE_U16, 12},    {MLR_DTYPE_I4, 3},
        {MLR_DTYPE_BF16, 12},   {MLR_DTYPE_I2, 2},      {MLR_DTYPE_U4, 3},
        {MLR_DTYPE_F8_E4M3, 6}, {MLR_DTYPE_F8_E5M2, 6},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char text[4096];
        unsigned bytes = types[i].bytes == 0 ? 5 : types[i].bytes;
        snprintf(text, sizeof text,
                 "%s buffers: =3 >buf0 >buf1 >buf0 buf0_vt: h4 h4 buf0: <buf0_vt "
                 "buf_vt: h6 h8 h4 . buf1: <buf_vt >wdata wdata: =%u ~%u:01 . %s",
                 TFL_MODEL TFL_CODES TFL_GRAPH TFL_TENSORS TFL_QUANT TFL_OPERATORS, bytes,
                 bytes, TFL_EXTRAS);
        tflite_case c = {.file = fb_build(text)};
        c.file.data[fb_at(&c.file, "w_type")] = (uint8_t)i;
        run(&c);
        assert_int_equal(parse_mem_tensor(&c.p, "main/W")->dtype->id, types[i].dtype);
        end(&c);
        /* one byte more than the shape needs: bytes */
        begin_with(&c, "w_type", (uint32_t)i, 1);
        bool fits = types[i].bytes == 6;
        bool text_or_bytes = types[i].bytes == 0;
        unsigned want = fits || text_or_bytes ? types[i].dtype : MLR_DTYPE_OPAQUE;
        assert_int_equal(parse_mem_tensor(&c.p, "main/W")->dtype->id, want);
        end(&c);
    }
}

/* --- who uses a buffer --- */

#define TWO_TENSORS(type_of_v)                                                             \
    TFL_MODEL TFL_CODES TFL_GRAPH                                                          \
        "tensors: =3 >tw >tv >tx tensor_vt: h12 h20 h4 h16 h8 h12 . "                      \
        "tw: <tensor_vt >wshape =1 >wname 09 ~3:00 "                                       \
        "tv: <tensor_vt >vshape =1 >vname " type_of_v " ~3:00 "                            \
        "tx: <tensor_vt >vshape =0 >vname 09 ~3:00 "                                       \
        "wshape: =2 =2 =3 wname: =1 'W' 00 . vshape: =1 =6 vname: =1 'V' 00 "              \
        ". " TFL_OPERATORS TFL_BUFFERS TFL_EXTRAS

static void ties_tensors_that_share_a_buffer(void **state)
{
    (void)state;
    tflite_case c;
    begin(&c, TWO_TENSORS("09"));
    const mlr_tensor *w = parse_mem_tensor(&c.p, "main/W");
    const mlr_tensor *v = parse_mem_tensor(&c.p, "main/V");
    assert_int_equal(w->tied_to, MLR_NO_TENSOR);
    assert_ptr_equal(&c.p.model.tensors[v->tied_to], w);
    assert_int_equal(v->dtype->id, MLR_DTYPE_I8);
    assert_int_equal(v->rank, 1);
    end(&c);
}

static void keeps_a_buffer_as_bytes_where_its_tensors_disagree(void **state)
{
    (void)state;
    tflite_case c;
    begin(&c, TWO_TENSORS("03"));
    assert_int_equal(parse_mem_tensor(&c.p, "main/W")->dtype->id, MLR_DTYPE_OPAQUE);
    assert_int_equal(parse_mem_tensor(&c.p, "main/V")->dtype->id, MLR_DTYPE_OPAQUE);
    end(&c);
}

static void keeps_sparse_tensors_as_bytes(void **state)
{
    (void)state;
    tflite_case c;
    begin(
        &c, TFL_MODEL TFL_CODES TFL_GRAPH
        "tensors: =3 >tw >tx >tx tensor_vt: h18 h24 h4 h20 h8 h12 h0 h0 h16 . "
        "tw: <tensor_vt >wshape =1 >wname >sp 09 ~3:00 small_vt: h4 h4 tx: <small_vt "
        "wshape: =2 =2 =3 wname: =1 'W' 00 . spv: h4 h4 sp: <spv " TFL_OPERATORS TFL_BUFFERS
            TFL_EXTRAS);
    assert_int_equal(parse_mem_tensor(&c.p, "main/W")->dtype->id, MLR_DTYPE_OPAQUE);
    end(&c);
}

static void lists_buffers_that_nothing_uses(void **state)
{
    (void)state;
    tflite_case c;
    begin_with(&c, "w_buffer", 0, 4);
    const mlr_tensor *t = parse_mem_tensor(&c.p, "buffer:1");
    assert_int_equal(t->data.off, fb_at(&c.file, "wdata+4"));
    assert_int_equal(t->dtype->id, MLR_DTYPE_OPAQUE);
    end(&c);
}

/* --- keys --- */

/* Every activation says buffer 0; what a file puts there is nobody's. */
static void gives_nobody_what_stands_in_buffer_0(void **state)
{
    (void)state;
    tflite_case c;
    begin(&c, TFL_MODEL TFL_CODES TFL_GRAPH TFL_TENSORS TFL_QUANT TFL_OPERATORS
          "buffers: =2 >buf0 >buf1 buf_vt: h6 h8 h4 . buf0: <buf_vt >zdata "
          "buf1: <buf_vt >wdata zdata: =6 ~6:07 . wdata: =6 ~6:08 . metas: =0 sigs: =0 ");
    assert_int_equal(c.p.model.tensor_count, 2);
    assert_int_equal(parse_mem_tensor(&c.p, "buffer:0")->data.off,
                     fb_at(&c.file, "zdata+4"));
    assert_int_equal(parse_mem_tensor(&c.p, "main/W")->data.off, fb_at(&c.file, "wdata+4"));
    end(&c);
}

static void names_tensors_without_a_name_after_their_buffer(void **state)
{
    (void)state;
    tflite_case c;
    begin_with(&c, "tensor_vt+10", 0, 2); /* the name's entry */
    parse_mem_tensor(&c.p, "main/buffer:1");
    end(&c);
}

static void names_subgraphs_without_a_name_by_their_place(void **state)
{
    (void)state;
    tflite_case c;
    begin_with(&c, "graph_vt+12", 0, 2);
    parse_mem_tensor(&c.p, "main/W"); /* the converter's own name for the first */
    end(&c);
    begin(&c, TFL_MODEL TFL_CODES
          "graphs: =2 >graph >graph graph_vt: h14 h24 h4 h8 h12 h16 h0 . "
          "graph: <graph_vt >tensors >ins >outs >ops =0 ins: =1 =0 outs: =1 =2 " TFL_TENSORS
              TFL_QUANT TFL_OPERATORS TFL_BUFFERS TFL_EXTRAS);
    parse_mem_tensor(&c.p, "main/W");
    parse_mem_tensor(&c.p, "subgraph1/W");
    end(&c);
}

static void numbers_keys_that_repeat(void **state)
{
    (void)state;
    tflite_case c;
    begin(&c, TFL_MODEL TFL_CODES
          "graphs: =2 >graph >graph graph_vt: h14 h24 h4 h8 h12 h16 h20 . "
          "graph: <graph_vt >tensors >ins >outs >ops >gname ins: =1 =0 outs: =1 =2 "
          "gname: =4 'body' 00 . " TFL_TENSORS TFL_QUANT TFL_OPERATORS TFL_BUFFERS
              TFL_EXTRAS);
    parse_mem_tensor(&c.p, "body/W");
    parse_mem_tensor(&c.p, "body/W#2");
    end(&c);
}

/* --- payloads elsewhere --- */

static void finds_payloads_behind_the_flatbuffer(void **state)
{
    (void)state;
    tflite_case c;
    begin(&c, TFL_MODEL TFL_CODES TFL_GRAPH TFL_TENSORS TFL_QUANT TFL_OPERATORS
          "buffers: =2 >buf0 >buf1 buf0_vt: h4 h4 buf0: <buf0_vt "
          "buf_vt: h10 h20 h0 h4 h12 . buf1: <buf_vt %end =0 q6 "
          "metas: =0 sigs: =0 ~9:00 end: ~6:07 'more'");
    const mlr_tensor *t = parse_mem_tensor(&c.p, "main/W");
    assert_int_equal(t->data.off, fb_at(&c.file, "end"));
    assert_int_equal(t->dtype->id, MLR_DTYPE_I8);
    end(&c);
}

/* The bytes of a model at the start of a file of 4 GiB, and zeros behind them. */
static mlr_status read_sparse(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    const fb_bytes *b = ctx;
    (void)err;
    memset(dst, 0, n);
    if (off < b->n) {
        memcpy(dst, b->data + off, b->n - off < n ? b->n - (size_t)off : n);
    }
    return MLR_OK;
}

static void finds_payloads_beyond_2_gib(void **state)
{
    (void)state;
    fb_bytes b = fb_build(TFL_MODEL TFL_CODES TFL_GRAPH TFL_TENSORS TFL_QUANT TFL_OPERATORS
                          "buffers: =2 >buf0 >buf1 buf0_vt: h4 h4 buf0: <buf0_vt "
                          "buf_vt: h10 h20 h0 h4 h12 . buf1: <buf_vt q3221225472 q6 "
                          "metas: =0 sigs: =0 ");
    mlr_source source = {.ctx = &b, .size = (uint64_t)4 << 30, .read_at = read_sparse};
    mlr_heap heap;
    mlr_pool pool;
    mlr_model model;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    mlr_model_parse(&model, &source, NULL, &pool, &err);
    assert_no_err(&err);
    assert_ptr_equal(model.members[0].format, &mlr_format_tflite);
    assert_null(model_fault(&model));
    const mlr_tensor *t = mlr_model_find(&model, (mlr_str){.p = "main/W", .n = 6});
    assert_non_null(t);
    assert_int_equal(t->data.off, 3221225472);
    assert_int_equal(t->dtype->id, MLR_DTYPE_I8);
    assert_true(heap.peak < 1 << 20);
    mlr_pool_release(&pool);
    free(b.data);
}

static void keeps_an_archive_behind_the_flatbuffer_as_glue(void **state)
{
    (void)state;
    tflite_case c;
    begin(&c, TFL_SAMPLE "zip: 'PK' 0304 ~100:55");
    const mlr_member *m = &c.p.model.members[0];
    const mlr_span *last = &c.p.model.spans[m->first_span + m->span_count - 1];
    assert_int_equal(last->tensor, MLR_NO_TENSOR);
    assert_true(last->bytes.off <= fb_at(&c.file, "zip"));
    assert_int_equal(last->bytes.off + last->bytes.len, c.file.n);
    end(&c);
}

static void finds_custom_options_behind_the_flatbuffer(void **state)
{
    (void)state;
    tflite_case c;
    begin(&c, TFL_MODEL
          "desc: =4 'test' 00 . codes: =1 >code code_vt: h12 h16 h4 h8 h0 h12 . "
          "code: <code_vt 20 ~3:00 >cname =32 cname: =2 'op' 00 . " TFL_GRAPH TFL_TENSORS
              TFL_QUANT "ops: =1 >op "
          "op_vt: h26 h32 h4 h8 h12 h0 h0 h0 h0 h0 h0 h16 h24 . "
          "op: <op_vt =0 >opin >opout %opts =0 q4 opin: =1 =0 opout: =1 =2 " TFL_BUFFERS
              TFL_EXTRAS "opts: 01020304");
    const mlr_tensor *t = parse_mem_tensor(&c.p, "main/y/custom_options");
    assert_int_equal(t->data.off, fb_at(&c.file, "opts"));
    assert_int_equal(t->data.len, 4);
    assert_int_equal(parse_mem_meta(&c.p, "graph.ops.custom.op")->value.u, 1);
    end(&c);
}

/* Scales that are a tensor of their own, one for three elements of the last dimension. */
static void check_blockwise(const char *details, bool scale, bool zero)
{
    char text[4096];
    snprintf(text, sizeof text, "%s %s %s",
             TFL_MODEL TFL_CODES TFL_GRAPH
             "tensors: =3 >tw >ts >ts tensor_vt: h14 h24 h4 h20 h8 h12 h16 . "
             "tw: <tensor_vt >wshape =1 >wname >wq 09 ~3:00 sv: h12 h20 h4 h16 h8 h12 . "
             "ts: <sv >sshape =2 >sname ~4:00 wshape: =2 =2 =3 wname: =1 'W' 00 . "
             "sshape: =1 =1 sname: =1 's' 00 . qv: h18 h16 h0 h0 h0 h0 h12 h4 h8 . "
             "wq: <qv >det =1 02 ~3:00 dv: h10 h16 h4 h8 h12 . det: <dv ",
             details, TFL_OPERATORS TFL_BUFFERS TFL_EXTRAS);
    tflite_case c;
    begin(&c, text);
    const mlr_quant *q = parse_mem_tensor(&c.p, "main/W")->quant;
    assert_int_equal(q != NULL, scale);
    if (q != NULL) {
        assert_string_equal(q->scheme, "blockwise");
        assert_int_equal(q->axis, 1);
        assert_int_equal(q->block, 3);
        assert_int_equal(q->scale.bytes.off, fb_at(&c.file, "mdata+4"));
        assert_int_equal(q->scale.count, 1);
        assert_int_equal(q->zero.dtype != NULL, zero);
    }
    end(&c);
}

/* Scales and zero points that are tensors of their own, one for three elements of the last
   dimension: their indices, and the size of a block. */
static void reads_blockwise_quantization(void **state)
{
    (void)state;
    check_blockwise("=1 =0 =3", true, false);
    check_blockwise("=1 =2 =3", true, true);
    check_blockwise("=1 =0 =0", false, false);  /* blocks of nothing */
    check_blockwise("=3 =0 =3", false, false);  /* a tensor that is not there */
    check_blockwise("=-1 =0 =3", false, false); /* nor is this */
}

/* --- metadata --- */

static void tells_what_the_model_says_about_itself(void **state)
{
    (void)state;
    tflite_case c;
    begin(&c, TFL_SAMPLE);
    assert_int_equal(parse_mem_meta(&c.p, "version")->value.u, 3);
    assert_memory_equal(parse_mem_meta(&c.p, "description")->text.p, "test", 4);
    const mlr_meta *m = parse_mem_meta(&c.p, "metadata:min");
    assert_int_equal(m->kind, MLR_META_BYTES);
    assert_int_equal(m->count, 4);
    assert_int_equal(m->bytes.off, fb_at(&c.file, "mdata+4"));
    assert_int_equal(parse_mem_meta(&c.p, "signature.run")->value.u, 0);
    assert_int_equal(parse_mem_meta(&c.p, "graph.ops.FULLY_CONNECTED")->value.u, 1);
    assert_int_equal(parse_mem_tensor(&c.p, "metadata:min")->data.len, 4);
    end(&c);
}

/* Old files have the operator in one byte, new ones in a number that may be larger. */
static void takes_the_larger_of_two_operator_codes(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        const char *key;
    } rows[] = {
        {150, "graph.ops.GELU"},
        {0, "graph.ops.FULLY_CONNECTED"}, /* the byte says 9 */
        {5000, "graph.ops.builtin.5000"},
        {32, "graph.ops.CUSTOM"}, /* without a name of its own */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tflite_case c;
        begin_with(&c, "code+8", rows[i].code, 4);
        assert_int_equal(parse_mem_meta(&c.p, rows[i].key)->value.u, 1);
        end(&c);
    }
}

static void probes_by_identifier_or_by_its_root(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool certain, possible;
    } rows[] = {
        {TFL_SAMPLE, true, true},
        {"%root =0 vt: h4 h4 root: <vt ~64:00", false, true},
        {"=16 'GGUF' ~64:00", false, false},
        {"=1000 =0 ~64:00", false, false},
        {"=16 =0 ~64:00", false, false},
        {"'TFL3'", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fb_bytes b = fb_build(rows[i].head);
        int score = mlr_format_tflite.probe(b.data, b.n < 64 ? b.n : 64, b.n);
        assert_int_equal(score > 90, rows[i].certain);
        assert_int_equal(score > 1, rows[i].possible);
        free(b.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_weight_with_its_shape_and_place),
        cmocka_unit_test(reads_scales_zero_points_and_their_axis),
        cmocka_unit_test(believes_an_axis_only_where_the_scales_agree),
        cmocka_unit_test(maps_every_tensor_type),
        cmocka_unit_test(ties_tensors_that_share_a_buffer),
        cmocka_unit_test(keeps_a_buffer_as_bytes_where_its_tensors_disagree),
        cmocka_unit_test(keeps_sparse_tensors_as_bytes),
        cmocka_unit_test(lists_buffers_that_nothing_uses),
        cmocka_unit_test(gives_nobody_what_stands_in_buffer_0),
        cmocka_unit_test(names_tensors_without_a_name_after_their_buffer),
        cmocka_unit_test(names_subgraphs_without_a_name_by_their_place),
        cmocka_unit_test(numbers_keys_that_repeat),
        cmocka_unit_test(finds_payloads_behind_the_flatbuffer),
        cmocka_unit_test(finds_payloads_beyond_2_gib),
        cmocka_unit_test(keeps_an_archive_behind_the_flatbuffer_as_glue),
        cmocka_unit_test(finds_custom_options_behind_the_flatbuffer),
        cmocka_unit_test(reads_blockwise_quantization),
        cmocka_unit_test(tells_what_the_model_says_about_itself),
        cmocka_unit_test(takes_the_larger_of_two_operator_codes),
        cmocka_unit_test(probes_by_identifier_or_by_its_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
