/* Models made by hand in memory, without any file format, for tests of what works on
 * models.
 */
#ifndef MLR_TESTS_SUPPORT_HAND_MODEL_H
#define MLR_TESTS_SUPPORT_HAND_MODEL_H

#include "formats/model.h"
#include "tests/support/memory.h"

enum { HAND_TENSORS = 128, HAND_METAS = 32, HAND_RANK = 6 };

typedef struct hand_model {
    mlr_model model;
    mlr_tensor tensors[HAND_TENSORS];
    uint64_t dims[HAND_TENSORS][HAND_RANK];
    mlr_meta metas[HAND_METAS];
    mlr_member members[2];
    mem_source source; /* both members read from it */
    uint8_t *bytes;    /* owned */
    size_t used, room;
} hand_model;

/* `room` bytes of payload will fit. */
void hand_begin(hand_model *m, size_t room);
void hand_release(hand_model *m);

/* Adds a tensor; `shape` is like "3x4", "" for a scalar. Returns its index. `data` NULL
   leaves the payload zero. */
uint32_t hand_add(hand_model *m, const char *key, const char *dtype, const char *shape,
                  const void *data, size_t bytes);

/* Where the payload of a tensor stands, for writing. */
uint8_t *hand_bytes(hand_model *m, uint32_t tensor);

/* Adds a metadata string, or an array of strings in GGUF's encoding (length, bytes). */
void hand_meta_text(hand_model *m, const char *key, const char *text);
void hand_meta_strings(hand_model *m, const char *key, const char *const *list, size_t n);
void hand_meta_uint(hand_model *m, const char *key, uint64_t value);

#endif
