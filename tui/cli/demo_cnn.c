/* Made-up weights of a small image classifier: 32x32x3 in, four convolutions, one dense. */
#include "tui/cli/demo.h"
#include "tui/cli/demo_num.h"

const mlr_demo_layer mlr_demo_cnn[MLR_DEMO_LAYERS] = {
    {"conv1", 3, 32, 3, 1, 32},
    {"conv2", 32, 64, 3, 2, 16},
    {"conv3", 64, 128, 3, 2, 8},
    {"conv4", 128, 256, 3, 2, 4},
    {"fc", 256, MLR_DEMO_CLASSES, 1, 1, 1},
};

/* A retrained head; of the later convolutions about every other filter moved. */
static bool is_touched(mlr_demo_variant variant, const mlr_demo_layer *l, mlr_demo_rng *r)
{
    bool filter = (mlr_demo_next(r) & 1) != 0;
    if (variant != MLR_DEMO_TUNED) {
        return false;
    }
    return l->kernel == 1 || (l->in >= 64 && filter);
}

float mlr_demo_filter(mlr_demo_variant variant, const mlr_demo_layer *l, uint32_t out,
                      float *to)
{
    mlr_demo_rng r = mlr_demo_seed(l->name, 16 + (uint64_t)out);
    mlr_demo_rng step = mlr_demo_seed(l->name, 1U << 20 | out);
    uint32_t n = l->in * l->kernel * l->kernel;
    double scale = (l->kernel == 1 ? 0.08
                    : l->in == 3   ? 0.25
                                   : 0.05) *
                   (0.5 + mlr_demo_uniform(&r));
    double bias = 0.1 * mlr_demo_gauss(&r);
    bool touched = is_touched(variant, l, &step);
    for (uint32_t i = 0; i < n; i++) {
        double w = scale * mlr_demo_gauss(&r);
        if (touched) {
            w += 0.03 * scale * mlr_demo_sign(&step) * (0.5 + mlr_demo_uniform(&step));
        }
        to[i] = (float)w;
    }
    return (float)(touched ? bias + 0.002 * mlr_demo_gauss(&step) : bias);
}

float mlr_demo_activation(mlr_demo_variant variant, int layer)
{
    static const float scale[MLR_DEMO_LAYERS + 1] = {0.0078125F, 0.0235294F, 0.0313726F,
                                                     0.0274510F, 0.0196078F, 0.1254902F};
    float drift = variant == MLR_DEMO_TUNED && layer >= 2 ? 1.03125F : 1.0F;
    return scale[layer + 1] * drift;
}
