"""What was measured, as medians with intervals, a table and a plot."""
from dataclasses import dataclass, field
from html import escape

import numpy as np

RESAMPLES = 2000
NOISY = 0.1  # of a median from round to round, of the engine that was steadiest


@dataclass
class Row:
    """An engine on a network with a number of threads."""

    engine: str
    samples: np.ndarray = None  # (rounds, runs), ms; None: not timed
    facts: dict = field(default_factory=dict)
    difference: dict = None  # from cudet's output
    failure: str = ""


@dataclass
class Block:
    network: str
    threads: int
    rows: list
    busy: list = field(default_factory=list)  # why its times mean little

    def __str__(self):
        return f"{self.network}, {self.threads} thread{'s' * (self.threads > 1)}"

    def row(self, engine):
        return next(row for row in self.rows if row.engine == engine)

    def peers(self):
        """Those timed, the fastest first."""
        timed = [row for row in self.rows if row.samples is not None and row.engine != "cudet"]
        return sorted(timed, key=lambda row: np.median(row.samples))


def drawn(samples):
    """Medians of what rounds drawn anew would have given; the same rounds for all engines of a block."""
    picks = np.random.default_rng(1).integers(0, len(samples), (RESAMPLES, len(samples)))
    return np.median(samples[picks].reshape(RESAMPLES, -1), axis=1)


def interval(values):
    """Of 95 %."""
    return tuple(float(v) for v in np.percentile(values, [2.5, 97.5]))


def median(samples):
    return float(np.median(samples)), interval(drawn(samples))


def ratio(a, b):
    """Of the medians of a and b, with its interval."""
    return float(np.median(a) / np.median(b)), interval(drawn(a) / drawn(b))


def noise(block):
    """By how much the medians of rounds differed, (p90 - p10) / p50, for the steadiest engine."""
    middles = [np.median(row.samples, axis=1) for row in block.rows if row.samples is not None]
    return min(float(np.subtract(*np.percentile(m, [90, 10])) / np.median(m)) for m in middles)


def verdict(block):
    """One line: who is fastest, and by how much."""
    cudet, peers = block.row("cudet"), block.peers()
    if not peers:
        return "No peer was timed."
    peer = peers[0]
    r, (low, high) = ratio(cudet.samples, peer.samples)
    outcome = "cudet is fastest" if high < 1 else f"{peer.engine} is fastest" if low > 1 else "Too near to call"
    return (
        f"{outcome}: cudet takes {r:.3f} (95 %: {low:.3f} to {high:.3f}) of the time of {peer.engine}, the fastest peer"
        + (", but the machine was busy." if block.busy else ".")
    )


def table(block):
    """Markdown."""
    lines = [
        f"## {block}",
        "",
        *(f"**BUSY, times mean little:** {why}\n" for why in block.busy),
        verdict(block),
        "",
        "| engine | ms | 95 % | / cudet's | first result, ms | of it load and run | memory, MB | differs by |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in block.rows:
        gap = "{boxes_px:.1g} px, {scores:.1g}".format(**row.difference) if row.difference else ""
        if row.samples is None:
            lines.append(f"| {row.engine} | **n/a: {row.failure.replace('|', '/')}** | | | | | | {gap} |")
            continue
        middle, (low, high) = median(row.samples)
        times = ratio(row.samples, block.row("cudet").samples)[0]
        first, load, peak = (row.facts[key] for key in ("first_result_ms", "load_ms", "peak_mb"))
        load = f"{load:.0f}" if row.difference else ""
        numbers = f"{middle:.1f} | {low:.1f} to {high:.1f} | {times:.2f} | {first:.0f} | {load} | {peak:.0f}"
        lines.append(f"| {row.engine} | {numbers} | {gap} |")
    return "\n".join([*lines, ""])


BAR, GAP, LEFT, WIDE, HIGH = 20, 8, 120, 330, 56  # pixels; HIGH: of a panel's title and foot


def svg(blocks, title):
    """`title`: two lines. A panel for each network and number of threads: bars of medians, whiskers of intervals."""
    columns = sorted({b.threads for b in blocks}, reverse=True)
    networks = list(dict.fromkeys(b.network for b in blocks))
    most = max(len(b.rows) for b in blocks)
    panel_w, panel_h = LEFT + WIDE + 90, most * (BAR + GAP) + HIGH
    width, height = 20 + panel_w * len(columns), 60 + panel_h * len(networks)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif"',
        ' font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *(f'<text x="20" y="{25 + 22 * i}" font-size="15">{escape(line)}</text>' for i, line in enumerate(title)),
    ]
    for block in blocks:
        x = 20 + panel_w * columns.index(block.threads) + LEFT
        y = 60 + panel_h * networks.index(block.network)
        out.append(f'<text x="{x}" y="{y + 14}" font-weight="bold">{escape(str(block))}</text>')
        timed = [row for row in block.rows if row.samples is not None]
        scale = WIDE / max(median(row.samples)[1][1] for row in timed)
        for i, row in enumerate(block.rows):
            top = y + 26 + i * (BAR + GAP)
            label = f'<text x="{{}}" y="{top + 15}"{{}}>{{}}</text>'.format
            out.append(label(x - 8, ' text-anchor="end"', escape(row.engine)))
            if row.samples is None:
                out.append(label(x + 4, ' fill="#a00"', "n/a"))
                continue
            middle, (low, high) = median(row.samples)
            fill, mid = ("#d1603d" if row.engine == "cudet" else "#9db4c0"), top + BAR / 2
            out.append(f'<rect x="{x}" y="{top}" width="{middle * scale:.1f}" height="{BAR}" fill="{fill}"/>')
            ends = f"M{x + low * scale:.1f} {mid}H{x + high * scale:.1f}"
            ends += "".join(f"M{x + e * scale:.1f} {mid - 5}v10" for e in (low, high))
            out.append(f'<path d="{ends}" stroke="#222" fill="none"/>')
            out.append(label(f"{x + high * scale + 8:.1f}", "", f"{middle:.1f} ms"))
        foot = y + 26 + len(block.rows) * (BAR + GAP)
        out.append(f'<path d="M{x} {y + 22}V{foot}" stroke="#222"/>')
    return "\n".join([*out, "</svg>", ""])
