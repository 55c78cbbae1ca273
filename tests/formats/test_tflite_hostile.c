/* Files that try to break the TFLite reader: a good one with one value changed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fb_build.h"
#include "tests/support/parse_bytes.h"
#include "tests/support/parse_mem.h"
#include "tests/support/rng.h"
#include "tests/support/test.h"
#include "tests/support/tfl_sample.h"

/* An offset that points nowhere good: at itself, backwards, behind the file. */
#define OFFSET(place)                                                                      \
    {"offset " place " of zero", place, 4, 0, MLR_E_FORMAT, place},                        \
        {"offset " place " backwards", place, 4, 0xfffffff0, MLR_E_FORMAT, place},         \
    {                                                                                      \
        "offset " place " behind the file", place, 4, 0x7ffffff0, MLR_E_TRUNCATED, place   \
    }

/* A vector's count that the file cannot hold. */
#define COUNT(place)                                                                       \
    {"count " place " too large", place, 4, 0x00100000, MLR_E_TRUNCATED, place},           \
        {"count " place " of 2^32 - 1", place, 4, 0xffffffff, MLR_E_TRUNCATED, place},     \
    {                                                                                      \
        "count " place " that wraps 32 bits", place, 4, 0x40000001, MLR_E_TRUNCATED, place \
    }

static const struct {
    const char *claim, *where;
    unsigned width;
    uint64_t value;
    mlr_status status;
    const char *error_at; /* NULL: not looked at */
} rows[] = {
    OFFSET("m_codes"),
    OFFSET("m_graphs"),
    OFFSET("m_desc"),
    OFFSET("m_buffers"),
    OFFSET("m_meta"),
    OFFSET("m_sigs"),
    OFFSET("codes0"),
    OFFSET("graphs0"),
    OFFSET("g_tensors"),
    OFFSET("g_inputs"),
    OFFSET("g_outputs"),
    OFFSET("g_ops"),
    OFFSET("g_name"),
    OFFSET("t1"),
    OFFSET("w_shape"),
    OFFSET("w_name"),
    OFFSET("w_quant"),
    OFFSET("q_scale"),
    OFFSET("q_zero"),
    OFFSET("ops0"),
    OFFSET("op_in"),
    OFFSET("op_out"),
    OFFSET("b1"),
    OFFSET("b1_data"),
    OFFSET("metas0"),
    OFFSET("me_name"),
    OFFSET("sigs0"),
    OFFSET("si_key"),
    COUNT("codes"),
    COUNT("graphs"),
    COUNT("ins"),
    COUNT("tensors"),
    COUNT("wshape"),
    COUNT("scale"),
    COUNT("zero"),
    COUNT("ops"),
    COUNT("opin"),
    COUNT("opout"),
    COUNT("buffers"),
    COUNT("metas"),
    COUNT("sigs"),
    {"string of 2^32 - 1 bytes", "desc", 4, 0xffffffff, MLR_E_TRUNCATED, "desc"},
    {"name of 2^31 bytes", "wname", 4, 0x80000000, MLR_E_TRUNCATED, "wname"},
    {"name of 2^32 - 1 bytes", "gname", 4, 0xffffffff, MLR_E_TRUNCATED, "gname"},
    {"payload behind the file", "wdata", 4, 0x10000, MLR_E_TRUNCATED, "wdata"},
    {"payload of 2^32 - 1 bytes", "mdata", 4, 0xffffffff, MLR_E_TRUNCATED, "mdata"},

    /* the root */
    {"the sample itself is good", "model_vt", 0, 0, MLR_OK, NULL},
    {"schema version 0", "m_version", 4, 0, MLR_E_UNSUPPORTED, "m_version"},
    {"schema version 2", "m_version", 4, 2, MLR_E_UNSUPPORTED, "m_version"},
    {"schema version 2^32 - 1", "m_version", 4, 0xffffffff, MLR_E_UNSUPPORTED, "m_version"},
    {"no version at all", "model_vt+4", 2, 0, MLR_E_UNSUPPORTED, "model"},
    {"no subgraphs", "graphs", 4, 0, MLR_E_LIMIT, "model"},
    {"no subgraph vector", "model_vt+8", 2, 0, MLR_E_LIMIT, "model"},

    /* vtables */
    {"vtable of an odd size", "model_vt", 2, 21, MLR_E_FORMAT, "model_vt"},
    {"vtable of two bytes", "model_vt", 2, 2, MLR_E_FORMAT, "model_vt"},
    {"vtable of no bytes", "tensor_vt", 2, 0, MLR_E_FORMAT, "tensor_vt"},
    {"vtable behind the file", "sig_vt", 2, 0xfffe, MLR_E_TRUNCATED, "sig_vt"},
    {"table of two bytes", "tensor_vt+2", 2, 2, MLR_E_FORMAT, "tensor_vt+2"},
    {"table of no bytes", "buf_vt+2", 2, 0, MLR_E_FORMAT, "buf_vt+2"},
    {"table behind the file", "sig_vt+2", 2, 0xffff, MLR_E_TRUNCATED, "sig"},
    {"field on top of the vtable offset", "tensor_vt+4", 2, 1, MLR_E_FORMAT, "tensor_vt+4"},
    {"field at the vtable offset's end", "tensor_vt+4", 2, 3, MLR_E_FORMAT, "tensor_vt+4"},
    {"field behind its table", "tensor_vt+8", 2, 24, MLR_E_FORMAT, "tensor_vt+8"},
    {"field that ends behind its table", "tensor_vt+8", 2, 21, MLR_E_FORMAT, "tensor_vt+8"},
    {"field far behind its table", "tensor_vt+10", 2, 0xffff, MLR_E_FORMAT, "tensor_vt+10"},
    {"byte field behind its table", "tensor_vt+6", 2, 24, MLR_E_FORMAT, "tensor_vt+6"},
    {"vtable before the file", "model", 4, 0x7fffffff, MLR_E_FORMAT, "model"},
    {"vtable just before the file", "model", 4, 1000, MLR_E_FORMAT, "model"},
    {"vtable behind the file", "model", 4, 0x80000000, MLR_E_TRUNCATED, "model"},
    {"vtable at an odd offset", "model", 4, 23, MLR_E_FORMAT, "model"},
    {"vtable far behind the file", "tw", 4, 0x80000001, MLR_E_FORMAT, "tw"},
    {"weight's vtable before the file", "tw", 4, 0x00010000, MLR_E_FORMAT, "tw"},
    {"operator's vtable behind the file", "op", 4, 0xf0000000, MLR_E_TRUNCATED, "op"},
    {"buffer's vtable at an odd offset", "buf1", 4, 1, MLR_E_FORMAT, "buf1"},

    /* strings */
    {"description without NUL", "desc_nul", 1, 'x', MLR_E_FORMAT, "desc_nul"},
    {"subgraph name without NUL", "gname_nul", 1, 1, MLR_E_FORMAT, "gname_nul"},
    {"tensor name without NUL", "wname_nul", 1, 0xff, MLR_E_FORMAT, "wname_nul"},
    {"metadata name without NUL", "mename_nul", 1, 'x', MLR_E_FORMAT, "mename_nul"},
    {"signature key without NUL", "sikey_nul", 1, 'x', MLR_E_FORMAT, "sikey_nul"},
    {"NUL in a tensor name", "wname+4", 1, 0, MLR_E_FORMAT, "wname+4"},
    {"NUL in a subgraph name", "gname+5", 1, 0, MLR_E_FORMAT, "gname+4"},
    {"NUL in a metadata name", "mename+5", 1, 0, MLR_E_FORMAT, "mename+4"},
    {"NUL in a signature key", "sikey+4", 1, 0, MLR_E_FORMAT, "sikey+4"},
    {"escape byte in a name is data", "wname+4", 1, 0x1b, MLR_OK, NULL},
    {"byte that is no UTF-8 is data", "wname+4", 1, 0xff, MLR_OK, NULL},

    /* indices */
    {"buffer index one too high", "w_buffer", 4, 3, MLR_E_FORMAT, "tw"},
    {"buffer index of 2^32 - 1", "w_buffer", 4, 0xffffffff, MLR_E_FORMAT, "tw"},
    {"metadata buffer one too high", "me_buffer", 4, 3, MLR_E_FORMAT, "meta"},
    {"metadata buffer of 2^31", "me_buffer", 4, 0x80000000, MLR_E_FORMAT, "meta"},
    {"operator code one too high", "op_code", 4, 1, MLR_E_FORMAT, "op"},
    {"operator code of 2^32 - 1", "op_code", 4, 0xffffffff, MLR_E_FORMAT, "op"},
    {"operator input one too high", "opin0", 4, 3, MLR_E_FORMAT, "opin0"},
    {"operator input -1 is one left out", "opin0", 4, 0xffffffff, MLR_OK, NULL},
    {"operator input -2", "opin0", 4, 0xfffffffe, MLR_E_FORMAT, "opin0"},
    {"operator input of 2^31", "opin0", 4, 0x80000000, MLR_E_FORMAT, "opin0"},
    {"operator output -1", "opout0", 4, 0xffffffff, MLR_E_FORMAT, "opout0"},
    {"operator output one too high", "opout0", 4, 3, MLR_E_FORMAT, "opout0"},
    {"graph input one too high", "ins0", 4, 3, MLR_E_FORMAT, "ins0"},
    {"graph output -2", "outs0", 4, 0xfffffffe, MLR_E_FORMAT, "outs0"},
    {"signature of a missing subgraph", "si_graph", 4, 1, MLR_E_FORMAT, "sig"},
    {"signature of subgraph 2^32 - 1", "si_graph", 4, 0xffffffff, MLR_E_FORMAT, "sig"},

    /* shapes; a length that does not fit is a payload of another layout, kept as bytes */
    {"negative dimension", "wdims", 4, 0xffffffff, MLR_E_FORMAT, "wdims"},
    {"dimension of -2^31", "wdims+4", 4, 0x80000000, MLR_E_FORMAT, "wdims+4"},
    {"dimension of 2^31 - 1", "wdims", 4, 0x7fffffff, MLR_OK, NULL},
    {"dimension of zero", "wdims", 4, 0, MLR_OK, NULL},
    {"type of the future", "w_type", 1, 99, MLR_OK, NULL},
    {"type -1", "w_type", 1, 0xff, MLR_OK, NULL},
    {"type that needs more bytes", "w_type", 1, 10, MLR_OK, NULL},
    {"quantized dimension that is none", "q_dim", 4, 7, MLR_OK, NULL},
    {"quantized dimension -1", "q_dim", 4, 0xffffffff, MLR_OK, NULL},
    {"no scales", "scale", 4, 0, MLR_OK, NULL},
    {"payload shorter than the shape", "wdata", 4, 5, MLR_OK, NULL},
    {"payload that overlaps the next one", "wdata", 4, 22, MLR_E_FORMAT, "buf2"},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static void poke(fb_bytes *b, size_t at, uint64_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++) {
        b->data[at + i] = (uint8_t)(value >> (8 * i));
    }
}

static void refuses_each_hostile_file_where_it_breaks(void **state)
{
    (void)state;
    unsigned bad = 0;
    for (size_t i = 0; i < ROWS; i++) {
        fb_bytes file = fb_build(TFL_SAMPLE);
        poke(&file, fb_at(&file, rows[i].where), rows[i].value, rows[i].width);
        mlr_err err = parse_mem_once(&mlr_format_tflite, file.data, file.n);
        uint64_t want =
            rows[i].error_at == NULL ? err.offset : fb_at(&file, rows[i].error_at);
        if (err.status != rows[i].status || err.offset != want) {
            print_message("row %zu, %s: %s at %lld, not %s at %lld (%s)\n", i,
                          rows[i].claim, mlr_status_name(err.status), (long long)err.offset,
                          mlr_status_name(rows[i].status), (long long)want,
                          err.rule == NULL ? "" : err.rule);
            bad++;
        }
        free(file.data);
    }
    assert_int_equal(bad, 0);
    assert_true(ROWS >= 100);
}

static mlr_err parse_text(const char *notation)
{
    fb_bytes file = fb_build(notation);
    mlr_err err = parse_mem_once(&mlr_format_tflite, file.data, file.n);
    free(file.data);
    return err;
}

static void refuses_roots_that_point_nowhere(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        mlr_status status;
    } heads[] = {
        {"", MLR_E_TRUNCATED},
        {"10 00 00", MLR_E_TRUNCATED},
        {"=0 'TFL3' ~64:00", MLR_E_FORMAT},
        {"=-4 'TFL3' ~64:00", MLR_E_FORMAT},
        {"=2000000000 'TFL3' ~64:00", MLR_E_TRUNCATED},
        {"=70 'TFL3' ~64:00", MLR_E_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        mlr_err err = parse_text(heads[i].file);
        assert_err(&err, heads[i].status, 0);
    }
}

/* --- buffers elsewhere --- */

#define OFFSET_MODE(offset, size, tail)                                                    \
    TFL_MODEL TFL_CODES TFL_GRAPH TFL_TENSORS TFL_QUANT TFL_OPERATORS                      \
        "buffers: =2 >buf0 >buf1 buf0_vt: h4 h4 buf0: <buf0_vt "                           \
        "buf_vt: h10 h20 h0 h4 h12 . buf1: <buf_vt " offset size                           \
        " metas: =0 sigs: =0 end: " tail

static void refuses_payloads_behind_the_buffer_that_are_not_there(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        mlr_status status;
    } files[] = {
        {OFFSET_MODE("%end =0", "q6", "~6:07"), MLR_OK},
        {OFFSET_MODE("%end =0", "q7", "~6:07"), MLR_E_TRUNCATED},
        {OFFSET_MODE("%end =0", "q-1", "~6:07"), MLR_E_TRUNCATED},
        {OFFSET_MODE("q-1", "q6", "~6:07"), MLR_E_TRUNCATED},
        {OFFSET_MODE("q-6", "q6", "~6:07"), MLR_E_TRUNCATED},
        {OFFSET_MODE("%end =1", "q6", "~6:07"), MLR_E_TRUNCATED},
        {OFFSET_MODE("q0", "q-1", "~6:07"), MLR_OK}, /* 0 and 1 mean that there is none */
        {OFFSET_MODE("q1", "q-1", "~6:07"), MLR_OK},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        fb_bytes b = fb_build(files[i].file);
        mlr_err err = parse_mem_once(&mlr_format_tflite, b.data, b.n);
        assert_err(&err, files[i].status,
                   files[i].status == MLR_OK ? 0 : fb_at(&b, "buf1"));
        free(b.data);
    }
}

static void refuses_a_payload_in_two_places(void **state)
{
    (void)state;
    fb_bytes b = fb_build(
        TFL_MODEL TFL_CODES TFL_GRAPH TFL_TENSORS TFL_QUANT TFL_OPERATORS TFL_EXTRAS
        "buffers: =3 >buf0 >buf1 >buf0 buf0_vt: h4 h4 buf0: <buf0_vt "
        "buf_vt: h10 h24 h4 h8 h16 . buf1: <buf_vt >wdata %wdata =0 q6 wdata: =6 ~6:01");
    mlr_err err = parse_mem_once(&mlr_format_tflite, b.data, b.n);
    assert_err(&err, MLR_E_FORMAT, fb_at(&b, "buf1"));
    free(b.data);
}

/* A model whose weight is external buffer `id`, in group `group` of file `name`. */
#define EXTERNAL(id, group, off, len, name)                                                \
    "%model 'TFL3' model_vt: h24 h32 h4 h8 h12 h16 h20 h0 h0 h0 h24 h28 "                  \
    "model: <model_vt =3 >codes >graphs >desc >buffers >groups >externals " TFL_CODES      \
        TFL_GRAPH                                                                          \
    "tensors: =3 >tw >tw2 >tw2 tensor_vt: h26 h24 h4 h20 h0 h12 h0 h0 h0 h0 h0 h0 h16 . "  \
    "tw: <tensor_vt >wshape =0 >wname use: =9 09 ~3:00 "                                   \
    "small_vt: h12 h12 h4 h0 h0 h8 tw2: <small_vt >wshape >wname "                         \
    "wshape: =2 =2 =3 wname: =1 'W' 00 . " TFL_OPERATORS                                   \
    "buffers: =1 >buf0 buf0_vt: h4 h4 buf0: <buf0_vt "                                     \
    "groups: =1 >group group_vt: h6 h8 h4 . group: <group_vt >path "                       \
    "externals: =1 >ext ext_vt: h12 h28 h4 h8 h12 h20 . "                                  \
    "ext: <ext_vt " id group off len "path: =path_n path0: " name " 00 ."

static char *with_path_length(const char *text, size_t n)
{
    char *copy = malloc(strlen(text) + 16), *at;
    assert_non_null(copy);
    strcpy(copy, text);
    at = strstr(copy, "=path_n");
    assert_non_null(at);
    char number[8];
    snprintf(number, sizeof number, "=%-6zu", n);
    memcpy(at, number, 7);
    return copy;
}

static mlr_err parse_external(const char *text, size_t path_n, const char *at,
                              size_t *where)
{
    static const uint8_t zeros[64];
    static const mem_sibling weights = {.path = "w.bin", .data = zeros, .n = sizeof zeros};
    char *full = with_path_length(text, path_n);
    fb_bytes b = fb_build(full);
    parse_mem p = {.format = &mlr_format_tflite,
                   .data = b.data,
                   .n = b.n,
                   .siblings = &weights,
                   .sibling_count = 1};
    parse_mem_run(&p);
    if (p.err.status == MLR_OK) {
        const mlr_tensor *t = parse_mem_tensor(&p, "main/W");
        assert_int_equal(t->member, 1);
        assert_int_equal(t->data.off, 8);
        assert_int_equal(t->dtype->id, MLR_DTYPE_I8);
    }
    parse_mem_end(&p);
    *where = fb_at(&b, at);
    free(b.data);
    free(full);
    return p.err;
}

static void refuses_external_buffers_that_are_unsafe(void **state)
{
    (void)state;
#define PATH(text) EXTERNAL("=9 ", "=0 ", "q8 ", "q6 ", text)
    static const struct {
        const char *file;
        size_t path_n;
        mlr_status status;
        const char *at;
    } files[] = {
        {PATH("'w.bin'"), 5, MLR_OK, "path"},
        {PATH("'./w.bin'"), 7, MLR_OK, "path"},
        {PATH("'/etc/passwd'"), 11, MLR_E_FORMAT, "path0"},
        {PATH("'../w.bin'"), 8, MLR_E_FORMAT, "path0"},
        {PATH("'a/../w.bin'"), 10, MLR_E_FORMAT, "path0"},
        {PATH("'file:///w.bin'"), 13, MLR_E_FORMAT, "path0"},
        {PATH("'a' 5c 'b'"), 3, MLR_E_FORMAT, "path0"},
        {PATH("'a' 0a 'b'"), 3, MLR_E_FORMAT, "path0"},
        {PATH("'a' 1b 'b'"), 3, MLR_E_FORMAT, "path0"},
        {PATH("'a' 00 'b'"), 3, MLR_E_FORMAT, "path0"},
        {PATH(""), 0, MLR_E_FORMAT, "path0"},
        {PATH("~300:61"), 300, MLR_E_FORMAT, "path0"},
        {PATH("~5000:61"), 5000, MLR_E_LIMIT, "path0"},
        {EXTERNAL("=9 ", "=1 ", "q8 ", "q6 ", "'w.bin'"), 5, MLR_E_FORMAT, "ext"},
        {EXTERNAL("=9 ", "=-1 ", "q8 ", "q6 ", "'w.bin'"), 5, MLR_E_FORMAT, "ext"},
        {EXTERNAL("=0 ", "=0 ", "q8 ", "q6 ", "'w.bin'"), 5, MLR_E_FORMAT, "ext"},
        {EXTERNAL("=8 ", "=0 ", "q8 ", "q6 ", "'w.bin'"), 5, MLR_E_FORMAT, "tw"},
        {EXTERNAL("=9 ", "=0 ", "q64 ", "q1 ", "'w.bin'"), 5, MLR_E_FORMAT, "ext"},
        {EXTERNAL("=9 ", "=0 ", "q8 ", "q57 ", "'w.bin'"), 5, MLR_E_FORMAT, "ext"},
        {EXTERNAL("=9 ", "=0 ", "q8 ", "q-1 ", "'w.bin'"), 5, MLR_E_FORMAT, "ext"},
        {EXTERNAL("=9 ", "=0 ", "q-8 ", "q9 ", "'w.bin'"), 5, MLR_E_FORMAT, "ext"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t where = 0;
        mlr_err err = parse_external(files[i].file, files[i].path_n, files[i].at, &where);
        if (files[i].status == MLR_OK) {
            assert_no_err(&err);
        } else {
            assert_err(&err, files[i].status, where);
        }
    }
}

/* One model a line, and the place that the failure names. */
static void refuses_models_of_the_wrong_make(void **state)
{
    (void)state;
    static const struct {
        const char *file, *at;
        mlr_status status;
    } files[] = {
        /* tensor 0 has bytes both in buffer 1 and in external buffer 9 */
        {"%model 'TFL3' model_vt: h24 h32 h4 h8 h12 h16 h20 h0 h0 h0 h24 h28 "
         "model: <model_vt =3 >codes >graphs >desc >buffers >groups >externals " TFL_CODES
             TFL_GRAPH
         "tensors: =3 >tw >tw >tw tensor_vt: h26 h24 h4 h20 h8 h12 h0 h0 h0 h0 h0 h0 h16 . "
         "tw: <tensor_vt >wshape =1 >wname =9 09 ~3:00 wshape: =2 =2 =3 wname: =1 'W' 00 . "
         "ops: =0 buffers: =2 >buf0 >buf1 buf0_vt: h4 h4 buf0: <buf0_vt "
         "buf_vt: h6 h8 h4 . buf1: <buf_vt >wdata wdata: =6 ~6:01 . "
         "groups: =1 >group group_vt: h6 h8 h4 . group: <group_vt >path "
         "externals: =1 >ext ext_vt: h12 h28 h4 h8 h12 h20 . ext: <ext_vt =9 =0 q8 q6 "
         "path: =5 'w.bin' 00 .",
         "tw", MLR_E_FORMAT},
        /* external buffers, but no buffer 0 for those who have none */
        {"%model 'TFL3' model_vt: h24 h28 h4 h8 h12 h0 h16 h0 h0 h0 h20 h24 "
         "model: <model_vt =3 >codes >graphs >buffers >groups >externals "
         "codes: =0 graphs: =0 buffers: =0 groups: =0 externals: =1 ext0: =0",
         "ext0", MLR_E_FORMAT},
        /* a million and one of something; the zeros are never looked at */
        {"%model 'TFL3' model_vt: h14 h12 h4 h0 h0 h0 h8 . model: <model_vt =3 >buffers "
         "buffers: =1000001 items: ~4000004:00",
         "items", MLR_E_LIMIT},
        {"%model 'TFL3' model_vt: h10 h12 h4 h0 h8 . model: <model_vt =3 >graphs "
         "graphs: =1 >graph gv: h6 h8 h4 . graph: <gv >tensors "
         "tensors: =1000001 items: ~4000004:00",
         "items", MLR_E_LIMIT},
        {"%model 'TFL3' model_vt: h10 h12 h4 h0 h8 . model: <model_vt =3 >graphs "
         "graphs: =65537 ~262148:00",
         "model", MLR_E_LIMIT},
        /* custom options that end behind the file */
        {TFL_MODEL TFL_CODES TFL_GRAPH TFL_TENSORS TFL_QUANT
         "ops: =1 >op "
         "op_vt: h26 h32 h4 h8 h12 h0 h0 h0 h0 h0 h0 h16 h24 . "
         "op: <op_vt =0 >opin >opout %opts =0 q5 opin: =1 =0 opout: =1 =2 " TFL_BUFFERS
             TFL_EXTRAS "opts: 01020304",
         "op", MLR_E_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        static const uint8_t zeros[64];
        static const mem_sibling weights = {.path = "w.bin", .data = zeros, .n = 64};
        fb_bytes b = fb_build(files[i].file);
        parse_mem p = {.format = &mlr_format_tflite,
                       .data = b.data,
                       .n = b.n,
                       .siblings = &weights,
                       .sibling_count = 1};
        parse_mem_run(&p);
        assert_err(&p.err, files[i].status, fb_at(&b, files[i].at));
        parse_mem_end(&p);
        free(b.data);
    }
}

/* --- sharing --- */

static void dag_of_tables_costs_visits(void **state)
{
    (void)state;
    /* 20,000 subgraphs that are one: four bytes each in the file. */
    enum { MANY = 20000 };
    static const char head[] = TFL_MODEL TFL_CODES TFL_BUFFERS TFL_EXTRAS;
    static const char tail[] =
        "graph_vt: h14 h24 h4 h8 h12 h16 h20 . graph: <graph_vt >tensors >ins >outs >ops "
        " >gname ins: =0 outs: =0 gname: =4 'main' 00 . " TFL_TENSORS TFL_QUANT
            TFL_OPERATORS;
    char *text = malloc(sizeof head + sizeof tail + 32 + MANY * 8);
    assert_non_null(text);
    strcpy(text, head);
    size_t n = strlen(text);
    n += (size_t)sprintf(text + n, "graphs: =%d ", MANY);
    for (int i = 0; i < MANY; i++) {
        memcpy(text + n, ">graph ", 7);
        n += 7;
    }
    strcpy(text + n, tail);
    mlr_err err = parse_text(text);
    assert_int_equal(err.status, MLR_E_LIMIT);
    free(text);
}

/* 20,000 tensors that are one, with a name of 4,000 bytes: 80 MB of keys if believed. */
static void shared_names_cannot_ask_for_memory(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    static const char head[] =
        TFL_MODEL TFL_CODES TFL_GRAPH TFL_BUFFERS TFL_EXTRAS "tensors: =20000 ";
    static const char tail[] =
        "tensor_vt: h14 h24 h4 h20 h8 h12 h16 . tw: <tensor_vt >wshape =1 >wname >wq "
        "09 ~3:00 wshape: =2 =2 =3 wname: =4000 ~4000:61 00 . " TFL_QUANT "ops: =0 ";
    char *text = malloc(sizeof head + sizeof tail + MANY * 4 + 8);
    assert_non_null(text);
    strcpy(text, head);
    size_t n = strlen(text);
    for (int i = 0; i < MANY; i++) {
        memcpy(text + n, ">tw ", 4);
        n += 4;
    }
    strcpy(text + n, tail);
    mlr_err err = parse_text(text);
    assert_int_equal(err.status, MLR_E_LIMIT);
    free(text);
}

/* --- sweeps --- */

static void fails_cleanly_at_every_truncation(void **state)
{
    (void)state;
    fb_bytes b = fb_build(TFL_SAMPLE);
    for (size_t n = 0; n < b.n; n++) {
        mlr_err err = parse_mem_once(&mlr_format_tflite, b.data, n);
        assert_int_equal(err.status, MLR_E_TRUNCATED);
        assert_true(err.offset <= n);
    }
    mlr_err err = parse_mem_once(&mlr_format_tflite, b.data, b.n);
    assert_no_err(&err);
    free(b.data);
}

static void survives_every_mutation_of_a_byte(void **state)
{
    (void)state;
    fb_bytes b = fb_build(TFL_SAMPLE);
    assert_null(every_mutation(b.data, b.n, &mlr_format_tflite));
    free(b.data);
}

static void survives_every_failing_allocation(void **state)
{
    (void)state;
    fb_bytes b = fb_build(TFL_SAMPLE);
    assert_null(every_allocation_failing(b.data, b.n, &mlr_format_tflite));
    free(b.data);
}

/* Two changed words at once reach what one cannot. */
static void survives_random_pairs_of_words(void **state)
{
    (void)state;
    fb_bytes b = fb_build(TFL_SAMPLE);
    uint8_t *copy = malloc(b.n);
    rng r = rng_new(11);
    assert_non_null(copy);
    for (int i = 0; i < 5000; i++) {
        memcpy(copy, b.data, b.n);
        for (int k = 0; k < 2; k++) {
            copy[rng_below(&r, b.n / 4) * 4] = (uint8_t)rng_below(&r, 64);
        }
        parse_mem_once(&mlr_format_tflite, copy, b.n);
    }
    free(copy);
    free(b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_each_hostile_file_where_it_breaks),
        cmocka_unit_test(refuses_roots_that_point_nowhere),
        cmocka_unit_test(refuses_payloads_behind_the_buffer_that_are_not_there),
        cmocka_unit_test(refuses_a_payload_in_two_places),
        cmocka_unit_test(refuses_external_buffers_that_are_unsafe),
        cmocka_unit_test(refuses_models_of_the_wrong_make),
        cmocka_unit_test(dag_of_tables_costs_visits),
        cmocka_unit_test(shared_names_cannot_ask_for_memory),
        cmocka_unit_test(fails_cleanly_at_every_truncation),
        cmocka_unit_test(survives_every_mutation_of_a_byte),
        cmocka_unit_test(survives_every_failing_allocation),
        cmocka_unit_test(survives_random_pairs_of_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
