#include "apply/host/cpu.h"

#include <stdint.h>

#include "apply/host/sha256_fast.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#if defined(__x86_64__)
#include <cpuid.h>

typedef struct cpuid_words {
    uint32_t eax, ebx, ecx, edx;
} cpuid_words;

/* All zeros where the processor has no such leaf. */
static cpuid_words ask(uint32_t leaf)
{
    cpuid_words w = {0};
    __get_cpuid_count(leaf, 0, &w.eax, &w.ebx, &w.ecx, &w.edx);
    return w;
}

static bool has(uint32_t word, uint32_t bits)
{
    return (word & bits) == bits;
}

/* Whether the system saves the SSE and AVX registers when it switches threads. */
static bool keeps_wide_registers(void)
{
    uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return has(low, 0x6);
}

bool mlr_cpu_has_avx2(void)
{
    return has(ask(1).ecx, bit_OSXSAVE | bit_AVX) && keeps_wide_registers() &&
           has(ask(7).ebx, bit_AVX2 | bit_BMI | bit_BMI2) &&
           has(ask(0x80000001).ecx, bit_LZCNT);
}

bool mlr_cpu_has_shani(void)
{
    return has(ask(1).ecx, bit_SSSE3 | bit_SSE4_1) && has(ask(7).ebx, bit_SHA);
}
#else
bool mlr_cpu_has_avx2(void)
{
    return false;
}

bool mlr_cpu_has_shani(void)
{
    return false;
}
#endif

bool mlr_cpu_has_arm_sha2(void)
{
#if defined(__aarch64__)
    return (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0;
#else
    return false;
#endif
}

mlr_sha256_blocks mlr_host_sha256(void)
{
#if defined(__x86_64__)
    return mlr_cpu_has_shani() ? mlr_sha256_blocks_shani : mlr_sha256_blocks_c;
#elif defined(__aarch64__)
    return mlr_cpu_has_arm_sha2() ? mlr_sha256_blocks_armv8 : mlr_sha256_blocks_c;
#else
    return mlr_sha256_blocks_c;
#endif
}
