/* The four libc functions this folder may call: every firmware toolchain has them. */
#ifndef MLR_APPLY_BASE_MEM_H
#define MLR_APPLY_BASE_MEM_H

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
