/* Blocks of a neural record in which little changes, written as gaps and values by class.
 */
#ifndef MLR_CODEC_CHANGE_LIST_H
#define MLR_CODEC_CHANGE_LIST_H

#include "codec/neural_study.h"

/* Appends the block's kind and its list; `t` has room for one chunk of tokens. */
mlr_status mlr_change_list_put(const mlr_encoding *e, const mlr_block_tokens *t,
                               mlr_buf *out, mlr_err *err);

#endif
