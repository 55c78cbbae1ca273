/* What a plan says of the model as a whole. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/host/heap.h"
#include "codec/trial.h"
#include "formats/open.h"
#include "tests/support/temp_dir.h"

enum { LITTLE = 8 << 10, FEW = MLR_CROWD / LITTLE, MANY = FEW + 1 };

/* `count` bf16 tensors of 8 KiB, every byte `fill`. */
static void write_model(const temp_dir *dir, const char *name, unsigned count, int fill)
{
    size_t room = (size_t)count * (LITTLE + 100) + 16;
    char *file = malloc(room);
    size_t n = 8 + 1;
    assert_non_null(file);
    file[8] = '{';
    for (unsigned i = 0; i < count; i++) {
        n +=
            (size_t)snprintf(file + n, room - n,
                             "%s\"t%u\":{\"dtype\":\"BF16\",\"shape\":[%u],"
                             "\"data_offsets\":[%u,%u]}",
                             i > 0 ? "," : "", i, LITTLE / 2, i * LITTLE, (i + 1) * LITTLE);
    }
    file[n++] = '}';
    uint64_t header = n - 8;
    for (int k = 0; k < 8; k++) {
        file[k] = (char)(header >> (8 * k));
    }
    memset(file + n, fill, (size_t)count * LITTLE);
    temp_dir_write(dir, name, file, n + (size_t)count * LITTLE);
    free(file);
}

typedef struct answer {
    bool crowded, tries_mix, tries_mix_high;
} answer;

static bool has_mix(const mlr_encoding *e, const mlr_record *r, uint8_t level)
{
    mlr_choice choice = {.strategy = MLR_AUTO, .level = level};
    mlr_candidates c = mlr_candidates_for(e, r, &choice, NULL);
    bool found = false;
    for (unsigned i = 0; i < c.count; i++) {
        found = found || c.id[i] == MLR_STRATEGY_mix;
    }
    return found;
}

static answer plan_of(unsigned count)
{
    temp_dir dir;
    mlr_heap heap;
    mlr_pool pool;
    mlr_opened *old_model, *new_model;
    mlr_matching matching;
    mlr_plan plan;
    char path[512];
    mlr_err err = {0};
    mlr_plan_options o = {.choice = {.strategy = MLR_AUTO, .level = 3}};
    temp_dir_make(&dir);
    mlr_heap_init(&heap);
    mlr_pool_init(&pool, &heap.alloc);
    write_model(&dir, "old.safetensors", count, 0x3C);
    write_model(&dir, "new.safetensors", count, 0x3D);
    const mlr_work work = {.alloc = &heap.alloc};
    (void)mlr_model_open(&old_model, temp_dir_at(&dir, "old.safetensors", path), NULL,
                         &heap.alloc, &err);
    (void)mlr_model_open(&new_model, temp_dir_at(&dir, "new.safetensors", path), NULL,
                         &heap.alloc, &err);
    assert_no_err(&err);
    (void)mlr_match_headers(&matching, mlr_opened_model(old_model),
                            mlr_opened_model(new_model), NULL, &pool, &err);
    (void)mlr_match_contents(&matching, NULL, &work, &err);
    (void)mlr_plan_make(&plan, &matching, &o, &pool, &err);
    assert_no_err(&err);
    assert_int_equal(plan.record_count, count);
    const mlr_plan_record *p = &plan.records[0];
    mlr_record r = {.dtype = p->dtype,
                    .old_dtype = p->old_dtype,
                    .new_bytes = p->bytes.len,
                    .old_bytes = p->old_bytes,
                    .row = p->row};
    mlr_encoding e = {.crowded = plan.crowded};
    answer a = {.crowded = plan.crowded,
                .tries_mix = has_mix(&e, &r, 3),
                .tries_mix_high = has_mix(&e, &r, 19)};
    mlr_model_close(old_model);
    mlr_model_close(new_model);
    mlr_pool_release(&pool);
    assert_int_equal(heap.used, 0);
    temp_dir_remove(&dir);
    return a;
}

static void a_few_little_tensors_get_every_effort(void **state)
{
    (void)state;
    answer a = plan_of(FEW);
    assert_false(a.crowded);
    assert_true(a.tries_mix && a.tries_mix_high);
}

static void a_crowd_of_little_tensors_gets_slow_strategies_at_high_levels_only(void **state)
{
    (void)state;
    answer a = plan_of(MANY);
    assert_true(a.crowded);
    assert_false(a.tries_mix);
    assert_true(a.tries_mix_high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_little_tensors_get_every_effort),
        cmocka_unit_test(
            a_crowd_of_little_tensors_gets_slow_strategies_at_high_levels_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
