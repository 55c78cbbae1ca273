#!/usr/bin/env python3
"""Makes the table of forecasts against truth (docs/analysis.md) of what bench_forecast
printed: forecast_table.py FILE... Lines of several runs may be joined; of a pair, strategy
and level that stands there twice the last one counts."""
import sys

AIM_TOTAL, AIM_NEAR, AIM_CHOICE = 2.0, 0.95, 1.0


def read(paths):
    rows, choices = {}, {}
    for path in paths:
        for line in open(path):
            f = line.rstrip("\n").split("\t")
            if f[0] in ("pair", "all") or len(f) < 6:
                continue
            key = (f[0], f[1], int(f[2]))
            if f[1] in ("recommended", "auto"):
                choices[key] = (float(f[3]), float(f[4]))
            elif len(f) >= 9 and float(f[4]) > 0:
                near, large = map(int, f[7].split("/"))
                within, records = map(int, f[8].split("/"))
                rows[key] = (float(f[3]), float(f[4]), near, large, within, records)
    return rows, choices


def off(predicted, real):
    return 100 * (predicted / real - 1) if real else 0.0


def table(rows):
    print("| strategy | level | pairs | predicted | real | total off | worst pair | records above "
          "256 KiB within 5 % | within two errors |")
    print("|---|---|---|---|---|---|---|---|---|")
    for strategy in sorted({k[1] for k in rows}):
        for level in sorted({k[2] for k in rows if k[1] == strategy}):
            own = [v for k, v in rows.items() if k[1:] == (strategy, level)]
            s = [sum(v[i] for v in own) for i in range(6)]
            worst = max(abs(off(v[0], v[1])) for v in own)
            print(f"| {strategy} | {level} | {len(own)} | {s[0]:,.0f} | {s[1]:,.0f} | "
                  f"{off(s[0], s[1]):+.3f} % | {worst:.2f} % | {s[2]} of {s[3]} | "
                  f"{s[4]} of {s[5]} |")


def verdicts(rows, choices):
    s = [sum(v[i] for v in rows.values()) for i in range(6)]
    worst = max((abs(off(v[0], v[1])), k) for k, v in rows.items())
    near = s[2] / s[3] if s[3] else 1
    print(f"\nOver {len({k[0] for k in rows})} pairs and {len(rows)} settings: total off by "
          f"{off(s[0], s[1]):+.3f} % (aim: {AIM_TOTAL:g}), worst setting {worst[0]:.2f} % "
          f"({worst[1][1]} at level {worst[1][2]}, {worst[1][0]}); {s[2]} of {s[3]} records above "
          f"256 KiB within 5 %, {100 * near:.1f} % (aim: {100 * AIM_NEAR:g}).\n")
    ok = abs(off(s[0], s[1])) <= AIM_TOTAL and near >= AIM_NEAR
    print("| choice | level | pairs | bytes | best with hindsight | more by |")
    print("|---|---|---|---|---|---|")
    for how in ("recommended", "auto"):
        for level in sorted({k[2] for k in choices if k[1] == how}):
            own = [v for k, v in choices.items() if k[1:] == (how, level)]
            got, best = sum(v[0] for v in own), sum(v[1] for v in own)
            print(f"| {how} | {level} | {len(own)} | {got:,.0f} | {best:,.0f} | "
                  f"{off(got, best):+.3f} % |")
            ok = ok and (how == "auto" or off(got, best) <= AIM_CHOICE)
    print("\nEvery aim holds." if ok else "\nAN AIM IS MISSED.")
    return ok


rows, choices = read(sys.argv[1:])
table(rows)
sys.exit(0 if verdicts(rows, choices) else 1)
