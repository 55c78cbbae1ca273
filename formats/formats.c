#include "formats/format.h"

#include <string.h>

const mlr_format *const mlr_formats[] = {
    &mlr_format_safetensors, &mlr_format_gguf, &mlr_format_tflite, &mlr_format_onnx, NULL,
};

const mlr_format *mlr_format_named(const char *name)
{
    if (strcmp(name, mlr_format_opaque.name) == 0) {
        return &mlr_format_opaque;
    }
    for (size_t i = 0; mlr_formats[i] != NULL; i++) {
        if (strcmp(name, mlr_formats[i]->name) == 0) {
            return mlr_formats[i];
        }
    }
    return NULL;
}
