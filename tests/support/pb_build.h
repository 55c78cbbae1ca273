/*
 * Protobuf messages from a notation that reads like the bytes:
 *
 *     08 0a          bytes in hexadecimal
 *     3a{ ... }      what stands between braces, after its length as a varint
 *     'text'         characters
 *     ~300:61        300 times the byte 61
 *     !200000        the number as a varint
 *     @              nothing; remembers the offset, for instance of an expected error
 *
 * Everything else (spaces, commas) separates.
 */
#ifndef MLR_TESTS_SUPPORT_PB_BUILD_H
#define MLR_TESTS_SUPPORT_PB_BUILD_H

#include <stddef.h>
#include <stdint.h>

typedef struct pb_bytes {
    uint8_t *data; /* owned; release with free() */
    size_t n;
    uint64_t mark; /* where @ stood; UINT64_MAX without one */
} pb_bytes;

/* Aborts on a notation that is wrong: it is part of the test. */
pb_bytes pb_build(const char *notation);

#endif
