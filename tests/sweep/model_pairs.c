#include "tests/sweep/model_pairs.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CORPUS "../shared/corpus/"
#define DEMO   "build/demo/"

static model_path_pair pairs[MOST_MODEL_PAIRS];
static size_t pair_count;

static void join(char to[PAIR_PATH], const char *a, const char *b, const char *c)
{
    size_t n = strlen(a), m = strlen(b), k = strlen(c);
    if (n + m + k >= PAIR_PATH) {
        abort();
    }
    memcpy(to, a, n);
    memcpy(to + n, b, m);
    memcpy(to + n + m, c, k + 1);
}

static const char *corpus(void)
{
    const char *named = getenv("MALLORN_CORPUS");
    return named == NULL ? "../shared/corpus" : named;
}

static uint64_t bytes_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return 0;
    }
    if (!S_ISDIR(st.st_mode)) {
        return (uint64_t)st.st_size;
    }
    uint64_t n = 0;
    DIR *d = opendir(path);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char inside[PAIR_PATH + 300];
        snprintf(inside, sizeof inside, "%s/%s", path, e->d_name);
        n += e->d_name[0] != '.' ? bytes_of(inside) : 0;
    }
    if (d != NULL) {
        closedir(d);
    }
    return n;
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static void add(const char *old_path, const char *new_path)
{
    if (!exists(old_path) || !exists(new_path) || pair_count == MOST_MODEL_PAIRS) {
        return;
    }
    for (size_t i = 0; i < pair_count; i++) {
        if (strcmp(pairs[i].old_path, old_path) == 0 &&
            strcmp(pairs[i].new_path, new_path) == 0) {
            return;
        }
    }
    model_path_pair *p = &pairs[pair_count++];
    snprintf(p->old_path, sizeof p->old_path, "%s", old_path);
    snprintf(p->new_path, sizeof p->new_path, "%s", new_path);
    p->bytes = bytes_of(new_path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

enum { MOST_NAMES = 256, NAME = 160 };

static size_t names_in(const char *folder, char names[MOST_NAMES][NAME])
{
    size_t n = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.' && n < MOST_NAMES && strlen(e->d_name) < NAME) {
            strcpy(names[n++], e->d_name);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    qsort(names, n, NAME, by_name);
    return n;
}

/* Versions of one model: what stands before "__" is the same. */
static void add_versions(const char *folder)
{
    static char names[MOST_NAMES][NAME];
    size_t n = names_in(folder, names);
    for (size_t i = 0; i + 1 < n; i++) {
        const char *a = strstr(names[i], "__"), *b = strstr(names[i + 1], "__");
        if (a != NULL && b != NULL && a - names[i] == b - names[i + 1] &&
            strncmp(names[i], names[i + 1], (size_t)(a - names[i])) == 0) {
            char from[PAIR_PATH], to[PAIR_PATH];
            join(from, folder, "/", names[i]);
            join(to, folder, "/", names[i + 1]);
            add(from, to);
        }
    }
}

/* base.X with each of these in place of "base" that is there. */
static void add_updates(const char *folder, const char *base, const char *const *updates)
{
    static char names[MOST_NAMES][NAME];
    size_t n = names_in(folder, names), head = strlen(base);
    for (size_t i = 0; i < n; i++) {
        for (size_t u = 0; strncmp(names[i], base, head) == 0 && updates[u] != NULL; u++) {
            char from[PAIR_PATH], to[PAIR_PATH], name[PAIR_PATH];
            join(name, updates[u], names[i] + head, "");
            join(from, folder, "/", names[i]);
            join(to, folder, "/", name);
            add(from, to);
        }
    }
}

/* The pairs of which the bytes of other tools are known; the large ones are packed there
   and MALLORN_UNPACKED says where they are unpacked. */
static void add_lines(void)
{
    char line[1024], list[PAIR_PATH];
    const char *unpacked = getenv("MALLORN_UNPACKED");
    join(list, corpus(), "/PEERS.tsv", "");
    FILE *f = fopen(list, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char part[2][160], path[2][PAIR_PATH];
        if (line[0] == '#' || sscanf(line, "%159s %159s", part[0], part[1]) != 2) {
            continue;
        }
        for (int i = 0; i < 2; i++) {
            bool packed = strncmp(part[i], "unpacked/", 9) == 0;
            const char *root = !packed ? corpus() : unpacked == NULL ? "nowhere" : unpacked;
            join(path[i], root, "/", part[i] + (packed ? 9 : 0));
        }
        add(path[0], path[1]);
    }
    if (f != NULL) {
        fclose(f);
    }
}

static void add_named(const char *old_name, const char *new_name)
{
    char from[PAIR_PATH], to[PAIR_PATH];
    join(from, corpus(), "/", old_name);
    join(to, corpus(), "/", new_name);
    add(from, to);
}

const model_path_pair *model_pairs(size_t *count)
{
    static const char *const folders[] = {"real/gguf", "real/onnx", "real/safetensors",
                                          "real/tflite"};
    static const char *const trained[] = {"trained/gguf", "trained/onnx",
                                          "trained/safetensors", "trained/tflite"};
    static const char *const tiny[] = {"tiny_ft", "tiny_ftlight", "tiny_ftpure",
                                       "tiny_lora", NULL};
    static const char *const cnns[] = {"cnns_ft", NULL};
    static const char *const demo[] = {"tuned", "lora", "rl", "grown", "requant", NULL};
    if (pair_count == 0) {
        add_lines();
        for (size_t i = 0; i < 4; i++) {
            char path[PAIR_PATH];
            join(path, corpus(), "/", folders[i]);
            add_versions(path);
            join(path, corpus(), "/", trained[i]);
            add_updates(path, "tiny_base", tiny);
            add_updates(path, "cnns_base", cnns);
        }
        add_named("trained/safetensors/tiny_base.bf16.safetensors",
                  "trained/safetensors/tiny_ft_shards");
        add_named("trained/safetensors/tiny_base_shards",
                  "trained/safetensors/tiny_ft.bf16.safetensors");
        add_named("trained/onnx/ext_cnns_base", "trained/onnx/ext_cnns_ft");
        add_named("real/tflite/person_detect__v1__person_detect.tflite",
                  "synthetic/person_detect.keep.tflite");
        add_named("real/tflite/person_detect__v1__person_detect.tflite",
                  "synthetic/person_detect.rescale.tflite");
        add_updates("build/demo", "base", demo);
    }
    *count = pair_count;
    return pairs;
}
