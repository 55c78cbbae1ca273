/* The invariants that every parsed model must keep, for tests and fuzz targets. */
#ifndef MLR_TESTS_SUPPORT_MODEL_FAULT_H
#define MLR_TESTS_SUPPORT_MODEL_FAULT_H

#include "formats/model.h"

/*
 * NULL, or what is wrong: spans that do not cover each member exactly, tensors outside
 * their member or without a span, typed sizes that do not follow from the shape, ties that
 * are none, keys that cannot be found.
 */
const char *model_fault(const mlr_model *m);

#endif
