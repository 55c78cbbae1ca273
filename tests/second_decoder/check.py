#!/usr/bin/env python3
"""Applies every golden patch by the second decoder and compares with what mallorn made.

    check.py GOLDEN MADE     the folder of the golden patches; where mallorn's targets lie
"""
import os
import sys

import apply
from basics import Bad, zstd_is_there


def files(path):
    """Names and bytes below a path; a file has the name ''."""
    if os.path.isfile(path):
        return {"": apply.read(path)}
    found = {}
    for folder, _, names in os.walk(path):
        for name in names:
            full = os.path.join(folder, name)
            found[os.path.relpath(full, path)] = apply.read(full)
    return found


def made(golden, name, base):
    patch = apply.read(os.path.join(golden, name + ".patch"))
    p = apply.Patch(patch, apply.base_at(os.path.join(golden, "base", base)), [])
    members = p.run()
    if len(members) == 1:
        return p, {"": members[0][1]}
    return p, dict(members)


def main(golden, folder):
    if not zstd_is_there():
        print("skipped: zstd is neither a library nor a command here")
        return 0
    bad, count, used = 0, 0, set()
    for line in apply.read(os.path.join(golden, "cases.txt")).decode().splitlines():
        if line.startswith("#") or not line:
            continue
        name, base = line.split()[:2]
        try:
            p, members = made(golden, name, base)
            used |= p.used
            wrong = "" if members == files(os.path.join(folder, name)) else "other bytes"
            if line.split()[3:] != ["hand"] and p.terms != p.header.terms:
                wrong = "memory terms %s, announced %s" % (p.terms, p.header.terms)
        except (Bad, ArithmeticError, LookupError, ValueError) as e:
            wrong = "not " + str(e) if isinstance(e, Bad) else repr(e)
        if wrong:
            print("FAIL: second decoder: %s: %s" % (name, wrong))
            bad += 1
        count += 1
    print("%d golden patches, strategies: %s" % (
        count, " ".join(apply.STRATEGIES[s][0] for s in sorted(used))))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
