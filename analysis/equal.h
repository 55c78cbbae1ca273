/* Compares many byte ranges of two models at once, and digests samples of them. */
#ifndef MLR_ANALYSIS_EQUAL_H
#define MLR_ANALYSIS_EQUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/work.h"
#include "formats/model.h"

enum { MLR_EQUAL_WINDOW = 256 << 10 };

/* One question: are these two ranges of `bytes` bytes equal? */
typedef struct mlr_equal {
    const mlr_source *a, *b; /* borrowed */
    uint64_t a_off, b_off, bytes;
    uint32_t tag; /* the caller's */
    bool differs; /* the answer so far; final once `compared` is set */
    bool compared;
} mlr_equal;

/*
 * Answers `count` questions by windows spread over the lanes; a question whose answer is no
 * is not read to its end. The tick counts `*done` of `total` bytes and `*done` is advanced.
 */
mlr_status mlr_equal_run(mlr_equal *list, size_t count, const mlr_work *work,
                         uint64_t *done, uint64_t total, mlr_err *err);

/* The source and place of a tensor's payload. */
const mlr_source *mlr_tensor_source(const mlr_model *m, const mlr_tensor *t);

/* A digest of the payload's length and of up to four samples of it. Equal payloads have
   equal signatures; unequal ones may. `room` holds MLR_SIGNATURE_ROOM bytes. */
enum { MLR_SIGNATURE_ROOM = 4096 };
mlr_status mlr_signature(const mlr_model *m, const mlr_tensor *t, uint8_t *room,
                         uint64_t *out, mlr_err *err);

#endif
