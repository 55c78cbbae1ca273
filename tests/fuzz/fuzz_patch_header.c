/* Any bytes as the beginning of a patch: what is accepted keeps every rule of section 3. */
#include <stdlib.h>
#include <string.h>

#include "apply/base/xxh64.h"
#include "apply/patch_format.h"
#include "apply/patch_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int held)
{
    if (!held) {
        abort();
    }
}

/* A relative path without empty, hidden-step or control parts. */
static void name_is_safe(const mlr_patch_member *m)
{
    size_t part = 0;
    must(m->name_bytes > 0 && m->name_bytes <= MLR_MAX_PATCH_NAME);
    for (size_t i = 0; i <= m->name_bytes; i++) {
        if (i < m->name_bytes && m->name[i] != '/') {
            must((unsigned char)m->name[i] >= 0x20 && m->name[i] != 0x7F &&
                 m->name[i] != '\\');
            continue;
        }
        const char *p = m->name + part;
        size_t n = i - part;
        must(n > 0 && n <= 255 && !(n == 1 && p[0] == '.') &&
             !(n == 2 && p[0] == '.' && p[1] == '.'));
        part = i + 1;
    }
}

static void walk(const mlr_patch_header *h, const uint8_t *data, size_t size)
{
    mlr_patch_iter base = {0}, target = {0}, dict = {0};
    mlr_patch_member m;
    mlr_patch_dict d;
    uint64_t sum = 0;
    while (mlr_patch_base(h, &base, &m)) {
        name_is_safe(&m);
        must(m.sha256 >= data && m.sha256 + MLR_SHA256_BYTES <= data + size);
    }
    while (mlr_patch_target(h, &target, &m)) {
        name_is_safe(&m);
        must(sum + m.size >= sum);
        sum += m.size;
    }
    while (mlr_patch_dict_next(h, &dict, &d)) {
        must(d.size <= MLR_MAX_DICT);
    }
    must(sum == h->new_bytes && base.index == h->base_count);
    must(target.index == h->target_count && dict.index == h->dict_count);
    must(h->need.block_new <= MLR_MAX_BLOCK && h->need.block_bytes <= MLR_MAX_CHUNK);
}

static void read_header(const uint8_t *data, size_t size)
{
    mlr_patch_header h;
    mlr_err err = {0};
    size_t announced = 0;
    if (size < MLR_PATCH_PREFIX || mlr_patch_peek(data, &announced, &err) != MLR_OK) {
        return;
    }
    must(announced <= (size_t)MLR_MAX_PATCH_HEADER + MLR_PATCH_PREFIX + 8);
    if (announced <= size && mlr_patch_header_read(&h, data, announced, &err) == MLR_OK) {
        walk(&h, data, announced);
    }
}

/* As it is, and once more with the check that the rest of the bytes should have. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_header(data, size);
    if (size > MLR_PATCH_PREFIX + 8 && size < 1 << 16) {
        uint8_t *own = malloc(size);
        size_t body = size - MLR_PATCH_PREFIX - 8;
        memcpy(own, data, size);
        for (int i = 0; i < 4; i++) {
            own[8 + i] = (uint8_t)(body >> (8 * i));
        }
        uint64_t check = mlr_xxh64_of(own, size - 8);
        for (int i = 0; i < 8; i++) {
            own[size - 8 + (size_t)i] = (uint8_t)(check >> (8 * i));
        }
        read_header(own, size);
        free(own);
    }
    return 0;
}
