"""Draws the learning curves of several runs over their hours, as in docs/strength.md.

    python benchmarks/curves.py OUTPUT.png NAME=ratings/curve.json NAME=ratings/curve.json ...

The files are those that `hexzctl models rate` writes.
"""

import json
import sys
from pathlib import Path

from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")


def main(output: str, runs: list[str]) -> None:
    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    for run, colour in zip(runs, COLOURS, strict=False):
        name, _, path = run.partition("=")
        points = json.loads(Path(path).read_text())["checkpoints"].values()
        hours, elo, low, high = (
            [point[key] for point in points] for key in ("hours", "value", "low", "high")
        )
        axes.fill_between(hours, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(hours, elo, color=colour, marker="o", markersize=4, label=name)
    axes.set_xlabel("hours of training")
    axes.set_ylabel("Elo")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(output)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
