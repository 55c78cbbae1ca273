/*
 * Files that try to break the ONNX reader, in the notation of pb_build.h. "@" stands where
 * the failure is expected; a row without it, and with MLR_OK, must be accepted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/parse_bytes.h"
#include "tests/support/parse_mem.h"
#include "tests/support/pb_build.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"

#define G(content)        "08 08 3a{" content "}" /* a model with this graph */
#define T(content)        G("2a{" content "}")    /* with this initializer */
#define N(content)        G("0a{ 12{'y'} 22{'Op'}" content "}")  /* with this node */
#define A(content)        N("2a{ 0a{'a'}" content "}")           /* with this attribute */
#define F(content)        G("") "ca01{" content "}"              /* and this function */
#define E(entries)        T("08 02 10 01 42{'W'} 70 01" entries) /* external: two floats */
#define ENTRY(key, value) "6a{ 0a{'" key "'} 12{" value "} }"
#define AT(path)          E(ENTRY("location", path))

static const struct {
    const char *claim, *file;
    mlr_status status;
} rows[] = {
    /* the wire */
    {"empty file has no graph", "@", MLR_E_FORMAT},
    {"only a version has no graph", "08 08 @", MLR_E_FORMAT},
    {"tag cut short", "08 08 @ba", MLR_E_TRUNCATED},
    {"varint cut short", "@08", MLR_E_TRUNCATED},
    {"varint cut short after many bytes", "@08 ~9:ff", MLR_E_TRUNCATED},
    {"varint of 65 bits", "@08 ~9:ff 02", MLR_E_FORMAT},
    {"varint of ten bytes that goes on", "@08 ~9:80 81 00", MLR_E_FORMAT},
    {"varint of eleven bytes", "@08 ~10:80 01", MLR_E_FORMAT},
    {"varint of 64 bits is fine", "08 ~9:ff 01 3a{}", MLR_OK},
    {"varint longer than it needs is fine", "08 88 80 00 3a{}", MLR_OK},
    {"tag longer than it needs is fine", "88 80 00 08 ba 00 {}", MLR_OK},
    {"tag of 65 bits", "@~9:ff 02 00", MLR_E_FORMAT},
    {"field number 0", "@00 00", MLR_E_FORMAT},
    {"field number 0 with bytes", "@02{}", MLR_E_FORMAT},
    {"field number 2^29", "@!4294967296 00", MLR_E_FORMAT},
    {"field number 2^61 - 1", "@!18446744073709551608 00", MLR_E_FORMAT},
    {"field number 2^29 - 1 is unknown and fine", G("") "!4294967288 00", MLR_OK},
    {"group starts", "@0b 0c", MLR_E_FORMAT},
    {"group ends", "@0c", MLR_E_FORMAT},
    {"wire type 6", "@0e 00", MLR_E_FORMAT},
    {"wire type 7", "@0f 00", MLR_E_FORMAT},
    {"unknown group", G("") "@!803 00 !804", MLR_E_FORMAT},
    {"group in a graph", G("@0b 0c"), MLR_E_FORMAT},
    {"group in a node", N("@!803 !804"), MLR_E_FORMAT},
    {"group in an attribute", A("@!803 !804"), MLR_E_FORMAT},
    {"group in a tensor", T("@!803 !804"), MLR_E_FORMAT},
    {"group in a function", F("@!803 !804"), MLR_E_FORMAT},
    {"length beyond the file", "08 08 @3a 05 00", MLR_E_TRUNCATED},
    {"length of 2^31", "08 08 @3a !2147483648 00", MLR_E_TRUNCATED},
    {"length of 2^63", "08 08 @3a !9223372036854775808 00", MLR_E_TRUNCATED},
    {"length of 2^64 - 1", "08 08 @3a ~9:ff 01", MLR_E_TRUNCATED},
    {"length cut short", "08 08 @3a 80", MLR_E_TRUNCATED},
    {"fixed64 cut short", G("") "@79 ~7:00", MLR_E_TRUNCATED},
    {"fixed32 cut short", G("") "@7d ~3:00", MLR_E_TRUNCATED},
    {"unknown fixed numbers are fine", G("") "79 ~8:00 7d ~4:00", MLR_OK},
    {"node longer than its graph", G("@0a 05 00") "00 00 00 00", MLR_E_FORMAT},
    {"tensor longer than its graph", G("@2a 7f"), MLR_E_TRUNCATED},
    {"attribute longer than its node", G("0a{ @2a 09 0a 00 } 0a{ ~9:00 }"), MLR_E_FORMAT},
    {"raw data longer than its tensor", G("2a{ @4a 05 00 } 52{'docs'}"), MLR_E_FORMAT},
    {"varint across the end of its message", G("2a{ @10 80 } 52{}"), MLR_E_FORMAT},

    /* known fields with a wire type of another schema */
    {"version as bytes", "@0a{}", MLR_E_FORMAT},
    {"graph as a number", "08 08 @38 01", MLR_E_FORMAT},
    {"graph as a fixed number", "08 08 @3d ~4:00", MLR_E_FORMAT},
    {"functions as a number", G("") "@c801 00", MLR_E_FORMAT},
    {"training as a number", G("") "@a001 00", MLR_E_FORMAT},
    {"opset as a number", "@40 07", MLR_E_FORMAT},
    {"opset domain as a number", "42{ @08 01 }", MLR_E_FORMAT},
    {"property as a number", G("") "@70 01", MLR_E_FORMAT},
    {"property key as a number", G("") "72{ @08 01 }", MLR_E_FORMAT},
    {"node as a number", G("@08 01"), MLR_E_FORMAT},
    {"initializer as a number", G("@28 01"), MLR_E_FORMAT},
    {"sparse initializer as a number", G("@78 01"), MLR_E_FORMAT},
    {"node output as a number", G("0a{ @10 01 }"), MLR_E_FORMAT},
    {"attribute as a fixed number", N("@2d ~4:00"), MLR_E_FORMAT},
    {"attribute name as a number", N("2a{ @08 01 }"), MLR_E_FORMAT},
    {"attribute float as a number", A("@10 01"), MLR_E_FORMAT},
    {"attribute tensor as a number", A("@28 01"), MLR_E_FORMAT},
    {"attribute graph as a number", A("@30 01"), MLR_E_FORMAT},
    {"attribute floats as varints", A("@38 01"), MLR_E_FORMAT},
    {"attribute graphs as a number", A("@58 01"), MLR_E_FORMAT},
    {"attribute sparse tensor as a number", A("@b001 01"), MLR_E_FORMAT},
    {"function node as a number", F("@38 01"), MLR_E_FORMAT},
    {"function name as a number", F("@08 01"), MLR_E_FORMAT},
    {"training graph as a number", G("") "a201{ @08 01 }", MLR_E_FORMAT},
    {"sparse values as a number", G("7a{ @08 01 }"), MLR_E_FORMAT},
    {"dims as a fixed number", T("@0d ~4:00"), MLR_E_FORMAT},
    {"data type as bytes", T("@12{}"), MLR_E_FORMAT},
    {"float data as varints", T("@20 01"), MLR_E_FORMAT},
    {"int32 data as fixed numbers", T("@2d ~4:00"), MLR_E_FORMAT},
    {"string data as a number", T("@30 01"), MLR_E_FORMAT},
    {"double data as fixed32", T("@55 ~4:00"), MLR_E_FORMAT},
    {"raw data as a number", T("@48 01"), MLR_E_FORMAT},
    {"tensor name as a number", T("@40 01"), MLR_E_FORMAT},
    {"external data as a number", T("@68 01"), MLR_E_FORMAT},
    {"data location as bytes", T("@72{}"), MLR_E_FORMAT},

    /* shapes and sizes */
    {"negative dimension", T("@08 ~9:ff 01 10 01"), MLR_E_FORMAT},
    {"negative packed dimension", T("0a{ 02 @~9:ff 01 } 10 01"), MLR_E_FORMAT},
    {"packed dimension cut short", T("0a{ 02 80 @} 10 01"), MLR_E_TRUNCATED},
    {"packed dimension of 65 bits", T("0a{ @~9:ff 02 } 10 01"), MLR_E_FORMAT},
    {"64 dimensions are fine", T("0a{ ~64:01 } 10 01 4a{ ~4:00 }"), MLR_OK},
    {"65 packed dimensions", T("0a{ ~64:01 @01 } 10 01"), MLR_E_LIMIT},
    {"65 mixed dimensions", T("0a{ ~64:01 } 10 01 @08 01"), MLR_E_LIMIT},
    {"a million dimensions", T("0a{ ~64:01 @~999936:01 }"), MLR_E_LIMIT},
    {"{2^32, 2^32} without data", G("@2a{ 0a{ !4294967296 !4294967296 } 10 01 }"),
     MLR_E_FORMAT},
    {"{2^32, 2^32} with no raw bytes", G("@2a{ 0a{ !4294967296 !4294967296 } 10 01 4a{} }"),
     MLR_E_FORMAT},
    {"{2^32, 2^32, 0}: the product wraps before the zero",
     G("@2a{ 0a{ !4294967296 !4294967296 00 } 10 01 }"), MLR_E_FORMAT},
    {"2^62 doubles: bytes wrap", G("@2a{ 0a{ !4611686018427387904 } 10 0b 4a{ 00 } }"),
     MLR_E_FORMAT},
    {"2^62 floats with four bytes: bytes wrap to 0",
     G("@2a{ 0a{ !4611686018427387904 } 10 01 4a{ ~4:00 } }"), MLR_E_FORMAT},
    {"raw data one byte short", T("08 02 10 01 @4a{ ~7:00 }"), MLR_E_FORMAT},
    {"raw data one byte long is kept as bytes", T("08 02 10 01 4a{ ~9:00 }"), MLR_OK},
    {"raw data of no shape is a scalar", T("10 01 @4a{ ~3:00 }"), MLR_E_FORMAT},
    {"float data short", T("08 02 10 01 @22{ ~4:00 }"), MLR_E_FORMAT},
    {"double data short", T("08 02 10 0b @52{ ~12:00 }"), MLR_E_FORMAT},
    {"complex data short", T("08 02 10 0e @22{ ~12:00 }"), MLR_E_FORMAT},
    {"odd count of nibbles needs the last byte", T("08 03 10 15 @4a{ 00 }"), MLR_E_FORMAT},
    {"quarter bytes need the last byte", T("08 05 10 19 @4a{ 00 }"), MLR_E_FORMAT},
    {"huge shape, little data", T("0a{ !1000000 !1000000 } 10 01 @4a{ 00 }"), MLR_E_FORMAT},
    {"undefined type is kept as bytes", T("08 02 10 00 4a{ 00 }"), MLR_OK},
    {"future type is kept as bytes", T("08 02 10 63 4a{ 00 }"), MLR_OK},
    {"type of 64 bits is kept as bytes", T("08 02 10 ~9:ff 01 4a{ 00 }"), MLR_OK},

    /* data in the wrong field, in two, in pieces */
    {"floats as int32 data", T("08 01 10 01 @2a{ 00 }"), MLR_E_FORMAT},
    {"floats as int64 data", T("08 01 10 01 @3a{ 00 }"), MLR_E_FORMAT},
    {"floats as double data", T("08 01 10 01 @52{ ~8:00 }"), MLR_E_FORMAT},
    {"floats as uint64 data", T("08 01 10 01 @5a{ 00 }"), MLR_E_FORMAT},
    {"floats as strings", T("08 01 10 01 @32{ 'x' }"), MLR_E_FORMAT},
    {"int8 as float data", T("08 01 10 03 @22{ ~4:00 }"), MLR_E_FORMAT},
    {"int64 as int32 data", T("08 01 10 07 @2a{ 00 }"), MLR_E_FORMAT},
    {"uint32 as int32 data", T("08 01 10 0c @2a{ 00 }"), MLR_E_FORMAT},
    {"strings as raw data", T("08 01 10 08 @4a{ 'x' }"), MLR_E_FORMAT},
    {"raw and float data", T("08 02 10 01 4a{ ~8:00 } @22{ ~8:00 }"), MLR_E_FORMAT},
    {"int32 and int64 data", T("08 02 10 06 2a{ 00 } @3a{ 00 }"), MLR_E_FORMAT},
    {"raw data twice: the last counts", T("08 02 10 01 4a{ 00 } 4a{ ~8:00 }"), MLR_OK},
    {"raw data twice: the last is short", T("08 02 10 01 4a{ ~8:00 } @4a{ 00 }"),
     MLR_E_FORMAT},
    {"tensor in segments", T("08 02 10 01 @1a{ 08 00 10 01 }"), MLR_E_UNSUPPORTED},

    /* external data */
    {"data location 2", T("@70 02"), MLR_E_FORMAT},
    {"data location 2^64 - 1", T("@70 ~9:ff 01"), MLR_E_FORMAT},
    {"external without a location", G("@2a{ 08 02 10 01 70 01 }"), MLR_E_FORMAT},
    {"external with raw data too",
     T("08 02 10 01 70 01" ENTRY("location", "'w.bin'") "@4a{ ~8:00 }"), MLR_E_FORMAT},
    {"external strings", G("@2a{ 08 02 10 08 70 01" ENTRY("location", "'w.bin'") "}"),
     MLR_E_FORMAT},
    {"external data that fits is fine", AT("'w.bin'"), MLR_OK},
    {"one path spelled in two ways is fine", AT("'./w.bin'"), MLR_OK},
    {"location that does not exist", AT("'none.bin'"), MLR_E_IO},
    {"location above the model", AT("@'../w.bin'"), MLR_E_FORMAT},
    {"location far above the model", AT("@'../../../../etc/passwd'"), MLR_E_FORMAT},
    {"absolute location", AT("@'/etc/passwd'"), MLR_E_FORMAT},
    {"location that climbs and returns", AT("@'a/../w.bin'"), MLR_E_FORMAT},
    {"location that ends above", AT("@'a/..'"), MLR_E_FORMAT},
    {"location with an empty part", AT("@'a//w.bin'"), MLR_E_FORMAT},
    {"location of a directory", AT("@'a/'"), MLR_E_FORMAT},
    {"location of here", AT("@'.'"), MLR_E_FORMAT},
    {"location of a network share", AT("@'//host/w.bin'"), MLR_E_FORMAT},
    {"location with backslashes", AT("@'..' 5c 'w.bin'"), MLR_E_FORMAT},
    {"location with a drive", AT("@'C:' 5c 'w.bin'"), MLR_E_FORMAT},
    {"location with a NUL", AT("@'w.bin' 00 '.txt'"), MLR_E_FORMAT},
    {"location with an escape", AT("@'w' 1b '[2J'"), MLR_E_FORMAT},
    {"location with a line feed", AT("@'w' 0a 'bin'"), MLR_E_FORMAT},
    {"location with DEL", AT("@'w' 7f"), MLR_E_FORMAT},
    {"location with a C1 control", AT("@'w' c2 9b"), MLR_E_FORMAT},
    {"location with a part of 256 bytes", AT("@~256:61"), MLR_E_FORMAT},
    {"location of 5,000 bytes", AT("@~5000:61"), MLR_E_FORMAT},
    {"location of a megabyte", AT("@~1000000:61"), MLR_E_FORMAT},
    {"location twice", E(ENTRY("location", "'w.bin'") ENTRY("location", "@'w.bin'")),
     MLR_E_FORMAT},
    {"offset twice",
     E(ENTRY("location", "'w.bin'") ENTRY("offset", "'0'") ENTRY("offset", "@'8'")),
     MLR_E_FORMAT},
    {"length twice",
     E(ENTRY("location", "'w.bin'") ENTRY("length", "'8'") ENTRY("length", "@'8'")),
     MLR_E_FORMAT},
    {"negative offset", E(ENTRY("offset", "@'-1'")), MLR_E_FORMAT},
    {"offset with a plus", E(ENTRY("offset", "@'+1'")), MLR_E_FORMAT},
    {"offset with a space", E(ENTRY("offset", "@' 1'")), MLR_E_FORMAT},
    {"offset in hexadecimal", E(ENTRY("offset", "@'0x10'")), MLR_E_FORMAT},
    {"offset with an exponent", E(ENTRY("offset", "@'1e3'")), MLR_E_FORMAT},
    {"offset that is empty", E("6a{ 0a{'offset'} 12{@} }"), MLR_E_FORMAT},
    {"offset of 20 digits", E(ENTRY("offset", "@'18446744073709551616'")), MLR_E_FORMAT},
    {"offset with a NUL", E(ENTRY("offset", "@'1' 00")), MLR_E_FORMAT},
    {"offset beyond its file", E(ENTRY("location", "@'w.bin'") ENTRY("offset", "'65'")),
     MLR_E_FORMAT},
    {"offset at the end of its file",
     E(ENTRY("location", "@'w.bin'") ENTRY("offset", "'64'")), MLR_E_FORMAT},
    {"offset near 2^63 and a length that wraps",
     E(ENTRY("location", "@'w.bin'") ENTRY("offset", "'9223372036854775807'")
           ENTRY("length", "'9223372036854775809'")),
     MLR_E_FORMAT},
    {"length beyond its file", E(ENTRY("location", "@'w.bin'") ENTRY("length", "'65'")),
     MLR_E_FORMAT},
    {"length shorter than the shape",
     E(ENTRY("location", "'w.bin'") ENTRY("length", "'7'")), MLR_E_FORMAT},
    {"length longer than the shape is kept as bytes",
     E(ENTRY("location", "'w.bin'") ENTRY("length", "'9'")), MLR_OK},
    {"unknown key is ignored", E(ENTRY("location", "'w.bin'") ENTRY("basepath", "'/'")),
     MLR_OK},
    {"key longer than any known is ignored",
     E(ENTRY("location", "'w.bin'") "6a{ 0a{ ~5000:61 } }"), MLR_OK},
    {"shape larger than the file named",
     T("08 14 10 01 70 01" ENTRY("location", "@'w.bin'")), MLR_E_FORMAT},
    {"external shape whose bytes wrap",
     G("@2a{ 0a{ !4611686018427387904 } 10 01 70 01" ENTRY("location", "'w.bin'") "}"),
     MLR_E_FORMAT},
    {"external ranges that overlap in part",
     G("2a{ 08 02 10 01 42{'V'} 70 01" ENTRY(
         "location", "'w.bin'") "}"
                                "@2a{ 08 02 10 01 42{'W'} 70 01" ENTRY(
                                    "location", "'w.bin'") ENTRY("offset", "'4'") "}"),
     MLR_E_FORMAT},
    {"external entry with a number as value", E("6a{ 0a{'offset'} @10 05 }"), MLR_E_FORMAT},

    /* names */
    {"NUL in an initializer's name", T("10 01 42{ @'a' 00 'b' } 4a{ ~4:00 }"),
     MLR_E_FORMAT},
    {"escape bytes in a name are data", T("10 01 42{ 1b '[2J' ff fe } 4a{ ~4:00 }"),
     MLR_OK},
    {"name of 4,097 bytes", T("10 01 42{ @~4097:61 } 4a{ ~4:00 }"), MLR_E_LIMIT},
    {"name that fills the key", T("10 01 42{ ~4091:61 } 4a{ ~4:00 }"), MLR_OK},
    {"name that the key cannot hold", T("10 01 42{ @~4092:61 } 4a{ ~4:00 }"), MLR_E_LIMIT},
    {"name of a megabyte", T("10 01 42{ @~1000000:61 } 4a{ ~4:00 }"), MLR_E_LIMIT},
    {"output that leaves no room for its attribute",
     G("0a{ 12{ ~4091:61 } @2a{ 0a{'a'} } }"), MLR_E_LIMIT},
    {"NUL in a node's output", G("0a{ 12{ @'y' 00 } }"), MLR_E_FORMAT},
    {"NUL in an operator", G("0a{ 12{'y'} 22{ @ 00 } }"), MLR_E_FORMAT},
    {"NUL in an operator's domain", G("0a{ 12{'y'} 3a{ @ 00 } }"), MLR_E_FORMAT},
    {"operator of 5,000 bytes", G("0a{ 12{'y'} 22{ @~5000:61 } }"), MLR_E_LIMIT},
    {"NUL in an attribute's name", N("2a{ 0a{ @ 00 } }"), MLR_E_FORMAT},
    {"NUL in a function's name", F("0a{ @ 00 }"), MLR_E_FORMAT},
    {"NUL in a function's domain", F("0a{'f'} 52{ @ 00 }"), MLR_E_FORMAT},
    {"NUL in an opset's domain", "42{ 0a{ @ 00 } }", MLR_E_FORMAT},
    {"NUL in a property's key", G("") "72{ 0a{ @ 00 } 12{} }", MLR_E_FORMAT},
    {"property of a megabyte is kept", G("") "72{ 0a{'k'} 12{ ~1000000:00 } }", MLR_OK},
    {"two tensors of one name get keys of their own",
     G("2a{ 10 01 42{'W'} 4a{ ~4:00 } } 2a{ 10 01 42{'W'} 4a{ ~4:00 } }"), MLR_OK},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static const uint8_t zeros[64];
static const mem_sibling weights = {.path = "w.bin", .data = zeros, .n = sizeof zeros};

static void refuses_each_hostile_file_where_it_breaks(void **state)
{
    (void)state;
    unsigned bad = 0;
    for (size_t i = 0; i < ROWS; i++) {
        pb_bytes file = pb_build(rows[i].file);
        parse_mem p = {.format = &mlr_format_onnx,
                       .data = file.data,
                       .n = file.n,
                       .siblings = &weights,
                       .sibling_count = 1,
                       .budget = 64 << 20};
        parse_mem_run(&p);
        bool where = file.mark == UINT64_MAX || p.err.offset == file.mark;
        if (p.err.status != rows[i].status || !where) {
            print_message("row %zu, %s: %s at %lld, not %s at %lld (%s)\n", i,
                          rows[i].claim, mlr_status_name(p.err.status),
                          (long long)p.err.offset, mlr_status_name(rows[i].status),
                          (long long)file.mark, p.err.rule == NULL ? "" : p.err.rule);
            bad++;
        }
        parse_mem_end(&p);
        free(file.data);
    }
    assert_int_equal(bad, 0);
    assert_true(ROWS >= 100);
}

static mlr_status read_zeros(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    (void)ctx, (void)off, (void)err;
    memset(dst, 0, n);
    return MLR_OK;
}

/* Protobuf's own limit; larger models keep their weights in other files. */
static void refuses_messages_of_2_gib(void **state)
{
    (void)state;
    mlr_source huge = {.size = (uint64_t)INT32_MAX + 1, .read_at = read_zeros};
    mlr_heap heap;
    mlr_pool pool;
    mlr_model model;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    mlr_model_parse(&model, &huge, &mlr_format_onnx, &pool, &err);
    assert_err(&err, MLR_E_LIMIT, 0);
    assert_int_equal(err.limit, INT32_MAX);
    mlr_pool_release(&pool);
}

/* A graph in an attribute of a node in a graph ... : three messages a level. */
static char *nested(size_t levels)
{
    static const char open[] = "0a{ 12{'y'} 2a{ 0a{'b'} 32{", close[] = "} } }";
    char *text = calloc(1, 64 + levels * (sizeof open + sizeof close));
    assert_non_null(text);
    strcpy(text, "08 08 3a{");
    for (size_t i = 0; i < levels; i++) {
        strcat(text, open);
    }
    for (size_t i = 0; i < levels; i++) {
        strcat(text, close);
    }
    strcat(text, "}");
    return text;
}

static mlr_err parse_nested(size_t levels)
{
    char *text = nested(levels);
    pb_bytes file = pb_build(text);
    mlr_err err = parse_mem_once(&mlr_format_onnx, file.data, file.n);
    free(file.data);
    free(text);
    return err;
}

static void nests_a_hundred_messages_and_no_more(void **state)
{
    (void)state;
    mlr_err err = parse_nested(32); /* 2 + 96 messages */
    assert_no_err(&err);
    err = parse_nested(33); /* 101 */
    assert_int_equal(err.status, MLR_E_LIMIT);
    assert_int_equal(err.found, 101);
    err = parse_nested(150);
    assert_int_equal(err.status, MLR_E_LIMIT);
}

/* One good file with every kind of message in it. */
static const char everything[] =
    "08 08 12{'maker'} 1a{'1.0'} 28 03 42{ 10 0d } 42{ 0a{'ai.x'} 10 01 }"
    "72{ 0a{'k'} 12{'v'} }"
    "3a{ 0a{ 12{'c'} 22{'Constant'} 2a{ 0a{'value'} 2a{ 08 02 10 01 22{ ~8:00 } } a001 04 "
    "} }"
    "    0a{ 0a{'q'} 0a{'s'} 0a{'z'} 12{'d'} 22{'DequantizeLinear'} 2a{ 0a{'axis'} 18 00 } "
    "}"
    "    0a{ 12{'i'} 22{'If'} 2a{ 0a{'then_branch'} 32{ 2a{ 10 01 42{'V'} 4a{ ~4:00 } } } "
    "} }"
    "    2a{ 08 02 10 03 42{'q'} 4a{ 01 02 } } 2a{ 08 02 10 01 42{'s'} 4a{ ~8:00 } }"
    "    2a{ 0a{02} 10 03 42{'z'} 2a{ 00 01 } } 2a{ 10 08 42{'t'} 32{'x'} 32{'yz'} }"
    "    7a{ 0a{ 08 01 10 01 42{'p'} 4a{ ~4:00 } } 12{ 08 01 10 07 4a{ ~8:00 } } 18 05 } }"
    "a201{ 0a{ 2a{ 10 01 42{'m'} 4a{ ~4:00 } } } }"
    "ca01{ 0a{'f'} 52{'dom'} 3a{ 12{'c'} 22{'Constant'} 2a{ 0a{'value'} 2a{ 10 01 4a{ "
    "~4:00 }"
    "} } } }";

static void fails_cleanly_at_every_truncation(void **state)
{
    (void)state;
    pb_bytes file = pb_build(everything);
    for (size_t n = 0; n < file.n; n++) {
        mlr_err err = parse_mem_once(&mlr_format_onnx, file.data, n);
        /* Between two fields of the model a shorter file is a whole one. */
        if (err.status != MLR_OK) {
            assert_true(err.status == MLR_E_TRUNCATED || err.status == MLR_E_FORMAT);
            assert_true(err.offset <= n);
        }
    }
    mlr_err err = parse_mem_once(&mlr_format_onnx, file.data, file.n);
    assert_no_err(&err);
    free(file.data);
}

static void survives_every_mutation_of_a_byte(void **state)
{
    (void)state;
    pb_bytes b = pb_build(everything);
    assert_null(every_mutation(b.data, b.n, &mlr_format_onnx));
    free(b.data);
}

static void survives_every_failing_allocation(void **state)
{
    (void)state;
    pb_bytes b = pb_build(everything);
    assert_null(every_allocation_failing(b.data, b.n, &mlr_format_onnx));
    free(b.data);
}

/*
 * Keys repeat the path around a tensor: 3,000 tensors below a path of 4,000 bytes would ask
 * for 12 MB of keys out of a file of 100 KB.
 */
static void bounds_the_memory_of_keys_by_the_size_of_the_file(void **state)
{
    (void)state;
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    strcpy(text, "08 08 3a{ 0a{ 12{ ~4000:61 } 2a{ 0a{'b'} 32{");
    for (size_t i = 0, at = strlen(text); i < 3000; i++) {
        at += (size_t)sprintf(text + at, "2a{ 10 09 42{'%04zu'} 4a{ 00 } }", i);
    }
    strcat(text, "} } } }");
    pb_bytes file = pb_build(text);
    mlr_err err = parse_mem_once(&mlr_format_onnx, file.data, file.n);
    assert_int_equal(err.status, MLR_E_LIMIT);
    free(file.data);
    free(text);
}

/* Random bytes rarely look like protobuf; splices of a good file do. */
static void survives_spliced_files(void **state)
{
    (void)state;
    pb_bytes file = pb_build(everything);
    uint8_t *copy = malloc(file.n * 2);
    rng r = rng_new(7);
    assert_non_null(copy);
    for (int i = 0; i < 3000; i++) {
        size_t cut = (size_t)rng_below(&r, file.n), from = (size_t)rng_below(&r, file.n);
        memcpy(copy, file.data, cut);
        memcpy(copy + cut, file.data + from, file.n - from);
        parse_mem_once(&mlr_format_onnx, copy, cut + file.n - from);
    }
    free(copy);
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_each_hostile_file_where_it_breaks),
        cmocka_unit_test(refuses_messages_of_2_gib),
        cmocka_unit_test(nests_a_hundred_messages_and_no_more),
        cmocka_unit_test(fails_cleanly_at_every_truncation),
        cmocka_unit_test(survives_every_mutation_of_a_byte),
        cmocka_unit_test(survives_every_failing_allocation),
        cmocka_unit_test(bounds_the_memory_of_keys_by_the_size_of_the_file),
        cmocka_unit_test(survives_spliced_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
