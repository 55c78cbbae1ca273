#!/usr/bin/env python3
"""Makes the small model pairs of the golden patches, and the patches made by hand: those show
what a patch may hold though the program never writes it so. The same bytes on every machine.

    make.py PAIRS PATCHES    the models go into the folder PAIRS, the patches into PATCHES
"""
import hashlib
import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "..", "second_decoder"))
from basics import TYPES, xxh64  # noqa: E402
from plain import numbers, quantise_block  # noqa: E402

TYPE = {t.name: t for t in TYPES.values()}


class Random:
    def __init__(self, seed):
        self.x = seed * 0x9E3779B97F4A7C15 + 1 & (1 << 64) - 1

    def next(self):
        self.x = self.x * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        return self.x >> 33

    def below(self, n):
        return self.next() % n

    def noise(self):
        """About -1 to 1, mostly small; exact in binary."""
        return (sum(self.below(4096) for _ in range(4)) - 8190) / 8192


def f16(x):
    return struct.pack("<e", x)


def bf16(x):
    u = struct.unpack("<I", struct.pack("<f", x))[0]
    return struct.pack("<H", u + 0x7FFF + (u >> 16 & 1) >> 16 & 0xFFFF)


FLOATS = {
    "F64": lambda x: struct.pack("<d", x), "F32": lambda x: struct.pack("<f", x),
    "F16": f16, "BF16": bf16, "F8_E5M2": lambda x: f16(x)[1:],
}


def safetensors(tensors):
    head, at = {}, 0
    for name, dtype, shape, data in tensors:
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(t[3] for t in tensors)


def gguf(name, kind, items, data):
    def text(s):
        return struct.pack("<Q", len(s)) + s.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    head += text("general.architecture") + struct.pack("<I", 8) + text("golden")
    head += text(name) + struct.pack("<IQIQ", 1, items, kind, 0)
    return head + bytes(-len(head) % 32) + data


def values(rng, n):
    return [rng.noise() / 16 for _ in range(n)]


def tuned(rng, old, step, one_in=1):
    return [x + rng.noise() * step if rng.below(one_in) == 0 else x for x in old]


def adapted(rng, old, rows, rank=2):
    """A merged adapter of low rank."""
    row = len(old) // rows
    u = [[rng.noise() / 8 for _ in range(rank)] for _ in range(rows)]
    v = [[rng.noise() / 8 for _ in range(rank)] for _ in range(row)]
    return [x + sum(a * b for a, b in zip(u[i // row], v[i % row])) for i, x in enumerate(old)]


def one(dtype, rows, xs):
    pack = FLOATS[dtype]
    small = [("norm", dtype, [4], b"".join(pack(1 + x) for x in xs[:4]))]
    data = b"".join(map(pack, xs))
    return safetensors(small + [("weight", dtype, [rows, len(xs) // rows], data)])


def float_pairs():
    for i, (dtype, n) in enumerate((("F64", 264), ("F32", 600), ("F16", 1056), ("BF16", 1056), ("F8_E5M2", 2112))):
        rng = Random(i + 1)
        old = values(rng, n)
        yield dtype.lower(), one(dtype, 24, old), one(dtype, 24, tuned(rng, old, 1 / 1024))
    rng = Random(10)
    old = values(rng, 1056)
    yield "rare", one("BF16", 24, old), one("BF16", 24, tuned(rng, old, 1 / 64, 40))
    yield "retyped", one("F32", 24, old[:1032]), one("BF16", 24, tuned(rng, old[:1032], 1 / 2048, 3))
    yield "lossless", one("BF16", 24, old), one("F32", 24, tuned(rng, old, 1 / 2048, 3))
    old = values(Random(13), 3200)
    new = one("BF16", 40, old)
    for i in range(len(new) - 6400, len(new), 2):
        new = new[:i] + bytes([new[i] ^ (rng.below(500) == 0)]) + new[i + 1 :]
    yield "frozen", one("BF16", 40, old), new
    old = values(Random(11), 32 * 64)
    yield "decayed", one("BF16", 32, old), one("BF16", 32, [x * 0.97 for x in old])
    yield "adapted", one("BF16", 32, old), one("BF16", 32, adapted(rng, old, 32))
    old = values(Random(12), 1200)
    pair = [b"".join(struct.pack("<f", x) for x in xs) for xs in (old, tuned(rng, old, 1 / 1024))]
    yield ("complex",) + tuple(safetensors([("weight", "C64", [20, 30], d)]) for d in pair)


def integer_pairs():
    rng = Random(20)
    old = bytes(rng.below(40) + 236 & 255 for _ in range(2304))
    new = bytes(b + rng.below(3) - 1 & 255 if rng.below(4) == 0 else b for b in old)
    yield "i8", safetensors([("w", "I8", [48, 48], old)]), safetensors([("w", "I8", [48, 48], new)])
    old = struct.pack("<600i", *(1000 * i for i in range(600)))
    new = struct.pack("<600i", *(1000 * i + (rng.below(7) if i % 5 == 0 else 0) for i in range(600)))
    yield "i32", safetensors([("w", "I32", [600], old)]), safetensors([("w", "I32", [600], new)])


# name, ggml type, items and bytes of a block, where its f16 scales are
BLOCKS = (
    ("q4_0", 2, 32, 18, (0,)), ("q4_1", 3, 32, 20, (0, 2)), ("q5_0", 6, 32, 22, (0,)),
    ("q5_1", 7, 32, 24, (0, 2)), ("q8_0", 8, 32, 34, (0,)), ("q2_k", 10, 256, 84, (80, 82)),
    ("q3_k", 11, 256, 110, (108,)), ("q4_k", 12, 256, 144, (0, 2)), ("q5_k", 13, 256, 176, (0, 2)),
    ("q6_k", 14, 256, 210, (208,)), ("iq4_nl", 20, 32, 18, (0,)), ("mxfp4", 39, 32, 17, ()),
    ("iq3_s", 21, 256, 110, (0,)),
)


def block_pairs():
    for name, kind, items, size, scales in BLOCKS:
        rng = Random(30 + kind)
        count = 2200 // size
        old = bytearray(rng.below(256) for _ in range(count * size))
        for b in range(count):
            for at in scales:
                old[b * size + at : b * size + at + 2] = f16((0.5 + rng.below(64) / 128) / 32)
            if name == "mxfp4":
                old[b * size] = 118 + rng.below(4)
        new = bytearray(old)
        for b in range(count):
            for at in scales:
                if rng.below(3) == 0:
                    new[b * size + at] = new[b * size + at] + rng.below(9) - 4 & 255
            for _ in range(3):
                i = rng.below(size)
                if not any(at <= i < at + 2 for at in scales) and not (name == "mxfp4" and i == 0):
                    new[b * size + i] ^= 1 << rng.below(8)
        yield name, gguf("w", kind, count * items, bytes(old)), gguf("w", kind, count * items, bytes(new))


# name, ggml type of the new blocks, the base's type and its ggml type, how much it was tuned
QUANTISED = (
    ("to_q8_0", 8, "F16", 1, 0), ("to_q4_0", 2, "BF16", 30, 1 / 256), ("to_q4_1", 3, "F32", 0, 0),
    ("to_q5_0", 6, "F32", 0, 1 / 512), ("to_q5_1", 7, "F16", 1, 1 / 512),
)


def quantised_pairs():
    for name, kind, base, base_kind, step in QUANTISED:
        rng = Random(80 + kind)
        old = [struct.unpack("<e", f16(x))[0] for x in values(rng, 32 * 130)]
        old[64:96] = [0.0] * 32
        new = tuned(rng, old, step, 2) if step else old
        exact = FLOATS[base]
        new = list(numbers(b"".join(map(exact, new)), TYPE[base.lower()]))
        blocks = b"".join(quantise_block(new[i : i + 32], name[3:]) for i in range(0, len(new), 32))
        yield name, gguf("w", base_kind, len(old), b"".join(map(exact, old))), gguf("w", kind, len(new), blocks)


def shards():
    """A model in two files; the new one has other borders between them."""
    rng = Random(60)
    a, b = values(rng, 1100), values(rng, 1100)
    a2, b2 = tuned(rng, a, 1 / 1024), b
    for side, first, second in (("base", a, b), ("target", a2, b2)):
        files = {"model-00001-of-00002.safetensors": one("BF16", 20, first),
                 "model-00002-of-00002.safetensors": safetensors(
                     [("second", "BF16", [20, 55], b"".join(map(bf16, second)))])}
        where = {"norm": "model-00001-of-00002.safetensors", "weight": "model-00001-of-00002.safetensors",
                 "second": "model-00002-of-00002.safetensors"}
        files["model.safetensors.index.json"] = json.dumps({"weight_map": where}).encode()
        for name, data in files.items():
            yield "shards.%s/%s" % (side, name), data


def write(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def pairs(folder):
    for make, suffix in ((float_pairs, "safetensors"), (integer_pairs, "safetensors"), (block_pairs, "gguf"),
                         (quantised_pairs, "gguf")):
        for name, old, new in make():
            write(folder, "%s.base.%s" % (name, suffix), old)
            write(folder, "%s.target.%s" % (name, suffix), new)
    for name, data in shards():
        write(folder, name, data)
    text = bytes(range(256)) * 4
    write(folder, "bytes.base", text)
    write(folder, "bytes.target", glued(text))
    write(folder, "nothing.base", b"")
    rng = Random(70)
    moved = bytes(rng.below(256) for _ in range(3000))
    write(folder, "moved.base", moved)
    write(folder, "moved.target", moved[1000:1900] + b"xyz" + moved[:900] + moved[1950:] + moved[100:700])
    write(folder, "members.target/one.bin", text[:40])
    write(folder, "members.target/deep/empty.bin", b"")
    write(folder, "members.target/two.bin", text[100:190] + b"end")


# --- patches by hand ----------------------------------------------------------------------
def glued(base):
    """Glue, a striped record, glue, one block, three blocks, two tails of glue."""
    striped = b"".join(base[i : i + 3] + bytes(2) for i in range(700, 640, -10))
    return b"head" + striped + b"-mid-" + b"fresh bytes" + base[:100] + b"tail1" + base[9:29] + b"tail2"


def varint(n, pad=0):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    for _ in range(pad):
        out[-1] |= 128
        out.append(0)
    return bytes(out)


def chunk(kind, content):
    return bytes([kind]) + varint(len(content)) + content + struct.pack(
        "<I", xxh64(bytes([kind]) + content) & 0xFFFFFFFF)


def refs(pieces, members=1):
    out, end, member = varint(len(pieces), 1), 0, 0
    for n, at, m in pieces:
        out += varint(n << 1 | (at is None))
        if at is None:
            continue
        if members > 1:
            out += varint(m)
        if m != member:
            member, end = m, 0
        d = at - end
        out += varint(d << 1 if d >= 0 else -d - 1 << 1 | 1)
        end = at + n
    return out


def glue(data):
    return chunk(3, b"\0" + varint(len(data)) + b"\0\0" + refs([]) + varint(0) + data)


def glue_copy(pieces):
    return chunk(3, b"\1" + varint(sum(p[0] for p in pieces)) + b"\0\0" + refs(pieces) + varint(0))


class Record:
    def __init__(self, strategy, new_bytes, pieces=(), **more):
        self.strategy, self.new_bytes, self.pieces = strategy, new_bytes, list(pieces)
        self.type, self.old_type, self.glue, self.block = 0, None, 0, None
        self.inline, self.model, self.dict = b"", b"", 0
        self.__dict__.update(more)

    def chunk(self):
        flags = (self.old_type is not None) | (2 if self.block is None else 0)
        c = bytes([self.strategy, self.type, flags])
        c += bytes([self.old_type]) if self.old_type is not None else b""
        c += varint(self.glue) + varint(self.new_bytes, 2) + varint(0) + bytes([0, self.dict])
        c += refs(self.pieces) + (b"" if self.block is None else varint(self.block))
        return chunk(1, c + varint(len(self.model)) + self.model + self.inline)


def patch(base, target, records, body, used, dicts=b"\0"):
    def members(list_):
        out = varint(len(list_))
        for name, data in list_:
            out += varint(len(data)) + hashlib.sha256(data).digest() + varint(len(name)) + name.encode()
        return out

    # generous maxima: readers may refuse more, not less
    head = varint(7) + b"by hand" + varint(0) + varint(sum(1 << s for s in used)) + varint(records)
    head += varint(0) + varint(4096) * 2 + varint(8192) * 3 + varint(0) + varint(65536)
    head += members(base) + members(target) + dicts
    head = b"MLRP\1" + bytes(3) + struct.pack("<I", len(head)) + head
    return head + struct.pack("<Q", xxh64(head)) + body + chunk(0, b"")


def hand(pairs_at, folder):
    def read(name):
        with open(os.path.join(pairs_at, name), "rb") as f:
            return f.read()

    old, new = read("bytes.base"), read("bytes.target")
    base, target = [("bytes", old)], [("bytes", new)]
    striped = [p for i in range(700, 640, -10) for p in ((3, i, 0), (2, None, 0))]
    body = Record(1, 30, striped, glue=4).chunk() + glue(b"head-m")
    body += Record(0, 11, glue=5, inline=b"fresh bytes").chunk() + glue(b"id-")
    body += Record(2, 100, block=40).chunk()
    for at in range(0, 100, 40):
        body += chunk(2, b"\0" + old[:100][at : at + 40])
    body += glue(b"tail1") + glue_copy([(20, 9, 0)]) + glue(b"tail2")
    write(folder, "hand_container.patch", patch(base, target, 3, body, (0, 1, 2)))

    mixed = [("one.bin", old[:40]), ("deep/empty.bin", b""), ("two.bin", old[100:190] + b"end")]
    body = Record(1, 40, [(40, 0, 0)]).chunk() + Record(1, 90, [(90, 100, 0)]).chunk() + glue(b"end")
    write(folder, "hand_members.patch", patch(base, mixed, 2, body, (0, 1)))
    write(folder, "hand_from_nothing.patch", patch([], [("bytes", b"a" * 9)], 1,
          Record(2, 9, inline=b"\2a").chunk(), (2,)))
    old, new = read("retyped.base.safetensors"), read("converted.target")
    n, at = 2064, len(old) - 4128
    body = Record(1, n, [(2 * n, at, 0)], type=4, old_type=2, glue=2, block=700).chunk() + glue(b"->")
    body += chunk(2, b"") * 3
    write(folder, "hand_copy_converted.patch", patch([("old", old)], [("new", new)], 1, body, (0, 1)))
    body = Record(1, n, [(2 * n, at, 0)], type=4, old_type=2, glue=2).chunk() + glue(b"->")
    write(folder, "hand_copy_inline.patch", patch([("old", old)], [("new", new)], 1, body, (0, 1)))


def converted_target(folder):
    with open(os.path.join(folder, "retyped.base.safetensors"), "rb") as f:
        data = f.read()[-4128:]
    write(folder, "converted.target", b"->" + b"".join(
        bf16(struct.unpack("<f", data[i : i + 4])[0]) for i in range(0, len(data), 4)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    pairs(sys.argv[1])
    converted_target(sys.argv[1])
    write(sys.argv[1], "nine.target", b"a" * 9)
    hand(sys.argv[1], sys.argv[2])
