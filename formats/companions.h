/* Quantization that SafeTensors files tell only by the names of neighbouring tensors. */
#ifndef MLR_FORMATS_COMPANIONS_H
#define MLR_FORMATS_COMPANIONS_H

#include "formats/builder.h"

/* Gives X.weight its X.weight_scale, and X.qweight the scales and zeros of GPTQ or AWQ. */
void mlr_safetensors_relate(mlr_builder *b);

#endif
