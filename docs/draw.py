"""Draws the diagrams and the curve of the documentation: `python docs/draw.py`.

Pictures are SVG, so that pages need no script, and have a background of their own, so that they can
be read in a light and in a dark theme.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
COLUMN, ROW, WIDTH, HEIGHT, MARGIN = 200, 92, 168, 58, 16
INK, PAPER, BOX, BLUE, ORANGE = "#1f2937", "#f8fafc", "#e2e8f0", "#0072b2", "#b45309"
CURVES: Final = {"seed 61": BLUE, "seed 63": ORANGE, "seed 65": "#15803d"}


@dataclass(frozen=True)
class Box:
    """A box at a place of the grid, with one or two lines of text."""

    column: float
    row: float
    text: str

    @property
    def centre(self) -> tuple[float, float]:
        return (
            MARGIN + self.column * COLUMN + WIDTH / 2,
            MARGIN + self.row * ROW + HEIGHT / 2,
        )

    def svg(self) -> str:
        x, y = self.centre
        title, _, rest = self.text.partition("\n")
        lines = [(title, 600, 14)] + ([(rest, 400, 12)] if rest else [])
        first = y + 5 - 9 * (len(lines) - 1)
        texts = [
            f'<text x="{x}" y="{first + 18 * i}" text-anchor="middle" font-weight="{weight}" '
            f'font-size="{size}" fill="{INK}">{escape(line)}</text>'
            for i, (line, weight, size) in enumerate(lines)
        ]
        rect = (
            f'<rect x="{x - WIDTH / 2}" y="{y - HEIGHT / 2}" width="{WIDTH}" height="{HEIGHT}" '
            f'rx="8" fill="{BOX}" stroke="{INK}" stroke-opacity=".35"/>'
        )
        return rect + "".join(texts)


def edge(box: Box, other: Box) -> tuple[float, float]:
    """Where the line between the centres of two boxes leaves the first."""
    (x, y), (to_x, to_y) = box.centre, other.centre
    dx, dy = to_x - x, to_y - y
    share = min(
        WIDTH / 2 / abs(dx) if dx else float("inf"), HEIGHT / 2 / abs(dy) if dy else float("inf")
    )
    return x + dx * share, y + dy * share


def arrow(box: Box, other: Box, label: str) -> str:
    (x, y), (to_x, to_y) = edge(box, other), edge(other, box)
    line = (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{BLUE}" '
        'stroke-width="2" marker-end="url(#head)"/>'
    )
    middle_x, middle_y = (x + to_x) / 2, (y + to_y) / 2
    upright = abs(to_x - x) < 1
    anchor, shift_x, shift_y = ("start", 8, 4) if upright else ("middle", 0, -8)
    return line + (
        f'<text x="{middle_x + shift_x:.1f}" y="{middle_y + shift_y:.1f}" font-size="11" '
        f'text-anchor="{anchor}" fill="{BLUE}">{escape(label)}</text>'
    )


def whole(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    head = (
        f'<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0 10 5 0 10z" fill="{BLUE}"/></marker>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" font-family="system-ui, sans-serif" role="img">'
        f"<title>{escape(title)}</title><defs>{head}</defs>"
        f'<rect width="100%" height="100%" rx="12" fill="{PAPER}"/>{"".join(parts)}</svg>\n'
    )


def diagram(title: str, boxes: Sequence[Box], arrows: Sequence[tuple[int, int, str]]) -> str:
    """Boxes, and arrows between them by their places in the list."""
    width = 2 * MARGIN + max(box.column for box in boxes) * COLUMN + WIDTH
    height = 2 * MARGIN + max(box.row for box in boxes) * ROW + HEIGHT
    lines = [arrow(boxes[start], boxes[end], label) for start, end, label in arrows]
    return whole(width, height, title, [*lines, *(box.svg() for box in boxes)])


DIAGRAMS: Final = {
    "whole": diagram(
        "The whole: games, examples, a better model, the next games, and people who play",
        [
            Box(0, 0, "Self-play\nengine, inference, selfplay"),
            Box(1.3, 0, "Examples\nwire, dataset, render"),
            Box(2.6, 0, "Training\ntraining, trainserver"),
            Box(2.6, 1.2, "Checkpoints\nmodel, checkpoints"),
            Box(1.3, 1.2, "Newest network\npubsub"),
            Box(0, 1.2, "Workers\nworker, local"),
            Box(3.9, 1.2, "Players\nplayer, gameplay"),
            Box(3.9, 0, "Matches\narena, ratings"),
        ],
        [(0, 1, "games"), (1, 2, "vetting"), (2, 3, ""), (3, 4, "announce"), (4, 5, ""),
         (5, 0, "play"), (3, 6, "load"), (6, 7, "")],
    ),
    "engine": diagram(
        "A position, what follows from it, and who asks",
        [
            Box(0, 0, "Position\n105 cells in bit sets"),
            Box(1.3, 0, "Rules\nlegal moves, captures"),
            Box(2.6, 0, "Next position"),
            Box(0, 1.2, "11 planes\nwhat a network sees"),
            Box(1.3, 1.2, "Playouts\nrandom, to the end"),
            Box(2.6, 1.2, "Endgames\nsolved exactly"),
        ],
        [(0, 1, ""), (1, 2, "play"), (0, 3, "planes()"), (1, 4, "uct"), (2, 5, "near the end")],
    ),
    "search": diagram(
        "One simulation of a search",
        [
            Box(0, 0, "1 Select\nwalk to a leaf"),
            Box(1.3, 0, "2 Evaluate\nthe network, in a batch"),
            Box(2.6, 0, "3 Expand\npriors for its moves"),
            Box(2.6, 1.2, "4 Back up\nvalues to the root"),
            Box(1.3, 1.2, "5 Prove\nwins and losses are final"),
            Box(0, 1.2, "Root\nvisits, Q, the move"),
        ],
        [(0, 1, "planes"), (1, 2, ""), (2, 3, ""), (3, 4, ""), (4, 5, ""), (5, 0, "again")],
    ),
    "network": diagram(
        "From a position to what the network says of it",
        [
            Box(0, 0.5, "11 planes\n11 x 10 cells"),
            Box(1.3, 0, "33 features\na cell: 0 or 1"),
            Box(1.3, 1, "14 features\nof the whole position"),
            Box(2.6, 0.5, "Tower\n4 blocks of 32 filters"),
            Box(3.9, 0, "Policy\n220 moves"),
            Box(3.9, 1, "Value\n-1 lost, 1 won"),
            Box(3.9, 2, "Owners and margin\nhow it will end"),
        ],
        [(0, 1, ""), (0, 2, ""), (1, 3, ""), (2, 3, ""), (3, 4, ""), (3, 5, ""), (3, 6, "")],
    ),
    "selfplay": diagram(
        "Self-play: two groups of games take turns",
        [
            Box(0, 0, "Games A\nwalk to their leaves"),
            Box(0, 1.2, "Games B\nwalk to their leaves"),
            Box(1.5, 0.6, "Evaluator\none batch at a time"),
            Box(2.8, 0, "Full search\na move to learn from"),
            Box(2.8, 1.2, "Fast search\nplayed, not learnt from"),
            Box(4.1, 0.6, "Examples\nof finished games"),
        ],
        [(0, 2, "batch"), (1, 2, "batch"), (2, 3, ""), (2, 4, ""), (3, 5, "policy"),
         (4, 5, "result")],
    ),
    "fleet": diagram(
        "The fleet: one server, any number of workers",
        [
            Box(0, 0, "Worker\nplays"),
            Box(0, 1.2, "Worker\nplays"),
            Box(1.5, 0.6, "Train server\nchecks what is posted"),
            Box(2.8, 0.6, "Journal\non disk before it answers"),
            Box(4.1, 0.6, "Trainer\na process of its own"),
            Box(4.1, 1.8, "Store\ncheckpoints, for good"),
            Box(1.5, 1.8, "Redis\nthe newest network"),
        ],
        [(0, 2, "examples"), (1, 2, "examples"), (2, 3, ""), (3, 4, "minibatch"), (4, 5, ""),
         (5, 6, "announced"), (6, 1, "network")],
    ),
}  # fmt: skip


def curve() -> str:
    """Elo over minutes of `hexzctl train`, from docs/curves."""
    width, height, left, right, top, bottom = 760, 400, 62, 20, 20, 46
    low, high, last = -1100, 1900, 190

    def place(minutes: float, elo: float) -> tuple[float, float]:
        x = left + (width - left - right) * minutes / last
        return x, height - bottom - (height - top - bottom) * (elo - low) / (high - low)

    parts = []
    for elo in range(-1000, 1900, 500):
        (x, y), (end, _) = place(0, elo), place(last, elo)
        parts.append(f'<line x1="{x}" y1="{y:.1f}" x2="{end}" y2="{y:.1f}" stroke="{BOX}"/>')
        parts.append(f'<text x="{x - 8}" y="{y + 4:.1f}" text-anchor="end" font-size="12" '
                     f'fill="{INK}">{elo:,}</text>')  # fmt: skip
    for minutes in (5, 30, 90, 180):
        (x, y), (_, up) = place(minutes, low), place(minutes, high)
        parts.append(f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{up}" stroke="{INK}" '
                     'stroke-opacity=".4" stroke-dasharray="4 4"/>')  # fmt: skip
        parts.append(f'<text x="{x:.1f}" y="{y + 18}" text-anchor="middle" font-size="12" '
                     f'fill="{INK}">{minutes} min</text>')  # fmt: skip
    for number, (name, colour) in enumerate(CURVES.items()):
        with (HERE / "curves" / f"{name.replace(' ', '-')}.csv").open() as file:
            rows = [(60 * float(row["hours"]), float(row["elo"])) for row in csv.DictReader(file)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*row) for row in rows))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" '
                     'stroke-width="2.5"/>')  # fmt: skip
        parts.append(f'<text x="{width - 130}" y="{height - 130 + 20 * number}" font-size="13" '
                     f'fill="{colour}">{name}</text>')  # fmt: skip
    parts.append(f'<text x="{left}" y="{height - 8}" font-size="12" fill="{INK}">minutes of '
                 "hexzctl train on two cores; Elo, where uct:800 has 0</text>")  # fmt: skip
    return whole(width, height, "Elo over minutes of training, three runs", parts)


def main() -> None:
    for name, picture in DIAGRAMS.items():
        (HERE / "how" / f"{name}.svg").write_text(picture)
    (HERE / "laptop.svg").write_text(curve())


if __name__ == "__main__":
    main()
