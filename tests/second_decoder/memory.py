"""Memory in the terms of the format: docs/CODEC.md, "Memory". No decoder needs it; patches are
held to it, so that what C decoders count is what the document says."""
from basics import Cursor
from quant import SHAPES


def _converted(rec):
    return rec.block_new if rec.old_bytes and rec.old_type is not rec.type else 0


def none(rec):
    return 0, 0


def base(rec):
    return 0, _converted(rec)


def planes(rec):
    return 0, _converted(rec) + rec.block_new


def exp_man(rec):
    width = rec.type.lane()[0]
    lanes, man = rec.block_new // width, 8 * width - 1 - rec.type.exp_bits
    streams = -(-rec.type.exp_bits // 8) + -(-man // 8)
    return 0, -(-lanes // 8) + lanes * streams + rec.block_new % width


def sparse(rec):
    return 0, _converted(rec) + rec.block_new + rec.block_new // rec.type.lane()[0]


def fields(rec):
    return 0, rec.block_new


def mix(rec):
    slots, flags, match, shape, _ = rec.model
    diff, wide = shape & 15, slots >> 7
    work = 4 * ((1 << (slots & 127)) + (1 << flags) + (1 << match if match else 0))
    work += 0 if diff == 15 else 2 * (512 + (256 << diff))
    work += 4 * (9 * (16 + 32) + 16 * (24 + 32)) if wide else 4 * (9 * (4 + 1) + 16 * (1 + 1))
    return 0, work + _converted(rec)


def _tables(count, tokens, narrow):
    return 2 * count * (tokens + 1) if narrow else 16384 * count


def neural(rec):
    c = Cursor(rec.model)
    form, _, _, count, tokens = c.u8(), c.u8(), c.u8(), c.u8(), c.u8()
    c.varint(), c.varint()
    rank = c.u8() if form & 4 else 0
    state = _tables(count, tokens, form & 2)
    if rank:
        rows = -(-(rec.new_bytes // rec.type.size) // rec.row)
        state += 2 * (rank + rank % 2) * (rows + rec.row)
    work = 512 * (rec.type.size + 2) + (2048 if rank else 0)
    work += 8 * 16 * 325 if form & 8 else 8 * 149
    if form & 1:
        work += 16 * 128 * (256 + 1) + 2 * (4096 + 128) + 10240
    return state, work


def quant(rec):
    shape, c = SHAPES[rec.type.name], Cursor(rec.model)
    form, state, codes = c.u8(), 0, 4096 * shape.items
    made = 0 if rec.type is rec.old_type else 32 * rec.type.size
    if shape.supers:
        codes = 32 * shape.items
        c.varint()
    else:
        c.varint()
        state = 4 * c.varint()
        c.take(3)
        c.take(c.varint())
    if form & 1:
        kind, number = 64 * (3008 + 8) + 5 * 1024, 4 * 585
        mixing = kind + number + (16 * number if shape.supers else 0) + (kind - 64 * 1008 if shape.subs else 0)
        return state, 8 * codes + mixing + made
    for kind in range(3):
        if shape.numbers(kind, 1):
            count, tokens = c.u8(), c.u8()
            c.take(c.varint())
            state += _tables(count, tokens, form & 2)
    return state, 5 * codes + made
