#!/usr/bin/env python3
"""A second decoder for patches, written from docs/PATCH_FORMAT.md and docs/CODEC.md: plain
and slow, it shares nothing with the C code, so that where both agree the documents are true.

    apply.py BASE PATCH OUT [DICTIONARY...]     BASE and OUT are files, or folders
    apply.py --zstd                             says how zstd frames are decompressed

Python's standard library does everything but zstd frames: those go to libzstd where it can be
loaded, else to the zstd command.
"""
import hashlib
import os
import sys

import memory
import mix
import neural
import plain
import quant
from basics import TYPES, Bad, Cursor, need, xxh64, zstd_name

STRATEGIES = {
    0: ("raw", plain.raw, memory.none), 1: ("copy", plain.copy, memory.base),
    2: ("zstd", plain.zstd, memory.none), 3: ("zstd-ref", plain.zstd_ref, memory.none),
    4: ("xor", plain.xor, memory.base), 5: ("xor-planes", plain.xor_planes, memory.planes),
    6: ("sub", plain.sub, memory.base), 7: ("sub-planes", plain.sub_planes, memory.planes),
    8: ("exp-man", plain.exp_man, memory.exp_man), 9: ("sparse", plain.sparse, memory.sparse),
    10: ("block-fields", plain.block_fields, memory.fields), 11: ("mix", mix.decode, memory.mix),
    16: ("neural", neural.decode, memory.neural), 17: ("neural-max", neural.decode, memory.neural),
    18: ("neural-quant", quant.decode, memory.quant),
}
NEED_OLD = {1, 3, 4, 5, 6, 7, 9, 10, 16, 17, 18}
END, RECORD, BLOCK, GLUE, DICT, INDEX = range(6)
MIB = 1 << 20


class Member:
    def __init__(self, c):
        self.size = c.varint()
        self.sha256 = c.take(32)
        name = c.text(4096)
        need(not any(b < 32 or b == 127 or b == 92 for b in name), "safe member name")
        for part in name.split(b"/"):
            need(0 < len(part) <= 255 and part not in (b".", b".."), "safe member name")
        self.name = os.fsdecode(name)


class Header:
    def __init__(self, patch):
        need(patch[:4] == b"MLRP" and patch[4] == 1, "patch of version 1")
        need(patch[5] & ~1 == 0 and patch[6:8] == b"\0\0", "known flags")
        body = int.from_bytes(patch[8:12], "little")
        need(body <= 16 * MIB and len(patch) >= 20 + body, "header that is there")
        self.end = 20 + body
        check = int.from_bytes(patch[12 + body : 20 + body], "little")
        need(xxh64(patch[: 12 + body]) == check, "check of the header")
        c = Cursor(patch[: 12 + body], 12)
        c.text(64)
        c.varint((1 << 32) - 1)
        self.strategies = c.varint()
        self.records = c.varint()
        c.varint()
        self.record_bytes = c.varint(256 * MIB)
        self.block_bytes = c.varint(256 * MIB)
        self.block_new = c.varint(64 * MIB)
        self.block_old = c.varint(64 * MIB)
        self.glue_new = c.varint(64 * MIB)
        self.terms = (c.varint(256 * MIB), c.varint(256 * MIB))
        self.base = [Member(c) for _ in range(c.varint(65536))]
        self.target = [Member(c) for _ in range(c.varint(65536))]
        self.dicts = []
        for _ in range(c.varint(15)):
            digest, head = c.take(32), c.varint(32 * MIB + 1)
            self.dicts.append((digest, head >> 1, head & 1))
        need(c.left() == 0, "end of the header")
        for i in range(64):
            if self.strategies >> i & 1 and i not in STRATEGIES:
                raise Bad("strategy %d, which this decoder does not know" % i)


class Record:
    """A RECORD or GLUE chunk: everything before the payload."""

    def __init__(self, c, patch, glue):
        h = patch.header
        self.strategy = c.u8()
        need(self.strategy in STRATEGIES and h.strategies >> self.strategy & 1, "known strategy")
        self.type = self.old_type = TYPES[0]
        self.row = self.glue_before = flags = 0
        if not glue:
            self.type = self.old_type = self.read_type(c)
            flags = c.u8()
            need(flags & ~3 == 0, "known record flags")
            if flags & 1:
                self.old_type = self.read_type(c)
            self.glue_before = c.varint()
        self.inline = glue or flags & 2
        self.new_bytes = c.varint(h.glue_new if glue else (1 << 64) - 1)
        if not glue:
            self.row = c.varint()
        c.u8()
        number = c.u8()
        need(number <= len(h.dicts), "dictionary of the header")
        self.refs = patch.read_refs(c)
        self.old_bytes = sum(n for n, _, _ in self.refs)
        self.check_old()
        self.block_new = self.new_bytes
        if not self.inline:
            self.block_new = c.varint()
            need(self.block_new > 0 and self.block_new % self.type.size == 0, "whole groups")
        need(self.block_new <= (h.glue_new if glue else h.block_new), "block within the header's")
        self.model = c.take(c.varint())
        self.payload = c.rest()
        self.dictionary = b""
        self.prepared = None
        self.blocks = -(-self.new_bytes // self.block_new) if self.new_bytes else 0
        if self.strategy == 1 and self.type is self.old_type:
            self.blocks = 0
        need(not self.payload or (self.inline and self.blocks == 1), "end of a record")
        if self.blocks and number:
            self.dictionary = patch.dictionary(number - 1)
        if self.old_bytes and self.blocks:
            need(self.block_old() <= h.block_old, "references within the header's")

        patch.hold_to_terms(STRATEGIES[self.strategy][2](self))

    @staticmethod
    def read_type(c):
        ident = c.u8()
        need(ident in TYPES, "known element type")
        return TYPES[ident]

    def block_old(self):
        if self.type is self.old_type:
            return self.block_new
        return self.block_new // self.type.size * self.group_source()

    def group_source(self):
        """Old bytes that become one group of new elements."""
        need(self.type.items % self.old_type.items == 0, "old groups that fill new ones")
        return self.type.items // self.old_type.items * self.old_type.size

    def check_old(self):
        if not self.old_bytes:
            need(self.strategy not in NEED_OLD or not self.new_bytes, "references")
            return
        want = self.new_bytes
        if self.type is not self.old_type:
            need(want % self.type.size == 0, "whole elements in a conversion")
            want = want // self.type.size * self.group_source()
        need(self.old_bytes == want, "references that cover every element")

    def decode(self, payload, old, n, first):
        name, function, _ = STRATEGIES[self.strategy]
        out = function(self, payload, old, n, first)
        need(len(out) == n, "as many bytes as the block has: " + name)
        return out


class Patch:
    def __init__(self, data, base, dictionaries):
        self.data = data
        self.header = Header(data)
        self.pos = self.header.end
        self.base = base(self.header.base)
        self.given = {hashlib.sha256(d).digest(): d for d in dictionaries}
        self.dicts = [None] * len(self.header.dicts)
        self.glue = b""
        self.out = bytearray()
        self.used = set()
        self.terms = (0, 0)

    # --- pieces ---
    def read_refs(self, c):
        refs, member, end = [], 0, 0
        for _ in range(c.varint(1 << 20)):
            head = c.varint()
            n = head >> 1
            need(n >= 1, "reference of at least one byte")
            if head & 1:
                refs.append((n, None, 0))
                continue
            now = c.varint() if len(self.base) > 1 else 0
            need(now < len(self.base), "base member of a reference")
            if now != member:
                member, end = now, 0
            d = c.varint()
            at = end - (d >> 1) - 1 if d & 1 else end + (d >> 1)
            need(0 <= at and at + n <= len(self.base[member]), "reference inside its member")
            refs.append((n, member, at))
            end = at + n
        return refs

    def hold_to_terms(self, terms):
        need(all(t <= most for t, most in zip(terms, self.header.terms)), "memory that the header announced")
        self.terms = tuple(map(max, zip(self.terms, terms)))

    def gather(self, refs):
        return b"".join(
            bytes(n) if m is None else self.base[m][at : at + n] for n, m, at in refs)

    def dictionary(self, i):
        digest, size, embedded = self.header.dicts[i]
        if not embedded and digest in self.given:
            need(len(self.given[digest]) == size, "size of a dictionary")
            return self.given[digest]
        need(self.dicts[i] is not None, "dictionary %s, which was not supplied" % digest.hex())
        return self.dicts[i]

    def chunk(self):
        c = Cursor(self.data, self.pos)
        kind = c.u8()
        content = c.take(c.varint((1 << 35) - 1))
        check = c.fixed(4)
        need(xxh64(bytes([kind]) + content) & 0xFFFFFFFF == check, "check of a chunk")
        self.pos = c.pos
        return kind, content

    # --- the target ---
    def decode_glue(self, content):
        need(not self.glue, "glue after the glue at hand")
        r = Record(Cursor(content), self, True)
        self.used.add(r.strategy)
        need(r.new_bytes > 0, "glue block of at least one byte")
        old = self.gather(r.refs)
        self.glue = r.decode(r.payload, old, r.new_bytes, 0) if r.blocks else old

    def put_glue(self, n):
        self.out += self.glue[:n]
        taken = min(n, len(self.glue))
        self.glue = self.glue[taken:]
        return taken

    def put_record(self, content):
        r = Record(Cursor(content), self, False)
        self.used.add(r.strategy)
        due = r.glue_before - self.put_glue(r.glue_before)
        while due > 0:
            kind, glue = self.chunk()
            need(kind == GLUE, "glue that a record waits for")
            self.decode_glue(glue)
            due -= self.put_glue(due)
        self.check_member(len(self.out), r.new_bytes)
        old = self.gather(r.refs)
        if r.blocks == 0:
            self.out += old[: r.new_bytes]
        for i in range(r.blocks):
            first = i * r.block_new
            n = min(r.block_new, r.new_bytes - first)
            payload = r.payload
            if not r.inline:
                kind, payload = self.chunk()
                need(kind == BLOCK, "a block of the record")
                need(len(payload) <= self.header.block_bytes, "block within the header's")
            mine = old[i * r.block_old() : (i + 1) * r.block_old()] if r.old_bytes else b""
            self.out += r.decode(payload, mine, n, first)

    def check_member(self, at, n):
        for m in self.header.target:
            if at < m.size:
                need(n <= m.size - at, "record inside its member")
                return
            at -= m.size
        need(n == 0, "record inside its member")

    def put_dict(self, content):
        for i, (digest, size, embedded) in enumerate(self.header.dicts):
            if embedded and self.dicts[i] is None:
                need(len(content) == size, "size of a dictionary")
                need(hashlib.sha256(content).digest() == digest, "digest of a dictionary")
                self.dicts[i] = content
                return
        raise Bad("dictionary that the header names")

    def run(self):
        """All target members, in order."""
        records, indexed = 0, False
        while True:
            kind, content = self.chunk()
            need(not indexed or kind == END, "end after the index")
            if kind == RECORD:
                need(len(content) <= self.header.record_bytes, "record within the header's")
                self.put_record(content)
                records += 1
            elif kind == GLUE:
                self.put_glue(len(self.glue))
                self.decode_glue(content)
            elif kind == DICT:
                need(records == 0 and not self.out, "dictionary before any record")
                self.put_dict(content)
            elif kind == INDEX:
                indexed = True
            elif kind == END:
                break
            else:
                raise Bad("chunk type %d, which this decoder does not know" % kind)
        need(len(content) in (0, 8) and self.pos == len(self.data), "end of the patch")
        need(records == self.header.records, "records that the header counts")
        self.put_glue(len(self.glue))
        return self.members()

    def members(self):
        made, at = [], 0
        for m in self.header.target:
            piece = bytes(self.out[at : at + m.size])
            at += m.size
            need(hashlib.sha256(piece).digest() == m.sha256, "digest of " + m.name)
            made.append((m.name, piece))
        need(at == len(self.out), "bytes of all members")
        return made


def read(path):
    with open(path, "rb") as f:
        return f.read()


def base_at(path):
    def load(members):
        loaded = []
        for m in members:
            data = read(os.path.join(path, m.name) if os.path.isdir(path) else path)
            need(len(data) == m.size, "size of base " + m.name)
            need(hashlib.sha256(data).digest() == m.sha256, "digest of base " + m.name)
            loaded.append(data)
        return loaded

    return load


def bare_dictionary(data):
    """Dictionary files have a header of 64 bytes; bare zstd dictionaries are taken too."""
    return data[64:] if data[:7] == b"MLRDICT" else data


def main(args):
    if args == ["--zstd"]:
        print(zstd_name())
        return 0
    if len(args) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    base, patch, out = args[:3]
    try:
        p = Patch(read(patch), base_at(base), [bare_dictionary(read(d)) for d in args[3:]])
        made = p.run()
    except Bad as e:
        print("%s: not %s" % (patch, e), file=sys.stderr)
        return 1
    for name, data in made:
        path = out if len(made) == 1 else os.path.join(out, name)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
    print(" ".join(STRATEGIES[s][0] for s in sorted(p.used)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
