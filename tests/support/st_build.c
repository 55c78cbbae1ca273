#include "tests/support/st_build.h"

#include <stdlib.h>
#include <string.h>

#include "apply/base/cursor.h"

uint8_t *st_build(const char *header, size_t n, size_t data, size_t *size, uint64_t *mark)
{
    uint8_t *to = calloc(1, 8 + n + data + 1);
    if (to == NULL) {
        abort();
    }
    size_t at = 8;
    for (size_t i = 0; i < n; i++) {
        if (header[i] == '`') {
            *mark = at;
        } else {
            to[at++] = (uint8_t)header[i];
        }
    }
    mlr_store64(to, at - 8);
    *size = at + data;
    return to;
}
