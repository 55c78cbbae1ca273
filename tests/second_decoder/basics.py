"""Numbers, hashes, element types and streams: what every part of the second decoder uses."""
import ctypes
import ctypes.util
import os
import shutil
import subprocess
import tempfile


class Bad(Exception):
    """The patch breaks a rule of docs/PATCH_FORMAT.md or docs/CODEC.md."""


def need(condition, rule):
    if not condition:
        raise Bad(rule)


class Cursor:
    def __init__(self, data, pos=0):
        self.data = data
        self.pos = pos

    def left(self):
        return len(self.data) - self.pos

    def take(self, n):
        need(0 <= n <= self.left(), "bytes that are there")
        self.pos += n
        return self.data[self.pos - n : self.pos]

    def rest(self):
        return self.take(self.left())

    def u8(self):
        return self.take(1)[0]

    def fixed(self, n):
        return int.from_bytes(self.take(n), "little")

    def varint(self, most=(1 << 64) - 1):
        value = 0
        for i in range(10):
            byte = self.u8()
            value |= (byte & 127) << (7 * i)
            if byte < 128:
                need(value < 1 << 64, "varint of at most 64 bits")
                need(value <= most, "number within its limit")
                return value
        raise Bad("varint of at most ten bytes")

    def text(self, most):
        return self.take(self.varint(most))


# --- XXH64 with seed 0 --------------------------------------------------------------------
M64 = (1 << 64) - 1
P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def _rotl(x, r):
    return (x << r | x >> (64 - r)) & M64


def _round(acc, lane):
    return _rotl((acc + lane * P2) & M64, 31) * P1 & M64


def xxh64(data):
    n, pos = len(data), 0
    if n >= 32:
        v = [(P1 + P2) & M64, P2, 0, -P1 & M64]
        while pos + 32 <= n:
            for i in range(4):
                v[i] = _round(v[i], int.from_bytes(data[pos + 8 * i : pos + 8 * i + 8], "little"))
            pos += 32
        h = (_rotl(v[0], 1) + _rotl(v[1], 7) + _rotl(v[2], 12) + _rotl(v[3], 18)) & M64
        for lane in v:
            h = ((h ^ _round(0, lane)) * P1 + P4) & M64
    else:
        h = P5
    h = (h + n) & M64
    while pos + 8 <= n:
        h ^= _round(0, int.from_bytes(data[pos : pos + 8], "little"))
        h = (_rotl(h, 27) * P1 + P4) & M64
        pos += 8
    if pos + 4 <= n:
        h ^= int.from_bytes(data[pos : pos + 4], "little") * P1 & M64
        h = (_rotl(h, 23) * P2 + P3) & M64
        pos += 4
    while pos < n:
        h = _rotl(h ^ data[pos] * P5 & M64, 11) * P1 & M64
        pos += 1
    h = (h ^ h >> 33) * P2 & M64
    h = (h ^ h >> 29) * P3 & M64
    return h ^ h >> 32


# --- element types: PATCH_FORMAT.md section 7 -------------------------------------------
class Type:
    def __init__(self, ident, name, kind, bits, items, size, exp_bits):
        self.ident, self.name, self.kind = ident, name, kind
        self.bits, self.items, self.size, self.exp_bits = bits, items, size, exp_bits

    def lane(self):
        """Width in bytes, and how differences are taken."""
        if self.kind == "float":
            return self.size, "float"
        if self.kind == "complex":
            return self.size // 2, "float"
        if self.kind in ("int", "uint"):
            return self.size, "int"
        if self.kind == "packed" and self.bits == 4:
            return 1, "nibble"
        if self.kind == "packed" and self.bits == 2:
            return 1, "crumb"
        return 1, "int"


_ROWS = """
0 opaque opaque 8 1 1 0|1 f64 float 64 1 8 11|2 f32 float 32 1 4 8|3 f16 float 16 1 2 5
4 bf16 float 16 1 2 8|5 f8_e4m3 float 8 1 1 4|6 f8_e5m2 float 8 1 1 5
7 f8_e4m3fnuz float 8 1 1 4|8 f8_e5m2fnuz float 8 1 1 5|9 f8_e8m0 uint 8 1 1 8
10 c64 complex 64 1 8 8|11 c128 complex 128 1 16 11|12 string opaque 0 1 1 0
16 bool uint 8 1 1 0|17 u8 uint 8 1 1 0|18 i8 int 8 1 1 0|19 u16 uint 16 1 2 0
20 i16 int 16 1 2 0|21 u32 uint 32 1 4 0|22 i32 int 32 1 4 0|23 u64 uint 64 1 8 0
24 i64 int 64 1 8 0|32 u4 packed 4 2 1 0|33 i4 packed 4 2 1 0|34 u2 packed 2 4 1 0
35 i2 packed 2 4 1 0|36 f4_e2m1 packed 4 2 1 2|37 f6_e2m3 packed 6 4 3 2
38 f6_e3m2 packed 6 4 3 3|64 q4_0 block 4 32 18 0|65 q4_1 block 4 32 20 0
66 q5_0 block 5 32 22 0|67 q5_1 block 5 32 24 0|68 q8_0 block 8 32 34 0
69 q8_1 block 8 32 36 0|70 q2_k block 2 256 84 0|71 q3_k block 3 256 110 0
72 q4_k block 4 256 144 0|73 q5_k block 5 256 176 0|74 q6_k block 6 256 210 0
75 q8_k block 8 256 292 0|76 iq2_xxs block 2 256 66 0|77 iq2_xs block 2 256 74 0
78 iq3_xxs block 3 256 98 0|79 iq1_s block 1 256 50 0|80 iq4_nl block 4 32 18 0
81 iq3_s block 3 256 110 0|82 iq2_s block 2 256 82 0|83 iq4_xs block 4 256 136 0
84 iq1_m block 1 256 56 0|85 tq1_0 block 2 256 54 0|86 tq2_0 block 2 256 66 0
87 mxfp4 block 4 32 17 0|88 nvfp4 block 4 64 36 0|89 q1_0 block 1 128 18 0
90 q2_0 block 2 64 18 0
"""


def _types():
    table = {}
    for row in _ROWS.replace("|", "\n").split("\n"):
        if row:
            w = row.split()
            table[int(w[0])] = Type(int(w[0]), w[1], w[2], *map(int, w[3:]))
    return table


TYPES = _types()

# --- zstd: the only thing that is not done here -------------------------------------------
_zstd = None


def _library():
    global _zstd
    if _zstd is None:
        name = ctypes.util.find_library("zstd")
        _zstd = False
        if name and not os.environ.get("SECOND_DECODER_CLI"):
            _zstd = ctypes.CDLL(name)
            _zstd.ZSTD_createDCtx.restype = ctypes.c_void_p
            _zstd.ZSTD_decompress_usingDict.restype = ctypes.c_size_t
            _zstd.ZSTD_isError.argtypes = [ctypes.c_size_t]
            _zstd.ZSTD_freeDCtx.argtypes = [ctypes.c_void_p]
            size = ctypes.c_size_t
            pointer = ctypes.c_char_p
            _zstd.ZSTD_decompress_usingDict.argtypes = [
                ctypes.c_void_p, ctypes.c_void_p, size, pointer, size, pointer, size]
    return _zstd


def zstd_is_there():
    return bool(_library()) or shutil.which("zstd") is not None


def zstd_name():
    if _library():
        return "libzstd through ctypes"
    return "the zstd command" if shutil.which("zstd") else "none"


def _by_library(lib, frame, n, history):
    out = ctypes.create_string_buffer(max(n, 1))
    ctx = lib.ZSTD_createDCtx()
    made = lib.ZSTD_decompress_usingDict(
        ctx, out, n, bytes(frame), len(frame), bytes(history) or None, len(history))
    failed = lib.ZSTD_isError(made)
    lib.ZSTD_freeDCtx(ctx)
    need(not failed and made == n, "zstd frame of the right size")
    return out.raw[:n]


def _by_command(frame, history):
    need(shutil.which("zstd"), "libzstd or the zstd command")
    with tempfile.TemporaryDirectory() as folder:
        command = ["zstd", "-d", "-q", "-c", "--long=31"]
        if history:
            path = os.path.join(folder, "history")
            with open(path, "wb") as f:
                f.write(history)
            command += ["-D", path]
        done = subprocess.run(command, input=bytes(frame), capture_output=True, check=False)
    need(done.returncode == 0, "zstd frame that the command accepts")
    return done.stdout


def inflate(frame, n, history=b""):
    """One frame of n bytes; history is a dictionary, or bytes that may be referred to."""
    need(len(frame) >= 4 and bytes(frame[:4]) == b"\x28\xb5\x2f\xfd", "zstd frame")
    lib = _library()
    out = _by_library(lib, frame, n, history) if lib else _by_command(frame, history)
    need(len(out) == n, "zstd frame of the right size")
    return out


# --- streams: CODEC.md, "Streams" ---------------------------------------------------------
def expand(stream, n, history=b""):
    if n == 0:
        need(len(stream) == 0, "no bytes for an empty stream")
        return b""
    need(len(stream) >= 1, "form of a stream")
    form, body = stream[0], stream[1:]
    if form == 0:
        need(len(body) == n, "size of a stored stream")
        return bytes(body)
    if form == 1:
        return inflate(body, n, history)
    if form == 2:
        need(len(body) == 1, "size of a repeated stream")
        return bytes(body) * n
    raise Bad("form of a stream")


def expand_all(payload, sizes, dictionary):
    """Streams whose plain sizes are known, one after the other."""
    c = Cursor(payload)
    used = [i for i, n in enumerate(sizes) if n > 0]
    stored = [0] * len(sizes)
    for i in used[:-1]:
        stored[i] = c.varint()
    out = []
    for i, n in enumerate(sizes):
        size = c.left() if used and i == used[-1] else stored[i]
        out.append(expand(c.take(size), n, dictionary))
    need(c.left() == 0, "payload without a rest")
    return out


def fold_back(z):
    """0, 1, 2, 3, 4 ... are 0, -1, 1, -2, 2 ..."""
    return -((z + 1) >> 1) if z & 1 else z >> 1


def to_ordered(x, bits):
    """Bits of a float as a number that sorts like its value."""
    return x ^ ((1 << bits) - 1) if x >> (bits - 1) else x | 1 << (bits - 1)


def from_ordered(x, bits):
    return x ^ 1 << (bits - 1) if x >> (bits - 1) else x ^ ((1 << bits) - 1)
