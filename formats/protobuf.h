/*
 * Bounded reader of the protobuf wire format: one field after the other, nothing built in
 * memory. What the numbers mean is the business of the caller.
 */
#ifndef MLR_FORMATS_PROTOBUF_H
#define MLR_FORMATS_PROTOBUF_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/model.h"
#include "formats/window.h"

typedef enum mlr_pb_wire {
    MLR_PB_VARINT = 0,
    MLR_PB_FIXED64 = 1,
    MLR_PB_BYTES = 2, /* strings, messages, packed numbers */
    MLR_PB_FIXED32 = 5
} mlr_pb_wire;

typedef struct mlr_pb_field {
    uint32_t number;
    uint8_t wire;     /* mlr_pb_wire: groups are refused */
    uint64_t at;      /* offset of the tag */
    uint64_t value;   /* of a number; 0 for bytes */
    mlr_region bytes; /* the value as it stands in the file, without tag and length */
} mlr_pb_field;

/*
 * Reads the field at w->pos and moves past it. False at w->end and on failure, which
 * mlr_walk_ok() tells apart. Failures name the offset of the field's tag.
 */
bool mlr_pb_next(mlr_walk *w, mlr_pb_field *f);

/* Fails unless `f` has the wire type that the schema gives it. */
bool mlr_pb_expect(mlr_walk *w, const mlr_pb_field *f, mlr_pb_wire wire);

/* A walk over the content of a field that was read from `w`. */
mlr_walk mlr_pb_inside(const mlr_walk *w, mlr_region content);

#endif
