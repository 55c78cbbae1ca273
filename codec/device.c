#include "codec/plan.h"

#include <string.h>

#include "apply/quant_block.h"

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

/* Bytes of the largest block of the plan's records, old ones or new ones. */
static uint64_t largest_block(const mlr_plan *p, uint64_t most)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < p->record_count; i++) {
        const mlr_plan_record *r = &p->records[i];
        uint64_t n = r->bytes.len > r->old_bytes ? r->bytes.len : r->old_bytes;
        largest = !r->copy && n > largest ? n : largest;
    }
    return largest < most ? largest : most;
}

/* Blocks with scales of groups learn more kinds of numbers: smaller blocks leave room. */
static bool mixes_much(const mlr_plan *p)
{
    for (size_t i = 0; i < p->record_count; i++) {
        const mlr_quant_shape *s = mlr_quant_shape_of(p->records[i].dtype);
        if (!p->records[i].copy && s != NULL && s->subs > 0) {
            return true;
        }
    }
    return false;
}

void mlr_device_for_plan(mlr_device *d, const mlr_plan *plan, const mlr_choice *choice)
{
    enum {
        MOST_EFFORT = 20,
        SMALL_MODEL = 16 << 20,
        INFLATER = 100 << 10, /* what zstd takes */
        REST = 20 << 10,      /* the applier itself, input, the largest record */
        LEAST = 64 << 10
    };
    bool asks =
        choice->strategy >= 0 || choice->level >= MOST_EFFORT || choice->block_bytes > 0;
    if (d->memory_bytes > 0 || plan->new_bytes > SMALL_MODEL || asks) {
        return;
    }
    d->memory_bytes = (1 << 20) - MLR_RUNTIME_BYTES;
    d->block_bytes = mixes_much(plan) ? 64 << 10 : 128 << 10;
    uint64_t block = largest_block(plan, d->block_bytes);
    uint64_t glue = plan->glue_bytes < d->block_bytes ? plan->glue_bytes : d->block_bytes;
    uint64_t other = 2 * (block > glue ? block : glue) + block / 2 + glue + INFLATER + REST;
    uint64_t left = d->memory_bytes > other + LEAST ? d->memory_bytes - other : LEAST;
    d->state_bytes = d->work_bytes = left;
}

bool mlr_device_tighten(mlr_device *d)
{
    enum { LEAST_BLOCK = 4096, LEAST_MEMORY = 6 * LEAST_BLOCK, ENOUGH = 96 << 10 };
    if (d->state_bytes > ENOUGH) {
        d->state_bytes = d->work_bytes = d->state_bytes / 2;
        return true;
    }
    if (d->block_bytes > LEAST_BLOCK) {
        d->block_bytes /= 2;
        return true;
    }
    if (d->memory_bytes <= LEAST_MEMORY) {
        return false;
    }
    d->memory_bytes -= d->memory_bytes / 16;
    d->memory_bytes = d->memory_bytes > LEAST_MEMORY ? d->memory_bytes : LEAST_MEMORY;
    d->state_bytes = d->work_bytes = 0;
    return true;
}
