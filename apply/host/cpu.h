/* What the processor can do, asked at run time. Each call asks anew: keep the answer. */
#ifndef MLR_APPLY_HOST_CPU_H
#define MLR_APPLY_HOST_CPU_H

#include <stdbool.h>

#include "apply/base/sha256.h"

/* The fastest SHA-256 this processor runs; never NULL. Asking takes some 20 microseconds in
   a virtual machine. */
mlr_sha256_blocks mlr_host_sha256(void);

/* AVX2 with BMI1, BMI2 and LZCNT, and a system that keeps the wide registers: what files
   named *_avx2.c are compiled for. */
bool mlr_cpu_has_avx2(void);

/* SHA extensions with SSSE3 and SSE4.1: what files named *_shani.c are compiled for. */
bool mlr_cpu_has_shani(void);

/* 64-bit ARM's SHA-2 instructions: what files named *_armv8.c are compiled for. */
bool mlr_cpu_has_arm_sha2(void);

#endif
