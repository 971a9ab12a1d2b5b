"""Finds the barriers, waits, orders and bounds checks of a kernel's source, and their mutants: see README.md."""
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Mutant:
    file: str
    function: str
    line: int
    was: str  # the source that is replaced; `becomes`: its replacement
    becomes: str
    edits: tuple
    number: int = 1  # among the function's equal ones

    @property
    def key(self):
        number = f" #{self.number}" if self.number > 1 else ""
        return f"{self.file} {self.function}: {self.was} -> {self.becomes}{number}"

    def apply(self, source):
        for edit in sorted(self.edits, key=lambda e: -e.start):
            source = source[: edit.start] + edit.text + source[edit.end :]
        return source


def blank(source):
    """The source with comments, strings and preprocessor lines replaced by spaces, so that offsets stay valid."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#(?:[^\n\\]|\\.)*'
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m[0]), source, flags=re.S | re.M)


class Code:
    """A source and its matching brackets."""

    def __init__(self, source):
        self.source = source
        self.text = blank(source)
        self.other = {}  # a bracket's counterpart
        self.around = [None] * (len(self.text) + 1)  # the innermost open bracket around each offset
        stack = []
        for i, c in enumerate(self.text):
            if c in ")]}" and stack:
                self.other[i] = stack.pop()
                self.other[self.other[i]] = i
            self.around[i] = stack[-1] if stack else None
            if c in "([{":
                stack.append(i)

    def functions(self):
        """(name, start and end of the body) of each device function."""
        last = 0
        for m in re.finditer(r"\b(__device__|__global__|CUDET_HD)\b", self.text):
            if m.start() < last:
                continue
            at = m.end()
            name = None
            while self.text[at] not in ";{":
                if self.text[at] == "(":
                    word = re.search(r"([A-Za-z_]\w*|operator\S+)\s*$", self.text[:at])
                    if name is None and word and word[1] != "__launch_bounds__":
                        name = word[1]
                    at = self.other[at]
                at += 1
            if self.text[at] == "{" and name:
                last = self.other[at]
                yield name, at + 1, last

    def operands(self, at, end):
        """The start of the left operand and the end of the right one of the comparison operator at [at, end)."""
        stop = re.compile(r"&&|\|\||[?;,(\[{]|(?<!:):(?!:)|(?<![=!<>])=(?!=)|\breturn\b|!(?!=)")
        start = at - 1
        while not self._stops_left(start, stop):
            start = self.other[start] if self.text[start] in ")]}" else start
            start -= 1
        start += 1
        stop = re.compile(r"&&|\|\||[?;,)\]}]|(?<!:):(?!:)")
        finish = end
        while not stop.match(self.text, finish):
            finish = (self.other[finish] if self.text[finish] in "([{" else finish) + 1
        while self.text[start].isspace():
            start += 1
        return start, len(self.text[:finish].rstrip())

    def _stops_left(self, at, stop):
        if self.text[at] in ")]}":
            return False
        if self.text.startswith("return", at - 5) and not (self.text[at + 1].isalnum() or self.text[at + 1] == "_"):
            return True
        return self.text[at] in "?;,([{!" or stop.match(self.text, at) is not None or (
            self.text[at - 1 : at + 1] in ("&&", "||"))

    def keyword(self, at):
        """(keyword, its start, its opening parenthesis) of the statement whose parentheses enclose `at`; or Nones."""
        bracket = self.around[at]
        while bracket is not None and self.text[bracket] != "{":
            m = re.search(r"\b(if constexpr|if|for|while|static_assert|switch)\s*$", self.text[:bracket])
            if m and self.text[bracket] == "(":
                return m[1], m.start(), bracket
            bracket = self.around[bracket]
        return None, None, None

    def leaves(self, opening):
        """Whether the statement after an `if (…)` leaves the function, the loop or the round."""
        after = self.other[opening] + 1
        return re.match(r"\s*\{?\s*(return|continue|break)\b", self.text[after:]) is not None

    def loop_start(self, word, at):
        """Where a loop begins, given its keyword's offset: a do … while with its do."""
        before = self.text[:at].rstrip()
        if word == "while" and before.endswith("}"):
            opening = self.other[len(before) - 1]
            m = re.search(r"\bdo\s*$", self.text[:opening])
            if m:
                return m.start()
        return at

    def arguments(self, opening):
        """[start, end) of each argument of a call."""
        at = start = opening + 1
        while at <= self.other[opening]:
            if self.text[at] in "([{" :
                at = self.other[at]
            elif self.text[at] == "," or at == self.other[opening]:
                yield start, at
                start = at + 1
            at += 1


CONSTANT = re.compile(r"(?:\w+::)*k[A-Z]\w*|\d+u?|sizeof\b")


def constant(text, names=()):
    """Whether an expression consists of constants only; `names`: further constants."""
    words = re.findall(r"[A-Za-z_0-9:]+", text)
    return bool(words) and all(CONSTANT.fullmatch(w) or w in names for w in words)


def constant_names(code, start, end):
    """The template parameters of the file, and the constexpr variables in [start, end)."""
    templates = " ".join(re.findall(r"\btemplate\s*<([^<>]*)>", code.text))
    return set(re.findall(r"\b(?:int|bool) (\w+)", templates)) | set(
        re.findall(r"\bconstexpr \w+ (\w+)", code.text[start:end]))


def short(text):
    return " ".join(text.split())


def barriers(code, start, end):
    for m in re.compile(r"\b(__syncthreads|__syncwarp)\s*\(").finditer(code.text, start, end):
        close = code.other[m.end() - 1]
        yield (Edit(m.start(), close + 1, "static_cast<void>(0)"),), (m.start(), close + 1), "nothing"
    for m in re.compile(r"\b__syncthreads_(?:or|and|count)\s*\(").finditer(code.text, start, end):
        close = code.other[m.end() - 1]
        own = code.source[m.end() : close]
        yield (Edit(m.start(), close + 1, f"({own})"),), (m.start(), close + 1), short(own)


def waits(code, start, end):
    for m in re.compile(r"\bcp_async_wait<([^>]*)>\(\)").finditer(code.text, start, end):
        yield (Edit(*m.span(), "static_cast<void>(0)"),), m.span(), "nothing"
        weaker = f"cp_async_wait<{m[1]} + 1>()"
        yield (Edit(*m.span(), weaker),), m.span(), weaker


# Weaker versions of the helpers of ptx.cuh. Fibers have only one order, so there they are unchanged.
WEAKER = {  # (order, parameters, arguments, body)
    "load_acquire": [(
        "relaxed", "const unsigned* p", "p",
        'unsigned v; asm volatile("ld.relaxed.gpu.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory"); return v;')],
    "store_release": [(
        "relaxed", "unsigned* p, unsigned v", "p, v",
        'asm volatile("st.relaxed.gpu.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");')],
    "red_release_add": [(
        "relaxed", "unsigned* p, unsigned v", "p, v",
        'asm volatile("red.relaxed.gpu.add.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");')],
    "fetch_add_acq_rel": [(
        order, "unsigned* p, unsigned v", "p, v",
        f'unsigned b; asm volatile("atom.{order}.gpu.add.u32 %0, [%1], %2;" : "=r"(b) : "l"(p), "r"(v) : "memory"); '
        "return b;") for order in ("acquire", "release", "relaxed")],
}


def orders(code, start, end):
    includes = [m.end() for m in re.finditer(r"^#include[^\n]*\n", code.source, re.M)]
    for m in re.compile(r"\b(" + "|".join(WEAKER) + r")\s*\(").finditer(code.text, start, end):
        for order, parameters, names, body in WEAKER[m[1]]:
            helper = (f"namespace cudet {{ __device__ __forceinline__ auto weaker_order({parameters}) {{\n"
                      f"#ifdef __CUDA_ARCH__\n{body}\n#else\nreturn {m[1]}({names});\n#endif\n}} }}\n")
            edits = (Edit(includes[-1], includes[-1], helper), Edit(*m.span(1), "weaker_order"))
            yield edits, m.span(1), order


def comparisons(code, start, end):
    names = constant_names(code, start, end)
    for m in re.compile(r"\bfor \(int (\w+) = ([^;]*); \1 < ([^;]*);").finditer(code.text, start, end):
        if constant(m[2], names) and constant(m[3], names):
            names.add(m[1])  # a loop with a fixed number of rounds
    for m in re.compile(r"(?<=\s)(<=|>=|==|!=|<|>)(?=\s)").finditer(code.text, start, end):
        if code.text[: m.start()].rstrip().endswith(("template", "operator")):
            continue
        word, at, opening = code.keyword(m.start())
        if word in ("if constexpr", "static_assert"):
            continue
        first, last = code.operands(m.start(), m.end())
        left, right = code.source[first : m.start()].strip(), code.source[m.end() : last].strip()
        if re.search(r"\b[A-Z]\w*::[a-z]|\bsizeof\b", f"{left} {right}"):
            continue  # selects an instance or an operator: not a bound
        if constant(left, names) and constant(right, names):
            continue
        if word in ("for", "while"):
            if word == "for" and constant(right, names) and code.source[opening:first].count(";") == 1:
                initial = code.source[opening:first].split("=", 1)[-1].split(";")[0]
                if constant(initial, names):
                    continue  # a fixed number of rounds
            begin = code.loop_start(word, at)
            once = "for (bool more = true, once = true; once; once = false) "
            weaker = f"(({code.source[first:last]}) || (more && !(more = false)))"
            yield (Edit(begin, begin, once), Edit(first, last, weaker)), (first, last), "one round more"
        else:
            taken = word == "if" and code.leaves(opening)
            value = "false" if taken else "true"
            yield (Edit(first, last, value),), (first, last), value


def clamps(code, start, end):
    for m in re.compile(r"\b(?:std::)?(min|max|fminf|fmaxf)\s*\(").finditer(code.text, start, end):
        spans = list(code.arguments(m.end() - 1))
        close = code.other[m.end() - 1] + 1
        if len(spans) != 2:
            continue
        for s, e in spans:
            operand = code.source[s:e].strip()
            yield (Edit(m.start(), close, f"({operand})"),), (m.start(), close), short(operand)


KINDS = {"barrier": barriers, "wait": waits, "order": orders, "comparison": comparisons, "clamp": clamps}


def find(file, source):
    """(kind, mutant) of each mutant of a file, in the order of lines."""
    code = Code(source)
    found, seen = [], {}
    for function, start, end in code.functions():
        for kind, sites in KINDS.items():
            for edits, span, becomes in sites(code, start, end):
                was = short(code.source[span[0] : span[1]])
                same = (function, was, becomes)
                seen[same] = seen.get(same, 0) + 1
                line = code.source.count("\n", 0, span[0]) + 1
                found.append((kind, Mutant(file, function, line, was, becomes, edits, seen[same])))
    return sorted(found, key=lambda f: f[1].line)
