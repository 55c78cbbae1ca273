"""The strategy mix: docs/CODEC.md, part two."""
import math

from basics import Bad, need
from plain import converted

M32 = 0xFFFFFFFF


# --- chances and logits -------------------------------------------------------------------
def _nearest(x):
    return math.floor(abs(x) + 0.5) * (1 if x >= 0 else -1)


def _stretch_table():
    """By top bit and the five bits below it; from top bit 5 on, the middle of the step."""
    table = []
    for top in range(16):
        for step in range(32):
            if top < 5:
                q = (32 + step) >> (5 - top)
            else:
                q = (32 + step + 0.5) * 2 ** (top - 5)
            table.append(_nearest(256 * math.log2(q / (65536 - q))) if top < 15 else 0)
    return table


STRETCH = _stretch_table()
SQUASH = [min(max(_nearest(65536 / (1 + 2.0 ** ((128 - i) / 8))), 1), 65535) for i in range(257)]


def stretch(p):
    q = p if p < 32768 else 65536 - p
    top = q.bit_length() - 1
    step = (q << 5 >> top) & 31
    v = STRETCH[top * 32 + step]
    return v if p < 32768 else -v


def squash(x):
    at = max(-4095, min(4095, x)) + 4096
    low, high = SQUASH[at >> 5], SQUASH[(at >> 5) + 1]
    return low + ((high - low) * (at & 31) >> 5)


class Range:
    def __init__(self, data):
        self.data, self.pos = data, 4
        self.range = M32
        self.code = int.from_bytes(bytes(data[:4]).ljust(4, b"\0"), "big")

    def bit(self, chance):
        bound = self.range * chance >> 16
        bit = self.code < bound
        if bit:
            self.range = bound
        else:
            self.code -= bound
            self.range -= bound
        while self.range < 1 << 24:
            self.range <<= 8
            byte = self.data[self.pos] if self.pos < len(self.data) else 0
            self.code = (self.code << 8 | byte) & M32
            self.pos += 1
        return int(bit)

    def used_up(self):
        return self.pos >= len(self.data)


def step_of(count):
    return 131072 // (2 * count + 3)


class Slots(list):
    """Chances of 22 bits, each with the number of its updates."""

    def chance(self, i):
        return max(self[i][0] >> 6, 1)

    def learn(self, i, bit, most):
        p, n = self[i]
        if bit:
            p += ((1 << 22) - 1 - p) * step_of(n) >> 16
        else:
            p -= p * step_of(n) >> 16
        self[i] = (p, n + 1 if n < most else n)


def hash2(a, b):
    h = (a * 0x9E3779B1 ^ b * 0x85EBCA6B) & M32
    h ^= h >> 15
    return h * 0xC2B2AE35 & M32


def bucket(v):
    if v < 4:
        return v
    top = v.bit_length() - 1
    return 2 * top + (v >> (top - 1) & 1)


def dot(w, x):
    return max(-8192, min(8192, sum(a * b for a, b in zip(w, x)) >> 16))


def train(w, x, push):
    for i, v in enumerate(x):
        w[i] = max(-(16 << 16), min(16 << 16, w[i] + ((v * push + (1 << 19)) >> 20)))


class Params:
    def __init__(self, model):
        need(len(model) == 5, "size of the model of mix")
        self.slot_bits, self.wide = model[0] & 127, model[0] >> 7
        self.flag_bits, self.match_bits = model[1], model[2]
        self.diff_bits, self.flip = model[3] & 15, model[3] >> 4
        self.column = model[4]
        need(6 <= self.slot_bits <= 22 and 6 <= self.flag_bits <= 18, "parameters of mix")
        need(self.match_bits == 0 or 6 <= self.match_bits <= 20, "parameters of mix")
        need(self.diff_bits <= 4 or self.diff_bits == 15, "parameters of mix")
        need(1 <= self.column <= 64 and self.flip in (0, 1, 3, 7), "parameters of mix")


class Model:
    def __init__(self, p, old, n):
        self.p, self.n = p, n
        self.old = self.turned(old)
        self.now = bytearray()  # in the order of coding
        self.ptr, self.match, self.match_len = 0, n, 0
        self.recent, self.hits, self.old_hits = 0, (1 << 64) - 1, M32
        self.run, self.since, self.diffs = 16, 64, 0
        self.flag_rate, self.bit_rate = 200, 120
        flag_sets, recent_sets, bit_sets, place_sets = (16, 32, 24, 32) if p.wide else (4, 1, 1, 1)
        self.flag_sets = [[7208] * 9 for _ in range(flag_sets)]
        self.recent_sets = [[0] * 9 for _ in range(recent_sets)]
        self.bit_sets = [[11796] * 16 for _ in range(bit_sets)]
        self.place_sets = [[0] * 16 for _ in range(place_sets)]
        self.slots = {}  # of bits: (chance of 16 bits, check, count)
        self.flags = Slots([(0x340000, 0)]) * (1 << p.flag_bits)
        self.flags = Slots(self.flags)
        self.sure = Slots([(0xFFFE0000 >> 10, 200)] * 24)
        self.match_slots = Slots([(1 << 21, 0)] * 64)
        self.jumps = Slots([(0x18000000 >> 10, 2)] * 64)
        self.aside = Slots([(1 << 21, 2)] * 96)
        self.select_old = [60000 if i & 1 else 40000 for i in range(64)]
        self.select_match = [20000 + 2400 * i if i < 16 else 60000 for i in range(32)]
        self.head = {}
        first = []
        for d in range(256):
            far = min(d, 256 - d)
            first.append(2 + (48 // (1 + far) if far < 24 else 0))
        self.diff = [list(first) for _ in range(0 if p.diff_bits == 15 else 1 << p.diff_bits)]
        self.choose()

    def turned(self, data):
        flip = self.p.flip
        whole = len(data) & ~flip
        return bytes(data[i ^ flip if i < whole else i] for i in range(len(data)))

    # --- which byte is expected ---
    def choose(self):
        self.e_old = self.old[self.ptr] if self.ptr < len(self.old) else -1
        self.e_match = self.now[self.match] if self.match < len(self.now) else -1
        by_old = 0 if self.e_old < 0 else self.select_old[self.old_hits & 63]
        by_match = 0 if self.e_match < 0 else self.select_match[min(self.match_len, 31)]
        self.expected = self.e_old if by_old >= by_match else self.e_match
        if by_old < 6000 and by_match < 6000:
            self.expected = -1
        self.missed = 0

    def by(self):
        return int(self.expected == self.e_old) | int(self.expected == self.e_match) << 1

    def neighbour(self):
        return self.old[self.ptr + 1] if self.ptr + 1 < len(self.old) else 256

    # --- is it the expected byte? ---
    def decode_hit(self, c):
        if self.run >= 512:
            i = min(bucket(self.run) - bucket(512), 23)
            hit = c.bit(self.sure.chance(i))
            self.sure.learn(i, hit, 1023)
            self.missed = 1 - hit
            return hit
        e, by, run = self.expected, self.by(), bucket(self.run)
        col = len(self.now) % self.p.column
        w = min(self.p.column, 32)
        h = self.hits
        same = (h >> (w - 1) & 1) | (h >> (2 * w - 1) & 1) << 1
        contexts = (
            run | by << 6,
            h & 0xFFFF | by << 16,
            e | (h & 3) << 8 | by << 10,
            col | same << 8 | (h & 7) << 10,
            self.neighbour() | e << 9 | (self.recent & 255) << 17 | (h & 1) << 25,
            self.recent & 0xFFFF | e << 16 | (h & 1) << 24,
            bucket(min(self.match_len, 400)) | by << 8 | (h & 15) << 10,
            self.diffs & 0xFFFF | col << 16,
        )
        slot = [hash2(x, i + 1) >> (32 - self.p.flag_bits) for i, x in enumerate(contexts)]
        x = [stretch(self.flags.chance(s)) for s in slot] + [256]
        a = self.flag_sets[min(run, 15) if self.p.wide else run // 5 % 4]
        b = self.recent_sets[by << 3 | h & 7 if self.p.wide else 0]
        chance = squash(dot(a, x) + dot(b, x))
        hit = c.bit(chance)
        push = ((hit << 16) - chance) * (self.flag_rate >> 2)
        train(a, x, push)
        train(b, x, push)
        if self.flag_rate > 96:
            self.flag_rate -= 1
        for s in slot:
            self.flags.learn(s, hit, 80)
        self.missed = 1 - hit
        return hit

    # --- does the base go on elsewhere? ---
    def decode_jump(self, c):
        run, since = bucket(self.run), bucket(self.since)
        i = (run // 3 if run < 12 else 4) * 8 + (since // 2 if since < 16 else 7)
        jumps = c.bit(self.jumps.chance(i))
        self.jumps.learn(i, jumps, 80)
        return jumps

    def decode_aside(self, c, i):
        bit = c.bit(self.aside.chance(i))
        self.aside.learn(i, bit, 30)
        return bit

    def land(self, c):
        tree = 1
        while tree < 32:
            tree = tree << 1 | self.decode_aside(c, tree)
        length, far, negative = tree & 31, 0, 0
        if length:
            negative, far = self.decode_aside(c, 64), 1
            for i in range(1, length):
                bit = self.decode_aside(c, 65 + length - 1) if i == 1 else c.bit(32768)
                far = far << 1 | bit
        self.ptr += -far if negative else far
        need(0 <= self.ptr < len(self.old), "a place in the base")
        self.e_old = self.expected = self.old[self.ptr]
        self.old_hits = M32
        self.hits |= 255
        self.run, self.since = 6, 0
        return self.e_old

    # --- the bits of another byte ---
    def diff_table(self):
        last = self.diffs & 255
        far = min(last, 256 - last)
        size = 0 if far == 0 else 1 + (last >> 7) if far < 4 else 3
        col = min(len(self.now) % self.p.column, 3)
        return self.diff[(size | col << 2) & (len(self.diff) - 1)]

    def has_diff(self):
        return self.e_old >= 0 and self.p.diff_bits != 15

    def sums(self):
        t = self.diff_table()
        leaves = [t[(byte - self.e_old) & 255] for byte in range(256)]
        total = [0] * 256 + leaves
        for i in range(255, 0, -1):
            total[i] = (total[2 * i] + total[2 * i + 1]) & 0xFFFF
        return total

    def decode_bits(self, c):
        pos, w, r = len(self.now), self.p.column, self.recent
        c1, e = r & 255, (self.e_old + 1) | self.missed << 9
        col = pos % w
        up = self.now[pos - w] if pos >= w else 0
        up2 = self.now[pos - 2 * w] if pos >= 2 * w else 0
        o4 = r & M32
        contexts = (
            col, c1, r & 0xFFFF, r & 0xFFFFFF, o4, hash2(o4, r >> 32 & 0xFFFF), e, e | c1 << 10,
            e | self.neighbour() << 10, up | col << 8,
            e | (self.diffs & 255) << 10 | col << 18, up | up2 << 8 | c1 << 16,
            e | up << 10 | col << 18)
        hashes = [hash2(x & M32, i + 77) for i, x in enumerate(contexts)]
        self.total = self.sums() if self.has_diff() else None
        so_far = 1
        while so_far < 256:
            if self.missed and so_far >= 128 and so_far == (256 | self.expected) >> 1:
                so_far = so_far << 1 | (1 - (self.expected & 1))
                continue
            so_far = so_far << 1 | self.decode_bit(c, hashes, so_far, col)
        return so_far & 255

    def decode_bit(self, c, hashes, so_far, col):
        top = so_far.bit_length() - 1
        depth = top & 3
        if depth == 0:
            self.group = []
            for h in hashes:
                h = (h + so_far * 0x9E3779B1) * 0x2545F491 & M32
                self.group.append((h >> (32 - self.p.slot_bits) & ~15, h & 1023))
        node = 1 << depth | so_far & ((1 << depth) - 1)
        x, seen = [], 0
        for i, (at, check) in enumerate(self.group):
            slot = self.slots.get(at + node, (32768, 0, 0))
            if slot[1] != check:
                slot = (32768, check, 0)
            self.slots[at + node] = slot
            seen += 2 <= i <= 5 and slot[2] != 0
            x.append(stretch(max(slot[0], 1)))
        x.append(self.diff_input(so_far))
        match = self.match_slot(so_far)
        x.append(0 if match is None else stretch(self.match_slots.chance(match)))
        x.append(256)
        state = min(self.missed + (self.e_old >= 0) + (3 if match is not None else 0), 5)
        wide = self.p.wide
        a = self.bit_sets[min(seen + 4 * state, 23) if wide else 0]
        b = self.place_sets[top | min(col, 3) << 3 if wide else 0]
        chance = squash(dot(a, x) + dot(b, x))
        bit = c.bit(chance)
        self.learn_bit(bit, chance, (a, b), x, node, match)
        return bit

    def learn_bit(self, bit, chance, sets, x, node, match):
        push = ((bit << 16) - chance) * (self.bit_rate >> 2)
        for w in sets:
            train(w, x, push)
        if self.bit_rate > 48 and len(self.now) & 7 == 0:
            self.bit_rate -= 1
        for at, _ in self.group:
            p, check, n = self.slots[at + node]
            if bit:
                p += (65535 - p) * step_of(n) >> 16
            else:
                p -= p * step_of(n) >> 16
            self.slots[at + node] = (p, check, n + 1 if n < 62 else n)
        if match is not None:
            self.match_slots.learn(match, bit, 80)

    def diff_input(self, so_far):
        if self.total is None:
            return 0
        p = (self.total[2 * so_far + 1] << 16) // (self.total[so_far] + 1)
        return stretch(max(p, 1))

    def match_slot(self, so_far):
        if self.e_match < 0:
            return None
        whole, left = 256 | self.e_match, 9 - so_far.bit_length()
        if whole >> left != so_far:
            return None
        return bucket(min(self.match_len, 255)) << 1 | whole >> (left - 1) & 1

    # --- after each byte ---
    def learn_diff(self, byte):
        t = self.diff_table()
        d = (byte - self.e_old) & 255
        t[d] += 40
        t[(d + 1) & 255] += 8
        t[(d - 1) & 255] += 8
        if self.total[1] + 56 > 1 << 14:
            t[:] = [(v + 1) // 2 for v in t]

    @staticmethod
    def adapt(table, i, right):
        v = table[i]
        v = v + (65535 - v >> 7) + 1 if right else v - (v >> 5)
        table[i] = min(v, 65535)

    def judge(self, byte):
        if self.e_old >= 0:
            right = self.e_old == byte
            self.adapt(self.select_old, self.old_hits & 63, right)
            self.old_hits = (self.old_hits << 1 | right) & M32
            self.diffs = (self.diffs << 8 | (byte - self.e_old) & 255) & M32
        if self.e_match >= 0:
            right = self.e_match == byte
            self.adapt(self.select_match, min(self.match_len, 31), right)
            self.match_len = self.match_len + 1 if right else 0
            self.match = self.match + 1 if right else self.n
        hit = byte == (self.expected if self.expected >= 0 else self.e_old)
        self.hits = (self.hits << 1 | hit) & (1 << 64) - 1
        self.run = self.run + 1 if hit else 0

    def find_match(self):
        key = (self.recent & 0xFFFFFFFFFF) * 0x9E3779B185EBCA87 & (1 << 64) - 1
        key >>= 64 - self.p.match_bits
        pos = len(self.now)
        if self.match_len == 0 and key in self.head:
            at, n = self.head[key], 0
            while n < 32 and n < at and self.now[at - 1 - n] == self.now[pos - 1 - n]:
                n += 1
            self.match, self.match_len = (at, n) if n >= 5 else (self.n, 0)
        self.head[key] = pos

    def end_byte(self, byte):
        if self.expected != byte and self.has_diff():
            self.learn_diff(byte)
        self.judge(byte)
        self.recent = (self.recent << 8 | byte) & (1 << 64) - 1
        self.now.append(byte)
        self.ptr += 1
        self.since += 1
        if self.p.match_bits and len(self.now) >= 5:
            self.find_match()
        if len(self.now) < self.n:
            self.choose()

    def decode_byte(self, c):
        if self.expected >= 0 and self.decode_hit(c):
            return self.expected
        if self.old and (self.missed or self.expected < 0) and self.decode_jump(c):
            return self.land(c)
        return self.decode_bits(c)


def decode(rec, payload, old, n, first):
    p = Params(rec.model)
    if old and rec.old_type is not rec.type:
        old = converted(old, rec.old_type, rec.type)
    m, c = Model(p, old, n), Range(payload)
    while len(m.now) < n:
        m.end_byte(m.decode_byte(c))
    if not c.used_up():
        raise Bad("payload without a rest")
    return m.turned(m.now)
