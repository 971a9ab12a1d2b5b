"""Mutations of texts: JSON as a tree, the header of safetensors, YAML and lists of images by lines."""
import copy, json, struct

from checkpoints import values
from mutate import ANY, INVALID, NUMBERS, SAME, Mutation, damage, number, rearrange, text


class Pairs(list):
    """A JSON object: [key, value] pairs, so that keys can be repeated and reordered."""


class Raw(str):
    """Text that is written as it is."""


def parse(content):
    return json.loads(content, object_pairs_hook=lambda pairs: Pairs([list(p) for p in pairs]))


def write(value, quote=json.dumps, comma=", ", colon=": "):
    if isinstance(value, Raw):
        return str(value)
    rest = (quote, comma, colon)
    if isinstance(value, Pairs):
        return "{" + comma.join(quote(k) + colon + write(v, *rest) for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + comma.join(write(v, *rest) for v in value) + "]"
    return quote(value) if isinstance(value, str) else json.dumps(value)


def places(value, found=None):
    """Returns (container, index) of every value in a tree; the container of an object's value is its pair."""
    found = [] if found is None else found
    for i, element in enumerate(value):
        holder, at = (element, 1) if isinstance(value, Pairs) else (value, i)
        found.append((holder, at))
        if isinstance(holder[at], list):
            places(holder[at], found)
    return found


ODD = [None, True, False, 0, -1, 1.5, -0.0, 1e308, "", "nc", [], Pairs(), [[]], [-1, -1], Raw("1e999"), Raw("-"), Raw("NaN"), Raw("01"), Raw("1."), Raw("0x10"),
       Raw("1E2"), Raw("1" + "0" * 400), Raw("\"\\ud800\""), Raw("\"\\u0000\""), Raw("[" * 2000 + "]" * 2000), Raw("[" * 100000), Raw("{\"a\":" * 500 + "1" + "}" * 500),
       Raw("'x'"), Raw("tru"), *(Raw(str(n)) for n in NUMBERS)]


def json_change(rng, tree):
    """Changes one value, in place; returns what it did."""
    how = rng.choice(("number", "number", "number", "text", "odd", "odd", "records", "records", "key", "repeat key", "swap"))
    all_places = places(tree)
    pick = lambda wanted: rng.choice([p for p in all_places if wanted(p[0][p[1]])] or all_places)
    if how == "records":
        holder, at = pick(lambda v: isinstance(v, list) and len(v) > 0)
        return rearrange(rng, holder[at]) if isinstance(holder[at], list) else "nothing"
    if how in ("key", "repeat key"):
        objects = [tree] + [h[i] for h, i in all_places if isinstance(h[i], Pairs)]
        chosen = rng.choice([o for o in objects if o] or [Pairs([["a", 1]])])
        pair = rng.choice(chosen)
        if how == "key":
            old, pair[0] = pair[0], text(rng, pair[0])
            return f"key {old} -> {pair[0][:20]!r}"
        chosen.insert(rng.randrange(len(chosen) + 1), [pair[0], rng.choice(ODD)])
        return f"repeat key {pair[0]}"
    if how == "swap":
        (a, i), (b, j) = rng.choice(all_places), rng.choice(all_places)
        one, two = a[i], b[j]
        a[i], b[j] = copy.deepcopy(two), copy.deepcopy(one)
        return "swap two values"
    holder, at = pick(lambda v: type(v) in (int, float) if how == "number" else isinstance(v, str) if how == "text" else True)
    old = holder[at]
    if how == "number" and type(old) in (int, float):
        holder[at] = number(rng, old, 64, True) if isinstance(old, int) else rng.choice((0.0, -old, old * 2, old / 2, 1e-9, 1e30, 1.0, Raw("1e999")))
        if isinstance(old, int) and rng.random() < 0.5:
            holder[at] = rng.choice((old + 1, old - 1, 1, 2, 3, 4, 5, 8, 16, 24, 32, old * 2, old // 2, 0))
    elif how == "text" and isinstance(old, str):
        texts = [h[i] for h, i in all_places if isinstance(h[i], str) and not isinstance(h[i], Raw)]
        holder[at] = rng.choice((rng.choice(texts), rng.choice(("Conv", "DWConv", "C3", "SPPF", "DySample", "Bottleneck", "nn.MaxPool2d", "bilinear", "relu")), text(rng, old)))
    else:
        holder[at] = rng.choice(ODD)
    return f"{json.dumps(old)[:30]} -> {write(holder[at])[:30]}"


def json_same(rng, tree):
    how = rng.choice(("order of keys", "spaces", "escapes"))
    if how == "order of keys":
        for holder, at in [([tree], 0)] + places(tree):
            if isinstance(holder[at], Pairs):
                rng.shuffle(holder[at])
        return write(tree), how
    if how == "spaces":
        space = lambda: "".join(rng.choice(" \t\r\n") for _ in range(rng.randrange(4)))
        return space() + write(tree, comma=space() + "," + space(), colon=space() + ":" + space()) + space(), how
    escape = lambda s: '"' + "".join(c if rng.random() < 0.5 else "".join(f"\\u{u:04x}" for u in struct.unpack(f"<{len(c.encode('utf-16-le')) // 2}H", c.encode("utf-16-le")))
                                     for c in s) + '"' if s.isprintable() and not set(s) & {'"', "\\"} else json.dumps(s)
    return write(tree, escape), how


def description(rng, data):
    tree = parse(data)
    how = rng.random()
    if how < 0.1:
        return Mutation(damage(rng, data), "bytes")
    if how < 0.2:
        content, what = json_same(rng, tree)
        return Mutation(content.encode(), what, SAME)
    if how < 0.25:
        content = rng.choice((b"\xef\xbb\xbf" + data, data + b"x", data + b"{}", b"/* */" + data, data.replace(b"]\n", b",]\n"), data[: rng.randrange(len(data))],
                              data.decode().encode("utf-16"), data + b"\0", data.replace(b"circle", b"cir\xffcle"), data.replace(b"circle", b"cir\ncle")))
        return Mutation(content, "text")
    what = [json_change(rng, tree) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    return Mutation(write(tree).encode(errors="surrogatepass"), ", ".join(what))


# ---- safetensors: 8 bytes with the length of the header, the header, the values

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I8": 1, "U8": 1, "BOOL": 1}


def pack(header, body, length=None):
    header = header.encode(errors="surrogatepass")
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def safetensors(rng, data):
    (length,) = struct.unpack_from("<Q", data)
    tree, body = parse(data[8 : 8 + length]), data[8 + length :]
    how = rng.randrange(12)
    if how == 0:
        return Mutation(damage(rng, data), "bytes")
    if how == 1:
        return Mutation(pack(json.dumps(json.loads(data[8 : 8 + length])) + " " * rng.randrange(99), body), "spaces", SAME)
    if how == 2:  # the values in another order
        tensors = [p for p in tree if p[0] != "__metadata__"]
        rng.shuffle(tensors)
        parts, at = [], 0
        for _, info in tensors:
            offsets = next(p for p in info if p[0] == "data_offsets")
            first, last = offsets[1]
            parts.append(body[first:last])
            offsets[1] = [at, at + last - first]
            at += last - first
        rng.shuffle(tree)
        return Mutation(pack(write(tree), b"".join(parts)), "order of tensors", SAME)
    if how == 3:
        tree.insert(0, ["__metadata__", Pairs([["note", rng.choice(("a", "ä" * 50, ""))]])])
        return Mutation(pack(write(tree), body), "metadata", SAME if len([p for p in tree if p[0] == "__metadata__"]) == 1 else ANY)
    if how == 4:
        return Mutation(pack(write(tree), body, number(rng, length, 64)), "length of the header")
    if how == 5:
        return Mutation(pack(write(tree), rng.choice((body[:-1], body + b"\0", body[: len(body) // 2], b"", body * 2))), "length of the file")
    name, info = rng.choice([p for p in tree if p[0] != "__metadata__"])
    info = {p[0]: p for p in info}
    (first, last), dtype = info["data_offsets"][1], info["dtype"][1]
    if how < 9 and dtype in ("F16", "F32", "F64") and last > first:
        changed, what = values(rng, body[first:last], SIZES[dtype])
        bad = "not finite" in what and not name.endswith(("num_batches_tracked", "dfl.conv.weight"))
        return Mutation(pack(write(tree), body[:first] + changed + body[last:]), f"values of {name}:{what}", INVALID if bad and what.count(" ") < 4 else ANY)
    if how == 9:
        field = rng.choice(("dtype", "shape", "data_offsets"))
        if field == "dtype":
            info[field][1] = rng.choice((*SIZES, "f32", "F8", "", "F32 ", 1))
        else:
            at = rng.randrange(len(info[field][1])) if info[field][1] else 0
            info[field][1][at : at + 1] = [number(rng, info[field][1][at] if info[field][1] else 0, 64, True)]
        return Mutation(pack(write(tree), body), f"{field} of {name}: {info[field][1]}")
    if how == 10:
        other = rng.choice(tree)
        info["data_offsets"][1] = next((p[1] for p in other[1] if p[0] == "data_offsets"), [0, 4])
        return Mutation(pack(write(tree), body), f"{name} is where {other[0]} is")
    what = json_change(rng, tree)
    return Mutation(pack(write(tree), body), what)


# ---- YAML


def yaml(rng, data):
    content = data.decode()
    lines = content.split("\n")
    how = rng.randrange(10)
    if how == 0:
        return Mutation(damage(rng, data), "bytes")
    if how < 3:
        how = rng.choice(("comments", "CRLF", "document start"))
        if how == "comments":
            for _ in range(rng.randrange(1, 9)):
                lines.insert(rng.randrange(len(lines) + 1), " " * rng.randrange(5) + "# [x: {")
        new = "\r\n".join(lines) if how == "CRLF" else "\n".join(lines)
        return Mutation((("---\n" if how == "document start" else "") + new).encode(), how, SAME)
    what = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        what.append(yaml_change(rng, lines))
    return Mutation("\n".join(lines).encode(errors="surrogatepass"), ", ".join(what))


def yaml_change(rng, lines):
    how = rng.randrange(5)
    if how == 0:
        return rearrange(rng, lines)
    if not lines:
        return "nothing"
    i = rng.randrange(len(lines))
    words = lines[i].replace("[", " [ ").replace("]", " ] ").replace(",", " , ").split()
    if how == 1 and words:
        old = rng.choice(words)
        new = rng.choice(("0", "-1", "1.5", "null", "~", "yes", "no", "True", "'5'", "0x10", "010", "1_000", "1e3", ".inf", ".nan", "*a", "&a", "<<", "!!str 1", "|", ">", "[", "]", "{",
                          "}", "? a", "? [1]", "%", "@", "`", "- -", "2147483648", "-9223372036854775809", "99999999999999999999", rng.choice(words), text(rng, old)))
        lines[i] = lines[i].replace(old, new, 1)
        return f"line {i}: {old[:20]} -> {new[:20]!r}"
    if how == 2:
        lines[i] = " " * rng.randrange(1, 5) + lines[i] if rng.random() < 0.5 else lines[i].lstrip()
        return f"indent of line {i}"
    if how == 3:
        digits = [k for k, c in enumerate(lines[i]) if c.isdigit()]
        if digits:
            k = rng.choice(digits)
            lines[i] = lines[i][:k] + str(number(rng, int(lines[i][k]), 32, True)) + lines[i][k + 1 :]
        return f"number of line {i}"
    added = rng.choice(("nc: 5", "names: [a, b]", "names: {0: a, 5: b}", "a: &a [*a]", "a: &a [1]\nb: *a", "<<: {nc: 3}", "scales: 3", "activation: nn.ReLU()", "reg_max: 8", "ch: 1",
                        "end2end: True", "? {a: b}\n: c", "...", "--- x", "!!python/object:os.system x", "\tx: 1", "depth_multiple: 2", "a: " + "[" * 500, "a: " + "x" * 70000,
                        "\n".join(f"k{j}: &k{j} [*k{j - 1}, *k{j - 1}]" if j else "k0: &k0 [1]" for j in range(20))))
    lines.insert(i, added)
    return f"insert {added[:20]!r}"


# ---- Lists of images


def image_list(rng, data):
    lines = data.decode().split("\n")
    if rng.random() < 0.25:
        how = rng.choice(("blank lines", "CRLF", "no end"))
        if how == "blank lines":
            for _ in range(3):
                lines.insert(rng.randrange(len(lines) + 1), "")
        new = "\r\n".join(lines) if how == "CRLF" else "\n".join(lines)
        return Mutation((new.rstrip("\n") if how == "no end" else new).encode(), how, SAME)
    for _ in range(rng.choice((1, 2, 3))):
        if rng.random() < 0.5:
            rearrange(rng, lines)
        else:
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(("nothing.png", "tests/data/images/*.bmp", "tests/data/images", "tests/data/codes", "-", "tests/data", "[", "[!", "*" * 200,
                                                                    "a" * 5000, "x\0y", "\x1b[31m", "case.txt", "~", "\ufeffa.png", "/dev/null", "/dev/zero", "/proc/self/mem", "\"a b.png\"", " ",
                                                                    "tests/data/tiny/plain.json", "tests/data/images/rgb.png ", "http://a/b.png")))
    new = "\n".join(lines).encode()
    return Mutation(damage(rng, new) if rng.random() < 0.3 else new, "lines")
