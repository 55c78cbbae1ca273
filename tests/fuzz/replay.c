/*
 * Runs a fuzz target over saved inputs, so that any compiler replays the seeds:
 *
 *     replay FILE...
 *     replay --changed COUNT SEED FOLDER     the folder's files, changed at random
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rng.h"

enum { MOST_FILES = 512, MOST_INPUT = 1 << 16, MOST_CHANGES = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct input {
    uint8_t *data; /* from malloc */
    size_t n;
} input;

static int load(const char *path, input *in)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return 1;
    }
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    in->data = malloc(size > 0 ? (size_t)size : 1);
    in->n = in->data == NULL || size <= 0 ? 0 : fread(in->data, 1, (size_t)size, f);
    fclose(f);
    return 0;
}

static int replay(const char *path)
{
    input in;
    int bad = load(path, &in);
    if (bad == 0) {
        LLVMFuzzerTestOneInput(in.data, in.n);
        free(in.data);
    }
    return bad;
}

/* --- changed at random -----------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static size_t load_folder(const char *folder, input *to)
{
    static char names[MOST_FILES][256];
    size_t count = 0, loaded = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.' && count < MOST_FILES) {
            snprintf(names[count++], sizeof names[0], "%.255s", e->d_name);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    qsort(names, count, sizeof names[0], by_name); /* the same order on every machine */
    for (size_t i = 0; i < count; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        loaded += load(path, &to[loaded]) == 0;
    }
    return loaded;
}

/* Puts a number where a format may keep a length or an offset. */
static void put_number(rng *r, uint8_t *p, size_t n)
{
    static const uint64_t odd[] = {0,      1,          0x7f,       0x80,      0xff,
                                   0xffff, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX};
    uint64_t v = odd[rng_below(r, sizeof odd / sizeof odd[0])] - rng_below(r, 3);
    size_t width = (size_t)1 << rng_below(r, 4);
    size_t at = (size_t)rng_below(r, n);
    memcpy(p + at, &v, width < n - at ? width : n - at);
}

static size_t change(rng *r, uint8_t *p, size_t n, const input *other)
{
    size_t at = n == 0 ? 0 : (size_t)rng_below(r, n);
    size_t len = 1 + (size_t)rng_below(r, 16);
    size_t from = other->n == 0 ? 0 : (size_t)rng_below(r, other->n);
    len = len < n - at ? len : n - at;
    switch (n == 0 ? 6 : rng_below(r, 7)) {
    case 0:
        p[at] ^= (uint8_t)(1u << rng_below(r, 8));
        return n;
    case 1:
        p[at] = (uint8_t)rng_next(r);
        return n;
    case 2:
        put_number(r, p, n);
        return n;
    case 3: /* a stretch is lost */
        memmove(p + at, p + at + len, n - at - len);
        return n - len;
    case 4: /* a stretch comes twice */
        if (n + len > MOST_INPUT) {
            return n;
        }
        memmove(p + at + len, p + at, n - at);
        return n + len;
    case 5: /* the rest is lost */
        return at;
    default: /* another seed goes on from here */
        len = other->n - from < MOST_INPUT - at ? other->n - from : MOST_INPUT - at;
        if (len > 0) {
            memcpy(p + at, other->data + from, len);
        }
        return at + len > n ? at + len : n;
    }
}

static int changed(unsigned long count, unsigned long long seed, const char *folder)
{
    static input seeds[MOST_FILES];
    static uint8_t bytes[MOST_INPUT];
    rng r = rng_new(seed);
    size_t loaded = load_folder(folder, seeds);
    if (loaded == 0) {
        fprintf(stderr, "%s: no seeds\n", folder);
        return 1;
    }
    for (unsigned long i = 0; i < count; i++) {
        const input *from = &seeds[rng_below(&r, loaded)];
        size_t n = from->n < MOST_INPUT ? from->n : MOST_INPUT;
        memcpy(bytes, from->data, n);
        for (uint64_t k = 1 + rng_below(&r, MOST_CHANGES); k > 0; k--) {
            n = change(&r, bytes, n, &seeds[rng_below(&r, loaded)]);
        }
        uint8_t *own = malloc(n + 1); /* of its own length: reading behind it is seen */
        if (own != NULL) {
            memcpy(own, bytes, n);
            LLVMFuzzerTestOneInput(own, n);
        }
        free(own);
    }
    for (size_t i = 0; i < loaded; i++) {
        free(seeds[i].data);
    }
    return 0;
}

int main(int argc, char **argv)
{
    int bad = 0;
    if (argc == 5 && strcmp(argv[1], "--changed") == 0) {
        return changed(strtoul(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), argv[4]);
    }
    for (int i = 1; i < argc; i++) {
        bad |= replay(argv[i]);
    }
    printf("  ok    %s: %d seeds\n", argv[0], argc - 1);
    return bad;
}
