/*
 * The layout of a patch as constants. docs/PATCH_FORMAT.md is the authority; the numbers in
 * brackets are its sections. Integers are little-endian; "varint" is base 128.
 */
#ifndef MLR_APPLY_PATCH_FORMAT_H
#define MLR_APPLY_PATCH_FORMAT_H

#define MLR_PATCH_MAGIC "MLRP"

enum {
    /* [2] prefix: magic, version, flags, two reserved bytes, length of the header body */
    MLR_PATCH_VERSION = 1,
    MLR_PATCH_PREFIX = 12,
    MLR_PATCH_LOSSY = 1,
    MLR_PATCH_FLAGS = MLR_PATCH_LOSSY, /* the flags this version knows */

    /* [3] caps on what a header may ask for */
    MLR_MAX_PATCH_HEADER = 16 << 20,
    MLR_MAX_PATCH_MEMBERS = 65536,
    MLR_MAX_PATCH_DICTS = 15,
    MLR_MAX_PATCH_NAME = 4096,
    MLR_MAX_DICT = 16 << 20,
    MLR_MAX_BLOCK = 64 << 20,  /* new or old bytes of a block */
    MLR_MAX_CHUNK = 256 << 20, /* content of a chunk */

    /* [4] chunks: type, varint length, content, low half of the content's XXH64 */
    MLR_CHUNK_END = 0,
    MLR_CHUNK_RECORD = 1,
    MLR_CHUNK_BLOCK = 2,
    MLR_CHUNK_GLUE = 3,
    MLR_CHUNK_DICT = 4,
    MLR_CHUNK_INDEX = 5,
    MLR_CHUNK_CHECK = 4,     /* bytes of the check */
    MLR_CHUNK_END_BYTES = 8, /* content of END where there is an index */

    /* [5] flags of a record */
    MLR_RECORD_CONVERTS = 1, /* the old elements have a type of their own */
    MLR_RECORD_INLINE = 2,   /* its only block follows inside the same chunk */
    MLR_RECORD_FLAGS = 3,

    MLR_MAX_REFS = 1 << 20 /* references of one record */
};

#endif
