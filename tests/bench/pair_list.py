"""Which pairs of models the benches run over: those of a demo folder, and those of a corpus with
the exact bytes of other tools' patches where its PEERS.tsv has them."""
import csv
import os


def corpus(folder, unpacked):
    """Yields (name, old, new, {peer: bytes}) for each line of PEERS.tsv whose files are there."""
    listing = os.path.join(folder, "PEERS.tsv")
    if not os.path.exists(listing):
        return
    with open(listing, newline="") as lines:
        rows = csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t")
        fixed = {"old", "new", "new_bytes", "best", "best_bytes"}
        for row in rows:
            old, new = (locate(row[k], folder, unpacked) for k in ("old", "new"))
            if old and new:
                peers = {k: int(v) for k, v in row.items() if k not in fixed and v and v.isdigit()}
                yield os.path.basename(new), old, new, peers


def locate(path, folder, unpacked):
    prefix = "unpacked/"
    if path.startswith(prefix):
        path = os.path.join(unpacked, path[len(prefix):]) if unpacked else ""
    else:
        path = os.path.join(folder, path)
    return path if path and os.path.exists(path) else None


def demo(folder):
    """Yields (name, old, new, {}) for every demo model that has a base of the same format."""
    names = sorted(os.listdir(folder)) if folder and os.path.isdir(folder) else []
    bases = [n for n in names if n.startswith("base")]
    for name in names:
        for base in bases:
            if name not in bases and name.endswith(base[len("base"):]):
                yield name, os.path.join(folder, base), os.path.join(folder, name), {}
