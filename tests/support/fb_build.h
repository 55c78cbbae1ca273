/*
 * FlatBuffers from a notation that reads like the bytes:
 *
 *     00 ff          bytes in hexadecimal
 *     'text'         characters
 *     =7 h7 q7       the number in 4, 2, 8 bytes
 *     ~300:61        300 times the byte 61
 *     name:          a place
 *     >name          4 bytes: from here to that place, as tables and vectors are pointed at
 *     <name          4 bytes: from that place to here, as a table points at its vtable
 *     %name          4 bytes: the offset of that place from the start of the file
 *     .              zeros up to a multiple of 4
 *
 * Everything else (spaces, commas) separates.
 */
#ifndef MLR_TESTS_SUPPORT_FB_BUILD_H
#define MLR_TESTS_SUPPORT_FB_BUILD_H

#include <stddef.h>
#include <stdint.h>

enum { FB_PLACES = 256 };

typedef struct fb_place {
    char name[24];
    size_t at;
} fb_place;

typedef struct fb_bytes {
    uint8_t *data; /* owned; release with free() */
    size_t n;
    fb_place place[FB_PLACES];
    size_t places;
} fb_bytes;

/* Aborts on a notation that is wrong: it is part of the test. */
fb_bytes fb_build(const char *notation);

/* The offset of "name" or "name+4". Aborts where there is none. */
size_t fb_at(const fb_bytes *b, const char *where);

#endif
