"""Sets mallorn beside other patch tools: compare.py MALLORN RUSAGE [--demo DIR] [--corpus DIR]
[--unpacked DIR] [--peers DIR] [--runs N] [--only TEXT] [--out DIR]

For every pair and every tool: patch bytes, times to make and to apply the patch (median of N runs,
the tools taking turns), peak resident memory of both, and whether the result is the new file byte
for byte. Writes pairs.tsv, pairs.md and pairs.svg into --out and prints the table as it grows."""
import argparse
import filecmp
import math
import os
import statistics
import subprocess
import sys
import tempfile

import pair_list
import plot
import tools

COLUMNS = ["pair", "new_bytes", "tool", "patch_bytes", "ratio", "diff_s", "apply_s", "diff_rss_mb",
           "apply_rss_mb", "identical"]


def run(rusage, words, files):
    """Runs a command line with its file names filled in: (exit code, seconds, peak resident bytes)."""
    for mark, path in files.items():
        words = [w.replace("--patch-from=" + mark, "--patch-from=" + path) if w.startswith("--patch-from=")
                 else path if w == mark else w for w in words]
    line = subprocess.run([rusage] + words, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return int(line[0]), float(line[1]), int(line[3])


class Result:
    def __init__(self):
        self.diff, self.apply = [], []
        self.diff_rss = self.apply_rss = 0
        self.patch_bytes = None
        self.identical = True
        self.failed = None


def one_run(rusage, tool, result, pair, folder):
    _, old, new, _ = pair
    patch, out = os.path.join(folder, "patch"), os.path.join(folder, "out")
    for path in (patch, out):
        if os.path.exists(path):
            os.remove(path)
    code, seconds, rss = run(rusage, tool.diff, {"OLD": old, "NEW": new, "PATCH": patch})
    if code != 0 or not os.path.exists(patch):
        result.failed = f"diff exits {code}"
        return
    result.diff.append(seconds)
    result.diff_rss = max(result.diff_rss, rss)
    result.patch_bytes = os.path.getsize(patch)
    code, seconds, rss = run(rusage, tool.apply, {"OLD": old, "PATCH": patch, "OUT": out})
    if code != 0 or not os.path.exists(out):
        result.failed = f"apply exits {code}"
        return
    result.apply.append(seconds)
    result.apply_rss = max(result.apply_rss, rss)
    result.identical = result.identical and filecmp.cmp(out, new, shallow=False)


def measure(rusage, pair, chosen, runs, folder):
    _, old, new, _ = pair
    size = max(os.path.getsize(old), os.path.getsize(new))
    fitting = [t for t in chosen if t.most is None or size <= t.most]
    results = {t.name: Result() for t in fitting}
    for turn in range(runs):
        for tool in fitting if turn % 2 == 0 else reversed(fitting):
            # what takes a minute is measured once
            slow = results[tool.name].diff and results[tool.name].diff[0] > 60
            if results[tool.name].failed is None and not slow:
                one_run(rusage, tool, results[tool.name], pair, folder)
    return results


def rows_of(pair, new, results):
    size = os.path.getsize(new)
    for name, r in results.items():
        if r.failed:
            yield [pair, size, name, "", "", "", "", "", "", r.failed]
            continue
        yield [pair, size, name, r.patch_bytes, f"{size / r.patch_bytes:.2f}",
               f"{statistics.median(r.diff):.3f}", f"{statistics.median(r.apply):.3f}",
               f"{r.diff_rss / 1e6:.1f}", f"{r.apply_rss / 1e6:.1f}", "yes" if r.identical else "NO"]


def recorded_rows(pair, new, peers):
    """Sizes that were measured elsewhere, for the tools that are not run here."""
    size = os.path.getsize(new)
    return [[pair, size, name + " (recorded)", b, f"{size / b:.2f}", "", "", "", "", ""] for name, b in peers.items()]


def geometric_means(rows, tool):
    """How many times smaller `tool` is than each other tool, over the pairs both did."""
    sizes = {}
    for row in rows:
        if row[3]:
            sizes.setdefault(row[2], {})[row[0]] = row[3]
    mine = sizes.get(tool, {})
    for other, theirs in sizes.items():
        both = [p for p in theirs if p in mine]
        if other != tool and both:
            yield other, math.exp(sum(math.log(theirs[p] / mine[p]) for p in both) / len(both)), len(both)


def best_of_others(rows, tool):
    """The same against whichever other tool is smallest on each pair."""
    ratios = []
    for pair in {row[0] for row in rows}:
        mine = [r[3] for r in rows if r[0] == pair and r[2] == tool and r[3]]
        others = [r[3] for r in rows if r[0] == pair and not r[2].startswith("mallorn") and r[3]]
        if mine and others:
            ratios.append(math.log(min(others) / mine[0]))
    return (math.exp(sum(ratios) / len(ratios)), len(ratios)) if ratios else None


def write_tables(rows, missing, out):
    with open(os.path.join(out, "pairs.tsv"), "w") as tsv:
        tsv.write("\n".join("\t".join(map(str, row)) for row in [COLUMNS] + rows) + "\n")
    with open(os.path.join(out, "pairs.md"), "w") as md:
        md.write("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS) + "\n")
        for row in rows:
            md.write("| " + " | ".join(map(str, row)) + " |\n")
        md.write("\nTimes smaller, geometric mean over the pairs that both tools did:\n\n"
                 "| against | `mallorn` | `mallorn --neural` | pairs |\n|---|---|---|---|\n")
        plain = {n: m for n, m, _ in geometric_means(rows, "mallorn")}
        for other, mean, count in geometric_means(rows, "mallorn --neural"):
            if not other.startswith("mallorn"):
                md.write(f"| {other} | {plain.get(other, float('nan')):.2f} | {mean:.2f} | {count} |\n")
        best = best_of_others(rows, "mallorn --neural")
        if best:
            md.write(f"| the smallest of all others | | {best[0]:.3f} | {best[1]} |\n")
        for tool, words in missing:
            md.write(f"\nNot run: {tool} ({', '.join(words)} not found)\n")
    with open(os.path.join(out, "pairs.svg"), "w") as svg:
        svg.write(plot.ratio_against_speed(rows))


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("mallorn")
    parser.add_argument("rusage", help="the built tests/bench/rusage.c")
    for name in ("demo", "corpus", "unpacked", "peers", "only"):
        parser.add_argument("--" + name, default="")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", default="build/bench")
    return parser.parse_args()


def main():
    args = arguments()
    every = tools.ours(args.mallorn) + tools.common() + tools.provided(args.peers)
    missing = [(t.name, t.missing()) for t in every if t.missing()]
    chosen = [t for t in every if not t.missing()]
    pairs = list(pair_list.demo(args.demo))
    if args.corpus:
        pairs += pair_list.corpus(args.corpus, args.unpacked)
    pairs = [p for p in pairs if args.only in p[0]]
    os.makedirs(args.out, exist_ok=True)
    rows = []
    print("\t".join(COLUMNS), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for pair in pairs:
            name, _, new, peers = pair
            results = measure(args.rusage, pair, chosen, args.runs, folder)
            fresh = list(rows_of(name, new, results))
            print("\n".join("\t".join(map(str, row)) for row in fresh), flush=True)
            rows += fresh + recorded_rows(name, new, peers)
    write_tables(rows, missing, args.out)
    for tool, words in missing:
        print(f"not run: {tool} ({', '.join(words)} not found)")
    for tool in ("mallorn", "mallorn --neural"):
        best = best_of_others(rows, tool)
        if best:
            print(f"{tool}: {best[0]:.3f} times smaller than the smallest of all others (geometric mean, {best[1]} pairs)")
    wrong = [row for row in rows if row[-1] not in ("yes", "") and row[2].startswith("mallorn")]
    print(f"{len(pairs)} pairs, {len(wrong)} failures of mallorn")
    return 1 if wrong or not pairs else 0


if __name__ == "__main__":
    sys.exit(main())
