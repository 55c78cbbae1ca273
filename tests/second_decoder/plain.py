"""The plain strategies: docs/CODEC.md, part one."""
import math
import struct

from basics import Bad, Cursor, expand, expand_all, fold_back, from_ordered, need, to_ordered


# --- references in another float type -----------------------------------------------------
def _split_float(x, t):
    m = t.bits - 1 - t.exp_bits
    return x >> (t.bits - 1), x >> m & ((1 << t.exp_bits) - 1), x & ((1 << m) - 1), m


def convert_one(x, a, b):
    sign, e, frac, m = _split_float(x, a)
    bias, top = (1 << (a.exp_bits - 1)) - 1, (1 << a.exp_bits) - 1
    to_m = b.bits - 1 - b.exp_bits
    to_bias, to_top = (1 << (b.exp_bits - 1)) - 1, (1 << b.exp_bits) - 1
    sign <<= b.bits - 1
    infinite = sign | to_top << to_m
    if e == top:
        payload = frac << to_m >> m
        if frac and not payload:
            payload = 1 << (to_m - 1)
        return infinite | payload
    value = frac | (1 << m if e else 0)
    if value == 0:
        return sign
    exponent = max(e, 1) - bias - m  # of the value's lowest bit
    field = exponent + value.bit_length() - 1 + to_bias
    unit = max(field, 1) - to_bias - to_m  # exponent of the result's lowest bit
    down = unit - exponent
    if down <= 0:
        q = value << -down
    else:
        q, rest = value >> down, value & ((1 << down) - 1)
        half = 1 << (down - 1)
        q += rest > half or (rest == half and q & 1)
    bits = ((max(field, 1) - 1) << to_m) + q
    return infinite if bits >= to_top << to_m else sign | bits


def f32(x):
    """Rounded as f32: exact after one operation on f32 numbers, which doubles round finely."""
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return math.inf if x > 0 else -math.inf


def half_bytes(x):
    """f16: too large is infinite."""
    try:
        return struct.pack("<e", x)
    except OverflowError:
        return b"\x00\x7c" if x > 0 else b"\x00\xfc"


def numbers(old, a):
    """Floats as they are; what is no number is 0."""
    for i in range(0, len(old), a.size):
        x = int.from_bytes(old[i : i + a.size], "little")
        sign, e, frac, m = _split_float(x, a)
        top = (1 << a.exp_bits) - 1
        value = 0.0 if e == top else math.ldexp(frac | (1 << m if e else 0), max(e, 1) - (top >> 1) - m)
        yield -value if sign and e != top else value


def _whole(x, most):
    """Without the fraction, within 0 and most; 0 for what is endless."""
    return 0 if not math.isfinite(x) else max(0, min(most, math.trunc(x)))


def quantise_block(xs, name):
    """CODEC.md, A.1: 32 floats as a block of ggml's reference quantiser."""
    far = max(xs, key=abs) if any(xs) else 0.0
    low, high = min(xs), max(xs)
    top = 31 if name[1] == "5" else 15
    if name == "q8_0":
        d = f32(abs(far) / 127)
    elif name[3] == "0":
        d = f32(far / -((top + 1) // 2))
    else:
        d = f32(f32(high - low) / top)
    by = 0.0 if d == 0 or math.isinf(d) else f32(1 / d)
    head = half_bytes(d)
    if math.isinf(by):
        by = math.nan  # whatever is multiplied is endless: code 0
    if name == "q8_0":
        codes = []
        for x in xs:
            v = f32(x * by)
            n = 0 if not math.isfinite(v) else min(127, math.floor(abs(v) + 0.5))
            codes.append((n if v > 0 else -n) & 255)
        return head + bytes(codes)
    if name[3] == "0":
        codes = [_whole(f32(f32(x * by) + (top + 1) // 2 + 0.5), top) for x in xs]
    else:
        head += half_bytes(low)
        codes = [_whole(f32(f32(f32(x - low) * by) + 0.5), top) for x in xs]
    if top == 31:
        head += sum((c >> 4) << i for i, c in enumerate(codes)).to_bytes(4, "little")
    return head + bytes(codes[i] & 15 | (codes[i + 16] & 15) << 4 for i in range(16))


def quantised(old, a, b):
    need(a.name in ("f16", "bf16", "f32") and b.name in ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0"), "type to quantise")
    xs = list(numbers(old, a))
    return b"".join(quantise_block(xs[i : i + 32], b.name) for i in range(0, len(xs), 32))


def converted(old, a, b):
    if b.kind == "block":
        return quantised(old, a, b)
    need(a.kind == b.kind == "float" and a.bits >= 16 and b.bits >= 16, "floats to convert")
    out = bytearray()
    for i in range(0, len(old), a.size):
        x = int.from_bytes(old[i : i + a.size], "little")
        out += convert_one(x, a, b).to_bytes(b.size, "little")
    return bytes(out)


def reference(rec, old, n):
    """The old bytes as bytes of the new type."""
    if rec.old_type is rec.type:
        need(len(old) == n, "as many old bytes as new")
        return old
    base = converted(old, rec.old_type, rec.type)
    need(len(base) == n, "an old element for each new one")
    return base


# --- differences --------------------------------------------------------------------------
def _add_codes(z, old, bits):
    mask, out = (1 << bits) - 1, 0
    for at in range(0, 8, bits):
        out |= ((old >> at) + fold_back(z >> at & mask) & mask) << at
    return out


def undo_xor(diff, base):
    return bytes(a ^ b for a, b in zip(diff, base))


def undo_sub(lane, diff, base):
    width, kind = lane
    if kind in ("nibble", "crumb"):
        bits = 4 if kind == "nibble" else 2
        return bytes(_add_codes(z, o, bits) for z, o in zip(diff, base))
    bits, out = 8 * width, bytearray()
    mask = (1 << bits) - 1
    whole = len(diff) // width * width
    for i in range(0, whole, width):
        d = fold_back(int.from_bytes(diff[i : i + width], "little"))
        o = int.from_bytes(base[i : i + width], "little")
        if kind == "float":
            new = from_ordered(to_ordered(o, bits) + d & mask, bits)
        else:
            new = o + d & mask
        out += new.to_bytes(width, "little")
    for i in range(whole, len(diff)):
        out.append(base[i] + fold_back(diff[i]) & 255)
    return bytes(out)


def join_planes(planes, lanes):
    out = bytearray(lanes * len(planes))
    for j, plane in enumerate(planes):
        out[j :: len(planes)] = plane[:lanes]
    return bytes(out)


# --- strategies ---------------------------------------------------------------------------
def raw(rec, payload, old, n, first):
    need(len(payload) == n, "as many bytes as the block has")
    return bytes(payload)


def copy(rec, payload, old, n, first):
    need(len(payload) == 0, "copy without a payload")
    return reference(rec, old, n)


def zstd(rec, payload, old, n, first):
    return expand(payload, n, rec.dictionary)


def zstd_ref(rec, payload, old, n, first):
    if old[:4] == b"\x37\xa4\x30\xec":
        old = old[1:]
    return expand(payload, n, old or rec.dictionary)


def xor(rec, payload, old, n, first):
    return undo_xor(expand(payload, n, rec.dictionary), reference(rec, old, n))


def sub(rec, payload, old, n, first):
    return undo_sub(rec.type.lane(), expand(payload, n, rec.dictionary), reference(rec, old, n))


def _planes(rec, payload, n):
    width = rec.type.lane()[0]
    lanes = n // width
    sizes = [lanes] * width
    sizes[-1] += n % width
    streams = expand_all(payload, sizes, rec.dictionary)
    return join_planes(streams, lanes) + streams[-1][lanes:]


def xor_planes(rec, payload, old, n, first):
    return undo_xor(_planes(rec, payload, n), reference(rec, old, n))


def sub_planes(rec, payload, old, n, first):
    return undo_sub(rec.type.lane(), _planes(rec, payload, n), reference(rec, old, n))


def exp_man(rec, payload, old, n, first):
    t = rec.type
    need(t.kind in ("float", "complex"), "floats for exp-man")
    width = t.lane()[0]
    man = 8 * width - 1 - t.exp_bits
    lanes = n // width
    exp_planes, man_planes = (t.exp_bits + 7) // 8, (man + 7) // 8
    sizes = [(lanes + 7) // 8] + [lanes] * (exp_planes + man_planes)
    sizes[-1] += n % width
    s = expand_all(payload, sizes, rec.dictionary)
    out = bytearray()
    for i in range(lanes):
        sign = s[0][i // 8] >> (i % 8) & 1
        e = sum(s[1 + j][i] << (8 * j) for j in range(exp_planes)) & ((1 << t.exp_bits) - 1)
        m = sum(s[1 + exp_planes + j][i] << (8 * j) for j in range(man_planes)) & ((1 << man) - 1)
        out += ((sign << t.exp_bits | e) << man | m).to_bytes(width, "little")
    return bytes(out) + s[-1][lanes:]


def sparse(rec, payload, old, n, first):
    width, kind = rec.type.lane()
    lanes, rest = n // width, n % width
    c = Cursor(payload)
    count, gap_bytes = c.varint(lanes), c.varint(lanes)
    sizes = [gap_bytes] + [count] * width
    sizes[-1] += rest
    streams = expand_all(c.rest(), sizes, rec.dictionary)
    gaps, values = Cursor(streams[0]), join_planes(streams[1:], count)
    base = reference(rec, old, n)
    out, at = bytearray(base), 0
    for i in range(count):
        at += gaps.varint()
        need(at < lanes, "changes inside the block")
        here = slice(at * width, (at + 1) * width)
        out[here] = undo_sub((width, kind), values[i * width : (i + 1) * width], base[here])
        at += 1
    need(gaps.left() == 0, "gaps without a rest")
    if rest:
        out[n - rest :] = undo_sub((width, kind), streams[-1][count:], base[n - rest :])
    return bytes(out)


# Fields of ggml blocks: bytes, and how their differences are taken. They lie in a row.
_F16, _I16 = (2, "float"), (2, "int")
_B, _N, _C = (1, "int"), (1, "nibble"), (1, "crumb")
FIELDS = {
    "q4_0": [(2, _F16), (16, _N)],
    "q4_1": [(2, _F16), (2, _F16), (16, _N)],
    "q5_0": [(2, _F16), (4, _B), (16, _N)],
    "q5_1": [(2, _F16), (2, _F16), (4, _B), (16, _N)],
    "q8_0": [(2, _F16), (32, _B)],
    "q8_1": [(2, _F16), (2, _F16), (32, _B)],
    "q2_k": [(16, _N), (64, _C), (2, _F16), (2, _F16)],
    "q3_k": [(32, _B), (64, _C), (12, _B), (2, _F16)],
    "q4_k": [(2, _F16), (2, _F16), (12, _B), (128, _N)],
    "q5_k": [(2, _F16), (2, _F16), (12, _B), (32, _B), (128, _N)],
    "q6_k": [(128, _N), (64, _C), (16, _B), (2, _F16)],
    "q8_k": [(4, (4, "float")), (256, _B), (32, _I16)],
    "iq2_xxs": [(2, _F16), (64, _B)],
    "iq2_xs": [(2, _F16), (64, _B), (8, _N)],
    "iq3_xxs": [(2, _F16), (64, _B), (32, _B)],
    "iq1_s": [(2, _F16), (32, _B), (16, _I16)],
    "iq4_nl": [(2, _F16), (16, _N)],
    "iq3_s": [(2, _F16), (64, _B), (8, _B), (32, _B), (4, _N)],
    "iq2_s": [(2, _F16), (32, _B), (32, _B), (8, _C), (8, _N)],
    "iq4_xs": [(2, _F16), (2, _C), (4, _N), (128, _N)],
    "iq1_m": [(32, _B), (16, _N), (8, _I16)],
    "tq1_0": [(48, _B), (4, _B), (2, _F16)],
    "tq2_0": [(64, _C), (2, _F16)],
    "mxfp4": [(1, _B), (16, _N)],
    "nvfp4": [(4, (1, "float")), (32, _N)],
    "q1_0": [(2, _F16), (16, _B)],
    "q2_0": [(2, _F16), (16, _C)],
}


def block_fields(rec, payload, old, n, first):
    need(rec.type.name in FIELDS and rec.old_type is rec.type, "ggml blocks for block-fields")
    need(len(old) == n, "as many old bytes as new")
    fields, size = FIELDS[rec.type.name], rec.type.size
    blocks, rest = n // size, n % size
    c = Cursor(payload)
    modes = c.fixed(2)
    sizes = [blocks * (count // lane[0]) for count, lane in fields for _ in range(lane[0])]
    sizes[-1] += rest
    streams = expand_all(c.rest(), sizes, rec.dictionary)
    out, at, offset = bytearray(n), 0, 0
    for i, (count, lane) in enumerate(fields):
        width = lane[0]
        diff = join_planes(streams[at : at + width], blocks * (count // width))
        at += width
        base = b"".join(
            old[b * size + offset : b * size + offset + count] for b in range(blocks))
        mode = modes >> (2 * i) & 3
        if mode == 3:
            raise Bad("mode of a field")
        new = (diff, undo_xor(diff, base), undo_sub(lane, diff, base))[mode]
        for b in range(blocks):
            here = b * size + offset
            out[here : here + count] = new[b * count : (b + 1) * count]
        offset += count
    if rest:
        out[n - rest :] = undo_xor(streams[-1][-rest:], old[n - rest :])
    return bytes(out)
