#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/model_fault.h"
#include "tests/support/parse_bytes.h"
#include "tests/support/spell.h"

/* The words of support/spell.h, put together. V3 is a header of version 3. */
#define V3(tensors, metas)         "t:GGUF u4:3 u8:" #tensors " u8:" #metas " "
#define V2(tensors, metas)         "t:GGUF u4:2 u8:" #tensors " u8:" #metas " "
#define V1(tensors, metas)         "t:GGUF u4:1 u4:" #tensors " u4:" #metas " "
#define KEY(key, type)             "s:" key " u4:" #type " "
#define ALIGN(a)                   KEY("general.alignment", 4) "u4:" #a " "
#define ARRAY(key, type, count)    KEY(key, 9) "u4:" #type " u8:" #count " "
#define INFO1(name, ne, type, off) "s:" name " u4:1 u8:" #ne " u4:" #type " u8:" #off " "
#define DATA                       "a:32 z:128 "

enum { ROOM = 1 << 17, F32 = 0 };

static mlr_str str(const char *s)
{
    return (mlr_str){.p = s, .n = strlen(s)};
}

static uint8_t *spelled(const char *text, size_t *n, uint64_t *mark)
{
    uint8_t *bytes = malloc(ROOM);
    assert_non_null(bytes);
    *n = spell(bytes, ROOM, text, mark);
    return bytes;
}

/* A file that has a bit of everything. clang-format would tear the words apart. */
/* clang-format off */
static const char good[] =
    V3(4, 17)
    KEY("general.architecture", 8) "s:llama "
    KEY("u8", 0) "u1:200 "
    KEY("i8", 1) "u1:200 "
    KEY("u16", 2) "u2:65535 "
    KEY("i16", 3) "u2:65535 "
    KEY("u32", 4) "u4:4000000000 "
    KEY("i32", 5) "i4:-7 "
    KEY("f32", 6) "u4:0x3fc00000 "
    KEY("bool", 7) "u1:1 "
    KEY("u64", 10) "u8:0xffffffffffffffff "
    KEY("i64", 11) "i8:-9 "
    KEY("f64", 12) "u8:0xbff8000000000000 "
    ARRAY("words", 8, 3) "s:a s: s:ccc "
    ARRAY("numbers", 5, 2) "u4:1 u4:2 "
    ARRAY("nested", 9, 2) "u4:4 u8:1 u4:9 u4:8 u8:1 s:x "
    ARRAY("none", 4, 0)
    ALIGN(64)
    "s:emb u4:2 u8:8 u8:2 u4:0 u8:0 "
    "s:norm u4:1 u8:3 u4:1 u8:64 "
    "s:q u4:2 u8:32 u8:2 u4:8 u8:128 "
    "s:scalar u4:0 u4:24 u8:256 "
    "a:64 z:64 z:64 z:128 z:64 ";
/* clang-format on */

static void reads_metadata_of_every_type(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes = spelled(good, &n, NULL);
    parsed p;
    parsed_init(&p);
    parsed_run(&p, bytes, n, NULL);
    assert_no_err(&p.err);
    const mlr_meta *m = p.model.metas;
    assert_int_equal(p.model.meta_count, 17);
    assert_int_equal(m[0].kind, MLR_META_STRING);
    assert_memory_equal(m[0].text.p, "llama", 5);
    assert_int_equal(m[0].count, 5);
    assert_int_equal(m[1].value.u, 200);
    assert_int_equal(m[2].value.i, 200 - 256);
    assert_int_equal(m[3].value.u, 65535);
    assert_int_equal(m[4].value.i, -1);
    assert_int_equal(m[5].value.u, 4000000000u);
    assert_int_equal(m[6].value.i, -7);
    assert_true(m[7].value.f == 1.5);
    assert_int_equal(m[8].kind, MLR_META_BOOL);
    assert_int_equal(m[8].value.u, 1);
    assert_true(m[9].value.u == UINT64_MAX);
    assert_int_equal(m[10].value.i, -9);
    assert_true(m[11].value.f == -1.5);
    assert_int_equal(m[12].kind, MLR_META_ARRAY);
    assert_int_equal(m[12].element, MLR_META_STRING);
    assert_int_equal(m[12].count, 3);
    assert_int_equal(m[12].bytes.len, 8 + 1 + 8 + 8 + 3);
    assert_int_equal(m[13].element, MLR_META_INT);
    assert_int_equal(m[13].native_type, 5);
    assert_int_equal(m[13].bytes.len, 8);
    assert_int_equal(m[14].element, MLR_META_ARRAY);
    assert_int_equal(m[15].count, 0);
    assert_int_equal(m[16].value.u, 64);
    assert_true(parsed_release(&p));
    free(bytes);
}

static void reads_tensors_outermost_dimension_first(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes = spelled(good, &n, NULL);
    parsed p;
    parsed_init(&p);
    parsed_run(&p, bytes, n, NULL);
    assert_no_err(&p.err);
    assert_null(model_fault(&p.model));
    const mlr_tensor *t = p.model.tensors;
    uint64_t start = n - 320;
    assert_int_equal(p.model.tensor_count, 4);
    assert_int_equal(t[0].rank, 2);
    assert_int_equal(t[0].dim[0], 2);
    assert_int_equal(t[0].dim[1], 8);
    assert_int_equal(t[0].data.off, start);
    assert_int_equal(t[0].data.len, 64);
    assert_string_equal(t[1].dtype->name, "f16");
    assert_int_equal(t[1].data.off, start + 64);
    assert_int_equal(t[1].data.len, 6);
    assert_string_equal(t[2].dtype->name, "q8_0");
    assert_int_equal(t[2].native_type, 8);
    assert_int_equal(t[2].data.len, 68);
    assert_int_equal(t[3].rank, 0);
    assert_int_equal(t[3].elements, 1);
    assert_int_equal(t[3].data.len, 1);
    assert_ptr_equal(mlr_model_find(&p.model, str("q")), &t[2]);
    /* header, emb, norm, padding, q, padding, scalar, tail */
    assert_int_equal(p.model.span_count, 8);
    assert_true(parsed_release(&p));
    free(bytes);
}

static void reads_big_endian_files(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes = spelled("t:GGUF be u4:3 u8:1 u8:2 " KEY("a", 2) "u2:513 " KEY(
                                 "f", 6) "u4:0x3fc00000 " INFO1("x", 2, 0, 0) "a:32 z:8",
                             &n, NULL);
    parsed p;
    parsed_init(&p);
    parsed_run(&p, bytes, n, NULL);
    assert_no_err(&p.err);
    assert_int_equal(p.model.metas[0].value.u, 513);
    assert_true(p.model.metas[1].value.f == 1.5);
    assert_int_equal(p.model.tensors[0].big_endian, 1);
    assert_int_equal(p.model.tensors[0].data.len, 8);
    assert_true(parsed_release(&p));
    free(bytes);
}

static void reads_version_1_with_its_short_lengths(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes = spelled(V1(1, 2) "s4:name u4:8 s4:x s4:list u4:9 u4:8 u4:2 s4:p s4:q "
                                      "s4:t u4:2 u4:4 u4:2 u4:0 u8:0 a:32 z:32",
                             &n, NULL);
    parsed p;
    parsed_init(&p);
    parsed_run(&p, bytes, n, NULL);
    assert_no_err(&p.err);
    assert_int_equal(p.model.metas[1].count, 2);
    assert_int_equal(p.model.tensors[0].dim[0], 2);
    assert_int_equal(p.model.tensors[0].dim[1], 4);
    assert_true(parsed_release(&p));
    free(bytes);
}

static void file_without_tensors_needs_no_padding(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes = spelled(V3(0, 1) KEY("a", 0) "u1:1", &n, NULL);
    parsed p;
    parsed_init(&p);
    parsed_run(&p, bytes, n, NULL);
    assert_no_err(&p.err);
    assert_int_equal(p.model.span_count, 1);
    assert_true(parsed_release(&p));
    free(bytes);
}

/* Block and bytes of every id, as the specification's table has them. */
static void every_type_has_its_size(void **state)
{
    (void)state;
    static const struct {
        int id, items, bytes;
    } types[] = {
        {0, 1, 4},      {1, 1, 2},      {2, 32, 18},    {3, 32, 20},    {6, 32, 22},
        {7, 32, 24},    {8, 32, 34},    {9, 32, 36},    {10, 256, 84},  {11, 256, 110},
        {12, 256, 144}, {13, 256, 176}, {14, 256, 210}, {15, 256, 292}, {16, 256, 66},
        {17, 256, 74},  {18, 256, 98},  {19, 256, 50},  {20, 32, 18},   {21, 256, 110},
        {22, 256, 82},  {23, 256, 136}, {24, 1, 1},     {25, 1, 2},     {26, 1, 4},
        {27, 1, 8},     {28, 1, 8},     {29, 256, 56},  {30, 1, 2},     {34, 256, 54},
        {35, 256, 66},  {39, 32, 17},   {40, 64, 36},   {41, 128, 18},  {42, 64, 18}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char text[256];
        size_t n = 0;
        snprintf(text, sizeof text, V3(1, 0) "s:x u4:2 u8:%d u8:3 u4:%d u8:0 a:32 z:%d",
                 types[i].items, types[i].id, 3 * types[i].bytes);
        uint8_t *bytes = spelled(text, &n, NULL);
        parsed p;
        parsed_init(&p);
        parsed_run(&p, bytes, n, NULL);
        assert_no_err(&p.err);
        assert_int_equal(p.model.tensors[0].data.len, 3 * types[i].bytes);
        assert_int_equal(p.model.tensors[0].data.off + p.model.tensors[0].data.len, n);
        assert_true(parsed_release(&p));
        free(bytes);
    }
}

static void future_type_reaches_to_the_next_tensor(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes = spelled(V3(3, 0) INFO1("last", 7, 99, 96) INFO1("known", 8, 0, 64)
                                 INFO1("first", 7, 43, 0) "a:32 z:64 z:32 z:40",
                             &n, NULL);
    parsed p;
    parsed_init(&p);
    parsed_run(&p, bytes, n, NULL);
    assert_no_err(&p.err);
    assert_null(model_fault(&p.model));
    const mlr_tensor *t = p.model.tensors;
    assert_string_equal(t[0].dtype->name, "opaque");
    assert_int_equal(t[0].native_type, 99);
    assert_int_equal(t[0].data.len, 40);
    assert_int_equal(t[2].data.len, 64);
    assert_int_equal(t[2].elements, 7);
    assert_true(parsed_release(&p));
    free(bytes);
}

static void equal_offsets_tie_tensors(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes =
        spelled(V3(2, 0) INFO1("a", 8, 0, 0) INFO1("b", 8, 0, 0) DATA, &n, NULL);
    parsed p;
    parsed_init(&p);
    parsed_run(&p, bytes, n, NULL);
    assert_no_err(&p.err);
    assert_int_equal(p.model.tensors[1].tied_to, 0);
    assert_true(parsed_release(&p));
    free(bytes);
}

typedef struct hostile {
    const char *claim;
    mlr_status status;
    const char *text; /* ^ stands where the failure is expected */
} hostile;

#define T MLR_E_TRUNCATED
#define F MLR_E_FORMAT
#define L MLR_E_LIMIT
#define U MLR_E_UNSUPPORTED

static const hostile bad[] = {
    /* header */
    {"empty file", T, "^"},
    {"half a magic", T, "^ t:GGU"},
    {"magic alone", T, "^ t:GGUF"},
    {"seven bytes", T, "^ t:GGUF h:030000"},
    {"other magic", F, "^ t:GGML u4:3 u8:0 u8:0"},
    {"magic in lower case", F, "^ t:gguf u4:3 u8:0 u8:0"},
    {"magic backwards", F, "^ t:FUGG u4:3 u8:0 u8:0"},
    {"version 0", U, "t:GGUF ^ u4:0 u8:0 u8:0"},
    {"version 4", U, "t:GGUF ^ u4:4 u8:0 u8:0"},
    {"version of all ones", U, "t:GGUF ^ u4:0xffffffff u8:0 u8:0"},
    {"version 4 in big-endian", U, "t:GGUF ^ h:00000004 u8:0 u8:0"},
    {"version 65536", U, "t:GGUF ^ u4:0x10000 u8:0 u8:0"},
    {"no counts", T, "t:GGUF u4:3 ^"},
    {"half a count", T, "t:GGUF u4:3 ^ u4:1"},
    {"one count", T, "t:GGUF u4:3 u8:0 ^"},
    {"one and a half counts", T, "t:GGUF u4:3 u8:0 ^ u4:0"},
    {"version 1 without second count", T, "t:GGUF u4:1 u4:0 ^ u2:0"},
    /* counts that cannot fit */
    {"2^64-1 tensors", T, "t:GGUF u4:3 ^ u8:0xffffffffffffffff u8:0 z:100"},
    {"2^63 tensors", T, "t:GGUF u4:3 ^ u8:0x8000000000000000 u8:0 z:100"},
    {"tensors whose least size wraps", T, "t:GGUF u4:3 ^ u8:0xaaaaaaaaaaaaaab u8:0 z:100"},
    {"one tensor too many", T, "t:GGUF u4:3 ^ u8:5 u8:0 z:119"},
    {"2^64-1 entries", T, "t:GGUF u4:3 u8:0 ^ u8:0xffffffffffffffff z:100"},
    {"entries whose least size wraps", T, "t:GGUF u4:3 u8:0 ^ u8:0x1249249249249250 z:99"},
    {"one entry too many", T, "t:GGUF u4:3 u8:0 ^ u8:8 z:111"},
    {"counts that fit alone but not together", T, "t:GGUF u4:3 u8:2 ^ u8:2 z:75"},
    {"2^32-1 tensors in version 1", T, "t:GGUF u4:1 ^ u4:0xffffffff u4:0 z:99"},
    {"2^32-1 entries in version 1", T, "t:GGUF u4:1 u4:0 ^ u4:0xffffffff z:99"},
    {"one tensor in an empty rest", T, "t:GGUF u4:3 ^ u8:1 u8:0"},
    /* keys */
    {"empty key", F, V3(0, 1) "^ u8:0 u4:4 u4:1 z:9"},
    {"key of 2^64-1 bytes", T, V3(0, 1) "^ u8:0xffffffffffffffff t:abc z:30"},
    {"key of 2^63 bytes", T, V3(0, 1) "^ u8:0x8000000000000000 t:abc z:30"},
    {"key beyond the end by one", T, V3(0, 1) "^ u8:11 t:0123456789"},
    {"key of 65536 bytes", L, V3(0, 1) "^ u8:65536 n:k*65536 u4:0 u1:0"},
    {"NUL in a key", F, V3(0, 1) "u8:3 t:a ^ h:00 t:b u4:0 u1:0 z:9"},
    {"escape byte in a key", F, V3(0, 1) "u8:3 t:a ^ h:1b t:b u4:0 u1:0 z:9"},
    {"newline in a key", F, V3(0, 1) "u8:1 ^ h:0a u4:0 u1:0 z:9"},
    {"DEL in a key", F, V3(0, 1) "u8:2 t:a ^ h:7f u4:0 u1:0 z:9"},
    {"same key twice", F, V3(0, 2) KEY("a", 0) "u1:1 ^ " KEY("a", 0) "u1:1 z:9"},
    {"same key with another type", F,
     V3(0, 2) KEY("k", 0) "u1:1 ^ " KEY("k", 4) "u4:1 z:9"},
    {"first key again at the end", F,
     V3(0, 3) KEY("a", 0) "u1:1 " KEY("b", 0) "u1:1 ^ " KEY("a", 0) "u1:1 z:9"},
    /* types and values */
    {"no type", T, V3(0, 1) "s:abcdef ^ u1:0"},
    {"type 13", F, V3(0, 1) "s:k ^ u4:13 u8:0 z:9"},
    {"type of all ones", F, V3(0, 1) "s:k ^ u4:0xffffffff u8:0 z:9"},
    {"type 0 in big-endian is fine, type 256 is not", F, V3(0, 1) "s:k ^ u4:256 z:9"},
    {"boolean of 2", F, V3(0, 1) KEY("k", 7) "^ u1:2 z:9"},
    {"boolean of 255", F, V3(0, 1) KEY("k", 7) "^ u1:255 z:9"},
    {"value missing", T, V3(0, 1) "s:kk u4:0 ^"},
    {"half a u16", T, V3(0, 1) "s:k u4:2 ^ u1:0"},
    {"half a u32", T, V3(0, 1) "s:k u4:4 ^ u2:0"},
    {"half a u64", T, V3(0, 1) "s:k u4:10 ^ u4:0"},
    {"half an f64", T, V3(0, 1) "s:k u4:12 ^ u4:0 u1:1"},
    /* strings */
    {"string of 2^64-1 bytes", T, V3(0, 1) KEY("k", 8) "^ u8:0xffffffffffffffff z:9"},
    {"string of 2^63 bytes", T, V3(0, 1) KEY("k", 8) "^ u8:0x8000000000000000 z:9"},
    {"string one byte too long", T, V3(0, 1) KEY("k", 8) "^ u8:10 z:9"},
    {"string that ends the position's range", T,
     V3(0, 1) KEY("k", 8) "^ u8:0xffffffffffffffc0 z:99"},
    {"half a string length", T, V3(0, 1) KEY("k", 8) "^ u4:0"},
    {"v1 string one byte too long", T, V1(0, 1) "s4:k u4:8 ^ u4:10 z:9"},
    /* arrays */
    {"array without element type", T, V3(0, 1) KEY("k", 9) "^ u1:0"},
    {"array of type 13", F, V3(0, 1) KEY("k", 9) "^ u4:13 u8:0"},
    {"array without count", T, V3(0, 1) KEY("k", 9) "u4:4 ^ u4:0"},
    {"array of 2^64-1 bytes", T, V3(0, 1) KEY("k", 9) "u4:0 ^ u8:0xffffffffffffffff z:9"},
    {"array whose size wraps to 8", T,
     V3(0, 1) KEY("k", 9) "u4:10 ^ u8:0x2000000000000001 z:99"},
    {"array of f32 whose size wraps to 0", T,
     V3(0, 1) KEY("k", 9) "u4:6 ^ u8:0x4000000000000000 z:99"},
    {"array one element too long", T, V3(0, 1) KEY("k", 9) "u4:4 ^ u8:3 z:11"},
    {"strings that cannot fit", T, V3(0, 1) KEY("k", 9) "u4:8 ^ u8:3 z:23"},
    {"2^61 strings, whose least size wraps", T,
     V3(0, 1) KEY("k", 9) "u4:8 ^ u8:0x2000000000000000 z:99"},
    {"string in an array too long", T, V3(0, 1) KEY("k", 9) "u4:8 u8:2 s:ok ^ u8:99 z:20"},
    {"absurd string in an array", T,
     V3(0, 1) KEY("k", 9) "u4:8 u8:2 s:ok ^ u8:0xfffffffffffffff8 z:20"},
    {"arrays that cannot fit", T, V3(0, 1) KEY("k", 9) "u4:9 ^ u8:2 z:23"},
    {"array in an array of a bad type", F,
     V3(0, 1) KEY("k", 9) "u4:9 u8:1 ^ u4:14 u8:0 z:9"},
    {"array in an array that cannot fit", T,
     V3(0, 1) KEY("k", 9) "u4:9 u8:1 u4:4 ^ u8:9 z:9"},
    {"arrays nested five deep", L,
     V3(0, 1) KEY("k", 9) "u4:9 u8:1 u4:9 u8:1 u4:9 u8:1 u4:9 u8:1 ^ u4:4 u8:0 z:30"},
    {"arrays nested a hundred deep", L,
     V3(0, 1)
         KEY("k", 9) "u4:9 u8:1 u4:9 u8:1 u4:9 u8:1 u4:9 u8:1 ^ u4:9 u8:1 u4:9 u8:1 "
                     "u4:9 u8:1 u4:9 u8:1 u4:9 u8:1 u4:9 u8:1 u4:9 u8:1 u4:9 u8:1 z:30"},
    /* alignment */
    {"alignment 0", F, V3(0, 1) KEY("general.alignment", 4) "^ u4:0 z:9"},
    {"alignment 3", F, V3(0, 1) KEY("general.alignment", 4) "^ u4:3 z:9"},
    {"alignment 33", F, V3(0, 1) KEY("general.alignment", 4) "^ u4:33 z:9"},
    {"alignment 2^31", L, V3(0, 1) KEY("general.alignment", 4) "^ u4:0x80000000 z:9"},
    {"alignment 2^21", L, V3(0, 1) KEY("general.alignment", 4) "^ u4:0x200000 z:9"},
    {"alignment 2^32-1", F, V3(0, 1) KEY("general.alignment", 4) "^ u4:0xffffffff z:9"},
    {"alignment as u64", F, V3(0, 1) "s:general.alignment ^ u4:10 u8:32 z:9"},
    {"alignment as i32", F, V3(0, 1) "s:general.alignment ^ u4:5 u4:32 z:9"},
    {"alignment as string", F, V3(0, 1) "s:general.alignment ^ u4:8 s:32 z:9"},
    {"alignment as array", F, V3(0, 1) "s:general.alignment ^ u4:9 u4:4 u8:1 u4:32 z:9"},
    {"alignment given twice", F, V3(0, 2) ALIGN(32) "^ " ALIGN(32) "z:9"},
    /* names */
    {"name of 2^64-1 bytes", T, V3(1, 0) "^ u8:0xffffffffffffffff z:40"},
    {"name one byte too long", T, V3(1, 0) "^ u8:41 z:40"},
    {"name of 4097 bytes", L, V3(1, 0) "^ u8:4097 n:x*4097 u4:1 u8:1 u4:0 u8:0 z:40"},
    {"NUL in a name", F, V3(1, 0) "u8:2 t:a ^ h:00 u4:1 u8:1 u4:0 u8:0 " DATA},
    {"escape byte in a name", F, V3(1, 0) "u8:2 ^ h:1b t:[ u4:1 u8:1 u4:0 u8:0 " DATA},
    {"DEL in a name", F, V3(1, 0) "u8:3 t:ab ^ h:7f u4:1 u8:1 u4:0 u8:0 " DATA},
    {"same name twice", F, V3(2, 0) INFO1("a", 8, 0, 0) "^ " INFO1("a", 8, 0, 32) DATA},
    {"same name in other types", F,
     V3(2, 0) INFO1("a", 8, 0, 0) "^ " INFO1("a", 16, 1, 32) DATA},
    {"two tensors without names", F,
     V3(2, 0) INFO1("", 8, 0, 0) "^ " INFO1("", 8, 0, 32) DATA},
    /* dimensions */
    {"9 dimensions", L,
     V3(1, 0) "s:x ^ u4:9 u8:1 u8:1 u8:1 u8:1 u8:1 u8:1 u8:1 u8:1 u8:1 u4:0 u8:0 " DATA},
    {"2^32-1 dimensions", L, V3(1, 0) "s:x ^ u4:0xffffffff z:40"},
    {"dimensions cut off", T, V3(1, 0) "s:xxxx u4:4 u8:1 ^ u4:1"},
    {"{2^32, 2^32} wraps to 0", F,
     V3(1, 0) "s:x u4:2 ^ u8:0x100000000 u8:0x100000000 u4:0 u8:0 " DATA},
    {"{2^32, 2^32} before a 0", F,
     V3(1, 0) "s:x u4:3 ^ u8:0x100000000 u8:0x100000000 u8:0 u4:0 u8:0 " DATA},
    {"{2^62, 4} of bytes", F,
     V3(1, 0) "s:x u4:2 ^ u8:0x4000000000000000 u8:4 u4:24 u8:0 " DATA},
    {"2^62 of f32 wraps to 0 bytes", F,
     V3(1, 0) "s:x u4:1 ^ u8:0x4000000000000000 u4:0 u8:0 " DATA},
    {"2^61 of f64 wraps to 0 bytes", F,
     V3(1, 0) "s:x u4:1 ^ u8:0x2000000000000000 u4:28 u8:0 " DATA},
    {"2^63 elements in blocks", T,
     V3(1, 0) "s:x u4:1 u8:0x7fffffffffffffe0 u4:8 ^ u8:0 " DATA},
    {"negative dimension", F, V3(1, 0) "s:x u4:1 ^ u8:0x8000000000000000 u4:0 u8:0 " DATA},
    {"second dimension of -1", F,
     V3(1, 0) "s:x u4:2 u8:1 ^ u8:0xffffffffffffffff u4:0 u8:0 " DATA},
    {"row of 31 in blocks of 32", F, V3(1, 0) "s:x u4:1 ^ u8:31 u4:8 u8:0 " DATA},
    {"row of 16 though the total is 32", F,
     V3(1, 0) "s:x u4:2 ^ u8:16 u8:2 u4:8 u8:0 " DATA},
    {"row of 128 in blocks of 256", F, V3(1, 0) "s:x u4:2 ^ u8:128 u8:2 u4:12 u8:0 " DATA},
    {"scalar in blocks", F, V3(1, 0) "s:xxxxxxxx u4:0 ^ u4:2 u8:0 " DATA},
    /* types of tensors */
    {"removed type 4", U, V3(1, 0) "s:x u4:1 u8:32 ^ u4:4 u8:0 " DATA},
    {"removed type 5", U, V3(1, 0) "s:x u4:1 u8:32 ^ u4:5 u8:0 " DATA},
    {"removed type 31", U, V3(1, 0) "s:x u4:1 u8:32 ^ u4:31 u8:0 " DATA},
    {"removed type 32", U, V3(1, 0) "s:x u4:1 u8:32 ^ u4:32 u8:0 " DATA},
    {"removed type 33", U, V3(1, 0) "s:x u4:1 u8:32 ^ u4:33 u8:0 " DATA},
    {"removed type 36", U, V3(1, 0) "s:x u4:1 u8:32 ^ u4:36 u8:0 " DATA},
    {"removed type 37", U, V3(1, 0) "s:x u4:1 u8:32 ^ u4:37 u8:0 " DATA},
    {"removed type 38", U, V3(1, 0) "s:x u4:1 u8:32 ^ u4:38 u8:0 " DATA},
    {"type cut off", T, V3(1, 0) "s:xxxxxxxxxxxx u4:0 ^ u2:0"},
    /* offsets */
    {"offset cut off", T, V3(1, 0) "s:xxxx u4:0 u4:0 ^ u4:0"},
    {"offset 1", F, V3(1, 0) "s:x u4:1 u8:8 u4:0 ^ u8:1 " DATA},
    {"offset 16 under an alignment of 32", F, V3(1, 0) "s:x u4:1 u8:1 u4:0 ^ u8:16 " DATA},
    {"offset 32 under an alignment of 64", F,
     V3(1, 1) ALIGN(64) "s:x u4:1 u8:1 u4:0 ^ u8:32 a:64 z:128"},
    {"offset at the end", T, V3(1, 0) "s:x u4:1 u8:1 u4:0 ^ u8:128 " DATA},
    {"offset beyond the end", T, V3(1, 0) "s:x u4:1 u8:1 u4:0 ^ u8:4096 " DATA},
    {"offset of 2^64-32", T, V3(1, 0) "s:x u4:1 u8:8 u4:0 ^ u8:0xffffffffffffffe0 " DATA},
    {"offset of 2^63", T, V3(1, 0) "s:x u4:1 u8:8 u4:0 ^ u8:0x8000000000000000 " DATA},
    {"data one element too long", T, V3(1, 0) "s:x u4:1 u8:33 u4:0 ^ u8:0 " DATA},
    {"data of 2^40 bytes", T, V3(1, 0) "s:x u4:1 u8:0x10000000000 u4:24 ^ u8:0 " DATA},
    {"empty tensor beyond the end", T, V3(1, 0) "s:x u4:1 u8:0 u4:0 ^ u8:160 " DATA},
    {"future type beyond the end", T, V3(1, 0) "s:x u4:1 u8:1 u4:77 ^ u8:160 " DATA},
    {"no padding before the data", T, V3(1, 0) INFO1("x", 0, 0, 0) "^"},
    {"padding cut off", T, V3(1, 0) INFO1("x", 1, 0, 0) "^ z:3"},
    {"second tensor missing", T, V3(2, 0) INFO1("a", 1, 0, 0) "z:16 ^ z:7"},
    /* overlaps */
    {"overlap of one block", F,
     V3(2, 0) INFO1("a", 16, 0, 0) "^ " INFO1("b", 8, 0, 32) DATA},
    {"overlap defined in reverse", F,
     V3(2, 0) INFO1("b", 8, 0, 32) "^ " INFO1("a", 16, 0, 0) DATA},
    {"same start, other length", F,
     V3(2, 0) INFO1("a", 8, 0, 0) "^ " INFO1("b", 4, 0, 0) DATA},
    {"contained in another", F,
     V3(2, 0) INFO1("a", 32, 0, 0) "^ " INFO1("b", 1, 0, 64) DATA},
    {"third overlaps first", F,
     V3(3, 0) INFO1("a", 16, 0, 0) INFO1("c", 1, 0, 96) "^ " INFO1("b", 1, 0, 32) DATA},
    {"overlap after a tie", F,
     V3(3, 0) INFO1("a", 16, 0, 0) INFO1("t", 16, 0, 0) "^ " INFO1("b", 1, 0, 32) DATA},
    {"future type inside a known one", F,
     V3(2, 0) INFO1("a", 32, 0, 0) "^ " INFO1("f", 1, 50, 64) DATA},
    /* big-endian */
    {"big-endian counts that cannot fit", T, "t:GGUF be u4:3 ^ u8:0x100 u8:0 z:99"},
    {"big-endian header, little-endian rest", T, "t:GGUF h:00000003 ^ u8:1 u8:0 z:99"},
    {"big-endian alignment 3", F,
     "t:GGUF be u4:3 u8:0 u8:1 s:general.alignment u4:4 ^ u4:3 z:9"},
};

static void refuses_every_hostile_file_at_its_byte(void **state)
{
    (void)state;
    size_t rows = sizeof bad / sizeof *bad;
    size_t wrong = 0;
    for (size_t i = 0; i < rows; i++) {
        size_t n = 0;
        uint64_t at = MLR_NO_OFFSET;
        uint8_t *bytes = spelled(bad[i].text, &n, &at);
        uint8_t *exact = malloc(n > 0 ? n : 1);
        assert_non_null(exact);
        memcpy(exact, bytes, n);
        parsed p;
        parsed_init(&p);
        parsed_run(&p, exact, n, &mlr_format_gguf);
        if (p.status != bad[i].status || p.err.offset != at || p.err.rule == NULL) {
            print_message("%s: %s at %llu (%s), expected %s at %llu\n", bad[i].claim,
                          mlr_status_name(p.status), (unsigned long long)p.err.offset,
                          p.err.rule, mlr_status_name(bad[i].status),
                          (unsigned long long)at);
            wrong++;
        }
        wrong += !parsed_release(&p);
        free(exact);
        free(bytes);
    }
    print_message("  %zu hostile files\n", rows);
    assert_int_equal(wrong, 0);
    assert_true(rows >= 100);
}

/* A source of a million megabytes of zeros behind a short head. */
typedef struct vast {
    mlr_source source;
    const uint8_t *head;
    size_t n;
} vast;

static mlr_status vast_read(void *ctx, uint64_t off, void *dst, size_t n, mlr_err *err)
{
    (void)err;
    const vast *v = ctx;
    uint8_t *to = dst;
    for (size_t i = 0; i < n; i++) {
        to[i] = off + i < v->n ? v->head[off + i] : 0;
    }
    return MLR_OK;
}

static void limits_hold_where_the_file_is_large_enough(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t at;
    } cases[] = {
        {"t:GGUF u4:3 u8:1000001 u8:0", 8},
        {"t:GGUF u4:3 u8:0 u8:65537", 16},
        {V3(0, 1) KEY("k", 8) "u8:67108865", 24 + 9 + 4},
        {V3(0, 1) "u8:65536", 24},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t head[256];
        vast v = {.head = head, .n = spell(head, sizeof head, cases[i].text, NULL)};
        v.source = (mlr_source){.ctx = &v, .size = (uint64_t)1 << 40, .read_at = vast_read};
        parsed p;
        parsed_init(&p);
        mlr_model_parse(&p.model, &v.source, &mlr_format_gguf, &p.pool, &p.err);
        assert_err(&p.err, MLR_E_LIMIT, cases[i].at);
        assert_true(parsed_release(&p));
    }
}

/* Other layouts, small enough for every sweep. */
static const char *const sweeps[] = {
    good,
    "t:GGUF be u4:3 u8:2 u8:2 s:a u4:9 u4:8 u8:2 s:x s:yz s:general.alignment u4:4 u4:8 "
    "s:x u4:2 u8:32 u8:1 u4:8 u8:0 s:y u4:1 u8:2 u4:28 u8:40 a:8 z:56",
    V1(2, 2) "s4:name u4:8 s4:x s4:l u4:9 u4:9 u4:1 u4:0 u4:3 h:010203 "
             "s4:t u4:2 u4:4 u4:2 u4:0 u8:0 s4:u u4:1 u4:256 u4:12 u8:32 a:32 z:176",
    V2(3, 0) INFO1("last", 7, 99, 96) INFO1("known", 8, 0, 64)
        INFO1("first", 7, 43, 0) "a:32 z:136",
};

typedef const char *(*sweep)(const uint8_t *data, size_t n, const mlr_format *format);

static void run_sweeps(sweep run)
{
    for (size_t i = 0; i < sizeof sweeps / sizeof *sweeps; i++) {
        size_t n = 0;
        uint8_t *bytes = spelled(sweeps[i], &n, NULL);
        parsed p;
        parsed_init(&p);
        parsed_run(&p, bytes, n, NULL);
        assert_no_err(&p.err); /* the sweep starts from a good file */
        assert_true(parsed_release(&p));
        const char *defect = run(bytes, n, &mlr_format_gguf);
        assert_string_equal(defect == NULL ? "none" : defect, "none");
        free(bytes);
    }
}

static void survives_every_truncation(void **state)
{
    (void)state;
    run_sweeps(every_truncation);
}

static void survives_every_mutation(void **state)
{
    (void)state;
    run_sweeps(every_mutation);
}

static void survives_every_failing_allocation(void **state)
{
    (void)state;
    run_sweeps(every_allocation_failing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_metadata_of_every_type),
        cmocka_unit_test(reads_tensors_outermost_dimension_first),
        cmocka_unit_test(reads_big_endian_files),
        cmocka_unit_test(reads_version_1_with_its_short_lengths),
        cmocka_unit_test(file_without_tensors_needs_no_padding),
        cmocka_unit_test(every_type_has_its_size),
        cmocka_unit_test(future_type_reaches_to_the_next_tensor),
        cmocka_unit_test(equal_offsets_tie_tensors),
        cmocka_unit_test(refuses_every_hostile_file_at_its_byte),
        cmocka_unit_test(limits_hold_where_the_file_is_large_enough),
        cmocka_unit_test(survives_every_truncation),
        cmocka_unit_test(survives_every_mutation),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
