/* Every cap on untrusted model files, in one place, each with its reason. */
#ifndef MLR_FORMATS_LIMITS_H
#define MLR_FORMATS_LIMITS_H

enum {
    MLR_MAX_TENSORS = 1000000, /* ten times the largest model seen; tables stay < 256 MB */
    MLR_MAX_TEXT = 256 << 20,  /* bytes of all names and metadata texts of a model */
    MLR_MAX_RANK = 64,         /* SafeTensors and TFLite allow it; 8 is the most seen */
    MLR_MAX_NAME = 4096,       /* the longest real name is 180 bytes */
    MLR_MAX_MEMBERS = 65536,   /* shards and external files of one model */
    MLR_MAX_GGUF_KEYS = 65536, /* a model has 20 to 60 */
    MLR_MAX_GGUF_KEY = 65535,  /* by the specification */
    MLR_MAX_GGUF_STRING = 64 << 20,   /* chat templates are 20 KB */
    MLR_MAX_GGUF_NESTING = 4,         /* arrays of arrays; ggml itself refuses any */
    MLR_MAX_GGUF_DIMS = 8,            /* ggml has 4 */
    MLR_MAX_GGUF_ALIGNMENT = 1 << 20, /* 32 by default */
    MLR_MAX_ST_HEADER = 100000000,    /* by the reference implementation */
    MLR_MAX_ST_METADATA = 16 << 20,
    MLR_MAX_PROTO_DEPTH = 100,        /* protobuf's own default */
    MLR_MAX_FLATBUF_DEPTH = 64,       /* the FlatBuffers verifier's default */
    MLR_MAX_FLATBUF_TABLES = 1000000, /* visits, so that shared tables cannot multiply */
    MLR_MAX_SUBGRAPHS = 65536,
    MLR_MAX_JSON_FILE = 64 << 20, /* index.json */
    MLR_MAX_PATH = 4096,
    MLR_MAX_PATH_PART = 255
};

#endif
