#include "codec/plan.h"

#include <string.h>

/*
 * What is affordable where. Blocks shrink with memory: a lane holds payload, old and new.
 * From 1 MiB on the figure is all of a process's private memory, of which the applier's
 * arena gets what the runtime leaves.
 */
static const mlr_device devices[] = {
    {.name = "desktop", .memory_bytes = 0, .block_bytes = 1 << 20},
    {.name = "64M", .memory_bytes = (64 << 20) - MLR_RUNTIME_BYTES, .block_bytes = 1 << 20},
    {.name = "16M", .memory_bytes = (16 << 20) - MLR_RUNTIME_BYTES, .block_bytes = 1 << 20},
    {.name = "1M", .memory_bytes = (1 << 20) - MLR_RUNTIME_BYTES, .block_bytes = 128 << 10},
    {.name = "256K", .memory_bytes = 256 << 10, .block_bytes = 16 << 10, .no_zstd = true},
    {.name = "micro", .memory_bytes = 32 << 10, .block_bytes = 4 << 10, .no_zstd = true},
};

const mlr_device *mlr_device_at(size_t i)
{
    return i < sizeof devices / sizeof devices[0] ? &devices[i] : NULL;
}

const mlr_device *mlr_device_named(const char *name)
{
    for (size_t i = 0; mlr_device_at(i) != NULL; i++) {
        if (strcmp(devices[i].name, name) == 0) {
            return &devices[i];
        }
    }
    return NULL;
}
