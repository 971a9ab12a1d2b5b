"""Mutations of images: chunks of PNG, segments of JPEG, chunks of WebP, directories of TIFF, headers of BMP."""
import struct, zlib

from mutate import INVALID, SAME, Mutation, damage, number, rearrange

SIGNATURE = b"\x89PNG\r\n\x1a\n"


# ---- PNG: records are [type, data, checksum or None]


def png_records(data):
    records, at = [], len(SIGNATURE)
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        records.append([data[at + 4 : at + 8], data[at + 8 : at + 8 + size], None])
        at += 12 + size
    return records


def png_bytes(records):
    out = [SIGNATURE]
    for kind, data, checksum in records:
        out.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if checksum is None else checksum))
    return b"".join(out)


def png_same(rng, records):
    """Applies a mutation that keeps the meaning; returns what it did."""
    parts = [i for i, r in enumerate(records) if r[0] == b"IDAT"]
    stream = b"".join(records[i][1] for i in parts)
    how = rng.choice(("split IDAT", "compress again", "add chunks", "add empty IDAT"))
    if how == "compress again":
        stream = zlib.compress(zlib.decompress(stream), rng.randrange(10))
    if how == "add chunks":
        kind, data = rng.choice(((b"tEXt", b"Comment\0" + rng.randbytes(9).hex().encode()), (b"prVt", rng.randbytes(rng.randrange(40))),
                                 (b"tIME", bytes([7, 208, 1, 1, 1, 1, 1])), (b"pHYs", struct.pack(">IIB", 3000, 3000, 1))))
        if kind == b"prVt" or all(r[0] != kind for r in records):
            records.insert(1, [kind, data, None])
        return how
    cuts = sorted(rng.randrange(len(stream) + 1) for _ in range(rng.randrange(1, 6))) if how == "split IDAT" else []
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)])]
    if how == "add empty IDAT":
        pieces.insert(rng.randrange(2), b"")
    records[parts[0] : parts[-1] + 1] = [[b"IDAT", p, None] for p in pieces]
    return how


def png(rng, data):
    records = png_records(data)
    if not records or zlib_fails(records):
        return Mutation(damage(rng, data), "bytes")
    how = rng.randrange(10)
    if how < 2:
        what = png_same(rng, records)
        return Mutation(png_bytes(records), what, SAME)
    if how == 2:
        chunk = rng.choice([r for r in records if r[0] in (b"IDAT", b"IHDR", b"PLTE")])
        chunk[2] = zlib.crc32(chunk[0] + chunk[1]) ^ 1 << rng.randrange(32)
        return Mutation(png_bytes(records), f"wrong checksum of {chunk[0].decode()}", INVALID)
    if how == 3:
        return Mutation(damage(rng, data), "bytes")
    what = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        what.append(png_change(rng, records))
    if rng.random() < 0.3 and records:
        rng.choice(records)[2] = rng.randrange(2**32)
        what.append("wrong checksum")
    return Mutation(png_bytes(records), ", ".join(what))


def zlib_fails(records):
    try:
        zlib.decompress(b"".join(r[1] for r in records if r[0] == b"IDAT"))
        return False
    except zlib.error:
        return True


def png_change(rng, records):
    how = rng.randrange(6)
    header = next((r for r in records if r[0] == b"IHDR" and len(r[1]) == 13), None)
    if how == 0 and header:
        fields = list(struct.unpack(">IIBBBBB", header[1]))
        i = rng.randrange(7)
        fields[i] = number(rng, fields[i], 32) if i < 2 else rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
        header[1] = struct.pack(">IIBBBBB", *fields)
        return f"IHDR field {i}"
    if how == 1:  # the pixels before compression
        parts = [i for i, r in enumerate(records) if r[0] == b"IDAT"]
        if parts:
            try:
                raw = zlib.decompress(b"".join(records[i][1] for i in parts))
            except zlib.error:
                raw = b""
            records[parts[0] : parts[-1] + 1] = [[b"IDAT", zlib.compress(damage(rng, raw)), None]]
            return "pixels"
    if how == 2 and records:
        return rearrange(rng, records)
    if how == 3:
        kind, content = rng.choice(((b"PLTE", rng.randbytes(rng.choice((0, 1, 3, 48, 768, 771)))), (b"tRNS", rng.randbytes(rng.choice((0, 1, 2, 6, 256)))),
                                    (b"gAMA", struct.pack(">I", number(rng, 45455, 32))), (b"cHRM", rng.randbytes(32)), (b"sBIT", rng.randbytes(3)),
                                    (b"bKGD", rng.randbytes(6)), (b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0" + rng.randbytes(1) + bytes(6)),
                                    (b"iCCP", b"p\0\0" + zlib.compress(rng.randbytes(200))), (b"acTL", struct.pack(">II", 1, 0)),
                                    (b"ABCD", b""), (b"zTXt", b"k\0\0" + zlib.compress(bytes(100000)))))
        records.insert(rng.randrange(len(records) + 1), [kind, content, None])
        return f"insert {kind.decode()}"
    if records:
        record = rng.choice(records)
        if rng.random() < 0.2:
            record[0] = bytes([record[0][0] ^ 0x20]) + record[0][1:]
            return f"rename to {record[0]!r}"
        record[1] = damage(rng, record[1])
        return f"data of {record[0]!r}"
    return "nothing"


# ---- JPEG: records are [marker, data]; the data of SOS includes the coded pixels after it


def jpeg_records(data):
    records, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xD9:
        marker, size = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        end = at + 2 + size
        if marker == 0xDA:
            while end + 1 < len(data) and not (data[end] == 0xFF and data[end + 1] not in (0, *range(0xD0, 0xD8))):
                end += 1
        records.append([marker, data[at + 4 : end]])
        at = end
    return records, data[at:]


def jpeg_bytes(rng, records, tail, corrected=True):
    out = [b"\xff\xd8"]
    for marker, data in records:
        size = len(data) + 2
        if marker == 0xDA:
            size = 6 + 2 * data[0] if data else 2
        if not corrected and rng.random() < 0.3:
            size = number(rng, size, 16)
        out.append(struct.pack(">BBH", 0xFF, marker, min(size, 65535)) + data)
    return b"".join(out) + tail


def jpeg(rng, data):
    records, tail = jpeg_records(data)
    if not records or rng.random() < 0.1:
        return Mutation(damage(rng, data), "bytes")
    if rng.random() < 0.2 and tail == b"\xff\xd9" and not any(m == 0xE1 for m, _ in records):
        how = rng.choice(("comment", "APPn", "fill bytes", "bytes after the end"))
        if how == "bytes after the end":
            return Mutation(data + rng.randbytes(20), how, SAME)
        marker = 0xFE if how == "comment" else rng.choice((0xE3, 0xE5, 0xEB, 0xEF))
        at = rng.randrange(1, 1 + next(i for i, r in enumerate(records) if r[0] == 0xDA))
        records.insert(at, [marker, rng.randbytes(rng.randrange(60))])
        new = jpeg_bytes(rng, records, tail)
        if how == "fill bytes":
            start = 2 + sum(len(d) + 4 for _, d in records[:at])
            new = new[:start] + b"\xff" * rng.randrange(1, 4) + new[start:]
        return Mutation(new, how, SAME)
    what = []
    for _ in range(rng.choice((1, 1, 2))):
        what.append(jpeg_change(rng, records))
    if rng.random() < 0.1:
        tail = b""
    return Mutation(jpeg_bytes(rng, records, tail, rng.random() < 0.5), ", ".join(what))


def jpeg_change(rng, records):
    how = rng.randrange(6)
    frames = [r for r in records if 0xC0 <= r[0] <= 0xCF and r[0] not in (0xC4, 0xC8, 0xCC) and len(r[1]) > 8]
    if how == 0 and frames:  # precision, height, width, components, samplings
        record = rng.choice(frames)
        frame, i = bytearray(record[1]), rng.randrange(len(record[1]))
        frame[i] = rng.choice((0, 1, 2, 3, 4, 8, 12, 0x11, 0x21, 0x12, 0x22, 0x41, 0x44, 0xFF, rng.randrange(256)))
        record[1] = bytes(frame)
        return f"frame byte {i}"
    if how == 1 and records:
        return rearrange(rng, records)
    if how == 2:
        added = rng.choice(([0xDD, struct.pack(">H", rng.randrange(9))], [0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([rng.randrange(4)])],
                            [0xE1, b"Exif\0\0" + exif(rng)], [0xE0, b"JFIF\0" + rng.randbytes(9)], [0xE2, b"MPF\0" + rng.randbytes(30)],
                            [rng.randrange(0xC0, 0x100), rng.randbytes(rng.randrange(80))]))
        records.insert(rng.randrange(len(records) + 1), list(added))
        return f"insert {added[0]:x}"
    if records:
        record = rng.choice(records)
        if rng.random() < 0.1:
            record[0] = rng.randrange(0xC0, 0xFF)
            return f"marker {record[0]:x}"
        record[1] = damage(rng, record[1])
        return f"data of {record[0]:x}"
    return "nothing"


def exif(rng):
    """Returns a TIFF directory with an orientation; in half of the cases, with a wrong field."""
    order = rng.choice("<>")
    fields = [42, 8, 1, 0x112, 3, 1, rng.randrange(1, 9)]
    if rng.random() < 0.5:
        i = rng.randrange(7)
        fields[i] = number(rng, fields[i], 32 if i in (1, 5) else 16)
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HIHHHIHHI", *fields, 0, 0)


# ---- WebP: records are [type, data] of a RIFF file


def webp(rng, data):
    records, at = [], 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        records.append([data[at : at + 4], data[at + 8 : at + 8 + size]])
        at += 8 + size + size % 2
    if not records or rng.random() < 0.2:
        return Mutation(damage(rng, data), "bytes")
    pack = lambda: b"".join(k + struct.pack("<I", len(d)) + d + bytes(len(d) % 2) for k, d in records)
    riff = lambda body, size=None: b"RIFF" + struct.pack("<I", 4 + len(body) if size is None else size) + b"WEBP" + body
    if rng.random() < 0.1 and records[0][0] == b"VP8X":
        records.append([b"prvT", rng.randbytes(rng.randrange(30))])
        return Mutation(riff(pack()), "add chunk", SAME)
    what = []
    for _ in range(rng.choice((1, 1, 2))):
        if rng.random() < 0.3:
            what.append(rearrange(rng, records))
        elif rng.random() < 0.2:
            records.insert(rng.randrange(len(records) + 1), [rng.choice((b"EXIF", b"ALPH", b"VP8X", b"ANIM", b"ICCP", b"ANMF")), exif(rng)])
            what.append("insert")
        elif records:
            record = rng.choice(records)
            if record[0] == b"VP8X" and len(record[1]) == 10:
                i, content = rng.randrange(10), bytearray(record[1])
                content[i] = rng.choice((0, 1, 2, 4, 8, 16, 32, 255, content[i] ^ 1))
                record[1] = bytes(content)
            else:
                record[1] = damage(rng, record[1])
            what.append(f"data of {record[0]!r}")
    body = pack()
    return Mutation(riff(body, number(rng, 4 + len(body), 32) if rng.random() < 0.3 else None), ", ".join(what))


# ---- TIFF: the entries of the first directory are changed where they are; a new order of the file is not made


def tiff_tags(data):
    """Returns the values of the first directory by tag."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if not order or len(data) < 8:
        return {}
    (at,) = struct.unpack_from(order + "I", data, 4)
    tags = {}
    for first in range(at + 2, min(at + 1200, len(data) - 11), 12):
        tag, kind, count, value = struct.unpack_from(order + "HHII", data, first)
        tags.setdefault(tag, value >> 16 if kind == 3 and count == 1 and order == ">" else value)
    return tags


def tiff(rng, data):
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    big = len(data) > 4 and 43 in data[2:4]
    if not order or rng.random() < 0.1:
        return Mutation(damage(rng, data), "bytes")
    directory, width = struct.unpack_from(order + "Q", data, 8)[0] if big else struct.unpack_from(order + "I", data, 4)[0], 20 if big else 12
    count = struct.unpack_from(order + ("Q" if big else "H"), data, directory)[0] if directory + 8 <= len(data) else 0
    first = directory + (8 if big else 2)
    if not 0 < count < 100 or first + count * width > len(data):
        return Mutation(damage(rng, data), "bytes")
    layout = order + ("HHQQ" if big else "HHII")
    entries = [list(struct.unpack_from(layout, data, first + i * width)) for i in range(count)]
    if rng.random() < 0.1:
        return Mutation(data + rng.randbytes(16), "bytes after the end", SAME)
    if rng.random() < 0.15:
        at = rng.randrange(8, directory) if directory > 16 else rng.randrange(len(data))
        return Mutation(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :], "a bit of the pixels")
    what = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        i = rng.randrange(len(entries))
        field = rng.choice((0, 1, 2, 3, 3, 3))
        if field == 0 and rng.random() < 0.5:
            what.append(rearrange(rng, entries))
            if not entries:
                break
            continue
        if field == 3:  # short values are in the first bytes of the field
            short = entries[i][1] == 3 and entries[i][2] == 1
            shift = (48 if big else 16) if short and order == ">" else 0
            value = entries[i][3] >> shift
            entries[i][3] = number(rng, value, 16 if short else 32) << shift
        else:
            entries[i][field] = number(rng, entries[i][field], 16 if field < 2 else 32)
        what.append(f"tag {entries[i][0]} field {field}")
    entries = entries[:count]
    if rng.random() < 0.5:
        entries.sort(key=lambda e: e[0])
    new = bytearray(data)
    for i, entry in enumerate(entries):
        struct.pack_into(layout, new, first + i * width, *entry)
    struct.pack_into(order + ("Q" if big else "H"), new, directory, len(entries) if rng.random() < 0.9 else number(rng, count, 16))
    return Mutation(bytes(new), ", ".join(what))


# ---- BMP: fields of the two headers, the palette and the rows


def bmp(rng, data):
    fields = [(2, 4), (10, 4), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (30, 4), (34, 4), (46, 4), (50, 4), (54, 4), (58, 4), (62, 4)]
    how = rng.random()
    if how < 0.2 or len(data) < 70:
        return Mutation(damage(rng, data), "bytes")
    if how < 0.3:
        at, size = rng.choice(((6, 4), (38, 4), (42, 4)))  # reserved, and pixels per metre
        return Mutation(data[:at] + rng.randbytes(size) + data[at + size :], f"unused bytes at {at}", SAME)
    new, what = bytearray(data), []
    for _ in range(rng.choice((1, 1, 2))):
        at, size = rng.choice(fields)
        value = int.from_bytes(new[at : at + size], "little")
        value = rng.choice((1, 2, 4, 8, 16, 24, 32)) if at == 28 else rng.randrange(8) if at == 30 else number(rng, value, 8 * size)
        new[at : at + size] = value.to_bytes(size, "little")
        what.append(f"field at {at}")
    if rng.random() < 0.2:
        new = damage(rng, bytes(new))
        what.append("bytes")
    return Mutation(bytes(new), ", ".join(what))
