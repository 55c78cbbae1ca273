#include "codec/change_list.h"

#include "apply/neural_block.h"
#include "codec/bits_write.h"

typedef struct change {
    uint64_t z;
    uint32_t gap; /* unchanged elements of the class in front of it */
    uint32_t class;
} change;

/* The changes of a block in order; tail[k] is what remains of class k after its last. */
static void find_changes(const mlr_block_tokens *t, mlr_buf *list, uint32_t *tail)
{
    const mlr_number *now = &t->model->now;
    mlr_block_tokens part = *t;
    for (size_t at = 0; at < t->n; at += MLR_NEURAL_CHUNK) {
        part.n = t->n - at < MLR_NEURAL_CHUNK ? t->n - at : MLR_NEURAL_CHUNK;
        part.new_bytes = t->new_bytes + at * now->bytes;
        part.old = t->old + at * t->model->was.bytes;
        part.element = t->element + at;
        mlr_block_tokenise(&part);
        for (size_t i = 0; i < part.n; i++) {
            uint32_t class = part.context[i] & (MLR_NEURAL_CLASSES - 1);
            if (part.token[i] == 0) {
                tail[class]++;
                continue;
            }
            uint64_t x = mlr_number_load(part.new_bytes + i * now->bytes, now->bytes);
            uint64_t d = mlr_to_ordered(now, x) -
                         mlr_number_load(part.expected + i * now->bytes, now->bytes);
            change c = {
                .z = mlr_zigzag(now, d & now->mask), .gap = tail[class], .class = class};
            mlr_buf_add(list, &c, sizeof c);
            tail[class] = 0;
        }
    }
}

/* Every change is followed by the gap to the next one of its class. */
static void chain_gaps(change *c, size_t n, uint32_t *tail)
{
    while (n-- > 0) {
        uint32_t gap = c[n].gap;
        c[n].gap = tail[c[n].class];
        tail[c[n].class] = gap;
    }
}

mlr_status mlr_change_list_put(const mlr_encoding *e, const mlr_block_tokens *t,
                               mlr_buf *out, mlr_err *err)
{
    mlr_changes *m = mlr_take(e->alloc, sizeof *m);
    mlr_buf list;
    mlr_bits_out bits;
    uint32_t tail[MLR_NEURAL_CLASSES] = {0};
    mlr_buf_init(&list, e->alloc);
    find_changes(t, &list, tail);
    size_t n = list.size / sizeof(change);
    change *c = (change *)(void *)list.data;
    if (m == NULL || list.failed) {
        mlr_give(e->alloc, m, sizeof *m);
        mlr_buf_release(&list);
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET,
                        "memory for encoding a tensor");
    }
    mlr_changes_reset(m);
    chain_gaps(c, n, tail);
    mlr_buf_u8(out, n == 0 ? MLR_NEURAL_EXACT : MLR_NEURAL_CHANGES);
    mlr_bits_out_begin(&bits, out);
    for (unsigned k = 0; k < t->model->classes && n > 0; k++) {
        mlr_bits_put_number(&bits, m->gap[k], 2, tail[k]);
    }
    for (size_t i = 0; i < n; i++) {
        mlr_bits_put_number(&bits, m->value[c[i].class], 2, c[i].z - 1);
        mlr_bits_put_number(&bits, m->gap[c[i].class], 2, c[i].gap);
    }
    if (n > 0) {
        mlr_bits_out_end(&bits);
    }
    mlr_buf_release(&list);
    mlr_give(e->alloc, m, sizeof *m);
    return MLR_OK;
}
