/*
 * Numbers for made-up models: a random generator on integers and conversions to the narrow
 * types. Only + - * / on IEEE doubles, so every machine makes the same files.
 */
#ifndef MLR_TUI_CLI_DEMO_NUM_H
#define MLR_TUI_CLI_DEMO_NUM_H

#include <stddef.h>
#include <stdint.h>

typedef struct mlr_demo_rng {
    uint64_t state;
} mlr_demo_rng;

/* A generator of its own for each name and number: order of use does not matter. */
mlr_demo_rng mlr_demo_seed(const char *name, uint64_t salt);
uint64_t mlr_demo_next(mlr_demo_rng *r);
double mlr_demo_uniform(mlr_demo_rng *r); /* [0, 1) */
double mlr_demo_gauss(mlr_demo_rng *r);   /* mean 0, deviation 1, |x| < 4.9 */
double mlr_demo_sign(mlr_demo_rng *r);    /* -1 or 1 */

/* Nearest, ties to even; the narrow ones saturate. Finite input only. */
uint16_t mlr_demo_bf16(float x);
uint16_t mlr_demo_f16(float x);
uint8_t mlr_demo_e4m3(float x);

float mlr_demo_from_bf16(uint16_t bits);
float mlr_demo_from_f16(uint16_t bits);

/* Nearest integer, halves away from zero, then limited. */
int mlr_demo_round(double x, int least, int most);

uint32_t mlr_demo_float_bits(float x);

#endif
