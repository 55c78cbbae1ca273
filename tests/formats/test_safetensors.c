#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/model_fault.h"
#include "tests/support/parse_bytes.h"
#include "tests/support/st_build.h"

/* One tensor of a header. */
#define TENSOR(name, dtype, shape, begin, end)                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin  \
    "," #end "]}"
#define ONE TENSOR("a", "F32", "[1]", 0, 4)

static mlr_str str(const char *s)
{
    return (mlr_str){.p = s, .n = strlen(s)};
}

/* Parses a header and zeros as data. The bytes are to be freed. */
static uint8_t *open_header(parsed *p, const char *header, size_t data)
{
    size_t n = 0;
    uint64_t mark = 0;
    uint8_t *bytes = st_build(header, strlen(header), data, &n, &mark);
    parsed_init(p);
    parsed_run(p, bytes, n, NULL);
    return bytes;
}

static void close_header(parsed *p, uint8_t *bytes)
{
    assert_true(parsed_release(p));
    free(bytes);
}

static void reads_every_dtype(void **state)
{
    (void)state;
    static const struct {
        const char *name, *ours;
        size_t bits;
    } types[] = {{"BOOL", "bool", 8},
                 {"F4", "f4_e2m1", 4},
                 {"F6_E2M3", "f6_e2m3", 6},
                 {"F6_E3M2", "f6_e3m2", 6},
                 {"U8", "u8", 8},
                 {"I8", "i8", 8},
                 {"F8_E5M2", "f8_e5m2", 8},
                 {"F8_E4M3", "f8_e4m3", 8},
                 {"F8_E8M0", "f8_e8m0", 8},
                 {"F8_E4M3FNUZ", "f8_e4m3fnuz", 8},
                 {"F8_E5M2FNUZ", "f8_e5m2fnuz", 8},
                 {"I16", "i16", 16},
                 {"U16", "u16", 16},
                 {"F16", "f16", 16},
                 {"BF16", "bf16", 16},
                 {"I32", "i32", 32},
                 {"U32", "u32", 32},
                 {"F32", "f32", 32},
                 {"C64", "c64", 64},
                 {"F64", "f64", 64},
                 {"I64", "i64", 64},
                 {"U64", "u64", 64}};
    assert_int_equal(sizeof types / sizeof *types, 22);
    for (size_t i = 0; i < 22; i++) {
        char header[256];
        size_t bytes_of_8 = types[i].bits; /* 8 elements of so many bits */
        snprintf(header, sizeof header,
                 "{\"t\":{\"dtype\":\"%s\",\"shape\":[2,4],\"data_offsets\":[0,%zu]}}",
                 types[i].name, bytes_of_8);
        parsed p;
        uint8_t *bytes = open_header(&p, header, bytes_of_8);
        assert_no_err(&p.err);
        assert_string_equal(p.model.members[0].format->name, "safetensors");
        assert_string_equal(p.model.tensors[0].dtype->name, types[i].ours);
        assert_int_equal(p.model.tensors[0].native_type, i);
        assert_int_equal(p.model.tensors[0].elements, 8);
        close_header(&p, bytes);
    }
}

static void unknown_dtype_is_opaque(void **state)
{
    (void)state;
    parsed p;
    uint8_t *bytes = open_header(&p, "{" TENSOR("t", "F3_NEW", "[7]", 0, 5) "}", 5);
    assert_no_err(&p.err);
    assert_string_equal(p.model.tensors[0].dtype->name, "opaque");
    assert_int_equal(p.model.tensors[0].data.len, 5);
    close_header(&p, bytes);
}

static const char reversed_header[] = /* with an empty tensor between */
    "{" TENSOR("z", "F32", "[2]", 4, 12) "," TENSOR("e", "F32", "[0]", 12, 12) "," ONE "}";

static void tensors_may_be_defined_in_any_order(void **state)
{
    (void)state;
    parsed p;
    uint8_t *bytes = open_header(&p, reversed_header, 12);
    assert_no_err(&p.err);
    assert_null(model_fault(&p.model));
    assert_int_equal(p.model.span_count, 3);
    assert_int_equal(p.model.spans[1].tensor, 2);
    assert_int_equal(p.model.spans[2].tensor, 0);
    close_header(&p, bytes);
}

static void accepts_what_the_reference_accepts(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
    } fine[] = {
        {"{}", 0},
        {"{}      ", 0},
        {"{} \n\t\r ", 0},
        {"{\"__metadata__\":{}}", 0},
        {"{" TENSOR("s", "F32", "[]", 0, 4) "}", 4},
        {"{" TENSOR("e", "F32", "[0,9223372036854775807]", 0, 0) "}", 0},
        {"{" TENSOR("", "U8", "[1]", 0, 1) "}", 1},
        {"{" TENSOR("e", "F32", "[0]", 0, 0) "," ONE "}", 4},
        {"{" ONE "," TENSOR("e", "F32", "[0]", 0, 0) "}", 4},
        {"{" TENSOR("f", "F4", "[2]", 0, 1) "," TENSOR("g", "F6_E2M3", "[4]", 1, 4) "}", 4},
        {"{ \"a\" : { \"shape\" : [ 1 , 1 ] , \"data_offsets\" : [ 0 , 4 ] , \"dtype\" : "
         "\"F32\" } }",
         4},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"x\":{\"y\":[1,-2."
         "5e+3"
         ",true,false,null,\"s\",{},[]]}}}",
         1},
        {"{" TENSOR("\\ud83d\\ude00", "U8", "[1]", 0, 1) "}", 1},
        {"{" TENSOR("\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa9", "U8", "[1]", 0, 1) "}", 1},
        {"{" TENSOR("a\\/b\\\\\\\"", "U8", "[1]", 0, 1) "}", 1},
    };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        parsed p;
        uint8_t *bytes = open_header(&p, fine[i].header, fine[i].data);
        if (p.status != MLR_OK) {
            print_message("%s\n", fine[i].header);
        }
        assert_no_err(&p.err);
        assert_null(model_fault(&p.model));
        close_header(&p, bytes);
    }
}

static void names_are_unescaped(void **state)
{
    (void)state;
    parsed p;
    uint8_t *bytes = open_header(
        &p, "{" TENSOR("\\u0061\\u20ac\\ud83d\\ude00\\/\\\"", "U8", "[1]", 0, 1) "}", 1);
    assert_no_err(&p.err);
    assert_ptr_equal(mlr_model_find(&p.model, str("a\xe2\x82\xac\xf0\x9f\x98\x80/\"")),
                     &p.model.tensors[0]);
    close_header(&p, bytes);
}

static void metadata_becomes_entries(void **state)
{
    (void)state;
    parsed p;
    uint8_t *bytes = open_header(
        &p, "{\"__metadata__\":{\"format\":\"pt\",\"\":\"\\n\\u00e9\"}," ONE "}", 4);
    assert_no_err(&p.err);
    assert_int_equal(p.model.meta_count, 2);
    assert_memory_equal(p.model.metas[0].key.p, "format", 6);
    assert_memory_equal(p.model.metas[0].text.p, "pt", 2);
    assert_int_equal(p.model.metas[0].kind, MLR_META_STRING);
    assert_int_equal(p.model.metas[0].bytes.off,
                     8 + strlen("{\"__metadata__\":{\"format\":\""));
    assert_int_equal(p.model.metas[0].bytes.len, 2);
    assert_memory_equal(p.model.metas[1].text.p, "\n\xc3\xa9", 3);
    assert_int_equal(p.model.metas[1].count, 3);
    assert_int_equal(p.model.metas[1].bytes.len, 8);
    close_header(&p, bytes);
}

/* clang-format would tear the macros apart */
/* clang-format off */
static const char fp8_header[] = "{"
    TENSOR("a.weight", "F8_E4M3", "[2,4]", 0, 8) ","
    TENSOR("a.weight_scale", "F32", "[]", 8, 12) ","
    TENSOR("b.weight", "F8_E4M3", "[2,4]", 12, 20) ","
    TENSOR("b.weight_scale", "F32", "[2,1]", 20, 28) ","
    TENSOR("c.weight", "F8_E4M3", "[256,300]", 28, 76828) ","
    TENSOR("c.weight_scale_inv", "F32", "[2,3]", 76828, 76852) ","
    TENSOR("d.weight", "BF16", "[1]", 76852, 76854) "}";

static const char packed_header[] = "{"
    TENSOR("g.qweight", "I32", "[2,8]", 0, 64) ","
    TENSOR("g.qzeros", "I32", "[1,1]", 64, 68) ","
    TENSOR("g.scales", "F16", "[1,8]", 68, 84) ","
    TENSOR("g.g_idx", "I32", "[16]", 84, 148) ","
    TENSOR("w.qweight", "I32", "[16,1]", 148, 212) ","
    TENSOR("w.qzeros", "I32", "[2,1]", 212, 220) ","
    TENSOR("w.scales", "F16", "[2,8]", 220, 252) "}";
/* clang-format on */

static void fp8_weights_find_their_scales(void **state)
{
    (void)state;
    parsed p;
    uint8_t *bytes = open_header(&p, fp8_header, 76854);
    assert_no_err(&p.err);
    const mlr_quant *a = mlr_model_find(&p.model, str("a.weight"))->quant;
    const mlr_quant *b = mlr_model_find(&p.model, str("b.weight"))->quant;
    const mlr_quant *c = mlr_model_find(&p.model, str("c.weight"))->quant;
    assert_string_equal(a->scheme, "fp8-scale");
    assert_int_equal(a->axis, -1);
    assert_int_equal(a->scale.count, 1);
    assert_int_equal(a->scale.bytes.len, 4);
    assert_null(a->zero.dtype);
    assert_int_equal(b->axis, 0);
    assert_int_equal(b->block, 0);
    assert_int_equal(c->axis, 1);
    assert_int_equal(c->block, 100); /* 3 scales along 300 */
    assert_null(mlr_model_find(&p.model, str("d.weight"))->quant);
    close_header(&p, bytes);
}

static void packed_weights_tell_gptq_from_awq(void **state)
{
    (void)state;
    parsed p;
    uint8_t *bytes = open_header(&p, packed_header, 252);
    assert_no_err(&p.err);
    const mlr_quant *g = mlr_model_find(&p.model, str("g.qweight"))->quant;
    const mlr_quant *w = mlr_model_find(&p.model, str("w.qweight"))->quant;
    assert_string_equal(g->scheme, "gptq");
    assert_int_equal(g->block, 16); /* 2 words of 8 codes in one group */
    assert_int_equal(g->zero.count, 1);
    assert_string_equal(w->scheme, "awq");
    assert_int_equal(w->block, 8); /* 16 rows in 2 groups */
    assert_int_equal(w->axis, 0);
    close_header(&p, bytes);
}

typedef struct hostile {
    const char *claim;
    mlr_status status;
    const char *header; /* a backquote stands where the failure is expected */
    size_t n, data;
} hostile;

#define ROW(claim, status, header, data)                                                   \
    {                                                                                      \
        claim, status, header, sizeof(header) - 1, data                                    \
    }
#define T MLR_E_TRUNCATED
#define F MLR_E_FORMAT
#define L MLR_E_LIMIT

/* A tensor of one byte called so. */
#define NAMED(name) "{\"" name "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"
/* A tensor of type U8 with such a shape. */
#define SHAPED(shape)                                                                      \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":" shape ",\"data_offsets\":[0,1]}}"
/* A tensor of such a type and shape, whose shape is at fault. */
#define SIZED(dtype, shape)                                                                \
    "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":`" shape ",\"data_offsets\":[0,1]}}"
/* A tensor of type F32 and shape [1] with such offsets. */
#define PLACED(offsets)                                                                    \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" offsets "}}"
/* A tensor with one more field. */
#define EXTRA(value)                                                                       \
    "{\"a\":{\"x\":" value ",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"

static const hostile bad[] = {
    /* the frame */
    ROW("no header at all", F, "`", 4),
    ROW("list instead of object", F, "`[]", 0),
    ROW("space before the brace", F, "` {}", 0),
    ROW("byte order mark", F, "`\xEF\xBB\xBF{}", 0),
    ROW("string instead of object", F, "`\"a\"", 0),
    ROW("null instead of object", F, "`null", 0),
    ROW("number instead of object", F, "`12", 0),
    ROW("NUL instead of object", F, "`\0\0", 0),
    ROW("brace alone", T, "{`", 0),
    ROW("brace and spaces", T, "{   `", 0),
    ROW("name without end", T, "{\"a`", 0),
    ROW("name alone", T, "{\"a\"`", 0),
    ROW("colon alone", T, "{\"a\":`", 0),
    ROW("object without end", T, "{\"a\":{`", 0),
    ROW("field without end", T, "{\"a\":{\"dtype`", 0),
    ROW("field without value", T, "{\"a\":{\"dtype\":`", 0),
    ROW("comma and end", T, "{\"a\":{\"dtype\":\"F32\",`", 0),
    ROW("shape without end", T, "{\"a\":{\"shape\":[`", 0),
    ROW("shape cut after a number", T, "{\"a\":{\"shape\":[1`", 0),
    ROW("shape cut after a comma", T, "{\"a\":{\"shape\":[1,`", 0),
    ROW("header without closing brace", T, "{" ONE "`", 4),
    ROW("header cut after a comma", T, "{" ONE ",`", 4),
    ROW("escape cut off", T, "{\"a\\`", 0),
    ROW("code cut off", T, "{\"a\\u00`", 0),
    ROW("character cut off", T, "{\"a\xe2\x82`", 0),
    ROW("word cut off", F, "{\"a\":{\"x\":`tru", 0),
    ROW("comma before the first name", F, "{`,}", 0),
    ROW("comma after the last tensor", F, "{" ONE ",`}", 4),
    ROW("two commas", F, "{" ONE ",`," TENSOR("b", "U8", "[0]", 4, 4) "}", 4),
    ROW("no comma", F, "{" ONE "`" TENSOR("b", "U8", "[0]", 4, 4) "}", 4),
    ROW("name without quotes", F, "{`a:1}", 0),
    ROW("name in single quotes", F, "{`'a':1}", 0),
    ROW("number as a name", F, "{`1:1}", 0),
    ROW("no colon", F, "{\"a\"`{}}", 0),
    ROW("equals for a colon", F, "{\"a\"`={}}", 0),
    ROW("wrong bracket at the end", F, "{" ONE "`]", 4),
    ROW("letter after the header", F, "{" ONE "}`x", 4),
    ROW("NUL after the header", F, "{" ONE "}`\0", 4),
    ROW("second object after the header", F, "{" ONE "}`{}", 4),
    ROW("comment", F, "{`/* */}", 0),
    /* the tensor object */
    ROW("tensor as a number", F, "{\"a\":`1}", 0),
    ROW("tensor as null", F, "{\"a\":`null}", 0),
    ROW("tensor as a list", F, "{\"a\":`[]}", 0),
    ROW("tensor as a string", F, "{\"a\":`\"x\"}", 0),
    ROW("empty tensor object", F, "{`\"a\":{}}", 0),
    ROW("no dtype", F, "{`\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1),
    ROW("no shape", F, "{`\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1),
    ROW("no data_offsets", F, "{`\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1),
    ROW("dtype twice", F, "{\"a\":{\"dtype\":\"U8\",`\"dtype\":\"U8\"}}", 1),
    ROW("shape twice", F, "{\"a\":{\"shape\":[1],`\"shape\":[1]}}", 1),
    ROW("data_offsets twice", F, "{\"a\":{\"data_offsets\":[0,1],`\"data_offsets\":[0,1]}}",
        1),
    ROW("dtype twice, once escaped", F,
        "{\"a\":{\"dtype\":\"U8\",`\"\\u0064type\":\"U8\"}}", 1),
    ROW("dtype as a number", F, "{\"a\":{\"dtype\":`8}}", 1),
    ROW("dtype as null", F, "{\"a\":{\"dtype\":`null}}", 1),
    ROW("dtype as a list", F, "{\"a\":{\"dtype\":`[\"U8\"]}}", 1),
    ROW("shape as a number", F, "{\"a\":{\"shape\":`1}}", 1),
    ROW("shape as an object", F, "{\"a\":{\"shape\":`{}}}", 1),
    ROW("shape as a string", F, "{\"a\":{\"shape\":`\"[1]\"}}", 1),
    /* numbers */
    ROW("negative dimension", F, SHAPED("[`-1]"), 1),
    ROW("leading zero", F, SHAPED("[`01]"), 1),
    ROW("two zeros", F, SHAPED("[`00]"), 1),
    ROW("fraction", F, SHAPED("[`1.0]"), 1),
    ROW("exponent", F, SHAPED("[`1e0]"), 1),
    ROW("capital exponent", F, SHAPED("[`1E5]"), 1),
    ROW("plus sign", F, SHAPED("[`+1]"), 1),
    ROW("point first", F, SHAPED("[`.5]"), 1),
    ROW("hexadecimal", F, SHAPED("[0`x10]"), 1),
    ROW("2^63", F, SHAPED("[`9223372036854775808]"), 1),
    ROW("2^64", F, SHAPED("[`18446744073709551616]"), 1),
    ROW("23 digits", F, SHAPED("[`99999999999999999999999]"), 1),
    ROW("dimension as a string", F, SHAPED("[`\"1\"]"), 1),
    ROW("dimension as null", F, SHAPED("[`null]"), 1),
    ROW("dimension as a list", F, SHAPED("[`[1]]"), 1),
    ROW("infinity", F, SHAPED("[`Infinity]"), 1),
    ROW("two numbers without comma", F, SHAPED("[1 `1]"), 1),
    ROW("comma after the last dimension", F, SHAPED("[1,`]"), 1),
    ROW("comma before the first dimension", F, SHAPED("[`,1]"), 1),
    /* products */
    ROW("{2^32, 2^32} wraps to 0", F, SIZED("U8", "[4294967296,4294967296]"), 1),
    ROW("{2^62, 4} wraps to 0", F, SIZED("U8", "[4611686018427387904,4]"), 1),
    ROW("{2^32, 2^32, 0}", F, SIZED("U8", "[4294967296,4294967296,0]"), 1),
    ROW("2^61 bytes are 2^64 bits", F, SIZED("U8", "[2305843009213693952]"), 1),
    ROW("2^58 doubles are 2^64 bits", F, SIZED("F64", "[288230376151711744]"), 1),
    ROW("one F4 is half a byte", F, SIZED("F4", "[1]"), 1),
    ROW("three F4", F, SIZED("F4", "[3]"), 1),
    ROW("one F6", F, SIZED("F6_E2M3", "[1]"), 1),
    ROW("two F6", F, SIZED("F6_E3M2", "[2]"), 1),
    ROW("three F6", F, SIZED("F6_E2M3", "[3,1]"), 1),
    ROW("opaque product wraps", F, SIZED("NEW", "[4294967296,4294967296]"), 1),
    /* offsets */
    ROW("no offsets", F, PLACED("[`]"), 4),
    ROW("one offset", F, PLACED("[0`]"), 4),
    ROW("three offsets", F, PLACED("[0,4`,8]"), 4),
    ROW("offsets as an object", F, PLACED("`{}"), 4),
    ROW("offsets as a number", F, PLACED("`4"), 4),
    ROW("negative offset", F, PLACED("[`-4,0]"), 4),
    ROW("end before begin", F, PLACED("`[4,0]"), 4),
    ROW("begin and end equal", F, PLACED("`[0,0]"), 4),
    ROW("one byte short", F, PLACED("`[0,3]"), 4),
    ROW("one byte long", F, PLACED("`[0,5]"), 8),
    ROW("twice as long", F, PLACED("`[0,8]"), 8),
    ROW("end beyond the file", T, PLACED("`[0,4]"), 3),
    ROW("no data at all", T, PLACED("`[0,4]"), 0),
    ROW("far beyond the file", T, PLACED("`[4611686018427387900,4611686018427387904]"), 4),
    ROW("at the last position", T, PLACED("`[9223372036854775803,9223372036854775807]"), 4),
    ROW("2^63-1 bytes of unknown type", T,
        "{"
        "\"a\":{\"dtype\":\"X\",\"shape\":[1],\"data_offsets\":`[0,9223372036854775807]}}",
        4),
    /* holes and overlaps */
    ROW("hole before the first", F, "{`" TENSOR("a", "F32", "[1]", 4, 8) "}", 8),
    ROW("hole between two", F, "{" ONE ",`" TENSOR("b", "F32", "[1]", 5, 9) "}", 9),
    ROW("hole between two, defined in reverse", F,
        "{`" TENSOR("b", "F32", "[1]", 5, 9) "," ONE "}", 9),
    ROW("empty tensor beyond the last", F, "{" ONE ",`" TENSOR("e", "F32", "[0]", 6, 6) "}",
        6),
    ROW("empty tensor inside another", F, "{" ONE ",`" TENSOR("e", "F32", "[0]", 2, 2) "}",
        4),
    ROW("overlap by one byte", F, "{" ONE ",`" TENSOR("b", "F32", "[1]", 3, 7) "}", 7),
    ROW("overlap, defined in reverse", F, "{" TENSOR("b", "F32", "[1]", 3, 7) ",`" ONE "}",
        7),
    ROW("same range twice", F, "{" ONE ",`" TENSOR("b", "F32", "[1]", 0, 4) "}", 4),
    ROW("same range twice beside an equal hole", F,
        "{" ONE ",`" TENSOR("b", "F32", "[1]", 0, 4) "}", 8),
    ROW("contained in another", F,
        "{" TENSOR("a", "F32", "[4]", 0, 16) ",`" TENSOR("b", "F32", "[1]", 4, 8) "}", 16),
    /* names */
    ROW("same name twice", F, "{" ONE ",`" TENSOR("a", "F32", "[1]", 4, 8) "}", 8),
    ROW("same name once escaped", F, "{" ONE ",`" TENSOR("\\u0061", "F32", "[1]", 4, 8) "}",
        8),
    ROW("two empty names", F,
        "{" TENSOR("", "U8", "[1]", 0, 1) ",`" TENSOR("", "U8", "[1]", 1, 2) "}", 2),
    ROW("NUL in a name", F, NAMED("a`\0b"), 1),
    ROW("newline in a name", F, NAMED("a`\nb"), 1),
    ROW("tab in a name", F, NAMED("`\t"), 1),
    ROW("escape byte in a name", F, NAMED("`\x1b[2J"), 1),
    ROW("byte 1f in a name", F, NAMED("x`\x1f"), 1),
    ROW("escaped NUL in a name", F, "{`" TENSOR("a\\u0000", "U8", "[1]", 0, 1) "}", 1),
    ROW("escaped escape in a name", F, "{`" TENSOR("\\u001b[2J", "U8", "[1]", 0, 1) "}", 1),
    ROW("escaped newline in a name", F, "{`" TENSOR("a\\n", "U8", "[1]", 0, 1) "}", 1),
    ROW("DEL in a name", F, "{`" TENSOR("a\x7f", "U8", "[1]", 0, 1) "}", 1),
    ROW("unknown escape", F, NAMED("a`\\x41"), 1),
    ROW("escape of a", F, NAMED("`\\a"), 1),
    ROW("escape of a single quote", F, NAMED("`\\'"), 1),
    ROW("escape of NUL", F, NAMED("`\\\0"), 1),
    ROW("capital U escape", F, NAMED("`\\U0041"), 1),
    ROW("code of two digits", F, NAMED("\\u12`\""), 1),
    ROW("code with a letter g", F, NAMED("\\u12`G4"), 1),
    ROW("code with a sign", F, NAMED("\\u`+123"), 1),
    ROW("lone high surrogate", F, NAMED("`\\uD800"), 1),
    ROW("lone low surrogate", F, NAMED("`\\uDC00"), 1),
    ROW("high surrogate before a letter", F, NAMED("`\\uD800x"), 1),
    ROW("high surrogate before another escape", F, NAMED("`\\uD800\\n"), 1),
    ROW("high surrogate before a plain code", F, NAMED("`\\uD800\\u0041"), 1),
    ROW("two high surrogates", F, NAMED("`\\uD800\\uD800"), 1),
    ROW("surrogates in reverse", F, NAMED("`\\uDC00\\uD800"), 1),
    /* UTF-8 */
    ROW("lone continuation", F, NAMED("a`\x80"), 1),
    ROW("overlong slash", F, NAMED("`\xC0\xAF"), 1),
    ROW("overlong NUL", F, NAMED("`\xC0\x80"), 1),
    ROW("lead byte C1", F, NAMED("`\xC1\xBF"), 1),
    ROW("overlong in three bytes", F, NAMED("`\xE0\x80\xAF"), 1),
    ROW("largest overlong in three bytes", F, NAMED("`\xE0\x9F\xBF"), 1),
    ROW("overlong in four bytes", F, NAMED("`\xF0\x80\x80\xAF"), 1),
    ROW("encoded surrogate", F, NAMED("`\xED\xA0\x80"), 1),
    ROW("last encoded surrogate", F, NAMED("`\xED\xBF\xBF"), 1),
    ROW("above U+10FFFF", F, NAMED("`\xF4\x90\x80\x80"), 1),
    ROW("lead byte F5", F, NAMED("`\xF5\x80\x80\x80"), 1),
    ROW("byte FF", F, NAMED("`\xFF"), 1),
    ROW("character ended by the quote", F, NAMED("`\xE2\x82"), 1),
    ROW("character ended by ASCII", F, NAMED("`\xC3("), 1),
    /* what is skipped must be JSON all the same */
    ROW("unknown word", F, EXTRA("`nil"), 1),
    ROW("word in capitals", F, EXTRA("`True"), 1),
    ROW("minus alone", F, EXTRA("`-"), 1),
    ROW("number that ends in a point", F, EXTRA("`1."), 1),
    ROW("exponent without digits", F, EXTRA("`1e"), 1),
    ROW("exponent with two signs", F, EXTRA("`1e+-1"), 1),
    ROW("number with leading zero", F, EXTRA("0`1"), 1),
    ROW("nothing as a value", F, EXTRA("`"), 1),
    ROW("brackets that do not match", F, EXTRA("[1`}"), 1),
    ROW("key without value", F, EXTRA("{\"a\"`}"), 1),
    ROW("bad text inside", F, EXTRA("[{\"a\":\"`\xFF\"}]"), 1),
    ROW("33 lists deep", L,
        EXTRA("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[`[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), 1),
    /* metadata */
    ROW("metadata twice", F, "{\"__metadata__\":{},`\"__metadata__\":{}}", 0),
    ROW("metadata twice, once escaped", F,
        "{\"__metadata__\":{},`\"__metadata\\u005f_\":{}}", 0),
    ROW("metadata as a list", F, "{\"__metadata__\":`[]}", 0),
    ROW("metadata as null", F, "{\"__metadata__\":`null}", 0),
    ROW("metadata as a string", F, "{\"__metadata__\":`\"x\"}", 0),
    ROW("metadata with a number", F, "{\"__metadata__\":{\"a\":`1}}", 0),
    ROW("metadata with null", F, "{\"__metadata__\":{\"a\":`null}}", 0),
    ROW("metadata with an object", F, "{\"__metadata__\":{\"a\":`{}}}", 0),
    ROW("metadata with a list", F, "{\"__metadata__\":{\"a\":`[]}}", 0),
    ROW("metadata key twice", F, "{\"__metadata__\":{\"a\":\"1\",`\"a\":\"2\"}}", 0),
    ROW("metadata with bad text", F, "{\"__metadata__\":{\"a\":\"`\x80\"}}", 0),
    ROW("metadata with a raw newline", F, "{\"__metadata__\":{\"a\":\"`\n\"}}", 0),
    ROW("metadata without end", T, "{\"__metadata__\":{\"a\":\"1\"`", 0),
    ROW("tensor called metadata within metadata", F,
        "{\"__metadata__\":{\"a\":`{\"dtype\":\"U8\"}}}", 0),
};

static size_t check_row(const char *claim, mlr_status status, uint64_t at,
                        const uint8_t *bytes, size_t n)
{
    parsed p;
    uint8_t *exact = malloc(n > 0 ? n : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, n);
    parsed_init(&p);
    parsed_run(&p, exact, n, &mlr_format_safetensors);
    size_t wrong = p.status != status || p.err.offset != at || p.err.rule == NULL;
    if (wrong) {
        print_message("%s: %s at %llu (%s), expected %s at %llu\n", claim,
                      mlr_status_name(p.status), (unsigned long long)p.err.offset,
                      p.err.rule, mlr_status_name(status), (unsigned long long)at);
    }
    wrong += !parsed_release(&p);
    free(exact);
    return wrong;
}

static void refuses_every_hostile_header_at_its_byte(void **state)
{
    (void)state;
    size_t rows = sizeof bad / sizeof *bad;
    size_t wrong = 0;
    for (size_t i = 0; i < rows; i++) {
        size_t n = 0;
        uint64_t at = MLR_NO_OFFSET;
        uint8_t *bytes = st_build(bad[i].header, bad[i].n, bad[i].data, &n, &at);
        wrong += check_row(bad[i].claim, bad[i].status, at, bytes, n);
        free(bytes);
    }
    print_message("  %zu hostile headers\n", rows);
    assert_int_equal(wrong, 0);
    assert_true(rows >= 100);
}

static void refuses_lengths_that_do_not_fit(void **state)
{
    (void)state;
    static const uint8_t zeros[8] = {0};
    static const struct {
        uint8_t length[8];
        mlr_status status;
        uint64_t at;
    } rows[] = {
        {{0}, F, 8},
        {{1}, T, 0},
        {{3}, T, 0},
        {{255, 255, 255, 255, 255, 255, 255, 255}, T, 0},
        {{0, 0, 0, 0, 0, 0, 0, 128}, T, 0},
        {{248, 255, 255, 255, 255, 255, 255, 255}, T, 0},
        {{1, 225, 245, 5}, T, 0},
    };
    size_t wrong = 0;
    for (size_t n = 0; n < 8; n++) {
        wrong += check_row("length cut off", T, 0, zeros, n);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        wrong += check_row("length", rows[i].status, rows[i].at, rows[i].length, 8);
    }
    assert_int_equal(wrong, 0);
}

static void refuses_data_left_over(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data, first_left;
    } rows[] = {{"{}", 1, 0},
                {"{" ONE "}", 5, 4},
                {"{" ONE "," TENSOR("e", "U8", "[0]", 4, 4) "}", 99, 4},
                {"{\"__metadata__\":{}}", 4, 0}};
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = 0;
        uint64_t mark = 0;
        uint8_t *bytes =
            st_build(rows[i].header, strlen(rows[i].header), rows[i].data, &n, &mark);
        wrong +=
            check_row(rows[i].header, F, n - rows[i].data + rows[i].first_left, bytes, n);
        free(bytes);
    }
    assert_int_equal(wrong, 0);
}

static void refuses_names_and_ranks_beyond_the_limits(void **state)
{
    (void)state;
    char header[8192];
    size_t n = 0;
    uint64_t mark = 0;
    int at = snprintf(header, sizeof header, "{`\"");
    memset(header + at, 'n', MLR_MAX_NAME + 1);
    at += MLR_MAX_NAME + 1;
    snprintf(header + at, sizeof header - (size_t)at,
             "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}");
    uint8_t *bytes = st_build(header, strlen(header), 1, &n, &mark);
    assert_int_equal(check_row("long name", L, mark, bytes, n), 0);
    free(bytes);

    at = snprintf(header, sizeof header, "{\"a\":{\"shape\":[");
    for (int i = 0; i < MLR_MAX_RANK; i++) {
        at += snprintf(header + at, sizeof header - (size_t)at, "1,");
    }
    snprintf(header + at, sizeof header - (size_t)at,
             "`1],\"dtype\":\"U8\",\"data_offsets\":[0,1]}}");
    bytes = st_build(header, strlen(header), 1, &n, &mark);
    assert_int_equal(check_row("high rank", L, mark, bytes, n), 0);
    free(bytes);
}

/* A file with 17 MB of text in its header, in the place of the backquote. */
static uint8_t *large_header(const char *header, size_t *n, uint64_t *at)
{
    enum { FILLER = 17 << 20 };
    size_t head = strcspn(header, "`"), tail = strlen(header) - head - 1;
    char *text = malloc(head + FILLER + tail);
    assert_non_null(text);
    memcpy(text, header, head);
    memset(text + head, 'x', FILLER);
    memcpy(text + head + FILLER, header + head + 1, tail);
    uint8_t *bytes = st_build(text, head + FILLER + tail, 1, n, at);
    free(text);
    return bytes;
}

static void header_is_never_held_in_memory(void **state)
{
    (void)state;
    size_t n = 0;
    uint64_t at = 0;
    uint8_t *bytes =
        large_header("{\"a\":{\"unknown\":\"`\",\"dtype\":\"U8\",\"shape\":[1],"
                     "\"data_offsets\":[0,1]}}",
                     &n, &at);
    parsed p;
    parsed_init(&p);
    p.without_view = true;
    p.heap.budget = 1 << 20;
    parsed_run(&p, bytes, n, NULL);
    assert_no_err(&p.err);
    assert_int_equal(p.model.tensor_count, 1);
    close_header(&p, bytes);
}

static void metadata_has_a_limit(void **state)
{
    (void)state;
    size_t n = 0;
    uint64_t at = 0;
    uint8_t *bytes = large_header("{\"__metadata__\":{\"k\":\"`\"}}", &n, &at);
    assert_int_equal(check_row("metadata", L, 8 + strlen("{\"__metadata__\":"), bytes, n),
                     0);
    free(bytes);
}

static mlr_status zeros_read(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    (void)err;
    memset(dst, 0, n);
    for (size_t i = 0; i < 8 && off == 0 && i < n; i++) {
        ((uint8_t *)dst)[i] = ((const uint8_t *)ctx)[i];
    }
    return MLR_OK;
}

static void refuses_a_header_above_the_limit_of_the_reference(void **state)
{
    (void)state;
    uint8_t length[8] = {1, 225, 245, 5}; /* 100,000,001 */
    mlr_source source = {.ctx = length, .size = (uint64_t)1 << 30, .read_at = zeros_read};
    parsed p;
    parsed_init(&p);
    mlr_model_parse(&p.model, &source, &mlr_format_safetensors, &p.pool, &p.err);
    assert_err(&p.err, MLR_E_LIMIT, 0);
    assert_int_equal(p.err.found, 100000001);
    assert_true(parsed_release(&p));
}

/* clang-format off */
static const char good[] = "{"
    "\"__metadata__\":{\"format\":\"pt\",\"k\\u00e9y\":\"v\\n\xc3\xa9\"},"
    TENSOR("a.weight", "F8_E4M3", "[2,4]", 8, 16) ","
    TENSOR("a.weight_scale", "F32", "[1]", 16, 20) ","
    TENSOR("b", "BF16", "[2,2]", 0, 8) ","
    TENSOR("s", "F64", "[]", 20, 28) ","
    TENSOR("x\\u20ac", "NEW", "[3,0]", 28, 31) "}   ";
/* clang-format on */

static uint8_t *good_file(size_t *n)
{
    uint64_t mark = 0;
    return st_build(good, strlen(good), 31, n, &mark);
}

static void survives_every_truncation(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes = good_file(&n);
    const char *defect = every_truncation(bytes, n, &mlr_format_safetensors);
    assert_string_equal(defect == NULL ? "none" : defect, "none");
    free(bytes);
}

static void survives_every_mutation(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes = good_file(&n);
    const char *defect = every_mutation(bytes, n, &mlr_format_safetensors);
    assert_string_equal(defect == NULL ? "none" : defect, "none");
    free(bytes);
}

static void survives_every_failing_allocation(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes = good_file(&n);
    const char *defect = every_allocation_failing(bytes, n, NULL);
    assert_string_equal(defect == NULL ? "none" : defect, "none");
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_dtype),
        cmocka_unit_test(unknown_dtype_is_opaque),
        cmocka_unit_test(tensors_may_be_defined_in_any_order),
        cmocka_unit_test(accepts_what_the_reference_accepts),
        cmocka_unit_test(names_are_unescaped),
        cmocka_unit_test(metadata_becomes_entries),
        cmocka_unit_test(fp8_weights_find_their_scales),
        cmocka_unit_test(packed_weights_tell_gptq_from_awq),
        cmocka_unit_test(refuses_every_hostile_header_at_its_byte),
        cmocka_unit_test(refuses_lengths_that_do_not_fit),
        cmocka_unit_test(refuses_data_left_over),
        cmocka_unit_test(refuses_names_and_ranks_beyond_the_limits),
        cmocka_unit_test(refuses_a_header_above_the_limit_of_the_reference),
        cmocka_unit_test(header_is_never_held_in_memory),
        cmocka_unit_test(metadata_has_a_limit),
        cmocka_unit_test(survives_every_truncation),
        cmocka_unit_test(survives_every_mutation),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
