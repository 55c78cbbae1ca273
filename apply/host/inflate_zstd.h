/*
 * libzstd as an mlr_inflater. It works in the memory it is given and allocates nothing:
 * frames that do not state their size, or are not one frame of exactly the size that is
 * asked for, are refused.
 */
#ifndef MLR_APPLY_HOST_INFLATE_ZSTD_H
#define MLR_APPLY_HOST_INFLATE_ZSTD_H

#include "apply/inflate.h"

mlr_inflater mlr_inflate_zstd(void);

#endif
