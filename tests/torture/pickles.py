"""Mutations of a pickle: its opcodes, numbers, texts, globals and memo."""
import pickletools, struct

from mutate import damage, number, rearrange, text

INTEGERS = {"BININT", "BININT1", "BININT2", "LONG1"}
TEXTS = {"BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"}
MEMO = {"BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT"}


class Op:
    """An opcode with its argument, and its bytes."""

    def __init__(self, name, value, code):
        self.name, self.value, self.code = name, value, code


def parse(data):
    """Returns the opcodes of a pickle, and the bytes after it; raises ValueError if it is damaged."""
    found = [(op.name, value, at) for op, value, at in pickletools.genops(data)]
    end = found[-1][2] + 1
    starts = [at for _, _, at in found] + [end]
    return [Op(name, value, data[at:after]) for (name, value, at), after in zip(found, starts[1:])], data[end:]


def join(ops):
    return b"".join(op.code for op in ops)


def integer(value):
    """Encodes a number in the shortest opcode."""
    if 0 <= value < 256:
        return struct.pack("<cB", b"K", value)
    if 0 <= value < 65536:
        return struct.pack("<cH", b"M", value)
    if -(2**31) <= value < 2**31:
        return struct.pack("<ci", b"J", value)
    content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def encode_text(value):
    content = value.encode(errors="surrogatepass")
    return b"X" + struct.pack("<I", len(content)) + content


def same(rng, ops):
    """Applies a mutation that keeps the meaning, in place; returns what it did."""
    how = rng.choice(("memo", "wide memo", "none and pop", "wide numbers", "wide texts"))
    if how == "memo" and all(op.name != "MEMOIZE" for op in ops):
        numbers = sorted({op.value for op in ops if op.name in MEMO})
        new = dict(zip(numbers, rng.sample(range(len(numbers) * 2), len(numbers))))
        for op in ops:
            if op.name in MEMO:
                op.code = (b"j" if "GET" in op.name else b"r") + struct.pack("<I", new[op.value])
        return how
    if how == "none and pop":
        for _ in range(rng.randrange(1, 20)):
            ops.insert(rng.randrange(1, len(ops)), Op("", None, b"N0"))
        return how
    for op in ops:
        if how == "wide memo" and op.name in MEMO:
            op.code = (b"j" if "GET" in op.name else b"r") + struct.pack("<I", op.value)
        elif how == "wide numbers" and op.name in ("BININT1", "BININT2"):
            op.code = struct.pack("<ci", b"J", op.value)
        elif how == "wide texts" and op.name == "SHORT_BINUNICODE":
            op.code = encode_text(op.value)
    return how


def near_tensors(ops):
    """Returns the numbers of tensors: elements of the storage, offset, sizes and strides."""
    found = []
    for i, op in enumerate(ops):
        if op.name == "BINPERSID":
            found += [o for o in ops[max(i - 6, 0) : i + 16] if o.name in INTEGERS]
    return found


def change(rng, ops):
    """Changes an opcode or an argument, in place; returns what it did."""
    how = rng.choice(("tensor", "tensor", "integer", "integer", "integer", "real", "boolean", "text", "text", "global", "opcodes", "opcode", "bytes"))
    pick = lambda choice: rng.choice(choice) if choice else None
    if how in ("tensor", "integer") and (op := pick(near_tensors(ops) if how == "tensor" else [o for o in ops if o.name in INTEGERS])):
        value = number(rng, op.value, 64, True)
        if rng.random() < 0.3:
            value = pick([o for o in ops if o.name in INTEGERS]).value
        op.code = integer(value)
        return f"{how} {op.value} -> {value}"
    if how == "real" and (op := pick([o for o in ops if o.name == "BINFLOAT"])):
        value = rng.choice((0.0, -0.0, 1.0, -1.0, 1e-3, 0.5, 1e300, 1e-300, float("inf"), float("nan"), op.value * 2, -op.value))
        op.code = b"G" + struct.pack(">d", value)
        return f"real {op.value} -> {value}"
    if how == "boolean" and (op := pick([o for o in ops if o.name in ("NEWTRUE", "NEWFALSE", "NONE")])):
        op.code = rng.choice((b"\x88", b"\x89", b"N", b"K\0", b"K\1"))
        return f"{op.name} -> {op.code!r}"
    if how == "text" and (op := pick([o for o in ops if o.name in TEXTS])):
        other = pick([o for o in ops if o.name in TEXTS]).value if rng.random() < 0.5 else text(rng, op.value)
        op.code = encode_text(other)
        return f"text {op.value!r} -> {other[:20]!r}"
    if how == "global" and (op := pick([o for o in ops if o.name == "GLOBAL"])):
        other = pick([o for o in ops if o.name == "GLOBAL"]).value
        op.code = b"c" + other.replace(" ", "\n").encode() + b"\n"
        return f"global {op.value} -> {other}"
    if how == "opcodes":
        return rearrange(rng, ops)
    op = rng.choice(ops)
    if how == "opcode":
        op.code = bytes([rng.choice(pickletools.opcodes).code.encode("latin-1")[0]]) + op.code[1:]
        return f"opcode {op.name} -> {op.code[:1]!r}"
    op.code = damage(rng, op.code)
    return f"bytes of {op.name}"


def mutate(rng, data):
    """Returns the mutated pickle with what follows it, and what was done. Keeps the meaning if `what` starts with "same"."""
    ops, rest = parse(data)
    if rng.random() < 0.15:
        what = same(rng, ops)
        return join(ops) + rest, "same: " + what
    what = [change(rng, ops) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    return join(ops) + rest, ", ".join(what)
