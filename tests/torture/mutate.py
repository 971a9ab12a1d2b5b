"""What all readers share: a mutated file, numbers worth trying, and mutations of bytes, numbers, text and records."""
import dataclasses, json

# What must hold for a mutated file, apart from the rules for every run.
ANY = "any"  # an error, or the result of the oracle
SAME = "same"  # the mutation keeps the meaning: the result of the original, bit for bit
INVALID = "invalid"  # an error


@dataclasses.dataclass
class Mutation:
    data: bytes
    what: str  # the mutations that were applied
    expect: str = ANY


NUMBERS = [0, 1, 2, 3, 4, 7, 8, 15, 16, 63, 64, 100, 127, 128, 255, 256, 1000, 4095, 32767, 32768, 65535, 65536, 10**6, 2**24, 2**31 - 1,
           2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64]


def number(rng, value=0, bits=64, signed=False):
    """Returns a number near `value` or an extreme one, which fits into `bits`."""
    how = rng.randrange(6)
    if how == 0:
        value += rng.choice((-1, 1))
    elif how == 1:
        value = value * 2 + rng.choice((-1, 0, 1))
    elif how == 2:
        value //= 2
    elif how == 3:
        value ^= 1 << rng.randrange(bits - 1)
    else:
        value = rng.choice(NUMBERS) * (-1 if signed and rng.random() < 0.4 else 1)
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def damage(rng, data):
    """Changes a few bytes: flips bits, replaces, inserts, removes, repeats or cuts."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        how = rng.randrange(7)
        if how < 2 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif how == 2 and at < len(data):
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif how == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif how == 4:
            del data[at : at + rng.randrange(1, 17)]
        elif how == 5:
            data[at:at] = data[at : at + rng.randrange(1, 65)]
        elif rng.random() < 0.3:
            del data[at:]
    return bytes(data)


def rearrange(rng, records):
    """Drops, repeats, swaps or moves a record of a list, in place; returns what it did."""
    if not records:
        return "nothing"
    i, j = rng.randrange(len(records)), rng.randrange(len(records))
    how = rng.choice(("drop", "repeat", "swap", "move", "cut after"))
    if how == "drop":
        del records[i]
    elif how == "repeat":
        records[j:j] = [records[i]] * rng.choice((1, 1, 1, 2, 50))
    elif how == "swap":
        records[i], records[j] = records[j], records[i]
    elif how == "move":
        records.insert(j, records.pop(i))
    else:
        del records[i + 1 :]
    return f"{how} record {i}"


TEXTS = ["", "a", "nc", "None", "True", "../x", "/", "a" * 300, "x" * 5000, "ä", "日本", "\0", "\n", "'\"\\", "-1", "1e999", "nan", "%s", "{}", "\u202e", "a,b"]


def text(rng, value):
    """Returns another text: a known bad one, or `value` with a character changed, dropped or added."""
    if not value or rng.random() < 0.5:
        return rng.choice(TEXTS)
    at = rng.randrange(len(value))
    return value[:at] + rng.choice(("", "x", "é", " ", value[at] * 2, value[at].swapcase())) + value[at + rng.randrange(2) :]


def invalid_json(content):
    """Returns why bytes are not JSON, or nothing."""
    def refuse(constant):
        raise ValueError(constant)

    try:
        json.loads(content.decode(), parse_constant=refuse)
        return ""
    except ValueError as error:
        return str(error)
