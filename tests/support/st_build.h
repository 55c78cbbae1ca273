/* Small SafeTensors files from the text of their headers. */
#ifndef MLR_TESTS_SUPPORT_ST_BUILD_H
#define MLR_TESTS_SUPPORT_ST_BUILD_H

#include <stddef.h>
#include <stdint.h>

/*
 * The file with this header (n bytes) and so many zeros of data, from malloc. A backquote
 * in the text marks the byte at which a failure is expected and is left out; `*mark` is its
 * offset in the file, or stays as it was.
 */
uint8_t *st_build(const char *header, size_t n, size_t data, size_t *size, uint64_t *mark);

#endif
