#include "apply/base/cursor.h"

const uint8_t *(mlr_cur_take)(mlr_cursor *c, size_t n, const char *rule)
{
    if (!mlr_cur_ok(c)) {
        return NULL;
    }
    if (n > mlr_cur_left(c)) {
        mlr_fail(c->err, MLR_E_TRUNCATED, mlr_cur_offset(c), rule);
        return NULL;
    }
    const uint8_t *p = c->base + c->pos;
    c->pos += n;
    return p;
}

uint8_t(mlr_cur_u8)(mlr_cursor *c, const char *rule)
{
    const uint8_t *p = mlr_cur_take(c, 1, rule);
    return p == NULL ? 0 : p[0];
}

uint16_t(mlr_cur_u16)(mlr_cursor *c, const char *rule)
{
    const uint8_t *p = mlr_cur_take(c, 2, rule);
    return p == NULL ? 0 : mlr_load16(p);
}

uint32_t(mlr_cur_u32)(mlr_cursor *c, const char *rule)
{
    const uint8_t *p = mlr_cur_take(c, 4, rule);
    return p == NULL ? 0 : mlr_load32(p);
}

uint64_t(mlr_cur_u64)(mlr_cursor *c, const char *rule)
{
    const uint8_t *p = mlr_cur_take(c, 8, rule);
    return p == NULL ? 0 : mlr_load64(p);
}

uint64_t(mlr_cur_varint)(mlr_cursor *c, const char *rule)
{
    uint64_t at = mlr_cur_offset(c);
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = mlr_cur_u8(c, rule);
        if (!mlr_cur_ok(c)) {
            return 0;
        }
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    mlr_fail(c->err, MLR_E_FORMAT, at, "number of at most ten bytes and 64 bits");
    return 0;
}

uint64_t(mlr_cur_varint_to)(mlr_cursor *c, uint64_t limit, const char *rule)
{
    uint64_t at = mlr_cur_offset(c);
    uint64_t value = mlr_cur_varint(c, rule);
    if (mlr_cur_ok(c) && value > limit) {
        mlr_fail_limit(c->err, at, rule, value, limit);
        return 0;
    }
    return value;
}
