/* What the files of `mallorn make-demo` share: the run, its output, the made-up weights. */
#ifndef MLR_TUI_CLI_DEMO_H
#define MLR_TUI_CLI_DEMO_H

#include "apply/base/pool.h"
#include "apply/host/file.h"
#include "tui/cli/cli.h"
#include "tui/cli/demo_quant.h"

/* How a model differs from the base. */
typedef enum mlr_demo_variant {
    MLR_DEMO_BASE,
    MLR_DEMO_TUNED,  /* light fine-tune: early layers frozen, else steps of nearly one size
                      */
    MLR_DEMO_RL,     /* steps so small that few survive rounding */
    MLR_DEMO_LORA,   /* a rank-8 adapter merged into the projections */
    MLR_DEMO_GROWN,  /* new rows of vocabulary, the last layer tuned */
    MLR_DEMO_REQUANT /* the base, quantised by another method */
} mlr_demo_variant;

/* --- output ------------------------------------------------------------------------------
 */

/* A buffered file; the first failure stays in err and makes the rest do nothing. */
typedef struct mlr_demo_out {
    mlr_out_file file;
    mlr_err *err;
    uint8_t *buffer; /* MLR_DEMO_BUFFER bytes, borrowed */
    size_t used;
    uint64_t total;
} mlr_demo_out;

enum { MLR_DEMO_BUFFER = 1 << 18 };

void mlr_demo_put(mlr_demo_out *o, const void *p, size_t n);
void mlr_demo_zeros(mlr_demo_out *o, size_t n);

/* Growing bytes in memory, for formats that need a length before its content. */
typedef struct mlr_demo_buf {
    const mlr_allocator *alloc;
    uint8_t *p;
    size_t n, room;
    bool failed; /* memory ran out: content is incomplete */
} mlr_demo_buf;

void mlr_demo_add(mlr_demo_buf *b, const void *p, size_t n);
void mlr_demo_le(mlr_demo_buf *b, uint64_t v, unsigned bytes);
void mlr_demo_text(mlr_demo_buf *b, const char *text);
void mlr_demo_printf(mlr_demo_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void mlr_demo_drop(mlr_demo_buf *b);

/* --- the run -----------------------------------------------------------------------------
 */

struct mlr_demo_file;

typedef struct mlr_demo {
    mlr_cli *cli;
    mlr_err *err;
    const struct mlr_demo_file *file; /* being written */
    mlr_demo_out *out;
    float *row;      /* MLR_DEMO_ROW floats of scratch */
    uint8_t *codes;  /* MLR_DEMO_ROW * 4 bytes of scratch */
    double *factors; /* MLR_DEMO_FACTORS doubles of scratch */
} mlr_demo;

enum {
    MLR_DEMO_ROW = 4096,
    MLR_DEMO_RANK = 8,
    MLR_DEMO_FACTORS = MLR_DEMO_RANK * MLR_DEMO_ROW
};

/* One row of the list of files. */
typedef struct mlr_demo_file {
    const char *path; /* in the demo folder; may name a folder of its own */
    const char *about;
    mlr_demo_variant variant;
    mlr_dtype_id type; /* of the weights */
    unsigned part;     /* of sharded ones: 1, 2; 0 for the index */
    mlr_status (*write)(mlr_demo *d);
} mlr_demo_file;

mlr_status mlr_demo_big_safetensors(mlr_demo *d);
mlr_status mlr_demo_mid_safetensors(mlr_demo *d);
mlr_status mlr_demo_shard_index(mlr_demo *d);
mlr_status mlr_demo_gguf(mlr_demo *d);
mlr_status mlr_demo_onnx(mlr_demo *d);
mlr_status mlr_demo_tflite(mlr_demo *d);

/* --- a language model --------------------------------------------------------------------
 */

enum { MLR_DEMO_TENSORS = 96 };

typedef enum mlr_demo_kind {
    MLR_DEMO_EMBED,
    MLR_DEMO_ATTN_NORM,
    MLR_DEMO_Q,
    MLR_DEMO_K,
    MLR_DEMO_V,
    MLR_DEMO_O,
    MLR_DEMO_FFN_NORM,
    MLR_DEMO_GATE,
    MLR_DEMO_UP,
    MLR_DEMO_DOWN,
    MLR_DEMO_NORM,
    MLR_DEMO_HEAD
} mlr_demo_kind;

typedef struct mlr_demo_tensor {
    mlr_demo_kind kind;
    uint32_t layer;
    uint32_t rows, cols; /* norms: one row */
} mlr_demo_tensor;

typedef struct mlr_demo_llama {
    uint32_t hidden, ffn, layers, vocab, heads, kv_heads;
    uint32_t first_vocab; /* of the base: rows above are new */
    mlr_demo_tensor tensor[MLR_DEMO_TENSORS];
    size_t tensors;
} mlr_demo_llama;

/* The larger one (12 M parameters) and the smaller one (2.3 M). */
void mlr_demo_big(mlr_demo_llama *m, mlr_demo_variant variant);
void mlr_demo_mid(mlr_demo_llama *m, mlr_demo_variant variant);

static inline bool mlr_demo_is_norm(const mlr_demo_tensor *t)
{
    return t->rows == 1;
}

/* "model.layers.3.mlp.up_proj.weight" and "blk.3.ffn_up.weight". */
void mlr_demo_hf_name(const mlr_demo_tensor *t, char *to, size_t room);
void mlr_demo_gguf_name(const mlr_demo_tensor *t, char *to, size_t room);

/*
 * One row of weights into d->row. `stored` is the type the base was published in: a
 * fine-tune starts from weights so rounded. Rows of a tensor are asked for in order.
 */
void mlr_demo_weights(mlr_demo *d, const mlr_demo_llama *m, const mlr_demo_tensor *t,
                      uint32_t row, mlr_dtype_id stored);

/* --- a convolutional network -------------------------------------------------------------
 */

enum { MLR_DEMO_CONVS = 4, MLR_DEMO_CLASSES = 100, MLR_DEMO_LAYERS = MLR_DEMO_CONVS + 1 };

/* The last layer is fully connected: kernel 1. */
typedef struct mlr_demo_layer {
    const char *name;
    uint32_t in, out, kernel, stride, size; /* size: of its output image */
} mlr_demo_layer;

extern const mlr_demo_layer mlr_demo_cnn[MLR_DEMO_LAYERS];

/* The filter of one output: in * kernel * kernel weights as [in][y][x], and its bias. */
float mlr_demo_filter(mlr_demo_variant variant, const mlr_demo_layer *l, uint32_t out,
                      float *to);

/* The scale of a layer's output codes (layer -1: of the image). Zero point -128, or 0 of
   the image. */
float mlr_demo_activation(mlr_demo_variant variant, int layer);

#endif
