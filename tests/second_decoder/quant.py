"""neural-quant: docs/CODEC.md, part four."""
from basics import Bad, Cursor, fold_back, from_ordered, need, to_ordered
from plain import converted
from bits import HALF, Bits, RawBits, Rans, learn, p16, read_tables, residual
from mix import squash, stretch

ONE, MOST = 1 << 16, 1 << 22
SUPER, SUB, CODE = range(3)
E2M1 = (-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12, 0)
NONLINEAR = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)


class Shape:
    def __init__(self, **more):
        self.supers, self.tiny, self.groups, self.group = 1, False, 1, 32
        self.subs, self.sub_top, self.sub_zero = 0, (0, 0), 0
        self.zero, self.top, self.min_sign = 0, 15, 0
        self.value, self.levels, self.anchor = None, 0, False
        self.super_at = (0, 2)
        self.__dict__.update(more)
        self.items = self.groups * self.group

    def numbers(self, kind, blocks):
        return blocks * (self.supers, self.groups * self.subs, self.items)[kind]


SHAPES = {
    "q4_0": Shape(zero=8), "q4_1": Shape(supers=2, min_sign=1),
    "q5_0": Shape(zero=16, top=31), "q5_1": Shape(supers=2, top=31, min_sign=1),
    "q8_0": Shape(zero=128, top=255, anchor=True),
    "q2_k": Shape(supers=2, groups=16, group=16, subs=2, sub_top=(15, 15), top=3, min_sign=-1,
                  super_at=(80, 82)),
    "q3_k": Shape(groups=16, group=16, subs=1, sub_top=(63, 0), sub_zero=32, zero=4, top=7,
                  super_at=(108,)),
    "q4_k": Shape(supers=2, groups=8, subs=2, sub_top=(63, 63), min_sign=-1),
    "q5_k": Shape(supers=2, groups=8, subs=2, sub_top=(63, 63), top=31, min_sign=-1),
    "q6_k": Shape(groups=16, group=16, subs=1, sub_top=(255, 0), sub_zero=128, zero=32, top=63,
                  super_at=(208,)),
    "iq4_nl": Shape(value=NONLINEAR, levels=16),
    "mxfp4": Shape(tiny=True, value=E2M1, levels=15),
    "i8": Shape(supers=0, group=1, zero=128, top=255), "u8": Shape(supers=0, group=1, zero=128, top=255),
    "i4": Shape(supers=0, group=2, zero=8), "u4": Shape(supers=0, group=2, zero=8),
}
CODE_AT = {"q4_0": 2, "q4_1": 4, "q5_0": 6, "q5_1": 8, "iq4_nl": 2, "mxfp4": 1}
HIGH_AT = {"q5_0": 2, "q5_1": 4}


# --- blocks to numbers and back -----------------------------------------------------------
# Every code of a block is some bits here and some bits there: (byte, shift, width), lowest first.
def _places(name):
    if name == "q8_0":
        return [[(2 + i, 0, 8)] for i in range(32)]
    if name in CODE_AT:
        places = [[(CODE_AT[name] + i % 16, 4 * (i // 16), 4)] for i in range(32)]
        if name in HIGH_AT:
            for i in range(32):
                places[i].append((HIGH_AT[name] + i // 8, i % 8, 1))
        return places
    if name in ("q2_k", "q3_k"):
        at = 16 if name == "q2_k" else 32
        places = [[(at + i // 128 * 32 + i % 32, i // 32 % 4 * 2, 2)] for i in range(256)]
        for i in range(256 if name == "q3_k" else 0):
            places[i].append((i % 32, i // 32, 1))
        return places
    if name in ("q4_k", "q5_k"):
        at = 16 if name == "q4_k" else 48
        places = [[(at + i // 64 * 32 + i % 32, i // 32 % 2 * 4, 4)] for i in range(256)]
        for i in range(256 if name == "q5_k" else 0):
            places[i].append((16 + i % 32, i // 32, 1))
        return places
    places = []  # q6_k
    for i in range(256):
        low = (i // 128 * 64 + i % 64, i // 64 % 2 * 4, 4)
        places.append([low, (128 + i // 128 * 32 + i % 32, i // 32 % 4 * 2, 2)])
    return places


def _sub_places(name):
    """Scales of the groups, then mins."""
    if name == "q2_k":
        return [[(i, 0, 4)] for i in range(16)] + [[(i, 4, 4)] for i in range(16)]
    if name == "q6_k":
        return [[(192 + i, 0, 8)] for i in range(16)]
    if name == "q3_k":
        return [[(96 + i % 8, i // 8 * 4, 4), (104 + i % 4, i // 4 * 2, 2)] for i in range(16)]
    if name in ("q4_k", "q5_k"):
        scales = [[(4 + j, 0, 6)] for j in range(4)]
        scales += [[(12 + j, 0, 4), (4 + j, 6, 2)] for j in range(4)]
        mins = [[(8 + j, 0, 6)] for j in range(4)]
        mins += [[(12 + j, 4, 4), (8 + j, 6, 2)] for j in range(4)]
        return scales + mins
    return []


def _get(block, place):
    v = at = 0
    for byte, shift, width in place:
        v |= (block[byte] >> shift & (1 << width) - 1) << at
        at += width
    return v


def _put(block, place, v):
    for byte, shift, width in place:
        block[byte] |= (v & (1 << width) - 1) << shift
        v >>= width


class Parts:
    """Supers, subs and codes of a chunk: all first ones of every block, then all second ones."""

    def __init__(self, blocks):
        self.blocks, self.super, self.sub, self.code = blocks, [], [], []


class Packing:
    def __init__(self, rec):
        self.type, self.name = rec.type, rec.type.name
        self.shape = SHAPES[self.name]
        self.plain = self.shape.supers == 0
        if not self.plain:
            self.codes, self.subs = _places(self.name), _sub_places(self.name)
        turn = {"i8": 128, "i4": 8, "q8_0": 128}.get(self.name, 0)
        self.turn = turn
        self.sub_turn = 128 if self.name == "q6_k" else 0

    def unpack(self, data, blocks):
        p, size, s = Parts(blocks), self.type.size, self.shape
        if self.plain:
            if s.top == 255:
                p.code = [b ^ self.turn for b in data]
            else:
                p.code = [c ^ self.turn for b in data for c in (b & 15, b >> 4)]
            return p
        units = [data[b * size : (b + 1) * size] for b in range(blocks)]
        for i in range(s.supers):
            at = s.super_at[i]
            p.super += [u[at] if s.tiny else u[at] | u[at + 1] << 8 for u in units]
        half = self.subs[: s.groups], self.subs[s.groups :]
        for part in half:
            p.sub += [_get(u, place) ^ self.sub_turn for u in units for place in part]
        for u in units:
            codes = [_get(u, place) ^ self.turn for place in self.codes]
            if s.tiny:
                codes = [15 if c == 8 else 15 - c if c > 8 else 7 + c for c in codes]
            p.code += codes
        return p

    def pack(self, p):
        s, size = self.shape, self.type.size
        if self.plain:
            if s.top == 255:
                return bytes(c ^ self.turn for c in p.code)
            c = [v ^ self.turn for v in p.code]
            return bytes(c[i] & 15 | (c[i + 1] & 15) << 4 for i in range(0, len(c), 2))
        out = bytearray()
        for b in range(p.blocks):
            u = bytearray(size)
            for i in range(s.supers):
                v = p.super[i * p.blocks + b]
                u[s.super_at[i]] = v & 255
                if not s.tiny:
                    u[s.super_at[i] + 1] = v >> 8
            for i, place in enumerate(self.subs):
                half, g = divmod(i, s.groups)
                _put(u, place, p.sub[(half * p.blocks + b) * s.groups + g] ^ self.sub_turn)
            for i, place in enumerate(self.codes):
                c = p.code[b * s.items + i]
                if s.tiny:
                    c = 8 if c & 15 == 15 else 15 - (c & 15) if c & 15 < 7 else (c & 15) - 7
                _put(u, place, c ^ self.turn)
            out += u
        return bytes(out)


# --- scales: (mantissa, exponent), mantissa 0 where there is none -------------------------
def scale_of(shape, bits):
    if shape.tiny:
        return (1024 if bits & 255 != 255 else 0, bits & 255)
    e, m = bits >> 10 & 31, bits & 1023
    if e == 31:
        return (0, 0)
    if e:
        m, e = m + 1024, e - 1
    return (-m if bits >> 15 else m, e)


def ratio(a, b):
    """a / b with 16 bits after the point, or None."""
    over, under = abs(a[0]), abs(b[0])
    if under == 0:
        return None
    q = (over << 32) // under
    down = 16 - (a[1] - b[1])
    if down > 62:
        q = 0
    elif down > 0:
        q = q + (1 << (down - 1)) >> down
    elif q and (q > MOST or down < -22):
        return None
    else:
        q = 0 if down < -22 else q << -down
    if q > MOST:
        return None
    return -q if (a[0] < 0) != (b[0] < 0) else q


def size_of(a):
    m = abs(a[0])
    if m == 0:
        return None
    top = m.bit_length() - 1
    return 2 * (a[1] + top) + (m << 7 >= 181 << top)


def less(a, b):
    if b[0] == 0:
        return a
    if a[0] == 0:
        return (-b[0], b[1])
    low, high = min(a[1], b[1]), max(a[1], b[1])
    base = high - 10 if high - low > 10 else low
    x = a[0] << a[1] - base if a[1] >= base else 0
    y = b[0] << b[1] - base if b[1] >= base else 0
    return (x - y, base)


def clamp(x, low, high):
    return max(low, min(high, x))


def settle(x):
    """The code a position rounds to, how near the other one is, and which side it is on."""
    q = x + ONE // 2 >> 16
    off = x - q * ONE
    return q, min(abs(off) >> 11, 15), off < 0


def change_class(r, shift):
    size, k = abs(r - ONE) + abs(shift) // 8, 1
    while k < 15 and size >> (k + 3):
        k += 1
    return k if size else 0


class Prediction:
    def __init__(self):
        self.expected, self.raw, self.flip, self.detail = [], [], [], []

    def add(self, expected, raw, flip, detail):
        self.expected.append(expected)
        self.raw.append(raw)
        self.flip.append(flip)
        self.detail.append(detail)


class Predictor:
    def __init__(self, model, old, now, first):
        self.m, self.s, self.old, self.now = model, model.shape, old, now
        self.first = first

    def predict(self, kind):
        p = Prediction()
        (self.supers, self.all_subs, self.plain if self.s.supers == 0 else self.codes)[kind](p)
        return p

    def supers(self, p):
        for i, was in enumerate(self.old.super):
            expected = was if self.s.tiny else to_ordered(was, 16)
            p.add(expected, (8 if i >= self.old.blocks else 0) + (was >> 10 & 7), False, 0)

    def requant(self, p, code, base, r, shift, zero, top, detail, anchor=False):
        x = clamp(shift - zero * r + zero * ONE + code * r, 0, top * ONE)
        q, near, flip = settle(x)
        if anchor and code in (1, top):
            q, near, flip = code, 16, False
        p.add(q, base + near, flip, detail)

    def all_subs(self, p):
        s, old = self.s, self.old
        for which in range(s.subs):
            zero, top = s.sub_zero if which == 0 else 0, s.sub_top[which]
            for b in range(old.blocks):
                i = which * old.blocks + b
                r = ratio(scale_of(s, old.super[i]), scale_of(s, self.now.super[i]))
                r = ONE if r is None else r
                for code in old.sub[i * s.groups : (i + 1) * s.groups]:
                    far = abs(code - zero)
                    k = which * 3 + (2 if far > 31 else 1 if far > 7 else 0)
                    detail = change_class(r, 0)
                    if code == top:
                        p.add(top, k * 17 + 16, False, detail)
                    else:
                        self.requant(p, code, k * 17, r, 0, zero, top, detail)

    def group_scale(self, parts, b, g):
        m, e = scale_of(self.s, parts.super[b])
        if self.s.subs:
            m *= parts.sub[b * self.s.groups + g] - self.s.sub_zero
        return (m, e)

    def group_min(self, parts, b, g):
        s = self.s
        m, e = scale_of(s, parts.super[parts.blocks + b])
        by = parts.sub[(parts.blocks + b) * s.groups + g] if s.subs == 2 else 1
        return (m * s.min_sign * by, e)

    def codes(self, p):
        s = self.s
        for b in range(self.old.blocks):
            for g in range(s.groups):
                now = self.group_scale(self.now, b, g)
                r, shift = ratio(self.group_scale(self.old, b, g), now), 0
                if r is not None and s.min_sign:
                    gap = less(self.group_min(self.old, b, g), self.group_min(self.now, b, g))
                    shift = ratio(gap, now)
                if r is None or shift is None:
                    r, shift = ONE, 0
                size = size_of(now)
                noise = 6 if size is None else clamp(self.m.top - size, 0, 6)
                at = b * s.items + g * s.group
                detail = change_class(r, shift)
                for code in self.old.code[at : at + s.group]:
                    if s.value:
                        self.uneven(p, code & 15, noise * 17, r, detail)
                    else:
                        self.requant(p, code, noise * 17, r, shift, s.zero, s.top, detail, s.anchor)

    def uneven(self, p, code, base, r, detail):
        s, at = self.s, 0
        v = s.value[code] * clamp(r, -8 * ONE, 8 * ONE)
        while at + 2 < s.levels and v >= s.value[at + 1] * ONE:
            at += 1
        far, width = v - s.value[at] * ONE, s.value[at + 1] - s.value[at]
        x = (far // width if far >= 0 else -(-far // width)) + at * ONE
        q, near, flip = settle(clamp(x, 0, (s.levels - 1) * ONE))
        p.add(code if code >= s.levels else q, base + near, flip, detail)

    def plain(self, p):
        m, s = self.m, self.s
        for i, code in enumerate(self.old.code):
            channel = (self.first + i) // m.inner % len(m.ratios)
            self.requant(p, code, 0, m.ratios[channel], m.shift, m.zero, s.top, channel & 255)


# --- the model ----------------------------------------------------------------------------
class Model:
    def __init__(self, rec):
        need(rec.type.name in SHAPES and (rec.old_type is rec.type or rec.old_type.kind == "float"), "quantised type")
        self.packing = Packing(rec)
        self.shape = s = self.packing.shape
        c = Cursor(rec.model)
        self.form, self.top = c.u8(), 0
        need(self.form <= 3, "quant form")
        if s.supers:
            self.top = c.varint(4096) - 2048
        else:
            self.read_channels(c, rec)
        self.tables = [([], []) for _ in range(3)]
        for k in range(0 if self.form & 1 else 3):
            if s.numbers(k, 1):
                self.read_kind(c, k)
        need(c.left() == 0, "end of a quant model")

    def read_kind(self, c, k):
        count, tokens = c.u8(), c.u8()
        data = c.take(c.varint())
        most = 32 + ((16 if k == SUPER else 8) - 5 << 2)
        need(1 <= count <= 64 and 1 <= tokens <= most, "quant tables")
        classes, edges = ((16, 1), (6, 17), (7, 17))[k]
        self.tables[k] = read_tables(Bits(data), classes * edges, edges, count, tokens)

    def read_channels(self, c, rec):
        self.inner = c.varint()
        count = c.varint(rec.new_bytes // rec.type.size * rec.type.items)
        self.zero = c.u8()
        self.shift = (c.u8() - self.zero) * ONE
        fine = c.u8()
        need(self.inner and count and fine <= 16, "scales of a quantised tensor")
        d, model, self.ratios = Bits(c.take(c.varint())), {}, []
        down = 16 - fine
        for _ in range(count):
            at = (1 << fine) + fold_back(d.number(model, 1, 23))
            need(abs(at) <= MOST >> down and d.ended(), "scale ratios")
            self.ratios.append(at << down)


def lanes_for(n):
    return 32 if n >= 32768 else 8 if n >= 4096 else 2 if n >= 1024 else 1


def add(model, kind, p, z):
    """New numbers from folded residuals."""
    bits = 16 if kind == SUPER else 8
    out = []
    for expected, flip, folded in zip(p.expected, p.flip, z):
        d = fold_back(folded)
        v = expected + (-d if flip else d) & (1 << bits) - 1
        out.append(from_ordered(v, 16) if kind == SUPER and not model.shape.tiny else v)
    return out


def chunks(model, old, blocks, first):
    """Chunks of a block: old parts, empty new ones, and the first element."""
    size, s = model.packing.type.size, model.shape
    step = 32 if s.supers else 4096
    for at in range(0, blocks, step):
        n = min(step, blocks - at)
        yield (model.packing.unpack(old[at * size : (at + n) * size], n), Parts(n),
               (first + at) * s.items)


def decode_chunks(model, old, blocks, first, code):
    out = bytearray()
    for was, now, element in chunks(model, old, blocks, first):
        predictor = Predictor(model, was, now, element)
        for kind, name in enumerate(("super", "sub", "code")):
            if model.shape.numbers(kind, was.blocks):
                p = predictor.predict(kind)
                setattr(now, name, add(model, kind, p, code(kind, p, was, element)))
        out += model.packing.pack(now)
    return bytes(out)


def tokens(rec, model, c, old, blocks, first):
    need(model.form & 1 == 0, "quant block of tokens")
    heads = []
    for k in range(3):
        n = model.shape.numbers(k, blocks)
        heads.append((c.varint(), c.take(4 * lanes_for(n))) if n else None)
    rans = [Rans(h[1], c.take(2 * h[0]), model.tables[k][1]) if h else None
            for k, h in enumerate(heads)]
    raw = RawBits(c.rest())

    def code(kind, p, was, element):
        where = model.tables[kind][0]
        found = [rans[kind].token(where[x]) for x in p.raw]
        return [residual(t, 2 if kind == SUPER else 1, raw) for t in found]

    out = decode_chunks(model, old, blocks, first, code)
    need(raw.ended() and all(r is None or r.ended() for r in rans), "quant tokens used up")
    return out


# --- mixing -------------------------------------------------------------------------------
class Past:
    def __init__(self):
        self.seen, self.sum, self.column = [0] * 1024, [0] * 1024, [0] * 1024
        self.row_seen = self.row_sum = self.recent = 0


def mean_class(total, seen):
    if total == 0:
        return 1 if seen < 8 else 0
    mean, k = total * 64 // (seen + 1), 2
    while k < 11 and mean >> (k - 1):
        k += 1
    return k


def divide(a, b):
    return a // b if a >= 0 else -(-a // b)


class Mixer:
    def __init__(self, rec, model, d):
        self.rec, self.model, self.d = rec, model, d
        self.slot = [[{} for _ in range(7)] for _ in range(2)]
        self.weight = [[[ONE * 2 // 7] * 8 for _ in range(16)] for _ in range(2)]
        self.large, self.super, self.past = {}, [{} for _ in range(16)], (Past(), Past())
        self.rate = 1 << (16 if model.shape.supers else 15)

    def number(self, model):
        at = 0
        while at < 17 and self.d.get(model, at):
            at += 1
        if at < 2:
            return at
        node = 1
        for i in range(1, at):
            bit = self.d.get(model, (at, node)) if i <= 3 else self.d.raw(1 << 15)
            node = node << 1 | bit
        return node

    def mixed(self, kind, contexts, node):
        w = self.weight[kind][node]
        slots = [self.slot[kind][i].get((x, node), HALF) for i, x in enumerate(contexts)]
        x = [stretch(p16(b)) for b in slots] + [256]
        total = divide(sum(a * b for a, b in zip(w, x)), ONE)
        p = clamp(squash(clamp(total, -4095, 4095)), 24, 65512)
        bit = self.d.raw(p)
        miss = (65535 if bit else 0) - p
        for i in range(8):
            w[i] = clamp(w[i] + divide(x[i] * miss, self.rate), -8 * ONE, 8 * ONE)
        for i, b in enumerate(slots):
            self.slot[kind][i][contexts[i], node] = learn(b, bit, 250)
        return bit

    def residual(self, kind, contexts):
        if not self.mixed(kind, contexts, 0):
            return 0
        negative, at = self.mixed(kind, contexts, 1), 1
        while at <= 12 and self.mixed(kind, contexts, 1 + at):
            at += 1
        if at > 12:
            at += self.number(self.large)
        return (2 * at - negative) & 0xFFFF

    def one(self, kind, raw, detail, old, column):
        p = self.past[kind]
        edge = raw % 17
        quarter = 0 if edge == 16 else edge // 4
        left, right = p.column[(column - 1) % 1024], p.column[(column + 1) % 1024]
        beside = min(left, 2) * 4 + min(right, 2)
        in_row = mean_class(p.row_sum, p.row_seen)
        in_column = mean_class(p.sum[column], p.seen[column])
        many = sum(p.recent >> 2 * i & 3 != 0 for i in range(8))
        z = self.residual(kind, (
            raw, old, detail, column, (p.recent & 15) * 16 + many,
            (p.column[column] * 16 + beside) * 4 + quarter,
            (in_row * 12 + in_column) * 4 + quarter))
        size = min(z + 1 >> 1, 31)
        p.recent = (p.recent << 2 | min(size, 3)) & 0xFFFFFFFF
        p.row_seen += 1
        p.row_sum += size
        p.column[column] = min(size, 3)
        if p.seen[column] == 255:
            p.seen[column], p.sum[column] = 127, p.sum[column] // 2
        p.seen[column] += 1
        p.sum[column] += size
        return z

    def begin_row(self, kind):
        self.past[kind].row_seen = self.past[kind].row_sum = 0

    def code(self, kind, p, was, element):
        if kind == SUPER:
            return [self.number(self.super[x]) & 0xFFFF for x in p.raw]
        z, s = [], self.model.shape
        plain = s.supers == 0
        if kind == SUB:
            row, column = s.groups, 0
        else:
            row = self.model.inner if plain else self.rec.row or 256
            column = element % row
        for i, raw in enumerate(p.raw):
            if column == row:
                column = 0
            if column == 0 and (kind == SUB or i > 0):
                self.begin_row(kind - 1)
            detail = p.detail[i] if plain else p.detail[i] * 32 + raw % 17
            old = (was.sub if kind == SUB else was.code)[i]
            z.append(self.one(kind - 1, raw, detail, old, column % 1024))
            column += 1
        return z


def mixed(rec, model, c, old, blocks, first):
    need(model.form & 1, "quant block of mixed bits")
    mixer = Mixer(rec, model, Bits(c.rest()))
    out = decode_chunks(model, old, blocks, first, mixer.code)
    need(mixer.d.ended(), "quant bits inside their block")
    return out


def decode(rec, payload, old, n, first):
    if rec.prepared is None:
        rec.prepared = Model(rec)
    model, size = rec.prepared, rec.type.size
    if rec.old_type is not rec.type:
        old = converted(old, rec.old_type, rec.type)
    blocks, rest = n // size, n % size
    need(len(old) >= blocks * size and len(payload) >= rest, "an old block for each new one")
    tail = bytes(payload[len(payload) - rest :])
    c = Cursor(payload[: len(payload) - rest])
    kind = c.u8()
    if kind == 2:
        out = tokens(rec, model, c, old, blocks, first // size)
    elif kind == 3:
        out = mixed(rec, model, c, old, blocks, first // size)
    elif kind == 0:
        need(c.left() == 0, "nothing after the kind")
        out = bytes(old[: blocks * size])
    elif kind == 1:
        need(c.left() == blocks * size, "the new bytes")
        out = bytes(c.rest())
    else:
        raise Bad("quant block of a known kind")
    return out + tail
