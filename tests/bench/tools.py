"""The tools that compare.py sets side by side: each is two command lines, one that makes a
patch and one that applies it. A tool that is not installed is left out and said so."""
import os
import shutil

MIB = 1 << 20


class Tool:
    def __init__(self, name, diff, apply, needs, most=None):
        self.name = name
        self.diff = diff  # a list of words; OLD NEW PATCH stand for the files
        self.apply = apply  # likewise with OLD PATCH OUT
        self.needs = needs  # programs that must be there
        self.most = most  # largest file that it is tried on, in bytes

    def missing(self):
        return [word for word in self.needs if shutil.which(word) is None]


def ours(mallorn):
    make = [mallorn, "diff", "OLD", "NEW", "-o", "PATCH", "-f", "-q"]
    apply = [mallorn, "patch", "OLD", "PATCH", "-o", "OUT", "-f", "-q"]
    small = apply + ["--streaming", "--buffer-size", str(MIB)]
    return [
        Tool("mallorn", make, apply, [mallorn]),
        Tool("mallorn --neural", make + ["--neural"], apply, [mallorn]),
        Tool("mallorn --neural -l 22", make + ["--neural", "--level", "22"], apply, [mallorn], 16 * MIB),
        Tool("mallorn in 1 MiB", make + ["--neural", "--device", "1M"], small, [mallorn]),
    ]


def common():
    def zstd(level):
        # --long=28 lets a window hold the files of these pairs whole
        return Tool(
            f"zstd -{level} --patch-from",
            ["zstd", "-q", "-f", "-T1", f"-{level}", "--long=28", "--patch-from=OLD", "NEW", "-o", "PATCH"],
            ["zstd", "-q", "-f", "-d", "--long=28", "--patch-from=OLD", "PATCH", "-o", "OUT"],
            ["zstd"],
        )

    return [
        zstd(3),
        zstd(19),
        Tool("xdelta3 -9", ["xdelta3", "-q", "-f", "-9", "-e", "-s", "OLD", "NEW", "PATCH"],
             ["xdelta3", "-q", "-f", "-d", "-s", "OLD", "PATCH", "OUT"], ["xdelta3"]),
        Tool("bsdiff", ["bsdiff", "OLD", "NEW", "PATCH"], ["bspatch", "OLD", "OUT", "PATCH"],
             ["bsdiff", "bspatch"], 64 * MIB),
    ]


def provided(folder):
    """Tools from a folder of executables: hdiffz with hpatchz, and every NAME-diff OLD NEW PATCH
    that has a NAME-apply OLD PATCH OUT beside it."""
    if not folder:
        return []
    found = []
    hdiffz, hpatchz = (os.path.join(folder, n) for n in ("hdiffz", "hpatchz"))
    if os.access(hdiffz, os.X_OK) and os.access(hpatchz, os.X_OK):
        found.append(Tool("HDiffPatch", [hdiffz, "-f", "-m-6", "-SD", "-c-zstd-21-24", "OLD", "NEW", "PATCH"],
                          [hpatchz, "-f", "OLD", "PATCH", "OUT"], [hdiffz, hpatchz]))
    for entry in sorted(os.listdir(folder)):
        name, _, kind = entry.rpartition("-")
        make, apply = os.path.join(folder, entry), os.path.join(folder, name + "-apply")
        if kind == "diff" and os.access(make, os.X_OK) and os.access(apply, os.X_OK):
            found.append(Tool(name, [make, "OLD", "NEW", "PATCH"], [apply, "OLD", "PATCH", "OUT"], [make, apply]))
    return found
