"""Mutations of checkpoints: the pickle, the values of storages, the records of the zip archive; the format before torch 1.6."""
import dataclasses, io, struct, zipfile, zlib

import pickles
from mutate import ANY, INVALID, SAME, Mutation, damage, number, rearrange

LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


@dataclasses.dataclass
class Entry:
    """A file of an archive. `local` and `central` are the fields of its two headers that are wrong."""

    name: bytes
    data: bytes
    deflate: bool
    local: dict = dataclasses.field(default_factory=dict)
    central: dict = dataclasses.field(default_factory=dict)


FIELDS = ["version", "flags", "method", "time", "date", "checksum", "stored", "size", "name", "extra"]


def zip_bytes(entries, level=6, align=False, end=None):
    """Writes an archive, with the wrong fields that the entries have."""
    out, directory = bytearray(), bytearray()
    for e in entries:
        packer = zlib.compressobj(level, zlib.DEFLATED, -15)
        stored = packer.compress(e.data) + packer.flush() if e.deflate else e.data
        right = dict(version=20, flags=0x800, method=8 if e.deflate else 0, time=0, date=33, checksum=zlib.crc32(e.data), stored=len(stored),
                     size=len(e.data), name=len(e.name), extra=0)
        offset = len(out)
        extra = b""
        if align:
            padding = (-offset - 34 - len(e.name)) % 64
            extra = struct.pack("<HH", 0x4246, padding) + bytes(padding)
            right["extra"] = len(extra)
        local, central = ({**right, **wrong} for wrong in (e.local, e.central))
        out += LOCAL + struct.pack("<HHHHHIIIHH", *(local[f] for f in FIELDS)) + e.name + extra + stored
        central["extra"] = e.central.get("extra", 0)
        directory += CENTRAL + struct.pack("<HHHHHHIIIHH", 20, *(central[f] for f in FIELDS))
        directory += struct.pack("<HHHII", 0, 0, 0, 0, e.central.get("offset", offset)) + e.name
    right = dict(entries=len(entries), size=len(directory), offset=len(out), comment=0)
    right.update(end or {})
    return bytes(out + directory) + END + struct.pack("<HHHHIIH", 0, 0, right["entries"], right["entries"], right["size"], right["offset"], right["comment"])


def entries_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [Entry(i.filename.encode(), archive.read(i), i.compress_type == zipfile.ZIP_DEFLATED) for i in archive.infolist()]


def storages(entries):
    return [e for e in entries if b"/data/" in e.name and e.data]


def zip_same(rng, entries):
    how = rng.choice(("compress again", "store", "order", "align", "further file", "comment"))
    if how in ("compress again", "store"):
        for e in entries:
            e.deflate = how != "store" and rng.random() < 0.7
    elif how == "order":
        rng.shuffle(entries)
    elif how == "further file":
        folder = entries[0].name.split(b"/")[0]
        entries.insert(rng.randrange(len(entries)), Entry(folder + b"/note", rng.randbytes(99), rng.random() < 0.5))
    new = zip_bytes(entries, rng.randrange(10), how == "align")
    if how == "comment":
        new = new[:-2] + b"\x05\0hello"
    return Mutation(new, how, SAME)


def zip_change(rng, entries):
    """Changes the records of the archive; returns the file and what was done."""
    how = rng.choice(("field", "field", "field", "end", "rearrange", "cut storage", "name", "version file"))
    end = {}
    entry = rng.choice(entries)
    if how == "field":
        side, field = rng.choice((entry.local, entry.central)), rng.choice([*FIELDS, "offset"])
        bits = 32 if field in ("checksum", "stored", "size", "offset") else 16
        side[field] = rng.choice((0, 1, 8, 12, 99)) if field == "method" else number(rng, len(entry.data), bits)
        if rng.random() < 0.3:
            entry.local[field] = entry.central[field] = side[field]
        how = f"field {field} of {entry.name.decode()}"
    elif how == "end":
        field = rng.choice(("entries", "size", "offset", "comment"))
        end = {field: number(rng, len(entries), 16 if field in ("entries", "comment") else 32)}
        how += " " + field
    elif how == "rearrange":
        how = rearrange(rng, entries)
    elif how == "cut storage":
        entry = rng.choice(storages(entries))
        entry.data = rng.choice((entry.data[:-1], entry.data + b"\0", entry.data[: len(entry.data) // 2], entry.data * 2, b"", entry.data + bytes(64)))
        how += " " + entry.name.decode()
    elif how == "name":
        entry.name = rng.choice((b"", b"../x", entry.name[1:], entry.name.upper(), b"data.pkl", entry.name.replace(b"/", b"\\"), b"x" * 5000, b"\xff\xfe",
                                 rng.choice(entries).name))
        how += f" {entry.name[:30]!r}"
    else:
        folder = entries[0].name.split(b"/")[0]
        name, content = rng.choice(((b"/version", rng.choice((b"1\n", b"99\n", b"x", b""))), (b"/byteorder", rng.choice((b"big", b"little", b"", b"x"))),
                                    (b"/.format_version", b"1"), (b"/constants.pkl", b"\x80\2)."), (b"/code/x.py", b"")))
        entries[:] = [e for e in entries if e.name != folder + name] + [Entry(folder + name, content, False)]
        how = f"{name.decode()} = {content!r}"
    return Mutation(zip_bytes(entries, end=end), how)


NOT_FINITE = {2: (0x7E00, 0x7C00, 0xFC00), 4: (0x7FC00000, 0x7F800000, 0xFF800000), 8: (0x7FF8 << 48, 0x7FF0 << 48)}


def values(rng, content, size):
    """Changes values of a storage of floats with `size` bytes each; returns its new content and what was done."""
    content, what = bytearray(content), ""
    for _ in range(rng.choice((1, 1, 1, 5))):
        at = rng.randrange(len(content) // size) * size if len(content) >= size else 0
        how = rng.choice(("not finite", "negative", "zero", "huge", "any"))
        if how == "not finite":
            content[at : at + size] = rng.choice(NOT_FINITE[size]).to_bytes(size, "little")
        elif how == "negative":
            content[at + size - 1] ^= 0x80
        elif how == "zero":
            content[at : at + size] = bytes(size)
        elif how == "huge":
            content[at + size - 2 : at + size] = {2: b"\xff\x7b", 4: b"\x7f\x7f", 8: b"\xe0\x47"}[size]
        else:
            content[at : at + size] = rng.randbytes(size)
        what += f" {how}"
    return bytes(content), what


def archive(rng, data, size=2):
    """Mutates a checkpoint in a zip archive."""
    entries = entries_of(data)
    how = rng.randrange(20)
    if how < 2:
        return zip_same(rng, entries)
    if how < 6:
        return zip_change(rng, entries)
    if how == 6:
        return Mutation(damage(rng, data), "bytes")
    if how == 7:
        entry = rng.choice(storages(entries))
        entry.local["checksum"] = entry.central["checksum"] = zlib.crc32(entry.data) ^ 1 << rng.randrange(32)
        return Mutation(zip_bytes(entries), f"wrong checksum of {entry.name.decode()}")
    if how < 11:
        entry = rng.choice(storages(entries))
        entry.data, what = values(rng, entry.data, size)
        return Mutation(zip_bytes(entries), f"values of {entry.name.decode()}:{what}")
    entry = next(e for e in entries if e.name.endswith(b"data.pkl"))
    entry.data, what = pickles.mutate(rng, entry.data)
    wrong = rng.random() < 0.1
    if wrong:
        entry.local["checksum"] = entry.central["checksum"] = rng.randrange(2**32)
    return Mutation(zip_bytes(entries), what, INVALID if wrong else SAME if what.startswith("same") else ANY)


def parts(data):
    """Returns the five pickles of the format before torch 1.6, and the storages: an 8-byte count and the values each."""
    found, rest = [], data
    for _ in range(5):
        _, after = pickles.parse(rest)
        found.append(rest[: len(rest) - len(after)])
        rest = after
    return found, rest


def old_format(rng, data, size=2):
    """Mutates a checkpoint in the format before torch 1.6."""
    heads, rest = parts(data)
    how = rng.randrange(10)
    if how == 0:
        return Mutation(damage(rng, data), "bytes")
    if how == 1:
        return Mutation(data + rng.randbytes(9), "bytes after the end", SAME)
    if how == 2:
        return Mutation(b"".join(heads) + damage(rng, rest), "storages")
    if how == 3:
        at = 8 + rng.randrange(max(1, len(rest) // size - 8)) * size
        changed, what = values(rng, rest[at : at + size], size)
        return Mutation(b"".join(heads) + rest[:at] + changed + rest[at + size :], f"a value or a count: {what}")
    if how == 4:
        new = struct.pack("<Q", number(rng, struct.unpack_from("<Q", rest)[0], 64)) + rest[8:]
        return Mutation(b"".join(heads) + new, "count of the first storage")
    i = rng.choice((0, 1, 2, 3, 3, 3, 3, 3, 4, 4))
    heads[i], what = pickles.mutate(rng, heads[i])
    return Mutation(b"".join(heads) + rest, f"pickle {i}: {what}", SAME if what.startswith("same") and i > 0 else ANY)
