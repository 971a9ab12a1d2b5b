"""Evaluates the samples: medians with intervals, verdicts, a table and a plot."""
from dataclasses import dataclass, field
from html import escape

import numpy as np

RESAMPLES = 2000
NOISY = 0.1  # maximum noise() on a quiet machine


@dataclass(frozen=True)
class Contestant:
    """An engine with a precision and a batch size. Contestants of one precision and batch are compared."""

    engine: str
    precision: str = "fp32"
    batch: int = 1

    @property
    def kind(self):
        return self.precision + f", batch {self.batch}" * (self.batch > 1)

    def __str__(self):
        return self.engine + " int8" * (self.precision == "int8") + f", batch {self.batch}" * (self.batch > 1)


@dataclass
class Row:
    """The results of a contestant on one network with one number of threads."""

    contestant: Contestant
    samples: np.ndarray = None  # (rounds, runs), ms per image; None: not timed
    facts: dict = field(default_factory=dict)
    difference: dict = None  # from cudet's output in fp32
    failure: str = ""

    @property
    def is_peer(self):
        return self.contestant.engine != "cudet"


@dataclass
class Block:
    """The results of all contestants on one network with one number of threads."""

    network: str
    size: int  # side of the square input
    threads: int
    rows: list
    busy: list = field(default_factory=list)  # why its times are unreliable
    fewer: list = field(default_factory=list)  # blocks of the same rounds with fewer threads

    def __str__(self):
        return f"{self.network}, {self.size}x{self.size}, {self.threads} thread{'s' * (self.threads > 1)}"

    def kinds(self):
        return list(dict.fromkeys(row.contestant.kind for row in self.rows))

    def cudet(self, kind="fp32"):
        """Return cudet's row; None if it was not timed."""
        rows = (row for row in self.rows if row.contestant.kind == kind and not row.is_peer)
        return next((row for row in rows if row.samples is not None), None)

    def peers(self, kind):
        """Return the rows of the peers that were timed, the fastest first."""
        timed = [row for row in self.rows if row.contestant.kind == kind and row.is_peer and row.samples is not None]
        return sorted(timed, key=lambda row: np.median(row.samples))


def resample(samples):
    """Return medians of resampled rounds. All engines of a block get the same rounds."""
    picks = np.random.default_rng(1).integers(0, len(samples), (RESAMPLES, len(samples)))
    return np.median(samples[picks].reshape(RESAMPLES, -1), axis=1)


def interval(values):
    """Return the 95 % interval of resampled values."""
    return tuple(float(v) for v in np.percentile(values, [2.5, 97.5]))


def median(samples):
    """Return the median and its interval."""
    return float(np.median(samples)), interval(resample(samples))


def ratio(a, b):
    """Return the ratio of the medians of a and b, and its interval."""
    return float(np.median(a) / np.median(b)), interval(resample(a) / resample(b))


def noise(block):
    """Return the lowest of all engines' spreads of the medians of rounds, (p90 - p10) / p50."""
    middles = [np.median(row.samples, axis=1) for row in block.rows if row.samples is not None]
    return min(float(np.subtract(*np.percentile(m, [90, 10])) / np.median(m)) for m in middles)


def compare_cost(cudet, peers):
    """Yield two parts of a verdict: cudet's start and memory, relative to the peers with the lowest values."""
    fastest = min(peers, key=lambda row: row.facts["load_ms"])
    smallest = min(peers, key=lambda row: row.facts["peak_mb"])
    yield f"load and first result {cudet.facts['load_ms'] / fastest.facts['load_ms']:.2f} of {fastest.contestant}'s"
    grown, whole = (cudet.facts[key] / smallest.facts["peak_mb"] for key in ("peak_mb", "process_mb"))
    yield f"memory {grown:.2f} of {smallest.contestant}'s, including all of cudet's process {whole:.2f}"


def verdict(block, kind):
    """Return one line: who is fastest of a kind and by how much, and cudet's start and memory."""
    cudet, peers = block.cudet(kind), block.peers(kind)
    if not peers:
        return "no peer was timed."
    peer, fp32 = peers[0], block.cudet()
    r, (low, high) = ratio((cudet or fp32).samples, peer.samples)
    share = f"{r:.3f} (95 %: {low:.3f} to {high:.3f}) of the time of {peer.contestant}, the fastest peer"
    if not cudet:
        return f"cudet was not timed; its fp32 takes {share}."
    outcome = "cudet is fastest" if high < 1 else f"{peer.contestant} is fastest" if low > 1 else "no difference seen"
    parts = [f"{outcome}: cudet takes {share}", *compare_cost(cudet, peers)]
    if kind != "fp32" and fp32:
        r, (low, high) = ratio(cudet.samples, fp32.samples)
        parts.append(f"{r:.3f} ({low:.3f} to {high:.3f}) of cudet's time per image in fp32 at batch 1")
    return "; ".join(parts) + "."


def gain(block, fewer):
    """Return one line: the speedup of each engine in fp32 from `fewer` to `block`, the largest gain of a peer first."""
    gains = {}
    for row in [block.cudet(), *block.peers("fp32")]:
        before = [other for other in fewer.rows if other.contestant == row.contestant and other.samples is not None]
        if before:
            gains[row.contestant.engine] = ratio(before[0].samples, row.samples)
    cudet, peers = gains.pop("cudet"), sorted(gains, key=lambda name: gains[name][0], reverse=True)
    text = "{0:.2f} (95 %: {1[0]:.2f} to {1[1]:.2f})".format
    parts = [f"cudet is {text(*cudet)} times as fast", *(f"{name} {text(*gains[name])}" for name in peers)]
    return f"- **{fewer.threads} to {block.threads} threads**: " + ", ".join(parts) + "."


HEADS = ["ms a picture", "95 %", "/ cudet's", "load and first result, ms", "since the start, ms", "memory, MB", "gap"]


def table(block):
    """Return a block as Markdown."""
    lines = [
        f"## {block}",
        "",
        *(f"**BUSY, times are unreliable:** {why}\n" for why in block.busy),
        *(f"- **{kind}**: {verdict(block, kind)}" for kind in block.kinds()),
        *(gain(block, fewer) for fewer in block.fewer),
        "",
        "| " + " | ".join(["engine", *HEADS]) + " |",
        "|" + "---|" * (1 + len(HEADS)),
    ]
    for row in block.rows:
        gap = "{boxes_px:.1g} px, {scores:.1g}".format(**row.difference) if row.difference else ""
        if row.samples is None:
            cells = [f"**n/a: {row.failure.replace('|', '/')}**", "", "", "", "", "", gap]
        else:
            (middle, (low, high)), cudet = median(row.samples), block.cudet(row.contestant.kind)
            times = f"{ratio(row.samples, cudet.samples)[0]:.2f}" if cudet else ""
            facts = [f"{row.facts[key]:.0f}" for key in ("load_ms", "first_result_ms", "peak_mb")]
            cells = [f"{middle:.1f}", f"{low:.1f} to {high:.1f}", times, *facts, gap]
        lines.append("| " + " | ".join([str(row.contestant), *cells]) + " |")
    return "\n".join([*lines, ""])


BAR, GAP, LEFT, WIDE, HIGH = 20, 8, 170, 330, 56  # pixels; HIGH: height of a panel's title and foot


def svg(blocks, title):
    """Plot one panel per network and number of threads: medians as bars, intervals as whiskers. `title`: two lines."""
    columns = sorted({b.threads for b in blocks}, reverse=True)
    networks = list(dict.fromkeys((b.network, b.size) for b in blocks))
    max_rows = max(len(b.rows) for b in blocks)
    panel_w, panel_h = LEFT + WIDE + 90, max_rows * (BAR + GAP) + HIGH
    width, height = 20 + panel_w * len(columns), 60 + panel_h * len(networks)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif"',
        ' font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *(f'<text x="20" y="{25 + 22 * i}" font-size="15">{escape(line)}</text>' for i, line in enumerate(title)),
    ]
    for block in blocks:
        x = 20 + panel_w * columns.index(block.threads) + LEFT
        y = 60 + panel_h * networks.index((block.network, block.size))
        out.append(f'<text x="{x}" y="{y + 14}" font-weight="bold">{escape(str(block))}</text>')
        timed = [row for row in block.rows if row.samples is not None]
        scale = WIDE / max(median(row.samples)[1][1] for row in timed)
        for i, row in enumerate(block.rows):
            top = y + 26 + i * (BAR + GAP)
            label = f'<text x="{{}}" y="{top + 15}"{{}}>{{}}</text>'.format
            out.append(label(x - 8, ' text-anchor="end"', escape(str(row.contestant))))
            if row.samples is None:
                out.append(label(x + 4, ' fill="#a00"', "n/a"))
                continue
            middle, (low, high) = median(row.samples)
            fill, mid = ("#9db4c0" if row.is_peer else "#d1603d"), top + BAR / 2
            out.append(f'<rect x="{x}" y="{top}" width="{middle * scale:.1f}" height="{BAR}" fill="{fill}"/>')
            ends = f"M{x + low * scale:.1f} {mid}H{x + high * scale:.1f}"
            ends += "".join(f"M{x + e * scale:.1f} {mid - 5}v10" for e in (low, high))
            out.append(f'<path d="{ends}" stroke="#222" fill="none"/>')
            out.append(label(f"{x + high * scale + 8:.1f}", "", f"{middle:.1f} ms"))
        foot = y + 26 + len(block.rows) * (BAR + GAP)
        out.append(f'<path d="M{x} {y + 22}V{foot}" stroke="#222"/>')
    return "\n".join([*out, "</svg>", ""])
