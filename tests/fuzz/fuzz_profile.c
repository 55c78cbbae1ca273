/* Any bytes as a profile: read or refused with a place, printed and read again, edited. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/heap.h"
#include "tui/cli/profile_edit.h"
#include "tui/cli/profile_init.h"
#include "tui/cli/profile_yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
    if (!held) {
        abort();
    }
}

/* What is printed is a good profile that prints the same. */
static void print_twice(const mlr_profile *p, const mlr_allocator *alloc)
{
    char *first = NULL, *second = NULL;
    size_t n = 0, again = 0;
    FILE *f = open_memstream(&first, &n);
    must(f != NULL);
    mlr_profile_print(f, p);
    fclose(f);
    mlr_profile_doc d;
    mlr_err err = {0};
    if (n <= MLR_YAML_MAX_BYTES) { /* lists written as lines may be shorter than printed */
        must(mlr_profile_read(&d, first, n, alloc, &err) == MLR_OK);
        f = open_memstream(&second, &again);
        must(f != NULL);
        mlr_profile_print(f, &d.profile);
        fclose(f);
        must(n == again && memcmp(first, second, n) == 0);
        mlr_profile_release(&d);
    }
    free(first);
    free(second);
}

static void edit(const char *text, size_t n, const mlr_allocator *alloc)
{
    mlr_pool pool;
    mlr_err err = {0};
    char *out;
    size_t out_n;
    mlr_pool_init(&pool, alloc);
    (void)mlr_yaml_set(text, n, "budgets.patch-size", "1", &pool, &out, &out_n, &err);
    mlr_pool_release(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mlr_heap heap;
    mlr_profile_doc d;
    mlr_err err = {0};
    mlr_heap_init(&heap);
    if (mlr_profile_read(&d, (const char *)data, size, &heap.alloc, &err) == MLR_OK) {
        print_twice(&d.profile, &heap.alloc);
        edit((const char *)data, size, &heap.alloc);
    } else {
        must(d.message[0] != '\0' || err.status == MLR_E_LIMIT);
    }
    mlr_profile_release(&d);
    must(heap.used == 0);
    return 0;
}
