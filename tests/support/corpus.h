/* The model files beside the repository, where there are any. */
#ifndef MLR_TESTS_SUPPORT_CORPUS_H
#define MLR_TESTS_SUPPORT_CORPUS_H

#include "formats/format.h"

/*
 * Parses every file of ../shared/corpus that ends in `suffix`: the probe must choose
 * `format`, the model must keep its invariants, and the spans put together again must be
 * the file. Files beside it may be opened. At least `least` files must be there, or none at
 * all, which prints 'skipped'.
 */
void corpus_each(const char *suffix, const mlr_format *format, size_t least);

#endif
