"""Adaptive bits, tables and rANS: what the neural strategies share (docs/CODEC.md)."""
from basics import need

M32 = 0xFFFFFFFF
HALF = 1 << 31  # a chance of 22 bits over a count of 10
ROOTS = (4096, 4277, 4467, 4664, 4871, 5087, 5312, 5547, 5793, 6049, 6317, 6597, 6889, 7194,
         7512, 7845)  # 2^(i / 16), 12 bits after the point


def learn(b, bit, limit):
    p, n = b >> 10, b & 1023
    to = (1 << 22) - 1 if bit else 0
    p += (to - p) * ((1 << 17) // (2 * n + 3)) >> 16
    return p << 10 | (n + 1 if n < limit else n)


def p16(b):
    return max(24, min(65512, b >> 16))


class Bits:
    """The interval decoder."""

    def __init__(self, data):
        self.data, self.pos = data, 0
        self.low, self.high, self.code = 0, M32, 0
        for _ in range(4):
            self.shift_in()

    def shift_in(self):
        byte = self.data[self.pos] if self.pos < len(self.data) else 0
        self.code = (self.code << 8 | byte) & M32
        self.pos += 1

    def raw(self, p):
        mid = self.low + ((self.high - self.low) * p >> 16)
        bit = int(self.code <= mid)
        if bit:
            self.high = mid
        else:
            self.low = mid + 1
        while (self.low ^ self.high) & 0xFF000000 == 0:
            self.low = self.low << 8 & M32
            self.high = (self.high << 8 | 255) & M32
            self.shift_in()
        return bit

    def get(self, model, key, limit=60):
        """A decision whose chance is model[key]; missing ones are one half."""
        b = model.get(key, HALF)
        bit = self.raw(p16(b))
        model[key] = learn(b, bit, limit)
        return bit

    def even(self, n):
        v = 0
        for _ in range(n):
            v = v << 1 | self.raw(1 << 15)
        return v

    def number(self, model, fine, most=64):
        """A number of at most so many bits."""
        length = 0
        while length < min(most + 1, 64) and self.get(model, length):
            length += 1
        need(length <= most, "number within its bits")
        if length < 2:
            return length
        learned = min(length - 1, fine)
        node = 1
        for _ in range(learned):
            node = node << 1 | self.get(model, (length, node))
        rest = length - 1 - learned
        return node << rest | self.even(rest)

    def ended(self):
        return self.pos <= len(self.data) + 4


def frequencies(q, tokens, fine):
    need(any(q) and max(q) <= 2 + (14 << fine), "tables of frequencies")
    weight = []
    for v in q:
        step = (v - 2) << (4 - fine) if v >= 2 else 0
        weight.append(ROOTS[step & 15] << (step >> 4) if v >= 2 else 0)
    total, present = sum(weight), sum(v != 0 for v in q)
    freq = [0] * tokens
    for t in range(tokens):
        if q[t]:
            freq[t] = 1 + (weight[t] * (4096 - present) // total if total else 0)
    freq[q.index(max(q))] += 4096 - sum(freq)
    return freq


def _guess(q, before, t):
    guess = before[t]
    if t >= 2 and q[t - 1] and q[t - 2]:
        if before[t] == 0:
            guess = q[t - 2]
        else:
            moved = q[t - 1] - before[t - 1] + q[t - 2] - before[t - 2]
            guess += moved // 2 if moved >= 0 else -(-moved // 2)
    return max(guess, 1)


def _read_q(d, models, q, before, t):
    left = 1 if t == 0 else 2 if q[t - 1] == 0 else 0
    up = 1 if before[t] == 0 else 0
    if d.get(models["absent"], (left, up)):
        return 0
    guess, kind = _guess(q, before, t), (2 if t < 2 else 0) + up
    if d.get(models["equal"], kind):
        return guess
    down = d.get(models["sign"], kind)
    size = d.number(models["size"][kind], 1, 8) + 1
    if size > 255:
        return 255
    return max(guess - size, 1) if down else min(guess + size, 255)


def read_tables(d, raw, edges, count, tokens):
    """The map from raw contexts to tables, and the tables: frequencies of tokens."""
    same, new, where, known = {}, {}, [], 0
    for i in range(raw):
        state = 0 if i == 0 else 1 if i % edges == 0 else 2
        if i > 0 and d.get(same, state):
            where.append(where[-1])
        elif i == 0 or (known < count and d.get(new, int(state != 1))):
            where.append(known)
            known += 1
        else:
            where.append(d.even(6))
            need(where[-1] < known, "table that is there")
    need(known == count, "as many tables as announced")
    fine = 1 + d.even(2)
    models = {"absent": {}, "equal": {}, "sign": {}, "size": [{}, {}, {}, {}]}
    last_model, before, tables = {}, [0] * tokens, []
    for _ in range(count):
        last = d.number(last_model, 1, 8)
        need(last < tokens, "last token of a table")
        q = [0] * tokens
        for t in range(last + 1):
            q[t] = _read_q(d, models, q, before, t)
        tables.append(frequencies(q, tokens, fine))
        before = q
    need(d.ended(), "tables inside their bytes")
    return where, tables


class Rans:
    def __init__(self, states, words, tables):
        self.state = [int.from_bytes(states[i : i + 4], "little") for i in range(0, len(states), 4)]
        need(all(s >= 1 << 16 for s in self.state), "states of rANS")
        self.words, self.next, self.i = words, 0, 0
        self.slots = []
        for freq in tables:
            slots, start = [], 0
            for t, f in enumerate(freq):
                slots += [(t, f, start)] * f
                start += f
            self.slots.append(slots)

    def token(self, table):
        lane = self.i % len(self.state)
        self.i += 1
        x = self.state[lane]
        t, f, start = self.slots[table][x & 4095]
        x = f * (x >> 12) + (x & 4095) - start
        if x < 1 << 16:
            x = x << 16 | int.from_bytes(self.words[2 * self.next : 2 * self.next + 2], "little")
            self.next += 1
        self.state[lane] = x
        return t

    def ended(self):
        return 2 * self.next == len(self.words) and all(s == 1 << 16 for s in self.state)


class RawBits:
    """Bits, lowest first."""

    def __init__(self, data):
        self.value, self.size, self.at = int.from_bytes(data, "little"), 8 * len(data), 0

    def take(self, n):
        v = self.value >> self.at & ((1 << n) - 1)
        self.at += n
        return v

    def ended(self):
        return self.at <= self.size < self.at + 8


def residual(token, size, raw):
    """The folded residual of a token, for numbers of `size` bytes."""
    if token < 32:
        return token
    fine = 1 if size == 8 else 2
    bits = 5 + (token - 32 >> fine) - fine
    return ((1 << fine) + (token - 32 & (1 << fine) - 1) << bits) | raw.take(bits)
