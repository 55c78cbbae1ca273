#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/parse_mem.h"
#include "tests/support/pb_build.h"
#include "tests/support/test.h"

#define G(content) "08 08 3a{" content "}"
#define T(content) G("2a{" content " 42{'W'} }")

typedef struct onnx_case {
    pb_bytes file;
    parse_mem p;
} onnx_case;

static const uint8_t zeros[8192];
static const mem_sibling siblings[] = {{"w.bin", zeros, sizeof zeros},
                                       {"more/w.bin", zeros, 16}};

static void begin(onnx_case *c, const char *notation)
{
    *c = (onnx_case){.file = pb_build(notation)};
    c->p.format = &mlr_format_onnx;
    c->p.data = c->file.data;
    c->p.n = c->file.n;
    c->p.siblings = siblings;
    c->p.sibling_count = 2;
    parse_mem_run(&c->p);
    assert_no_err(&c->p.err);
}

static void end(onnx_case *c)
{
    parse_mem_end(&c->p);
    free(c->file.data);
}

/* --- element types --- */

static const struct {
    unsigned number, dtype, raw_bytes; /* of three elements */
} types[] = {
    {1, MLR_DTYPE_F32, 12},         {2, MLR_DTYPE_U8, 3},
    {3, MLR_DTYPE_I8, 3},           {4, MLR_DTYPE_U16, 6},
    {5, MLR_DTYPE_I16, 6},          {6, MLR_DTYPE_I32, 12},
    {7, MLR_DTYPE_I64, 24},         {9, MLR_DTYPE_BOOL, 3},
    {10, MLR_DTYPE_F16, 6},         {11, MLR_DTYPE_F64, 24},
    {12, MLR_DTYPE_U32, 12},        {13, MLR_DTYPE_U64, 24},
    {14, MLR_DTYPE_C64, 24},        {15, MLR_DTYPE_C128, 48},
    {16, MLR_DTYPE_BF16, 6},        {17, MLR_DTYPE_F8_E4M3, 3},
    {18, MLR_DTYPE_F8_E4M3FNUZ, 3}, {19, MLR_DTYPE_F8_E5M2, 3},
    {20, MLR_DTYPE_F8_E5M2FNUZ, 3}, {21, MLR_DTYPE_U4, 2},
    {22, MLR_DTYPE_I4, 2},          {23, MLR_DTYPE_F4_E2M1, 2},
    {24, MLR_DTYPE_F8_E8M0, 3},     {25, MLR_DTYPE_U2, 1},
    {26, MLR_DTYPE_I2, 1},
};

static void maps_every_element_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, G("2a{ 08 03 10 %02x 42{'W'} 4a{ ~%u:55 } }"),
                 types[i].number, types[i].raw_bytes);
        onnx_case c;
        begin(&c, text);
        const mlr_tensor *t = parse_mem_tensor(&c.p, "init:W");
        assert_int_equal(t->dtype->id, types[i].dtype);
        assert_int_equal(t->native_type, types[i].number);
        assert_int_equal(t->data.len, types[i].raw_bytes);
        assert_int_equal(t->elements, 3);
        end(&c);
    }
}

/* --- payloads --- */

static void expect(const char *notation, unsigned dtype, uint64_t off, uint64_t len)
{
    onnx_case c;
    begin(&c, notation);
    const mlr_tensor *t = parse_mem_tensor(&c.p, "init:W");
    assert_int_equal(t->dtype->id, dtype);
    assert_int_equal(t->data.off, off);
    assert_int_equal(t->data.len, len);
    assert_int_equal(c.p.model.tensor_count, 1);
    end(&c);
}

/* The version, the graph's and the initializer's tags take 2 + 2 + 2 bytes. */
static void finds_the_payload_of_each_field(void **state)
{
    (void)state;
    expect(T("10 01 08 02 4a{ ~8:01 }"), MLR_DTYPE_F32, 12, 8);
    expect(T("10 01 08 02 22{ ~8:01 }"), MLR_DTYPE_F32, 12, 8);
    expect(T("10 0b 08 02 52{ ~16:01 }"), MLR_DTYPE_F64, 12, 16);
    expect(T("10 0e 08 02 22{ ~16:01 }"), MLR_DTYPE_C64, 12, 16);
    expect(T("10 0f 08 01 52{ ~16:01 }"), MLR_DTYPE_C128, 12, 16);
    expect(T("10 03 08 02 2a{ 7f ~9:ff 01 }"), MLR_DTYPE_OPAQUE, 12, 11);
    expect(T("10 07 08 02 3a{ 01 02 }"), MLR_DTYPE_OPAQUE, 12, 2);
    expect(T("10 0d 08 02 5a{ 01 02 }"), MLR_DTYPE_OPAQUE, 12, 2);
    expect(T("10 0c 08 02 5a{ 01 02 }"), MLR_DTYPE_OPAQUE, 12, 2);
    expect(T("10 0a 08 01 2a{ 80 78 }"), MLR_DTYPE_OPAQUE, 12, 2);
    expect(T("10 08 08 01 32{'text'}"), MLR_DTYPE_STRING, 12, 4);
    expect(T("10 08 08 02 32{'a'} 32{'bc'}"), MLR_DTYPE_STRING, 10, 7);
}

static void takes_pieces_of_a_payload_as_one_run_of_bytes(void **state)
{
    (void)state;
    expect(T("10 01 08 02 25 ~4:01 25 ~4:02"), MLR_DTYPE_OPAQUE, 10, 10);
    expect(T("10 01 08 02 22{ ~4:01 } 22{ ~4:02 }"), MLR_DTYPE_OPAQUE, 10, 12);
    expect(T("10 01 08 02 22{ ~4:01 } 25 ~4:02"), MLR_DTYPE_OPAQUE, 10, 11);
    expect(T("10 06 08 02 28 05 28 06"), MLR_DTYPE_OPAQUE, 10, 4);
    /* what stands between them would become payload too: then there is none */
    onnx_case c;
    begin(&c, T("10 06 28 05 08 02 28 06"));
    assert_int_equal(c.p.model.tensor_count, 0);
    end(&c);
}

static void keeps_data_of_another_length_as_bytes(void **state)
{
    (void)state;
    expect(T("10 01 08 02 4a{ ~9:01 }"), MLR_DTYPE_OPAQUE, 12, 9);
    expect(T("10 63 08 02 4a{ ~3:01 }"), MLR_DTYPE_OPAQUE, 12, 3);
    expect(T("10 00 08 02 4a{ ~3:01 }"), MLR_DTYPE_OPAQUE, 12, 3);
}

static void lists_empty_tensors_and_skips_those_without_data(void **state)
{
    (void)state;
    onnx_case c;
    begin(&c, G("2a{ 08 00 10 01 42{'E'} } 2a{ 08 02 10 01 42{'N'} }"));
    const mlr_tensor *t = parse_mem_tensor(&c.p, "init:E");
    assert_int_equal(t->elements, 0);
    assert_int_equal(t->data.len, 0);
    assert_int_equal(t->dtype->id, MLR_DTYPE_F32);
    assert_int_equal(c.p.model.tensor_count, 1);
    end(&c);
}

static void reads_shapes_packed_and_unpacked_outermost_first(void **state)
{
    (void)state;
    onnx_case c;
    begin(&c, T("10 09 0a{ 02 03 } 08 04 4a{ ~24:00 }"));
    const mlr_tensor *t = parse_mem_tensor(&c.p, "init:W");
    assert_int_equal(t->rank, 3);
    assert_int_equal(t->dim[0], 2);
    assert_int_equal(t->dim[1], 3);
    assert_int_equal(t->dim[2], 4);
    end(&c);
}

/* --- where tensors hide --- */

#define F1 "10 01 4a{ ~4:07 }"

static void finds_tensors_wherever_they_hide(void **state)
{
    (void)state;
    onnx_case c;
    begin(&c,
          "08 08 3a{"
          " 2a{" F1 "42{'W'} }"
          " 7a{ 0a{ 08 01" F1 "42{'S'} } 12{ 08 01 10 07 4a{ ~8:00 } } }"
          " 0a{ 12{'c'} 22{'Constant'} 2a{ 0a{'value'} 2a{" F1 "} } }"
          " 0a{ 12{'sc'} 22{'Constant'} 2a{ 0a{'sparse_value'} b201{ 0a{ 08 01" F1
          "} 12{ 08 01 10 07 4a{ ~8:00 } } } } }"
          " 0a{ 12{'m'} 22{'Many'} 2a{ 0a{'ts'} 52{" F1 "} 52{" F1 "} }"
          "   2a{ 0a{'ss'} ba01{ 0a{ 08 01" F1 "} } ba01{ 0a{ 08 01" F1 "} } } }"
          " 0a{ 12{'i'} 22{'If'} 2a{ 0a{'then_branch'} 32{ 2a{" F1 "42{'W'} } } }"
          "   2a{ 0a{'else_branch'} 32{ 0a{ 12{'c'} 2a{ 0a{'value'} 2a{" F1 "} } } } } }"
          " 0a{ 12{'s'} 22{'Switch'} 2a{ 0a{'gs'} 5a{ 2a{" F1 "42{'A'} } } 5a{ 2a{" F1
          "42{'A'} } } } } }"
          "a201{ 0a{ 2a{" F1 "42{'I'} } } 12{ 2a{" F1 "42{'L'} } } }"
          "ca01{ 0a{'f'} 3a{ 12{'c'} 2a{ 0a{'value'} 2a{" F1 "} } } 52{'dom'} 6a{'ov'}"
          "   5a{ 0a{'dflt'} 2a{" F1 "} } }");
    static const char *const keys[] = {
        "init:W",
        "init:S/values",
        "init:S/indices",
        "node:c/value",
        "node:sc/sparse_value/values",
        "node:sc/sparse_value/indices",
        "node:m/ts[0]",
        "node:m/ts[1]",
        "node:m/ss[0]/values",
        "node:m/ss[1]/values",
        "node:i/then_branch/init:W",
        "node:i/else_branch/node:c/value",
        "node:s/gs[0]/init:A",
        "node:s/gs[1]/init:A",
        "training/initialization/init:I",
        "training/algorithm/init:L",
        "fn:dom:f:ov/node:c/value",
        "fn:dom:f:ov/attr:dflt",
    };
    size_t n = sizeof keys / sizeof keys[0];
    for (size_t i = 0; i < n; i++) {
        assert_int_not_equal(parse_mem_tensor(&c.p, keys[i])->data.len, 0);
    }
    assert_int_equal(c.p.model.tensor_count, n);
    end(&c);
}

static void keys_do_not_depend_on_the_order_of_nodes(void **state)
{
    (void)state;
#define NODE(out) "0a{ 12{'" out "'} 22{'Constant'} 2a{ 0a{'value'} 2a{" F1 "} } }"
    onnx_case a, b;
    begin(&a, G(NODE("x") NODE("y")));
    begin(&b, G(NODE("y") NODE("x")));
    assert_int_equal(parse_mem_tensor(&a.p, "node:x/value")->data.off,
                     parse_mem_tensor(&b.p, "node:y/value")->data.off);
    end(&a);
    end(&b);
}

/* An attribute may come before the outputs, and a function's domain after its nodes. */
static void finds_names_that_come_after_the_content(void **state)
{
    (void)state;
    onnx_case c;
    begin(&c, G("0a{ 2a{ 2a{" F1 "} 0a{'value'} } 12{ } 12{'second'} }"));
    parse_mem_tensor(&c.p, "node:second/value");
    end(&c);
    begin(&c, G("0a{ 2a{ 2a{" F1 "} 0a{'value'} } 1a{'called'} }"));
    parse_mem_tensor(&c.p, "node:called/value");
    end(&c);
}

static void numbers_keys_that_repeat(void **state)
{
    (void)state;
    onnx_case c;
    begin(&c, G("2a{" F1 "42{'W'} } 2a{" F1 "42{'W#2'} } 2a{" F1 "42{'W'} } 2a{" F1
                "42{'W'} }"));
    assert_int_equal(parse_mem_tensor(&c.p, "init:W")->data.off, 12 - 2);
    const mlr_tensor *third = parse_mem_tensor(&c.p, "init:W#3");
    assert_int_equal(third->name.n, 1);
    parse_mem_tensor(&c.p, "init:W#4");
    parse_mem_tensor(&c.p, "init:W#2");
    end(&c);
}

static void walks_every_occurrence_of_a_message_that_protobuf_would_merge(void **state)
{
    (void)state;
    onnx_case c;
    begin(&c, G("2a{" F1 "42{'A'} }") "3a{ 2a{" F1 "42{'B'} } }");
    parse_mem_tensor(&c.p, "init:A");
    parse_mem_tensor(&c.p, "init:B");
    end(&c);
}

/* --- external data --- */

#define ENTRY(key, value) "6a{ 0a{'" key "'} 12{'" value "'} }"

static void reads_external_data_from_its_own_member(void **state)
{
    (void)state;
    onnx_case c;
    begin(&c, G("2a{ 08 02 10 01 42{'A'} 70 01" ENTRY("location", "w.bin")
                    ENTRY("offset", "4096") ENTRY(
                        "length", "8") "}"
                                       "2a{ 08 02 10 01 42{'B'} 70 01" ENTRY(
                                           "location",
                                           "./w.bin") "}"
                                                      "2a{ 08 04 10 01 42{'C'} 70 01" ENTRY(
                                                          "location", "more/w.bin") "}"));
    const mlr_tensor *a = parse_mem_tensor(&c.p, "init:A");
    const mlr_tensor *b = parse_mem_tensor(&c.p, "init:B");
    assert_int_equal(a->member, 1);
    assert_int_equal(a->data.off, 4096);
    assert_int_equal(a->data.len, 8);
    assert_int_equal(b->member, 1);
    assert_int_equal(b->data.off, 0);
    assert_int_equal(b->data.len, 8);
    assert_int_equal(parse_mem_tensor(&c.p, "init:C")->member, 2);
    assert_int_equal(c.p.model.member_count, 3);
    end(&c);
}

static void leaves_external_data_out_where_nothing_may_be_opened(void **state)
{
    (void)state;
    pb_bytes file =
        pb_build(G("2a{ 08 02 10 01 42{'A'} 70 01" ENTRY("location", "w.bin") "}"));
    parse_mem p = {.format = &mlr_format_onnx, .data = file.data, .n = file.n};
    parse_mem_run(&p);
    assert_no_err(&p.err);
    assert_int_equal(p.model.tensor_count, 0);
    parse_mem_end(&p);
    free(file.data);
}

/* --- quantization --- */

#define TENSOR(name, dims, type, n)                                                        \
    "2a{" dims "10 " type " 42{'" name "'} 4a{ ~" n ":01 } }"

static void joins_weights_with_scales_and_zero_points(void **state)
{
    (void)state;
    onnx_case c;
    begin(&c, G("0a{ 0a{'q'} 0a{'s'} 0a{'z'} 12{'d'} 22{'DequantizeLinear'}"
                "    2a{ 0a{'axis'} 18 00 } }" TENSOR("q", "08 02 08 03", "03", "6")
                    TENSOR("s", "08 02", "01", "8") TENSOR("z", "08 02", "03", "2")));
    const mlr_quant *q = parse_mem_tensor(&c.p, "init:q")->quant;
    assert_non_null(q);
    assert_string_equal(q->scheme, "affine");
    assert_int_equal(q->axis, 0);
    assert_int_equal(q->block, 0);
    assert_int_equal(q->scale.dtype->id, MLR_DTYPE_F32);
    assert_int_equal(q->scale.count, 2);
    assert_int_equal(q->scale.bytes.off, parse_mem_tensor(&c.p, "init:s")->data.off);
    assert_int_equal(q->zero.dtype->id, MLR_DTYPE_I8);
    assert_int_equal(q->zero.bytes.off, parse_mem_tensor(&c.p, "init:z")->data.off);
    assert_null(parse_mem_tensor(&c.p, "init:s")->quant);
    end(&c);
}

/* Operator, its inputs, attributes; then the axis and block that follow for weight q. */
static void knows_the_operators_that_quantize(void **state)
{
    (void)state;
#define IN(name) "0a{'" name "'} "
    static const struct {
        const char *node;
        int axis;
        unsigned block;
        bool scale, zero;
    } rows[] = {
        {IN("q") IN("s1") "22{'DequantizeLinear'}", -1, 0, true, false},
        {IN("q") IN("s3") "22{'DequantizeLinear'}", 1, 0, true, false},
        {IN("q") IN("s3") "22{'DequantizeLinear'} 2a{ 0a{'axis'} 18 ~9:ff 01 }", 1, 0, true,
         false},
        {IN("q") IN("s2") "22{'DequantizeLinear'} 2a{ 0a{'axis'} 18 09 }", -1, 0, true,
         false},
        {IN("q") IN("s2") "22{'DequantizeLinear'} 2a{ 0a{'block_size'} 18 03 }", 1, 3, true,
         false},
        {IN("x") IN("") IN("") IN("q") IN("s2") IN("z2") "22{'QLinearConv'}", 0, 0, true,
         true},
        {IN("q") IN("s2") IN("z2") IN("x") "22{'QLinearConv'}", -1, 0, true, true},
        {IN("x") IN("") IN("") IN("q") IN("s3") IN("") "22{'QLinearMatMul'}", 1, 0, true,
         false},
        {IN("q") IN("s2") IN("") IN("x") "22{'QLinearMatMul'}", 0, 0, true, false},
        {IN("x") IN("q") IN("") IN("z2") "22{'ConvInteger'}", 0, 0, false, true},
        {IN("x") IN("q") IN("") IN("z3") "22{'MatMulInteger'}", 1, 0, false, true},
        {IN("x") IN("q") IN("s2") IN("z2") "22{'MatMulNBits'} 3a{'com.microsoft'}"
                                           " 2a{ 0a{'block_size'} 18 20 }",
         1, 32, true, true},
        {IN("x") IN("q") IN("s3") "22{'DynamicQuantizeMatMul'} 3a{'com.microsoft'}", 1, 0,
         true, false},
        {IN("q") IN("i")
             IN("s2") "22{'GatherBlockQuantized'} 3a{'com.microsoft'}"
                      " 2a{ 0a{'quantize_axis'} 18 01 } 2a{ 0a{'block_size'} 18 10 }",
         1, 16, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, G("0a{ %s 12{'d'} } %s"), rows[i].node,
                 TENSOR("q", "08 02 08 03", "03", "6") TENSOR("s1", "", "01", "4")
                     TENSOR("s2", "08 02", "01", "8") TENSOR("s3", "08 03", "01", "12")
                         TENSOR("z2", "08 02", "03", "2") TENSOR("z3", "08 03", "03", "3"));
        onnx_case c;
        begin(&c, text);
        const mlr_quant *q = parse_mem_tensor(&c.p, "init:q")->quant;
        if (q == NULL || q->axis != rows[i].axis || q->block != rows[i].block) {
            print_message("row %zu: %s\n", i, rows[i].node);
        }
        assert_non_null(q);
        assert_int_equal(q->axis, rows[i].axis);
        assert_int_equal(q->block, rows[i].block);
        assert_int_equal(q->scale.dtype != NULL, rows[i].scale);
        assert_int_equal(q->zero.dtype != NULL, rows[i].zero);
        end(&c);
    }
}

static bool is_quantized(const char *notation)
{
    onnx_case c;
    begin(&c, notation);
    bool yes = parse_mem_tensor(&c.p, "init:q")->quant != NULL;
    end(&c);
    return yes;
}

static void claims_no_quantization_it_cannot_see(void **state)
{
    (void)state;
#define Q        TENSOR("q", "08 02", "03", "2")
#define S        TENSOR("s", "", "01", "4")
#define DQ(more) "0a{ 0a{'q'} 0a{'s'} " more " 12{'d'} 22{'DequantizeLinear'} }"
    assert_true(is_quantized(G(DQ("") Q S)));
    assert_false(is_quantized(G(DQ("") Q)));          /* scale computed at run time */
    assert_false(is_quantized(G(DQ("0a{'z'}") Q S))); /* zero point likewise */
    assert_false(is_quantized(G(Q S)));               /* no node says so */
    assert_false(is_quantized(G("0a{ 0a{'q'} 0a{'s'} 12{'d'} 22{'DequantizeLinear'}"
                                " 3a{'other'} }" Q S))); /* another domain's operator */
}

static void resolves_names_in_the_graphs_around(void **state)
{
    (void)state;
    /* the inner graph uses the outer weight, and its own scale before the outer one */
    onnx_case c;
    begin(&c, G("0a{ 12{'i'} 22{'If'} 2a{ 0a{'b'} 32{" DQ("")
                    TENSOR("s", "08 01", "01", "4") "} } }" Q S));
    const mlr_quant *q = parse_mem_tensor(&c.p, "init:q")->quant;
    assert_non_null(q);
    assert_int_equal(q->scale.bytes.off,
                     parse_mem_tensor(&c.p, "node:i/b/init:s")->data.off);
    end(&c);
    /* but not the other way round */
    assert_false(
        is_quantized(G(DQ("") Q "0a{ 12{'i'} 22{'If'} 2a{ 0a{'b'} 32{" S "} } }")));
}

static void takes_the_first_of_two_values_with_one_name(void **state)
{
    (void)state;
    onnx_case c;
    begin(&c, G(DQ("") Q S TENSOR("s", "08 01", "01", "4")));
    assert_int_equal(parse_mem_tensor(&c.p, "init:q")->quant->scale.bytes.off,
                     parse_mem_tensor(&c.p, "init:s")->data.off);
    end(&c);
}

static void takes_scales_from_constants_and_varints_of_one_byte(void **state)
{
    (void)state;
    onnx_case c;
    begin(&c, G("0a{ 12{'s'} 22{'Constant'} 2a{ 0a{'value'} 2a{ 10 01 22{ ~4:3f } } } }" DQ(
                  "0a{'z'}") Q "2a{ 10 03 42{'z'} 2a{ 05 } }"));
    const mlr_quant *q = parse_mem_tensor(&c.p, "init:q")->quant;
    assert_non_null(q);
    assert_int_equal(q->scale.bytes.off, parse_mem_tensor(&c.p, "node:s/value")->data.off);
    assert_int_equal(q->zero.dtype->id, MLR_DTYPE_U8);
    assert_int_equal(q->zero.count, 1);
    end(&c);
    begin(&c, G(DQ("0a{'z'}") Q S "2a{ 10 03 42{'z'} 2a{ ~9:ff 01 } }"));
    assert_int_equal(parse_mem_tensor(&c.p, "init:q")->quant->zero.dtype->id,
                     MLR_DTYPE_OPAQUE);
    end(&c);
}

/* --- metadata --- */

static void tells_what_the_model_says_about_itself(void **state)
{
    (void)state;
    onnx_case c;
    begin(&c, "08 07 08 09 12{'maker'} 28 05 42{ 10 0d } 42{ 0a{'ai.x'} 10 02 }"
              "72{ 0a{'author'} 12{'me'} }"
              "3a{ 0a{ 12{'a'} 22{'Conv'} } 0a{ 12{'b'} 22{'Conv'} 3a{'ai.onnx'} }"
              "    0a{ 12{'c'} 22{'Fused'} 3a{'com.x'} } }");
    assert_int_equal(parse_mem_meta(&c.p, "ir_version")->value.u, 9);
    assert_int_equal(parse_mem_meta(&c.p, "model_version")->value.u, 5);
    assert_int_equal(parse_mem_meta(&c.p, "opset.ai.onnx")->value.u, 13);
    assert_int_equal(parse_mem_meta(&c.p, "opset.ai.x")->value.u, 2);
    assert_int_equal(parse_mem_meta(&c.p, "graph.ops.Conv")->value.u, 2);
    assert_int_equal(parse_mem_meta(&c.p, "graph.ops.com.x.Fused")->value.u, 1);
    const mlr_meta *maker = parse_mem_meta(&c.p, "producer_name");
    assert_int_equal(maker->text.n, 5);
    assert_memory_equal(maker->text.p, "maker", 5);
    assert_int_equal(maker->bytes.off, 6);
    assert_memory_equal(parse_mem_meta(&c.p, "props.author")->text.p, "me", 2);
    end(&c);
}

static void probes_by_the_first_fields(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool likely, possible;
    } rows[] = {
        {"08 08 12{'maker'}", true, true},
        {"08 07 3a{}", true, true},
        {"08 08 3a !900 0a 05", true, true},   /* a graph longer than the head */
        {"08 08 3a !996 0a 05", false, false}, /* and longer than the file */
        {"08 08", false, true},
        {"08 08 00", false, false},
        {"12{'maker'} 08 08", false, true}, /* in another order */
        {"3a{ 0a{} }", false, false},       /* no version in sight */
        {"'Build it like this.'", false, false},
        {"'2 files'", false, false},
        {"08 7f 12", false, false},
        {"08 00 00 00", false, false},
        {"'GGUF'", false, false},
        {"'{\"a\"'", false, false},
        {"08", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pb_bytes b = pb_build(rows[i].head);
        int score = mlr_format_onnx.probe(b.data, b.n, 1000);
        assert_int_equal(score >= 50, rows[i].likely);
        assert_int_equal(score > 1, rows[i].possible);
        free(b.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_every_element_type),
        cmocka_unit_test(finds_the_payload_of_each_field),
        cmocka_unit_test(takes_pieces_of_a_payload_as_one_run_of_bytes),
        cmocka_unit_test(keeps_data_of_another_length_as_bytes),
        cmocka_unit_test(lists_empty_tensors_and_skips_those_without_data),
        cmocka_unit_test(reads_shapes_packed_and_unpacked_outermost_first),
        cmocka_unit_test(finds_tensors_wherever_they_hide),
        cmocka_unit_test(keys_do_not_depend_on_the_order_of_nodes),
        cmocka_unit_test(finds_names_that_come_after_the_content),
        cmocka_unit_test(numbers_keys_that_repeat),
        cmocka_unit_test(walks_every_occurrence_of_a_message_that_protobuf_would_merge),
        cmocka_unit_test(reads_external_data_from_its_own_member),
        cmocka_unit_test(leaves_external_data_out_where_nothing_may_be_opened),
        cmocka_unit_test(joins_weights_with_scales_and_zero_points),
        cmocka_unit_test(knows_the_operators_that_quantize),
        cmocka_unit_test(claims_no_quantization_it_cannot_see),
        cmocka_unit_test(resolves_names_in_the_graphs_around),
        cmocka_unit_test(takes_the_first_of_two_values_with_one_name),
        cmocka_unit_test(takes_scales_from_constants_and_varints_of_one_byte),
        cmocka_unit_test(tells_what_the_model_says_about_itself),
        cmocka_unit_test(probes_by_the_first_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
