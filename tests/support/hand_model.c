#include "tests/support/hand_model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "apply/base/cursor.h"

void hand_begin(hand_model *m, size_t room)
{
    memset(m, 0, sizeof *m);
    m->bytes = calloc(1, room + 1);
    m->room = room;
    mem_source_init(&m->source, m->bytes, room);
    for (int i = 0; i < 2; i++) {
        m->members[i] = (mlr_member){.name = "hand", .source = &m->source.source};
    }
    m->model = (mlr_model){
        .members = m->members, .member_count = 1, .tensors = m->tensors, .metas = m->metas};
}

void hand_release(hand_model *m)
{
    free(m->bytes);
}

static mlr_region append(hand_model *m, const void *data, size_t bytes)
{
    if (bytes > m->room - m->used) {
        abort();
    }
    mlr_region r = {m->used, bytes};
    if (data != NULL && bytes > 0) {
        memcpy(m->bytes + m->used, data, bytes);
    }
    m->used += bytes;
    return r;
}

uint32_t hand_add(hand_model *m, const char *key, const char *dtype, const char *shape,
                  const void *data, size_t bytes)
{
    uint32_t index = (uint32_t)m->model.tensor_count++;
    mlr_tensor *t = &m->tensors[index];
    *t = (mlr_tensor){.name = {key, strlen(key)},
                      .key = {key, strlen(key)},
                      .dtype = mlr_dtype_named(dtype, strlen(dtype)),
                      .dim = m->dims[index],
                      .elements = 1,
                      .tied_to = MLR_NO_TENSOR,
                      .data = append(m, data, bytes)};
    if (t->dtype == NULL || index >= HAND_TENSORS) {
        abort();
    }
    for (const char *p = shape; *p != '\0';) {
        char *end;
        uint64_t d = strtoull(p, &end, 10);
        m->dims[index][t->rank++] = d;
        t->elements *= d;
        p = *end == 'x' ? end + 1 : end;
    }
    return index;
}

uint8_t *hand_bytes(hand_model *m, uint32_t tensor)
{
    return m->bytes + m->tensors[tensor].data.off;
}

static mlr_meta *add_meta(hand_model *m, const char *key, mlr_meta_kind kind)
{
    if (m->model.meta_count == HAND_METAS) {
        abort();
    }
    mlr_meta *meta = &m->metas[m->model.meta_count++];
    *meta = (mlr_meta){.key = {key, strlen(key)}, .kind = kind};
    return meta;
}

void hand_meta_text(hand_model *m, const char *key, const char *text)
{
    mlr_meta *meta = add_meta(m, key, MLR_META_STRING);
    meta->text = (mlr_str){text, strlen(text)};
    meta->count = strlen(text);
    meta->bytes = append(m, text, strlen(text));
}

void hand_meta_uint(hand_model *m, const char *key, uint64_t value)
{
    mlr_meta *meta = add_meta(m, key, MLR_META_UINT);
    uint8_t room[8];
    mlr_store64(room, value);
    meta->value.u = value;
    meta->bytes = append(m, room, 8);
}

void hand_meta_strings(hand_model *m, const char *key, const char *const *list, size_t n)
{
    mlr_meta *meta = add_meta(m, key, MLR_META_ARRAY);
    meta->element = MLR_META_STRING;
    meta->count = n;
    meta->bytes.off = m->used;
    for (size_t i = 0; i < n; i++) {
        uint8_t length[8];
        mlr_store64(length, strlen(list[i]));
        append(m, length, 8);
        append(m, list[i], strlen(list[i]));
    }
    meta->bytes.len = m->used - meta->bytes.off;
}
