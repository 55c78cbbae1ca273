#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/host/heap.h"
#include "formats/format.h"
#include "formats/open.h"
#include "tests/support/fault_sys.h"
#include "tests/support/model_fault.h"
#include "tests/support/spell.h"
#include "tests/support/st_build.h"
#include "tests/support/temp_dir.h"

/* A folder with models and what was opened from it. */
typedef struct bench {
    temp_dir dir;
    mlr_heap heap;
    mlr_open_options options;
    mlr_opened *opened;
    const mlr_model *model;
    mlr_err err;
    size_t descriptors;
} bench;

static void begin(bench *x)
{
    *x = (bench){0};
    temp_dir_make(&x->dir);
    mlr_heap_init(&x->heap);
    x->descriptors = open_descriptors();
}

static void close_model(bench *x)
{
    mlr_model_close(x->opened);
    x->opened = NULL;
    assert_int_equal(x->heap.used, 0);
    assert_int_equal(open_descriptors(), x->descriptors);
}

static void end(bench *x)
{
    close_model(x);
    temp_dir_remove(&x->dir);
}

/* Opens `name` of the folder ("" is the folder) in place of what was open. */
static mlr_status open_path(bench *x, const char *path)
{
    close_model(x);
    x->err = (mlr_err){0};
    mlr_status status =
        mlr_model_open(&x->opened, path, &x->options, &x->heap.alloc, &x->err);
    assert_int_equal(status, x->err.status);
    x->model = NULL;
    if (status == MLR_OK) {
        x->model = mlr_opened_model(x->opened);
        const char *fault = model_fault(x->model);
        assert_string_equal(fault == NULL ? "none" : fault, "none");
    } else {
        assert_null(x->opened);
    }
    return status;
}

static mlr_status open_name(bench *x, const char *name)
{
    static char path[512]; /* an error may point to it */
    temp_dir_at(&x->dir, name, path);
    return open_path(x, path);
}

static void write_text(const bench *x, const char *name, const char *text)
{
    temp_dir_write(&x->dir, name, text, strlen(text));
}

/* A SafeTensors file of one U8 tensor. */
static void write_st(const bench *x, const char *name, const char *tensor)
{
    char header[256];
    size_t n = 0;
    uint64_t mark = 0;
    snprintf(header, sizeof header,
             "{\"%s\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", tensor);
    uint8_t *bytes = st_build(header, strlen(header), 4, &n, &mark);
    temp_dir_write(&x->dir, name, bytes, n);
    free(bytes);
}

static void write_spelled(const bench *x, const char *name, const char *text)
{
    uint8_t bytes[1024];
    size_t n = spell(bytes, sizeof bytes, text, NULL);
    temp_dir_write(&x->dir, name, bytes, n);
}

#define GGUF(tensor) "t:GGUF u4:3 u8:1 u8:0 s:" tensor " u4:1 u8:8 u4:0 u8:0 a:32 z:32"

/* ModelProto {ir_version 8, graph {initializer {dims, U8, name "w", location `place`}}}
 */
#define ONNX_W(dims, place, place_n, entry_n, tensor_n, graph_n)                           \
    "h:08083a h:" graph_n " h:2a h:" tensor_n " h:08" dims                                 \
    "1002 h:4201 t:w h:6a h:" entry_n " h:0a08 t:location h:12 h:" place_n " t:" place     \
    " h:7001"

static void make_folder(const bench *x, const char *name)
{
    char path[512];
    assert_int_equal(mkdir(temp_dir_at(&x->dir, name, path), 0700), 0);
}

static void make_link(const bench *x, const char *target, const char *name)
{
    char path[512];
    assert_int_equal(symlink(target, temp_dir_at(&x->dir, name, path)), 0);
}

static void assert_members(const bench *x, const char *const *names)
{
    size_t n = 0;
    assert_non_null(x->model);
    while (names[n] != NULL) {
        assert_true(n < x->model->member_count);
        assert_string_equal(x->model->members[n].name, names[n]);
        assert_ptr_equal(x->model->members[n].source,
                         &mlr_opened_file(x->opened, n)->source);
        n++;
    }
    assert_int_equal(x->model->member_count, n);
}

#define MEMBERS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *format_of(const bench *x, size_t member)
{
    return x->model->members[member].format->name;
}

static const mlr_tensor *tensor_of(const bench *x, const char *key)
{
    return mlr_model_find(x->model, (mlr_str){.p = key, .n = strlen(key)});
}

static void one_file_opens_by_its_content(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_spelled(&x, "without-suffix", GGUF("t"));
    write_st(&x, "wrong.gguf", "s");
    assert_int_equal(open_name(&x, "without-suffix"), MLR_OK);
    assert_string_equal(format_of(&x, 0), "gguf");
    assert_members(&x, MEMBERS("without-suffix"));
    assert_null(x.model->note);
    assert_int_equal(open_name(&x, "wrong.gguf"), MLR_OK);
    assert_string_equal(format_of(&x, 0), "safetensors");
    end(&x);
}

static void other_files_open_as_bytes_and_say_so(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_text(&x, "notes.txt", "hello");
    write_text(&x, "empty", "");
    assert_int_equal(open_name(&x, "notes.txt"), MLR_OK);
    assert_string_equal(format_of(&x, 0), "opaque");
    assert_string_equal(x.model->note, "no known model format");
    assert_int_equal(x.model->span_count, 1);
    assert_int_equal(open_name(&x, "empty"), MLR_OK);
    assert_int_equal(x.model->span_count, 0);
    assert_int_equal(open_name(&x, "missing"), MLR_E_IO);
    assert_non_null(strstr(x.err.input, "missing"));
    end(&x);
}

static void write_shards(const bench *x, const char *first, const char *second)
{
    char text[512];
    write_st(x, first, "a");
    write_st(x, second, "b");
    snprintf(text, sizeof text,
             "{\"metadata\":{\"total_size\":8},\"weight_map\":{\"a\":\"%s\",\"b\":\"%s\"}}",
             first, second);
    write_text(x, "model.safetensors.index.json", text);
}

static void directory_opens_with_all_its_visible_files(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_shards(&x, "model-00001-of-00002.safetensors",
                 "model-00002-of-00002.safetensors");
    write_text(&x, "tokenizer.json", "{}");
    write_text(&x, "config.json", "{}");
    write_text(&x, ".hidden", "x");
    make_folder(&x, "folder");
    assert_int_equal(open_name(&x, ""), MLR_OK);
    assert_members(&x, MEMBERS("config.json", "model-00001-of-00002.safetensors",
                               "model-00002-of-00002.safetensors",
                               "model.safetensors.index.json", "tokenizer.json"));
    assert_string_equal(format_of(&x, 0), "opaque");
    assert_string_equal(format_of(&x, 1), "safetensors");
    assert_string_equal(format_of(&x, 3), "opaque");
    assert_null(x.model->note);
    assert_int_equal(tensor_of(&x, "b")->member, 2);
    end(&x);
}

static void empty_directory_is_refused(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    assert_int_equal(open_name(&x, ""), MLR_E_USAGE);
    end(&x);
}

static void index_or_any_shard_opens_the_set(void **state)
{
    (void)state;
    static const char index[] = "model.safetensors.index.json";
    static const struct {
        const char *first, *second, *by_name[4];
    } sets[] = {
        {"model-00001-of-00002.safetensors",
         "model-00002-of-00002.safetensors",
         {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", index}},
        {"model_00001-of-00002.safetensors",
         "model_00002-of-00002.safetensors",
         {index, "model_00001-of-00002.safetensors", "model_00002-of-00002.safetensors"}},
        {"alpha.safetensors",
         "beta.safetensors",
         {"alpha.safetensors", "beta.safetensors", index}}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        bench x;
        begin(&x);
        const char *first = sets[i].first, *second = sets[i].second;
        const char *const *by_name = sets[i].by_name;
        write_shards(&x, first, second);
        write_text(&x, "tokenizer.json", "{}");
        assert_int_equal(open_name(&x, first), MLR_OK);
        assert_members(&x, by_name);
        assert_int_equal(open_name(&x, second), MLR_OK);
        assert_members(&x, by_name);
        assert_int_equal(open_name(&x, index), MLR_OK);
        assert_members(&x, by_name);
        x.options.single = true;
        assert_int_equal(open_name(&x, second), MLR_OK);
        assert_members(&x, MEMBERS(second));
        end(&x);
    }
}

static void numbered_series_needs_no_index(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_spelled(&x, "m-00001-of-00002.gguf", GGUF("a"));
    write_spelled(&x, "m-00002-of-00002.gguf", GGUF("b"));
    write_spelled(&x, "m-00001-of-00001.gguf", GGUF("c"));
    assert_int_equal(open_name(&x, "m-00002-of-00002.gguf"), MLR_OK);
    assert_members(&x, MEMBERS("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"));
    assert_int_equal(open_name(&x, "m-00001-of-00001.gguf"), MLR_OK);
    assert_members(&x, MEMBERS("m-00001-of-00001.gguf"));
    write_st(&x, "s_00001-of-00002.safetensors", "a");
    write_st(&x, "s_00002-of-00002.safetensors", "b");
    assert_int_equal(open_name(&x, "s_00001-of-00002.safetensors"), MLR_OK);
    assert_int_equal(x.model->member_count, 2);
    end(&x);
}

static void missing_shard_is_an_error_that_names_it(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_spelled(&x, "m-00001-of-00003.gguf", GGUF("a"));
    write_spelled(&x, "m-00003-of-00003.gguf", GGUF("c"));
    assert_int_equal(open_name(&x, "m-00003-of-00003.gguf"), MLR_E_IO);
    assert_string_equal(x.err.subject, "m-00002-of-00003.gguf");
    x.options.single = true;
    assert_int_equal(open_name(&x, "m-00003-of-00003.gguf"), MLR_OK);
    end(&x);
    begin(&x);
    write_shards(&x, "a.safetensors", "b.safetensors");
    assert_int_equal(unlinkat(x.dir.fd, "b.safetensors", 0), 0);
    assert_int_equal(open_name(&x, ""), MLR_E_IO);
    assert_string_equal(x.err.subject, "b.safetensors");
    assert_int_equal(open_name(&x, "a.safetensors"), MLR_E_IO);
    end(&x);
}

static void hostile_index_is_refused_at_the_name(void **state)
{
    (void)state;
    static const struct {
        const char *text; /* a backquote before the byte at fault */
        mlr_status status;
    } rows[] = {
        {"{\"weight_map\":{\"a\":`\"../a.safetensors\"}}", MLR_E_FORMAT},
        {"{\"weight_map\":{\"a\":`\"..\"}}", MLR_E_FORMAT},
        {"{\"weight_map\":{\"a\":`\".\"}}", MLR_E_FORMAT},
        {"{\"weight_map\":{\"a\":`\"\"}}", MLR_E_FORMAT},
        {"{\"weight_map\":{\"a\":`\"/etc/passwd\"}}", MLR_E_FORMAT},
        {"{\"weight_map\":{\"a\":`\"x/a.safetensors\"}}", MLR_E_FORMAT},
        {"{\"weight_map\":{\"a\":`\"\\u002fetc\"}}", MLR_E_FORMAT},
        {"{\"weight_map\":{\"a\":`\"..\\\\a\"}}", MLR_E_FORMAT},
        {"{\"weight_map\":{\"a\":`\"a\\u0000b\"}}", MLR_E_FORMAT},
        {"{\"weight_map\":{\"a\":`\"a\\nb\"}}", MLR_E_FORMAT},
        {"{\"weight_map\":`[]}", MLR_E_FORMAT},
        {"`{\"weight_map\":{}}", MLR_E_FORMAT},
        {"`{\"weight_map\":{\"a\":{\"f\":1}}}", MLR_E_FORMAT},
        {"`{\"metadata\":{}}", MLR_E_FORMAT},
        {"{\"weight_map\":{\"a\":\"ok\"},`\"weight_map\":{}}", MLR_E_FORMAT},
        {"`[]", MLR_E_FORMAT},
        {"{\"weight_map\":{`", MLR_E_TRUNCATED},
        {"`", MLR_E_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bench x;
        begin(&x);
        char text[256] = {0};
        uint64_t at = strcspn(rows[i].text, "`");
        memcpy(text, rows[i].text, at);
        strcpy(text + at, rows[i].text + at + 1);
        write_st(&x, "ok", "a");
        write_text(&x, "model.safetensors.index.json", text);
        open_name(&x, "model.safetensors.index.json");
        assert_err(&x.err, rows[i].status, at);
        open_name(&x, "");
        assert_err(&x.err, rows[i].status, at);
        assert_string_equal(x.err.subject, "model.safetensors.index.json");
        end(&x);
    }
}

static void broken_file_opens_as_bytes_with_the_reason(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_spelled(&x, "bad.gguf", "t:GGUF u4:3 u8:0 u8:1 s:a u4:13 z:9");
    assert_int_equal(open_name(&x, "bad.gguf"), MLR_OK);
    assert_string_equal(format_of(&x, 0), "opaque");
    assert_int_equal(x.model->span_count, 1);
    assert_non_null(strstr(x.model->note, "GGUF"));
    assert_non_null(strstr(x.model->note, "bad.gguf"));
    assert_non_null(strstr(x.model->note, "known metadata type"));
    assert_non_null(strstr(x.model->note, "33"));
    x.options.strict = true;
    assert_int_equal(open_name(&x, "bad.gguf"), MLR_E_FORMAT);
    assert_err(&x.err, MLR_E_FORMAT, 33);
    assert_int_equal(mlr_exit_code(&x.err), 12);
    end(&x);
}

static void broken_file_of_a_set_leaves_the_others_alone(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_st(&x, "a.safetensors", "a");
    /* the first tensor is fine, the second overlaps it */
    write_spelled(&x, "b.gguf",
                  "t:GGUF u4:3 u8:2 u8:0 s:b u4:1 u8:16 u4:0 u8:0 s:c u4:1 u8:8 u4:0 u8:32 "
                  "a:32 z:64");
    write_st(&x, "c.safetensors", "b");
    assert_int_equal(open_name(&x, ""), MLR_OK);
    assert_members(&x, MEMBERS("a.safetensors", "b.gguf", "c.safetensors"));
    assert_string_equal(format_of(&x, 1), "opaque");
    assert_int_equal(x.model->tensor_count, 2);
    assert_int_equal(tensor_of(&x, "b")->member, 2);
    assert_non_null(strstr(x.model->note, "b.gguf"));
    x.options.strict = true;
    assert_int_equal(open_name(&x, ""), MLR_E_FORMAT);
    end(&x);
}

static void equal_names_in_two_files_are_told_apart(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_spelled(&x, "m.Q4.gguf", GGUF("w"));
    write_spelled(&x, "m.Q8.gguf", GGUF("w"));
    assert_int_equal(open_name(&x, ""), MLR_OK);
    assert_int_equal(tensor_of(&x, "w")->member, 0);
    assert_int_equal(tensor_of(&x, "m.Q8.gguf:w")->member, 1);
    end(&x);
}

static void opaque_option_parses_nothing(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_spelled(&x, "a.gguf", GGUF("w"));
    x.options.opaque = true;
    assert_int_equal(open_name(&x, "a.gguf"), MLR_OK);
    assert_int_equal(x.model->tensor_count, 0);
    assert_int_equal(x.model->span_count, 1);
    assert_null(x.model->note);
    end(&x);
}

static void links_are_followed_only_where_the_user_named_them(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    make_folder(&x, "outside");
    make_folder(&x, "set");
    write_spelled(&x, "outside/m-00001-of-00002.gguf", GGUF("a"));
    write_spelled(&x, "outside/m-00002-of-00002.gguf", GGUF("b"));
    make_link(&x, "outside/m-00001-of-00002.gguf", "link.gguf");
    assert_int_equal(open_name(&x, "link.gguf"), MLR_OK);
    write_spelled(&x, "set/m-00001-of-00002.gguf", GGUF("a"));
    make_link(&x, "../outside/m-00002-of-00002.gguf", "set/m-00002-of-00002.gguf");
    assert_int_equal(open_name(&x, "set/m-00001-of-00002.gguf"), MLR_E_FORMAT);
    assert_string_equal(x.err.subject, "m-00002-of-00002.gguf");
    assert_int_equal(open_name(&x, "set"), MLR_E_FORMAT);
    end(&x);
}

/* A cache with one model whose files are links to blobs. */
static void make_cache(const bench *x)
{
    make_folder(x, "models--org--name");
    make_folder(x, "models--org--name/refs");
    make_folder(x, "models--org--name/blobs");
    make_folder(x, "models--org--name/snapshots");
    make_folder(x, "models--org--name/snapshots/c0ffee");
    make_folder(x, "models--org--name/snapshots/c0ffee/sub");
    write_text(x, "models--org--name/refs/main", "c0ffee");
    write_text(x, "models--org--name/refs/v1", "c0ffee\n");
    write_st(x, "models--org--name/blobs/1111", "a");
    write_spelled(x, "models--org--name/blobs/2222", GGUF("g"));
    write_text(x, "models--org--name/blobs/3333", "{}");
    make_link(x, "../../blobs/1111",
              "models--org--name/snapshots/c0ffee/model.safetensors");
    make_link(x, "../../../blobs/2222", "models--org--name/snapshots/c0ffee/sub/m.gguf");
    make_link(x, "../../blobs/3333", "models--org--name/snapshots/c0ffee/config.json");
}

static void hub_references_resolve_in_the_cache(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    make_cache(&x);
    x.options.hf_cache = x.dir.path;
    static const char *const whole[] = {"hf://org/name", "hf://org/name@main",
                                        "hf://org/name@v1", "hf://org/name@c0ffee",
                                        "hf://org/name/"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        assert_int_equal(open_path(&x, whole[i]), MLR_OK);
        assert_members(&x, MEMBERS("config.json", "model.safetensors"));
        assert_string_equal(format_of(&x, 1), "safetensors");
    }
    assert_int_equal(open_path(&x, "hf://org/name/model.safetensors"), MLR_OK);
    assert_members(&x, MEMBERS("model.safetensors"));
    assert_int_equal(open_path(&x, "hf://org/name@v1/sub/m.gguf"), MLR_OK);
    assert_members(&x, MEMBERS("m.gguf"));
    assert_int_equal(open_name(&x, "models--org--name/snapshots/c0ffee"), MLR_OK);
    assert_int_equal(x.model->member_count, 2);
    end(&x);
}

static void hub_references_find_the_root_in_the_environment(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    make_cache(&x);
    setenv("HF_HUB_CACHE", x.dir.path, 1);
    assert_int_equal(open_path(&x, "hf://org/name"), MLR_OK);
    unsetenv("HF_HUB_CACHE");
    make_folder(&x, "home");
    char home[512], hub[512];
    temp_dir_at(&x.dir, "home", home);
    temp_dir_at(&x.dir, "home/hub", hub);
    assert_int_equal(symlink(x.dir.path, hub), 0);
    setenv("HF_HOME", home, 1);
    assert_int_equal(open_path(&x, "hf://org/name"), MLR_OK);
    unsetenv("HF_HOME");
    end(&x);
}

static void bad_hub_references_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mlr_status status;
    } rows[] = {
        {"hf://", MLR_E_USAGE},
        {"hf://org", MLR_E_USAGE},
        {"hf://org/", MLR_E_USAGE},
        {"hf:///name", MLR_E_USAGE},
        {"hf://../name", MLR_E_USAGE},
        {"hf://org/..", MLR_E_USAGE},
        {"hf://org/na me", MLR_E_USAGE},
        {"hf://org/name@", MLR_E_USAGE},
        {"hf://org/name@..", MLR_E_USAGE},
        {"hf://org/name/../x", MLR_E_USAGE},
        {"hf://org/name//x", MLR_E_USAGE},
        {"hf://org/name/a\\b", MLR_E_USAGE},
        {"hf://org/other", MLR_E_IO},
        {"hf://org/name@absent", MLR_E_IO},
        {"hf://org/name/absent.gguf", MLR_E_IO},
    };
    bench x;
    begin(&x);
    make_cache(&x);
    x.options.hf_cache = x.dir.path;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (open_path(&x, rows[i].text) != rows[i].status) {
            print_message("%s\n", rows[i].text);
        }
        assert_int_equal(x.err.status, rows[i].status);
        assert_string_equal(x.err.input, rows[i].text);
    }
    end(&x);
}

static void links_that_leave_the_cache_are_refused(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    make_cache(&x);
    write_text(&x, "secret", "key");
    make_link(&x, "../../../secret", "models--org--name/snapshots/c0ffee/secret.txt");
    x.options.hf_cache = x.dir.path;
    assert_int_equal(open_path(&x, "hf://org/name"), MLR_E_FORMAT);
    assert_string_equal(x.err.subject, "secret.txt");
    assert_int_equal(unlinkat(x.dir.fd, "models--org--name/snapshots/c0ffee/secret.txt", 0),
                     0);
    make_folder(&x, "models--org--name/blobs/deeper");
    write_text(&x, "models--org--name/blobs/deeper/file", "x");
    make_link(&x, "../../blobs/deeper/file", "models--org--name/snapshots/c0ffee/deep.txt");
    assert_int_equal(open_path(&x, "hf://org/name"), MLR_E_FORMAT);
    assert_string_equal(x.err.subject, "deep.txt");
    end(&x);
}

static void external_data_joins_as_a_member(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_spelled(&x, "m.onnx", ONNX_W("04", "w.bin", "05", "11", "1c", "1e"));
    write_text(&x, "w.bin", "0123");
    assert_int_equal(open_name(&x, "m.onnx"), MLR_OK);
    assert_null(x.model->note);
    assert_members(&x, MEMBERS("m.onnx", "w.bin"));
    assert_int_equal(x.model->tensor_count, 1);
    assert_int_equal(x.model->tensors[0].member, 1);
    assert_int_equal(x.model->tensors[0].data.len, 4);
    assert_int_equal(open_name(&x, ""), MLR_OK);
    assert_members(&x, MEMBERS("m.onnx", "w.bin"));
    assert_int_equal(x.model->tensors[0].member, 1);
    end(&x);
}

static void files_that_share_data_must_agree_on_it(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_spelled(&x, "a.onnx", ONNX_W("04", "w.bin", "05", "11", "1c", "1e"));
    write_spelled(&x, "b.onnx", ONNX_W("04", "w.bin", "05", "11", "1c", "1e"));
    write_text(&x, "w.bin", "0123");
    assert_int_equal(open_name(&x, ""), MLR_OK);
    assert_null(x.model->note);
    assert_int_equal(x.model->tensor_count, 2);
    assert_int_equal(x.model->tensors[1].tied_to, 0);
    write_spelled(&x, "b.onnx", ONNX_W("02", "w.bin", "05", "11", "1c", "1e"));
    assert_int_equal(open_name(&x, ""), MLR_OK);
    assert_string_equal(format_of(&x, 0), "onnx");
    assert_string_equal(format_of(&x, 1), "opaque");
    assert_int_equal(x.model->tensor_count, 1);
    assert_non_null(strstr(x.model->note, "b.onnx"));
    end(&x);
}

static void external_data_stays_in_its_directory(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    x.options.strict = true;
    make_folder(&x, "m");
    write_text(&x, "w.bin", "0123");
    write_spelled(&x, "m/up.onnx", ONNX_W("04", "../w.bin", "08", "14", "1f", "21"));
    assert_int_equal(open_name(&x, "m/up.onnx"), MLR_E_FORMAT);
    write_spelled(&x, "m/link.onnx", ONNX_W("04", "w.bin", "05", "11", "1c", "1e"));
    make_link(&x, "../w.bin", "m/w.bin");
    assert_int_equal(open_name(&x, "m/link.onnx"), MLR_E_FORMAT);
    x.options.strict = false; /* then it is bytes, and nothing from outside joins */
    assert_int_equal(open_name(&x, "m/link.onnx"), MLR_OK);
    assert_members(&x, MEMBERS("link.onnx"));
    assert_string_equal(format_of(&x, 0), "opaque");
    end(&x);
}

static void external_data_that_is_too_short_leaves_bytes_behind(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_spelled(&x, "m.onnx", ONNX_W("04", "w.bin", "05", "11", "1c", "1e"));
    write_text(&x, "w.bin", "012");
    assert_int_equal(open_name(&x, "m.onnx"), MLR_OK);
    assert_members(&x, MEMBERS("m.onnx")); /* the data file was opened, and is let go */
    assert_non_null(x.model->note);
    write_st(&x, "z.safetensors", "z");
    assert_int_equal(open_name(&x, ""), MLR_OK);
    assert_members(&x, MEMBERS("m.onnx", "w.bin", "z.safetensors"));
    assert_int_equal(tensor_of(&x, "z")->member, 2);
    end(&x);
}

static void external_data_in_the_cache_may_be_a_link(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    make_cache(&x);
    write_spelled(&x, "models--org--name/blobs/4444",
                  ONNX_W("04", "w.bin", "05", "11", "1c", "1e"));
    write_text(&x, "models--org--name/blobs/5555", "0123");
    make_link(&x, "../../blobs/4444", "models--org--name/snapshots/c0ffee/m.onnx");
    make_link(&x, "../../blobs/5555", "models--org--name/snapshots/c0ffee/w.bin");
    x.options.hf_cache = x.dir.path;
    assert_int_equal(open_path(&x, "hf://org/name/m.onnx"), MLR_OK);
    assert_members(&x, MEMBERS("m.onnx", "w.bin"));
    end(&x);
}

static void change_after_opening_is_noticed(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    write_spelled(&x, "a.gguf", GGUF("w"));
    assert_int_equal(open_name(&x, "a.gguf"), MLR_OK);
    assert_int_equal(mlr_model_unchanged(x.opened, &x.err), MLR_OK);
    char path[512];
    assert_int_equal(truncate(temp_dir_at(&x.dir, "a.gguf", path), 5), 0);
    assert_int_equal(mlr_model_unchanged(x.opened, &x.err), MLR_E_CHANGED);
    end(&x);
}

/* A folder with a bit of everything. */
static void fill(const bench *x)
{
    write_shards(x, "a.safetensors", "b.safetensors");
    write_spelled(x, "c.gguf", GGUF("w"));
    write_spelled(x, "d.gguf", "t:GGUF u4:9");
    write_spelled(x, "m.onnx", ONNX_W("04", "w.bin", "05", "11", "1c", "1e"));
    write_text(x, "w.bin", "0123");
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    bench x;
    begin(&x);
    fill(&x);
    bool reached = true;
    for (size_t nth = 1; reached; nth++) {
        mlr_heap_init(&x.heap);
        x.heap.fail_at = nth;
        mlr_status status = open_name(&x, "");
        reached = x.heap.takes >= nth;
        assert_int_equal(status, reached ? MLR_E_NO_MEMORY : MLR_OK);
        close_model(&x);
    }
    end(&x);
}

static void every_failing_system_call_is_survived(void **state)
{
    (void)state;
    bench x;
    fault_sys faults;
    begin(&x);
    fill(&x);
    bool reached = true;
    for (size_t nth = 1; reached; nth++) {
        fault_sys_init(&faults);
        faults.fail_at = nth;
        faults.why = EIO;
        x.options.sys = &faults.sys;
        mlr_status status = open_name(&x, "");
        reached = faults.hit != FAULT_CALLS;
        bool harmless = !reached || faults.hit == FAULT_CLOSE;
        assert_int_equal(status, harmless ? MLR_OK : MLR_E_IO);
        x.options.sys = NULL;
        close_model(&x);
    }
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_file_opens_by_its_content),
        cmocka_unit_test(other_files_open_as_bytes_and_say_so),
        cmocka_unit_test(directory_opens_with_all_its_visible_files),
        cmocka_unit_test(empty_directory_is_refused),
        cmocka_unit_test(index_or_any_shard_opens_the_set),
        cmocka_unit_test(numbered_series_needs_no_index),
        cmocka_unit_test(missing_shard_is_an_error_that_names_it),
        cmocka_unit_test(hostile_index_is_refused_at_the_name),
        cmocka_unit_test(broken_file_opens_as_bytes_with_the_reason),
        cmocka_unit_test(broken_file_of_a_set_leaves_the_others_alone),
        cmocka_unit_test(equal_names_in_two_files_are_told_apart),
        cmocka_unit_test(opaque_option_parses_nothing),
        cmocka_unit_test(links_are_followed_only_where_the_user_named_them),
        cmocka_unit_test(hub_references_resolve_in_the_cache),
        cmocka_unit_test(hub_references_find_the_root_in_the_environment),
        cmocka_unit_test(bad_hub_references_are_refused),
        cmocka_unit_test(links_that_leave_the_cache_are_refused),
        cmocka_unit_test(external_data_joins_as_a_member),
        cmocka_unit_test(files_that_share_data_must_agree_on_it),
        cmocka_unit_test(external_data_stays_in_its_directory),
        cmocka_unit_test(external_data_that_is_too_short_leaves_bytes_behind),
        cmocka_unit_test(external_data_in_the_cache_may_be_a_link),
        cmocka_unit_test(change_after_opening_is_noticed),
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(every_failing_system_call_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
