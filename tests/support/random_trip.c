#include "tests/support/random_trip.h"

#include <stdio.h>
#include <stdlib.h>

static void random_options(rng *r, patching *p)
{
    static const uint8_t levels[] = {1, 3, 6, 9, 19};
    p->choice = (mlr_choice){.strategy = MLR_AUTO,
                             .level = levels[rng_below(r, sizeof levels)],
                             .block_bytes = rng_below(r, 2) ? 4096 : 0};
    unsigned pick = (unsigned)rng_below(r, 24);
    if (mlr_encoder_get(pick) != NULL && pick != MLR_STRATEGY_copy) {
        p->choice.strategy = (int16_t)pick;
    } else if (pick > 20) {
        p->choice.strategy = MLR_NEURAL;
    }
    p->device = mlr_device_at(rng_below(r, 7)); /* NULL behind the last: desktop */
    p->lanes = 1 + (unsigned)rng_below(r, 3);
}

bool random_trip(patching *p, const temp_dir *dir, random_format format, uint64_t seed,
                 char why[256])
{
    char old_path[512], new_path[512];
    rng r = rng_new(seed);
    random_file a, b;
    random_pair(&r, format, &a, &b);
    temp_dir_write(dir, "old", a.data, a.n);
    temp_dir_write(dir, "new", b.data, b.n);
    free(a.data);
    free(b.data);
    random_options(&r, p);
    temp_dir_at(dir, "old", old_path);
    temp_dir_at(dir, "new", new_path);
    mlr_err err = {0};
    patch_bytes patch = {0};
    if (patching_diff(p, old_path, new_path, &patch, &err) == MLR_OK) {
        patching_apply(p, old_path, new_path, &patch, &err);
    }
    bool large = patch.n > b.n + b.n / 1000 + 4096;
    patch_bytes_release(p, &patch);
    snprintf(why, 256,
             "format %d, seed %llu, strategy %d, level %u, block %u, device %s, lanes %u: "
             "%s, %s",
             (int)format, (unsigned long long)seed, p->choice.strategy, p->choice.level,
             p->choice.block_bytes, p->device == NULL ? "-" : p->device->name, p->lanes,
             mlr_status_name(err.status),
             err.rule != NULL ? err.rule
             : large          ? "patch much larger than what it makes"
                              : "-");
    return err.status == MLR_OK && !large;
}
