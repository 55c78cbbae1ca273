"""neural and neural-max: docs/CODEC.md, part three."""
from basics import Bad, Cursor, fold_back, need
from bits import HALF, Bits, RawBits, Rans, learn, read_tables, residual
from mix import squash, stretch

M32 = 0xFFFFFFFF
MIX, NARROW, FACTORS, CHANGES, SCALED = 1, 2, 4, 8, 16


class Number:
    """How elements of a type are read as numbers."""

    def __init__(self, t):
        need(t.kind in ("float", "int", "uint") and t.size in (1, 2, 4, 8), "plain numbers")
        self.size, self.bits = t.size, 8 * t.size
        self.is_float, self.is_signed = t.kind == "float", t.kind == "int"
        self.mask, self.sign = (1 << self.bits) - 1, 1 << (self.bits - 1)
        self.m = self.e_most = self.bias = self.most = 0
        if self.is_float:
            self.m = self.bits - 1 - t.exp_bits
            self.e_most = (1 << t.exp_bits) - 1
            self.bias = (1 << (t.exp_bits - 1)) - 1
            self.most = self.e_most << self.m
            if t.name == "f8_e4m3":
                self.most = 0x7E
            elif t.name.endswith("fnuz"):
                self.most = 0x7F
                self.bias += 1
        self.has_infinity = self.most == self.e_most << self.m

    def load(self, data, i):
        return int.from_bytes(data[i * self.size : (i + 1) * self.size], "little")

    def ordered(self, x):
        if self.is_float:
            return ~x & self.mask if x & self.sign else x | self.sign
        return x ^ self.sign if self.is_signed else x

    def plain(self, o):
        if self.is_float:
            return o ^ self.sign if o & self.sign else ~o & self.mask
        return o ^ self.sign if self.is_signed else o

    def scale(self, x):
        if self.is_float:
            return x >> self.m & self.e_most
        if self.is_signed and x & self.sign:
            x = -x & self.mask
        return x.bit_length()

    def parts(self, x):
        """Sign, exponent field, mantissa as stored."""
        return bool(x & self.sign), x >> self.m & self.e_most, x & ((1 << self.m) - 1)


def wrap32(x):
    return (x + (1 << 31) & M32) - (1 << 31)


def round_off(m, s, to_even):
    """m / 2^s in whole units, the edge, and whether it went up."""
    if s <= 0:
        return (m << -s, 0, False)
    q, rest, one = m >> s, m & ((1 << s) - 1), 1 << s
    up = 2 * rest > one or (2 * rest == one and (not to_even or q & 1))
    far = one - rest if up else rest
    return (q + bool(up), min(7, (far << 4) >> s), bool(up))


# How many of 65535 normal numbers are larger than i / 8 standard deviations either way.
BEYOND = (
    65535, 59016, 52598, 46377, 40440, 34863, 29704, 25006, 20795, 17078, 13848, 11084,
    8756, 6826, 5251, 3984, 2982, 2201, 1602, 1150, 814, 568, 391, 265,
    177, 117, 76, 48, 30, 19, 12, 7, 4, 2, 1, 1,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0,
)


def beyond(z):
    i = z >> 12
    return BEYOND[i] - ((BEYOND[i] - BEYOND[i + 1]) * (z & 4095) >> 12) if i < 48 else 0


def read_column(d, n):
    """Factors of one component, one side."""
    spread = d.even(6)
    low = 0 if spread < 16 else (spread - 12) // 4
    left = spread - 4 * low
    one = (16384, 13777, 11585, 9742)[left % 4] * 2 >> left // 4
    ends = [beyond((2 * i + (2 if low else 1)) * one) for i in range(31)] + [0]
    sums = [0] * 32 + [a - b + 1 for a, b in zip([65535] + ends, ends)]
    tree, more, out = {}, {}, []
    for node in range(31, 0, -1):
        sums[node] = sums[2 * node] + sums[2 * node + 1]
        tree[node] = (sums[2 * node + 1] << 22) // sums[node] << 10 | 60
    for _ in range(n):
        node = 1
        while node < 32:
            node = node << 1 | d.get(tree, node, 250)
        size = node - 32
        if size == 31:
            size += d.number(more, 1, 11)
        size = size << low | d.even(low)
        need(size <= 32767, "size of a factor")
        out.append(-size if size and d.even(1) else size)
    return out


class Model:
    def __init__(self, rec):
        self.now, self.was = Number(rec.type), Number(rec.old_type)
        self.convert = rec.type is not rec.old_type
        need(not self.convert or (self.now.is_float and self.was.is_float), "floats to convert")
        self.row = rec.row
        c = Cursor(rec.model)
        self.form, self.classes, self.edges = c.u8(), c.u8(), c.u8()
        count, tokens = c.u8(), c.u8()
        self.top, self.lag = c.varint(65535), c.varint()
        self.rank = self.shift = 0
        if self.form & FACTORS:
            self.rank, self.shift = c.u8(), c.u8() - 64
            factors = c.take(c.varint())
        self.scale = 0
        if self.form & SCALED:
            self.scale = fold_back(c.varint((1 << 32) - 1))
        self.check(rec, count, tokens)
        self.raw = self.classes * self.edges * (2 if self.lag else 1)
        self.where, self.tables = list(range(128)), []
        if count:
            self.where, self.tables = read_tables(
                Bits(c.rest()), self.raw, self.edges, count, tokens)
        if self.rank:
            self.read_factors(Bits(factors), rec)
        self.fixed_point()

    def check(self, rec, count, tokens):
        most = 32 + (self.now.bits - 5 << (1 if self.now.size == 8 else 2))
        need(self.form <= 31 and 1 <= self.classes <= 16 and self.edges in (1, 8), "neural model")
        if self.form & CHANGES:
            need(count == tokens == 0 and self.edges == 1, "neural model")
        else:
            need(1 <= count <= 64 and 1 <= tokens <= most, "neural model")
        if self.lag:
            need(512 <= self.lag < rec.new_bytes and not self.convert and not self.rank and
                 self.edges == 1 and not self.form & (MIX | CHANGES), "neural lag")
        if self.form & SCALED:
            need(self.scale and self.now.is_float and not self.convert and self.edges == 8 and
                 not self.form & FACTORS, "neural scale")
        if self.form & FACTORS:
            elements = rec.new_bytes // self.now.size
            need(self.row and self.now.is_float and 1 <= self.rank <= 64, "neural factors")
            self.rows = -(-elements // self.row)
            need(self.rank <= min(self.rows, self.row) // 2 and abs(self.shift) <= 30, "rank")

    def read_factors(self, d, rec):
        self.u, self.v = [], []
        for _ in range(self.rank):
            for column, n in ((self.v, self.row), (self.u, self.rows)):
                column.append(read_column(d, n))
            need(d.ended(), "factors inside their bytes")

    def fixed_point(self):
        room = 30 if self.now.size <= 2 and self.was.size <= 2 else 62
        self.room = room
        self.k_most = room - (self.was.m + 1)
        self.k_base = self.top - self.k_most
        self.s_least = (1 - self.now.bias - self.now.m - self.k_base + self.was.bias + self.was.m)

    # --- predictions: (bits, edge, flip) ---
    def finish(self, negative, field, rounded):
        q, edge, up = rounded
        bits = (min(field - 1, self.now.e_most) << self.now.m) + q
        bits = min(bits, self.now.most) | (self.now.sign if negative else 0)
        return bits, edge, up != negative

    def unmoved(self, old):
        if not self.convert:
            return old, 0, False
        negative, field, mantissa = self.was.parts(old)
        sign = self.now.sign if negative else 0
        if field == self.was.e_most and self.was.has_infinity:
            bits = self.now.e_most << self.now.m
            payload = mantissa << self.now.m >> self.was.m
            if mantissa:
                bits |= payload or 1
            return bits | sign, 0, False
        mantissa |= 1 << self.was.m if field else 0
        field = max(field, 1)
        if mantissa == 0:
            return sign, 0, False
        exponent = field - self.was.bias - self.was.m
        least = 1 - self.now.bias - self.now.m
        unit = max(exponent + mantissa.bit_length() - 1 - self.now.m, least)
        if unit - exponent > 63:
            rounded = (0, 0, False)
        else:
            rounded = round_off(mantissa, unit - exponent, True)
        return self.finish(negative, unit - least + 1, rounded)

    def moved(self, old, element):
        y, x = divmod(element, self.row)
        s = wrap32(sum(self.u[k][y] * self.v[k][x] for k in range(self.rank)))
        if self.shift < 0:
            s >>= -self.shift
        elif self.room == 30:
            s = wrap32(s << self.shift)
        else:
            s <<= self.shift
        limit = (1 << self.room) - 1
        return self.sum_of(old, max(-limit, min(limit, s)))

    def scaled(self, old):
        _, field, mantissa = self.was.parts(old)
        mantissa |= 1 << self.was.m if field else 0
        k = max(field, 1) - self.k_base
        if k > self.k_most:
            return self.unmoved(old)
        x = mantissa << k if k >= 0 else mantissa >> -k
        s = x * abs(self.scale) >> 32
        return self.sum_of(old, -s if (self.scale < 0) != bool(old & self.was.sign) else s)

    def sum_of(self, old, s):
        negative, field, mantissa = self.was.parts(old)
        mantissa |= 1 << self.was.m if field else 0
        k = max(field, 1) - self.k_base
        if s == 0 or k > self.k_most:
            return self.unmoved(old)
        x = mantissa << k if k >= 0 else mantissa >> -k
        x = (-x if negative else x) + s
        size, negative = abs(x), x < 0
        if size == 0:
            return 0, 0, False
        down = max(size.bit_length() - 1 - self.now.m, self.s_least)
        rounded = (0, 0, False) if down > 63 else round_off(size, down, False)
        return self.finish(negative, down - self.s_least + 1, rounded)

    def predict(self, old, element, flag):
        """Expected ordered number, raw context, whether the residual is turned around."""
        if self.scale:
            bits, edge, flip = self.scaled(old)
        else:
            bits, edge, flip = self.moved(old, element) if self.rank else self.unmoved(old)
        below = max(self.top - self.now.scale(bits), 0)
        raw = min(below, self.classes - 1) + (self.classes if flag else 0)
        if self.edges > 1:
            return self.now.ordered(bits), raw * self.edges + edge, flip
        return self.now.ordered(bits), raw, False


class Block:
    def __init__(self, model, old, elements, first):
        self.model, self.old, self.elements, self.first = model, old, elements, first
        self.out = bytearray()

    def predictions(self):
        m = self.model
        for i in range(self.elements):
            flag = False
            if m.lag and i >= m.lag:
                here = slice((i - m.lag) * m.now.size, (i - m.lag + 1) * m.now.size)
                flag = self.old[here] != self.out[here]
            old = m.was.load(self.old, i)
            yield (i, old) + m.predict(old, self.first + i, flag)

    def put(self, expected, z, flip):
        d = fold_back(z)
        new = self.model.now.plain(expected + (-d if flip else d) & self.model.now.mask)
        self.out += new.to_bytes(self.model.now.size, "little")


def exact(b, c):
    need(c.left() == 0, "nothing after the kind")
    for _, _, expected, _, flip in b.predictions():
        b.put(expected, 0, flip)


class Map:
    """Which groups of 32 elements have tokens."""

    def __init__(self, data):
        self.bits, self.models, self.flag = Bits(data), ({}, {}), 1
        self.left = self.bits.number(self.models[1], 2, 28)

    def next(self):
        while self.left == 0:
            self.flag ^= 1
            self.left = self.bits.number(self.models[self.flag], 2, 28) + 1
        self.left -= 1
        return self.flag


def tokens(b, c, kind):
    m = b.model
    need(m.tables and kind >> 4 <= 5, "neural block of tokens")
    words = c.varint()
    skips = Map(c.take(c.varint())) if kind & 8 else None
    states = c.take(4 << (kind >> 4))
    rans = Rans(states, c.take(2 * words), m.tables)
    raw, coded = RawBits(c.rest()), 1
    for i, _, expected, context, flip in b.predictions():
        if skips and i % 32 == 0:
            coded = skips.next()
        token = rans.token(m.where[context]) if coded else 0
        b.put(expected, residual(token, m.now.size, raw), flip)
    need(rans.ended() and raw.ended(), "tokens used up exactly")
    need(not skips or skips.bits.ended(), "map inside its bytes")


def changes(b, c):
    m = b.model
    need(m.form & CHANGES, "neural block of changes")
    d = Bits(c.rest())
    gaps, values = [{} for _ in range(m.classes)], [{} for _ in range(m.classes)]
    left = [d.number(g, 2) for g in gaps]
    for _, _, expected, k, flip in b.predictions():
        z = 0
        if left[k] == 0:
            z = d.number(values[k], 2) + 1
            left[k] = d.number(gaps[k], 2)
        else:
            left[k] -= 1
        b.put(expected, z, flip)
    need(d.ended(), "changes inside their block")


# --- mixing -------------------------------------------------------------------------------
class Prior:
    """How often each decision went each way in what a table counted."""

    def __init__(self, freq, fine):
        self.seen = [[0, 0] for _ in range(128)]
        for t, n in enumerate(freq):
            self.seen[0][t == 0] += n
            if t == 0:
                continue
            if t >= 32:
                length = 5 + (t - 32 >> fine) - 1
                self.seen[1][0] += n // 2
                self.seen[1][1] += n // 2
                self.add(length, t - 32 & (1 << fine) - 1, fine, n)
            else:
                size = (t + 1) // 2
                length = size.bit_length() - 1
                known = min(length, 3)
                self.seen[1][t % 2 == 0] += n
                self.add(length, size - (1 << length) >> (length - known), known, n)

    def add(self, length, top_bits, known, n):
        for i in range(min(4, length + 1)):
            self.seen[2 + i][i < length] += n
        at = 1
        if length >= 4:
            for i in range(6):
                bit = length - 4 >> (5 - i) & 1
                self.seen[6 + at][bit] += n
                at = at << 1 | bit
        node, kind = 1, min(length, 8)
        for i in range(known):
            bit = top_bits >> (known - 1 - i) & 1
            self.seen[70 + (kind - 1) * 7 + node - 1][bit] += n
            node = node << 1 | bit


def divide(a, b):
    """Towards zero."""
    return a // b if a >= 0 else -(-a // b)


class Mixer:
    def __init__(self, model, d):
        self.model, self.d = model, d
        self.slot = [{}, {}, {}, {}]
        self.weight = [[19660, 14417, 14417, 14417] for _ in range(128)]
        self.column, self.usual = [0] * 4096, [0] * 256
        self.row_level = 0
        self.logit = [stretch(16 * i + 8) for i in range(4096)]
        if model.tables and model.form & NARROW:
            self.begin_with_tables()

    def begin_with_tables(self):
        m = self.model
        fine = 1 if m.now.size == 8 else 2
        priors = [Prior(freq, fine) for freq in m.tables]
        for raw in range(m.classes * m.edges):
            for node, (no, yes) in enumerate(priors[m.where[raw]].seen):
                total = no + yes
                chance = (yes * 8 + 1 << 22) // (total * 8 + 2)
                sure = total // 4 if total < 240 else 60
                self.slot[0][raw, node] = chance << 10 | sure

    def code(self, node):
        w, keys, x = self.weight[node], [], []
        for k in range(4):
            key = (self.context[k], node)
            b = self.slot[k].get(key, HALF)
            if k and b & 1023 == 0:
                first = self.slot[0].get((self.context[0], node), HALF)
                b = first & ~1023 | min(first & 1023, 4)
            self.slot[k][key] = b
            keys.append(key)
            x.append(self.logit[b >> 20])
        mixed = divide(sum(a * b for a, b in zip(w, x)), 65536)
        p = max(2, min(65534, squash(max(-4095, min(4095, mixed)))))
        bit = self.d.raw(p)
        error = (65535 if bit else 0) - p
        for k in range(4):
            w[k] = max(-(1 << 20), min(1 << 20, w[k] + divide(x[k] * error, 65536)))
            self.slot[k][keys[k]] = self.learned(self.slot[k][keys[k]], bit)
        return bit

    @staticmethod
    def learned(b, bit):
        n, p = b & 1023, b >> 10
        to = (1 << 22) - 1 if bit else 0
        p += divide((to - p) * ((1 << 17) // (2 * n + 3)), 65536)
        return p << 10 | (n + 1 if n < 1023 else n)

    def choose(self, raw, old, column):
        m = self.model
        k, edge = divmod(raw, m.edges)
        if m.was.is_float:
            fine = (old >> max(m.was.m - 3, 0) & 7) * 2 + bool(old & m.was.sign)
        else:
            fine = old & 15
        row = max(0, min(7, divide(self.row_level, 48) + 4))
        col = max(0, min(7, divide(self.column[column], 48) + 4))
        self.context = (
            raw, k * 16 + fine, (edge if m.edges > 1 else k) * 16 + row + col,
            k * 8 + col + (128 if edge >= 4 else 0))

    def remember(self, raw, column, size):
        more = size.bit_length() * 256 - self.usual[raw]
        self.usual[raw] += divide(more, 64)
        self.column[column] += divide(more - self.column[column], 16)
        self.row_level += divide(more - self.row_level, 32)

    def length(self):
        n = 0
        while n < 4 and self.code(2 + n):
            n += 1
        if n < 4:
            return n
        at = 1
        for _ in range(6):
            at = at << 1 | self.code(6 + at)
        return min(at - 64 + 4, 63)

    def residual(self, raw, old, column):
        self.choose(raw, old, column)
        if self.code(0):
            self.remember(raw, column, 0)
            return 0
        positive = self.code(1)
        length, size = self.length(), 1
        for i in range(length):
            if i < 3:
                size = size << 1 | self.code(70 + (min(length, 8) - 1) * 7 + size - 1)
            else:
                size = size << 1 | self.d.raw(1 << 15)
        self.remember(raw, column, size)
        return 2 * size if positive else 2 * size - 1


def mixed(b, c):
    m = b.model
    need(m.form & MIX, "neural block of mixing")
    mixer = Mixer(m, Bits(c.rest()))
    for i, old, expected, raw, flip in b.predictions():
        column = (b.first + i) % m.row % 4096 if m.row else 0
        b.put(expected, mixer.residual(raw, old, column) & m.now.mask, flip)
    need(mixer.d.ended(), "mixed bits inside their block")


def decode(rec, payload, old, n, first):
    if rec.prepared is None:
        rec.prepared = Model(rec)
    m = rec.prepared
    elements, rest = n // m.now.size, n % m.now.size
    need(len(old) // m.was.size >= elements and len(payload) >= rest, "an old element for each")
    tail = bytes(payload[len(payload) - rest :])
    c = Cursor(payload[: len(payload) - rest])
    kind = c.u8()
    b = Block(m, old, elements, first // m.now.size)
    if kind & 7 == 2:
        tokens(b, c, kind)
    elif kind == 0:
        exact(b, c)
    elif kind == 1:
        need(c.left() == elements * m.now.size, "the new bytes")
        b.out += c.rest()
    elif kind == 3:
        changes(b, c)
    elif kind == 4 and rec.strategy == 17:
        mixed(b, c)
    else:
        raise Bad("neural block of a known kind")
    return bytes(b.out) + tail
