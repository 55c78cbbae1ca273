"""How time and memory grow: scaling.py MALLORN RUSAGE [--most BYTES] [--out DIR]

Makes pairs of SafeTensors files (sparse files, so that gigabytes cost no disk), with ever more
bytes, then with ever more tensors, and one ordinary pair for ever more threads; prints times and
peak memory of diff and patch, and for each series the slope of the logarithms: 1 is
proportional, 0 is constant."""
import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile

MIB = 1 << 20
COLUMNS = ["series", "value", "diff_s", "patch_s", "diff_rss_mb", "patch_rss_mb", "patch_bytes", "identical"]


def header(count, size):
    """The header of a file of `count` equal bf16 tensors, padded to a multiple of eight."""
    tensors = {
        f"model.layers.{i}.weight": {"dtype": "BF16", "shape": [size // 2], "data_offsets": [i * size, (i + 1) * size]}
        for i in range(count)
    }
    text = json.dumps(tensors, separators=(",", ":"))
    text += " " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text.encode()


def sparse_file(path, count, size, changed, seed):
    """Tensors of zeros, with 4 KiB of noise in every `changed`-th."""
    noise = random.Random(seed)
    head = header(count, size)
    with open(path, "wb") as out:
        out.write(head)
        for i in range(0, count, changed):
            out.seek(len(head) + i * size)
            out.write(noise.randbytes(min(4096, size)))
        out.truncate(len(head) + count * size)


def dense_pair(old, new, count, size):
    """Noise, and the same noise with the lowest bit of every element drawn anew."""
    source = random.Random(7)
    head = header(count, size)
    data = source.randbytes(count * size)
    low = int.from_bytes(b"\x01\x00" * (count * size // 2), "little")
    flips = int.from_bytes(source.randbytes(count * size), "little") & low
    updated = (int.from_bytes(data, "little") ^ flips).to_bytes(count * size, "little")
    for path, content in ((old, data), (new, updated)):
        with open(path, "wb") as out:
            out.write(head + content)


def run(rusage, words):
    line = subprocess.run([rusage] + words, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    if line[0] != "0":
        raise SystemExit(f"exit {line[0]}: {' '.join(words)}")
    return float(line[1]), int(line[3])


def measure(args, folder, threads):
    old, new, patch, out = (os.path.join(folder, n) for n in ("old", "new", "patch", "out"))
    # the smallest of three runs: these series are about growth, not about noise
    runs = 3 if os.path.getsize(new) < 512 * MIB else 1
    make = [args.mallorn, "diff", old, new, "-o", patch, "-f", "-q", "--threads", str(threads)]
    apply = [args.mallorn, "patch", old, patch, "-o", out, "-f", "-q", "--threads", str(threads)]
    diff_s, diff_rss = min(run(args.rusage, make) for _ in range(runs))
    patch_s, patch_rss = min(run(args.rusage, apply) for _ in range(runs))
    same = subprocess.run(["cmp", "-s", new, out], check=False).returncode == 0
    return [diff_s, patch_s, diff_rss / 1e6, patch_rss / 1e6, os.path.getsize(patch), "yes" if same else "NO"]


def slope(points):
    """Least squares of log y over log x."""
    logs = [(math.log(x), math.log(max(y, 1e-9))) for x, y in points]
    mx, my = (sum(v[i] for v in logs) / len(logs) for i in (0, 1))
    spread = sum((x - mx) ** 2 for x, _ in logs)
    return sum((x - mx) * (y - my) for x, y in logs) / spread


def series(args, name, values, prepare, threads_of, lines):
    rows = []
    for value in values:
        with tempfile.TemporaryDirectory(dir=args.out) as folder:
            prepare(os.path.join(folder, "old"), os.path.join(folder, "new"), value)
            rows.append((value, measure(args, folder, threads_of(value))))
        v, r = rows[-1]
        lines.append([name, v, f"{r[0]:.3f}", f"{r[1]:.3f}", f"{r[2]:.1f}", f"{r[3]:.1f}", r[4], r[5]])
        print("\t".join(map(str, lines[-1])), flush=True)
    slopes = [f"{slope([(v, r[i]) for v, r in rows]):.2f}" for i in range(4)]
    lines.append([name, "slope", *slopes, "", ""])
    print("\t".join(lines[-1]), flush=True)


def by_size(old, new, size):
    count = size // (8 * MIB)
    sparse_file(old, count, 8 * MIB, 1, 1)
    sparse_file(new, count, 8 * MIB, 1, 2)


def by_count(old, new, count):
    sparse_file(old, count, 4096, 1, 1)
    sparse_file(new, count, 4096, 10, 2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mallorn")
    parser.add_argument("rusage")
    parser.add_argument("--most", type=int, default=4 << 30)
    parser.add_argument("--out", default="build/bench")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    processors = os.cpu_count() or 1
    lines = [COLUMNS]
    print("\t".join(COLUMNS))
    series(args, "bytes", [n * MIB for n in (16, 64, 256, 1024, 4096) if n * MIB <= args.most], by_size,
           lambda _: processors, lines)
    series(args, "tensors", [10, 100, 1000, 10000, 100000], by_count, lambda _: processors, lines)
    series(args, "threads", sorted({1, 2, processors}), lambda old, new, _: dense_pair(old, new, 8, 8 * MIB),
           lambda n: n, lines)
    with open(os.path.join(args.out, "scaling.tsv"), "w") as out:
        out.write("\n".join("\t".join(map(str, line)) for line in lines) + "\n")
    return 1 if any(line[-1] == "NO" for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
