"""Computes every statistic of analysis/measure.h anew with NumPy and compares.

numpy_check.py DIR: DIR holds NAME.old, NAME.new (raw bytes) and NAME.txt (what the library
measured); NAME is DTYPE-KIND-SHAPE-KERNELS. Exits 1 and tells what differs.
"""
import os
import sys

import numpy as np

np.seterr(all="ignore")
U = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def small(code, exp, man, bias, kind="ieee"):
    """Values of small floats: 'ieee' has Inf and NaN, 'fn' NaN at all ones, 'uz' at -0,
    'none' neither."""
    code = code.astype(np.int64)
    sign = np.where(code >> (exp + man) & 1, -1.0, 1.0)
    e = code >> man & ((1 << exp) - 1)
    m = code & ((1 << man) - 1)
    v = np.where(e == 0, m * 2.0 ** (1 - bias - man), (1 + m / 2.0**man) * 2.0 ** (e - bias))
    v = sign * v
    if kind == "ieee":
        v = np.where(e == (1 << exp) - 1, np.where(m == 0, sign * np.inf, np.nan), v)
    if kind == "fn":
        v = np.where((e == (1 << exp) - 1) & (m == (1 << man) - 1), np.nan, v)
    if kind == "uz":
        v = np.where(code == 1 << (exp + man), np.nan, v)
    return v


def f16(b):
    return np.frombuffer(b.tobytes(), "<f2").astype(np.float64)


def e8m0(c):
    return np.where(c == 255, np.nan, 2.0 ** (c.astype(np.float64) - 127))


E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
IQ4 = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113.0])


def nibbles(q):
    return np.concatenate([q & 15, q >> 4], axis=1).astype(np.float64)


def six_bit(s):
    """Scales and minima of q4_k and q5_k."""
    s = s.astype(int)
    sc = np.concatenate([s[:, 0:4] & 63, (s[:, 8:12] & 15) | (s[:, 0:4] >> 6) << 4], axis=1)
    mn = np.concatenate([s[:, 4:8] & 63, (s[:, 8:12] >> 4) | (s[:, 4:8] >> 6) << 4], axis=1)
    return sc, mn


def two_bit(q):
    """32-byte groups, four codes a byte: group, then shift, then byte."""
    g = q.reshape(len(q), -1, 1, 32) >> np.array([0, 2, 4, 6]).reshape(1, 1, 4, 1) & 3
    return g.reshape(len(q), -1).astype(np.float64)


def trits(q, n):
    p = np.array([1, 3, 9, 27, 81][:n])
    t = (q.astype(int)[:, None, :] * p[None, :, None] & 255) * 3 >> 8
    return t.reshape(len(q), -1) - 1.0


def decode_block(dtype, b):
    h = lambda at: f16(np.ascontiguousarray(b[:, at : at + 2]))[:, None]
    if dtype == "q4_0":
        return h(0) * (nibbles(b[:, 2:]) - 8)
    if dtype == "q4_1":
        return h(0) * nibbles(b[:, 4:]) + h(2)
    if dtype in ("q5_0", "q5_1"):
        at = 2 if dtype == "q5_0" else 4
        high = np.unpackbits(b[:, at : at + 4], axis=1, bitorder="little") * 16.0
        q = nibbles(b[:, at + 4 :]) + high
        return h(0) * (q - 16) if dtype == "q5_0" else h(0) * q + h(2)
    if dtype == "q8_0":
        return h(0) * b[:, 2:].astype(np.int8)
    if dtype == "q8_1":
        return h(0) * b[:, 4:].astype(np.int8)
    if dtype == "q8_k":
        d = np.frombuffer(np.ascontiguousarray(b[:, :4]).tobytes(), "<f4").astype(float)
        return d[:, None] * b[:, 4:260].astype(np.int8)
    if dtype == "q2_k":
        sc = np.repeat(b[:, :16] & 15, 16, axis=1)
        mn = np.repeat(b[:, :16] >> 4, 16, axis=1)
        return h(80) * sc * two_bit(b[:, 16:80]) - h(82) * mn
    if dtype == "q3_k":
        s = b[:, 96:108].astype(int)
        low = np.concatenate([s[:, :8] & 15, s[:, :8] >> 4], axis=1)
        high = np.concatenate([s[:, 8:12] >> k & 3 for k in (0, 2, 4, 6)], axis=1)
        sc = np.repeat((low | high << 4) - 32, 16, axis=1)
        mask = np.concatenate([b[:, :32] >> k & 1 for k in range(8)], axis=1)
        return h(108) * sc * (two_bit(b[:, 32:96]) - np.where(mask == 1, 0, 4))
    if dtype in ("q4_k", "q5_k"):
        sc, mn = six_bit(b[:, 4:16])
        at = 16 if dtype == "q4_k" else 48
        g = b[:, at:].reshape(len(b), 4, 1, 32) >> np.array([0, 4]).reshape(1, 1, 2, 1) & 15
        q = g.reshape(len(b), 256).astype(float)
        if dtype == "q5_k":
            q += np.concatenate([b[:, 16:48] >> k & 1 for k in range(8)], axis=1) * 16.0
        return h(0) * np.repeat(sc, 32, axis=1) * q - h(2) * np.repeat(mn, 32, axis=1)
    if dtype == "q6_k":
        out = []
        for half in (0, 1):
            ql, qh = b[:, 64 * half : 64 * half + 64], b[:, 128 + 32 * half :][:, :32]
            low = np.concatenate([ql & 15, ql >> 4], axis=1).astype(int)
            high = np.concatenate([qh >> k & 3 for k in (0, 2, 4, 6)], axis=1).astype(int)
            out.append((low | high << 4) - 32)
        sc = np.repeat(b[:, 192:208].astype(np.int8).astype(float), 16, axis=1)
        return h(208) * sc * np.concatenate(out, axis=1)
    if dtype == "iq4_nl":
        return h(0) * IQ4[nibbles(b[:, 2:]).astype(int)]
    if dtype == "iq4_xs":
        low = np.stack([b[:, 4 + k // 2] >> 4 * (k % 2) & 15 for k in range(8)], axis=1)
        w = b[:, 2].astype(int) | b[:, 3].astype(int) << 8
        high = np.stack([w >> 2 * k & 3 for k in range(8)], axis=1)
        sc = np.repeat((low | high << 4).astype(int) - 32, 32, axis=1)
        q = np.concatenate([nibbles(b[:, 8 + 16 * k : 24 + 16 * k]) for k in range(8)], axis=1)
        return h(0) * sc * IQ4[q.astype(int)]
    if dtype == "tq1_0":
        parts = [trits(b[:, :32], 5), trits(b[:, 32:48], 5), trits(b[:, 48:52], 4)]
        return h(52) * np.concatenate(parts, axis=1)
    if dtype == "tq2_0":
        return h(64) * (two_bit(b[:, :64]) - 1)
    if dtype == "mxfp4":
        return e8m0(b[:, :1]) * E2M1[nibbles(b[:, 1:]).astype(int)]
    if dtype == "nvfp4":
        d = np.repeat(small(b[:, :4] & 127, 4, 3, 7, "fn"), 16, axis=1)
        q = [nibbles(b[:, 4 + 8 * s : 12 + 8 * s]) for s in range(4)]
        return d * E2M1[np.concatenate(q, axis=1).astype(int)]
    if dtype == "q1_0":
        bit = np.unpackbits(b[:, 2:], axis=1, bitorder="little")
        return np.where(bit == 1, h(0), -h(0))
    if dtype == "q2_0":
        q = (b[:, 2:, None] >> np.array([0, 2, 4, 6]) & 3).reshape(len(b), -1)
        return h(0) * (q.astype(float) - 1)
    return None


BLOCK = {
    "q4_0": (32, 18, [(0, 2)]), "q4_1": (32, 20, [(0, 4)]), "q5_0": (32, 22, [(0, 2)]),
    "q5_1": (32, 24, [(0, 4)]), "q8_0": (32, 34, [(0, 2)]), "q8_1": (32, 36, [(0, 4)]),
    "q2_k": (256, 84, [(0, 16), (80, 84)]), "q3_k": (256, 110, [(96, 110)]),
    "q4_k": (256, 144, [(0, 16)]), "q5_k": (256, 176, [(0, 16)]),
    "q6_k": (256, 210, [(192, 210)]), "q8_k": (256, 292, [(0, 4)]),
    "iq2_xxs": (256, 66, [(0, 2)]), "iq2_xs": (256, 74, [(0, 2), (66, 74)]),
    "iq3_xxs": (256, 98, [(0, 2)]), "iq1_s": (256, 50, [(0, 2)]),
    "iq4_nl": (32, 18, [(0, 2)]), "iq3_s": (256, 110, [(0, 2), (106, 110)]),
    "iq2_s": (256, 82, [(0, 2), (74, 82)]), "iq4_xs": (256, 136, [(0, 8)]),
    "iq1_m": (256, 56, [(48, 56)]), "tq1_0": (256, 54, [(52, 54)]),
    "tq2_0": (256, 66, [(64, 66)]), "mxfp4": (32, 17, [(0, 1)]), "nvfp4": (64, 36, [(0, 4)]),
    "q1_0": (128, 18, [(0, 2)]), "q2_0": (64, 18, [(0, 2)]),
}
PACKED = {"u4": 4, "i4": 4, "u2": 2, "i2": 2, "f4_e2m1": 4, "f6_e2m3": 6, "f6_e3m2": 6}
# width, order (u, s, f), exponent bits, least normal
PLAIN = {
    "f64": (8, "f", 11, 2.0**-1022), "f32": (4, "f", 8, 2.0**-126),
    "f16": (2, "f", 5, 2.0**-14), "bf16": (2, "f", 8, 2.0**-126),
    "f8_e4m3": (1, "f", 4, 2.0**-6), "f8_e5m2": (1, "f", 5, 2.0**-14),
    "f8_e4m3fnuz": (1, "f", 4, 2.0**-7), "f8_e5m2fnuz": (1, "f", 5, 2.0**-15),
    "f8_e8m0": (1, "u", 0, 0), "bool": (1, "u", 0, 0), "u8": (1, "u", 0, 0),
    "i8": (1, "s", 0, 0), "u16": (2, "u", 0, 0), "i16": (2, "s", 0, 0),
    "u32": (4, "u", 0, 0), "i32": (4, "s", 0, 0), "u64": (8, "u", 0, 0),
    "i64": (8, "s", 0, 0), "opaque": (1, "u", 0, 0),
}
PACKED_ORDER = {"u4": "u", "i4": "s", "u2": "u", "i2": "s"}
PACKED_EXP = {"f4_e2m1": (2, 1.0), "f6_e2m3": (2, 1.0), "f6_e3m2": (3, 0.25)}


def unpack(raw, bits, n):
    stream = np.unpackbits(raw, bitorder="little")[: n * bits].reshape(n, bits)
    return (stream.astype(int) << np.arange(bits)).sum(axis=1).astype(np.uint8)


def values(dtype, code, raw, n):
    if dtype == "f64":
        return raw.view("<f8").copy()
    if dtype == "f32":
        return raw.view("<f4").astype(np.float64)
    if dtype == "f16":
        return raw.view("<f2").astype(np.float64)
    if dtype == "bf16":
        return (code.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    tiny = {
        "f8_e4m3": (4, 3, 7, "fn"), "f8_e5m2": (5, 2, 15, "ieee"),
        "f8_e4m3fnuz": (4, 3, 8, "uz"), "f8_e5m2fnuz": (5, 2, 16, "uz"),
        "f4_e2m1": (2, 1, 1, "none"), "f6_e2m3": (2, 3, 1, "none"),
        "f6_e3m2": (3, 2, 3, "none"),
    }
    if dtype in tiny:
        return small(code, *tiny[dtype])
    if dtype == "f8_e8m0":
        return e8m0(code)
    if dtype in ("i8", "i16", "i32", "i64"):
        return code.view("i%d" % code.itemsize).astype(np.float64)
    if dtype in ("i4", "i2"):
        half = 1 << (PACKED[dtype] - 1)
        return ((code.astype(int) ^ half) - half).astype(np.float64)
    if dtype in BLOCK:
        v = decode_block(dtype, raw.reshape(-1, BLOCK[dtype][1]))
        return None if v is None else np.asarray(v, dtype=np.float64).reshape(-1)
    return None if dtype == "opaque" else code.astype(np.float64)


def entropy(symbols):
    if len(symbols) == 0:
        return 0.0
    _, c = np.unique(symbols, return_counts=True)
    p = c / c.sum()
    return float(-(p * np.log2(p)).sum()) + 0.0


def stream_entropy(code, width):
    if width <= 2:
        return entropy(code)
    top = entropy(code >> np.array(8 * (width - 2), dtype=code.dtype))
    return top + sum(entropy(plane(code, k)) for k in range(width - 2))


def plane(code, k):
    return (code >> np.array(8 * k, dtype=code.dtype)).astype(np.uint64) & np.uint64(255)


def ordered(code, order, bits):
    code = code.astype(np.uint64)
    top = np.uint64(1 << (bits - 1))
    full = np.uint64((1 << bits) - 1)
    if order == "u":
        return code
    if order == "s":
        return code ^ top
    return np.where(code & top, ~code & full, code ^ top)


class Check:
    def __init__(self, name, facts):
        self.name, self.facts, self.bad = name, facts, []

    def __call__(self, key, want, tol=1e-9, atol=0.0, index=0):
        got = np.array([float(x) for x in self.facts[key][index]])
        want = np.atleast_1d(np.asarray(want, dtype=np.float64))
        if got.shape != want.shape:
            self.bad.append("%s: %d values, not %d" % (key, len(got), len(want)))
            return
        ok = (got == want) | (np.isnan(got) & np.isnan(want))
        ok |= np.abs(got - want) <= atol + tol * np.maximum(np.abs(got), np.abs(want))
        if not ok.all():
            i = int(np.argmin(ok))
            self.bad.append("%s[%d]: %.17g, NumPy says %.17g" % (key, i, got[i], want[i]))


def log_bins(v):
    out = np.zeros(320)
    e = np.frexp(v)[1] - 1 + 160
    np.add.at(out, np.clip(e, 0, 319), 1)
    return out


def check_side(c, name, v, least_normal):
    f = v[np.isfinite(v)]
    a = np.abs(f)
    nz = a[a > 0]
    c(name + ".nan", np.isnan(v).sum())
    c(name + ".infinite", np.isinf(v).sum())
    c(name + ".zero", (v == 0).sum())
    c(name + ".denormal", ((a < least_normal) & (a > 0)).sum())
    c(name + ".min", f.min() if len(f) else 0)
    c(name + ".max", f.max() if len(f) else 0)
    c(name + ".least", nz.min() if len(nz) else 0)
    c(name + ".most", a.max() if len(f) else 0)
    long = f.astype(np.longdouble)
    n = max(len(f), 1)
    scale = float(a.max()) if len(f) else 0
    c(name + ".mean", float(long.sum() / n), 1e-11, 1e-13 * scale)
    var = float((long**2).sum() / n - (long.sum() / n) ** 2)
    c(name + ".deviation", max(var, 0) ** 0.5, 1e-9, 1e-7 * scale)
    c(name + ".l1", float(abs(long).sum()), 1e-11)
    c(name + ".l2", float((long**2).sum() ** np.longdouble(0.5)), 1e-11)
    c(name + ".range_db", 20 * np.log10(nz.max() / nz.min()) if len(nz) else 0)
    tiny = np.abs(v) < 2.0**-1022
    c(name + ".hist_zero", tiny.sum())
    c(name + ".hist_nan", np.isnan(v).sum())
    c(name + ".hist_inf", np.isinf(v).sum())
    big = f[np.abs(f) >= 2.0**-1022]
    c(name + ".positive", log_bins(big[big > 0]))
    c(name + ".negative", log_bins(big[big < 0]))


def check_delta(c, o, n):
    d = n - o
    ok = np.isfinite(d)
    c("pairs", ok.sum())
    c("delta.hist_nan", (~ok).sum())
    x, y, e = (t[ok].astype(np.longdouble) for t in (o, n, d))
    g = d[ok]
    big = g[np.abs(g) >= 2.0**-1022]
    c("delta.hist_zero", len(g) - len(big))
    c("delta.positive", log_bins(big[big > 0]))
    c("delta.negative", log_bins(big[big < 0]))
    count = len(e)
    if count == 0:
        return
    c("flips", (((x < 0) & (y > 0)) | ((x > 0) & (y < 0))).sum())
    most = float(abs(e).max())
    c("d.mean", float(e.mean()), 1e-11, 1e-13 * most)
    c("d.deviation", float(e.std()), 1e-9, 1e-7 * most)
    c("d.min", float(e.min()))
    c("d.max", float(e.max()))
    c("d.most", most)
    where = np.flatnonzero(ok)[np.argmax(abs(e))] if most > 0 else 0
    c("d.most_index", where)
    l1, l2 = abs(e).sum(), (e**2).sum() ** np.longdouble(0.5)
    no, nn = (x**2).sum() ** np.longdouble(0.5), (y**2).sum() ** np.longdouble(0.5)
    c("d.l1", float(l1))
    c("d.l2", float(l2))
    ol1 = abs(x).sum()
    c("d.l1_relative", float(l1 / ol1) if ol1 > 0 else 0)
    c("d.l2_relative", float(l2 / no) if no > 0 else 0)
    c("d.rmse", float((e**2).mean() ** np.longdouble(0.5)))
    if l2 > 0 and no > 0:
        c("d.snr_db", float(20 * np.log10(no / l2)))
    if no > 0 and nn > 0:
        c("d.cosine", float((x * y).sum() / no / nn), 1e-9, 1e-12)
        a = (x * y).sum() / (x**2).sum()
        c("d.scale", float(a), 1e-9, 1e-12)
        rest = ((y - a * x) ** 2).sum() ** np.longdouble(0.5) / nn
        c("d.scale_rest", float(rest), 1e-6, 1e-7)
        sx, sy = x.std(), y.std()
        if sx > 1e-6 * abs(x).max() and sy > 1e-6 * abs(y).max():
            r = ((x - x.mean()) * (y - y.mean())).mean() / sx / sy
            c("d.correlation", float(r), 1e-7, 1e-9)


def check_bits(c, dtype, a, b, width, bits, order, exp, nan):
    c("b.new", stream_entropy(b, width), 1e-9, 1e-9)
    c("b.xor", stream_entropy(a ^ b, width), 1e-9, 1e-9)
    oa, ob = ordered(a, order, bits), ordered(b, order, bits)
    full = np.uint64((1 << bits) - 1)
    diff = ((ob - oa) & full)[~nan].astype(U[width])
    c("b.delta", stream_entropy(diff, width), 1e-9, 1e-9)
    for key, s in (("new", b), ("delta", diff), ("xor", a ^ b)):
        c("b.plane_" + key, [entropy(plane(s, k)) for k in range(width)], 1e-9, 1e-9)
        for k in range(width):
            counts = np.bincount(plane(s, k).astype(int), minlength=256)
            c("plane_" + key, counts, index=k)
    wide = b.astype(np.uint64)
    if order != "u" and dtype not in BLOCK:
        c("b.sign", entropy(wide >> np.uint64(bits - 1)), 1e-9, 1e-9)
    if order == "f":
        man = bits - 1 - exp
        c("b.exponent", entropy(wide >> np.uint64(man) & np.uint64((1 << exp) - 1)), 1e-9, 1e-9)
        mantissa = wide & np.uint64((1 << man) - 1)
        low = 8 * max(width - 2, 0)
        h = entropy(mantissa >> np.uint64(low))
        h += sum(entropy(plane(b, k)) for k in range(max(width - 2, 0)))
        c("b.mantissa", h, 1e-9, 1e-9)
    if dtype in BLOCK or dtype == "opaque":
        return
    far = np.maximum(oa, ob) - np.minimum(oa, ob)
    far = far[~nan]
    count = np.zeros(66)
    for v in far:
        count[int(v).bit_length()] += 1
    c("u.count", count)
    c("u.max", far.max() if len(far) else 0)
    moved = np.sort(far[far > 0])
    if len(moved):
        q = [moved[-(-len(moved) * p // 100) - 1] for p in (50, 90, 99)]
        got = [int(x) for x in c.facts["u.p"][0]]
        for g, w in zip(got, q):
            w = int(w)
            if (width <= 2 and g != w) or not w <= g <= w + w // 16:
                c.bad.append("quantile %d, NumPy says %d" % (g, w))


def check_places(c, rows, cols, flag, ad):
    gr, gc = min(64, rows), min(64, cols)
    r = np.arange(rows) * gr // rows
    k = np.arange(cols) * gc // cols
    grid, total = np.zeros((gr, gc)), np.zeros((gr, gc))
    at = np.ix_(r, k)
    np.add.at(grid, at, flag)
    np.add.at(total, at, ad)
    for i in range(gr):
        c("grid", grid[i], index=i)
        c("grid_sum", total[i], 1e-9, index=i)
    by_col = flag.sum(axis=0)
    order = sorted((i for i in range(cols) if by_col[i]), key=lambda i: (-by_col[i], i))[:16]
    if order:
        c("col", order)
        c("col_changed", by_col[order])
    if cols < 16:
        return  # rows are grouped: see the unit tests
    by_row, sums = flag.sum(axis=1), ad.sum(axis=1)
    order = sorted((i for i in range(rows) if by_row[i]),
                   key=lambda i: (-by_row[i], -float("%.12g" % sums[i]), i))[:16]
    if order:
        c("top", order)
        c("top_changed", by_row[order])
        c("top_sum", sums[order], 1e-9)


def check_case(path):
    name = os.path.basename(path)[:-4]
    dtype, _, shape, _ = name.split("-")
    facts = {}
    for text in open(path):
        words = text.split()
        facts.setdefault(words[0], []).append(words[1:])
    c = Check(name, facts)
    dims = [int(x) for x in shape.split("x")] if shape else []
    n = int(np.prod(dims)) if dims else 1
    raw = [np.fromfile(path[:-3] + s, dtype=np.uint8) for s in ("old", "new")]
    exp, least, order, width, bits = 0, 0, "u", 1, 8
    if dtype in PACKED:
        bits = PACKED[dtype]
        code = [unpack(x, bits, n) for x in raw]
        order = PACKED_ORDER.get(dtype, "f")
        exp, least = PACKED_EXP.get(dtype, (0, 0))
    elif dtype in BLOCK:
        code = raw
    else:
        width, order, exp, least = PLAIN[dtype]
        bits = 8 * width
        code = [x.view(U[width]) for x in raw]
    o, v = (values(dtype, code[i], raw[i], n) for i in (0, 1))
    flag = code[0] != code[1]
    if dtype in BLOCK:
        items, size, ranges = BLOCK[dtype]
        a, b = (x.reshape(-1, size) for x in raw)
        if v is not None:
            flag = (o != v) & ~(np.isnan(o) & np.isnan(v))
        else:
            flag = np.repeat((a != b).any(axis=1), items)
        is_scale = np.zeros(size, bool)
        for lo, hi in ranges:
            is_scale[lo:hi] = True
        s = (a != b)[:, is_scale].any(axis=1)
        q = (a != b)[:, ~is_scale].any(axis=1)
        c("blocks", [len(a), (~s & ~q).sum(), (s & ~q).sum(), (~s & q).sum(), (s & q).sum()])
    c("elements", n)
    c("changed", flag.sum())
    c("changed_bytes", (raw[0] != raw[1]).sum())
    nan = np.zeros(len(code[0]), bool)
    ad = np.zeros(n)
    if v is not None:
        check_side(c, "old", o, least)
        check_side(c, "new", v, least)
        check_delta(c, o, v)
        ad = np.where(np.isfinite(v - o), np.abs(v - o), 0)
        if dtype not in BLOCK:
            nan = np.isnan(o) | np.isnan(v)
    check_bits(c, dtype, code[0], code[1], width, bits, order, exp, nan)
    if n > 0:
        cols = dims[-1] if dims else 1
        per_byte = {4: 2, 2: 4, 6: 4}.get(PACKED.get(dtype, 0), 1)
        cols = cols if cols % per_byte == 0 and dtype != "opaque" else n
        check_places(c, n // cols, cols, flag.reshape(-1, cols).astype(int),
                     ad.reshape(-1, cols))
    return c.bad


def main():
    cases, bad = 0, 0
    for name in sorted(os.listdir(sys.argv[1])):
        if not name.endswith(".txt"):
            continue
        cases += 1
        wrong = check_case(os.path.join(sys.argv[1], name))
        bad += len(wrong) > 0
        for w in wrong[:6]:
            print("%s: %s" % (name, w))
    print("%d cases, %d wrong" % (cases, bad))
    return 1 if bad or cases == 0 else 0


sys.exit(main())
