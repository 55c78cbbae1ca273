/*
 * Binary files written as readable text, for tables of hostile files. Words are separated
 * by spaces: u1:7 u2:7 u4:7 u8:0x10   a number of so many bytes      i8:-1   a negative one
 *     t:GGUF                   these characters               h:00ff  these bytes
 *     s:name  s4:name          a length of 8 (4) bytes and the characters
 *     z:100   n:A*100          so many zeros, so many of a character
 *     a:32                     zeros up to a multiple of 32
 *     be                       numbers are big-endian from here on
 *     ^                        the byte at which a failure is expected
 */
#ifndef MLR_TESTS_SUPPORT_SPELL_H
#define MLR_TESTS_SUPPORT_SPELL_H

#include <stddef.h>
#include <stdint.h>

/* Returns the length; stops the test where `room` is too small. `mark` may be NULL. */
size_t spell(uint8_t *to, size_t room, const char *text, uint64_t *mark);

#endif
