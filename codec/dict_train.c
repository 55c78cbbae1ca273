#define ZDICT_STATIC_LINKING_ONLY /* the trainer with parameters */
#include "codec/dict_train.h"

#include <string.h>
#include <zdict.h>

#include "apply/base/cursor.h"
#include "apply/base/sha256.h"
#include "apply/dict.h"

static size_t total(const mlr_dict_training *t)
{
    size_t sum = 0;
    for (unsigned i = 0; i < t->count; i++) {
        sum += t->sizes[i];
    }
    return sum;
}

/* Where the trainer finds too little to choose from, the last samples serve as they are. */
static size_t finalize(const mlr_dict_training *t, uint8_t *to, size_t room)
{
    size_t all = total(t);
    size_t keep = all < room / 2 ? all : room / 2;
    ZDICT_params_t params = {.compressionLevel = t->level};
    return ZDICT_finalizeDictionary(to, room, t->samples + (all - keep), keep, t->samples,
                                    t->sizes, t->count, params);
}

static size_t train(const mlr_dict_training *t, uint8_t *to, size_t room)
{
    ZDICT_fastCover_params_t params = {
        .d = 8, .steps = 4, .zParams = {.compressionLevel = t->level}};
    size_t made = ZDICT_optimizeTrainFromBuffer_fastCover(to, room, t->samples, t->sizes,
                                                          t->count, &params);
    return ZDICT_isError(made) ? finalize(t, to, room) : made;
}

static void write_header(const mlr_dict_training *t, uint8_t *at, size_t size)
{
    memcpy(at, MLR_DICT_MAGIC, 7);
    at[7] = MLR_DICT_VERSION;
    mlr_store64(at + 8, t->date);
    mlr_store64(at + 16, total(t));
    mlr_store32(at + 24, t->count);
    mlr_store32(at + 28, (uint32_t)size);
    mlr_sha256 h;
    mlr_sha256_begin(&h, NULL);
    mlr_sha256_add(&h, at + MLR_DICT_HEADER, size);
    mlr_sha256_end(&h, at + 32);
}

mlr_status mlr_dict_train(const mlr_dict_training *t, mlr_buf *file, mlr_err *err)
{
    if (t->most < 1024 || t->most > UINT32_MAX) {
        return mlr_fail_limit(err, MLR_NO_OFFSET, "size of a dictionary", t->most,
                              t->most < 1024 ? 1024 : UINT32_MAX);
    }
    size_t start = file->size, room = t->most - MLR_DICT_HEADER;
    uint8_t *at = mlr_buf_extend(file, t->most);
    if (at == NULL) {
        return mlr_fail(err, MLR_E_NO_MEMORY, MLR_NO_OFFSET, "memory for a dictionary");
    }
    size_t made = t->count == 0 ? 0 : train(t, at + MLR_DICT_HEADER, room);
    if (made == 0 || ZDICT_isError(made)) {
        file->size = start;
        return mlr_fail(err, MLR_E_UNSUPPORTED, MLR_NO_OFFSET,
                        "enough samples for a dictionary");
    }
    write_header(t, at, made);
    file->size = start + MLR_DICT_HEADER + made;
    return MLR_OK;
}
