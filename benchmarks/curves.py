"""Draws the learning curves of several runs, over their hours and over their examples.

    python benchmarks/curves.py OUTPUT.png NAME=curve.csv NAME=curve.csv ...

The files are those that `hexzctl models rate` writes. docs/curves has those of docs/strength.md.
"""

import argparse
import csv
from pathlib import Path

from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
SCALES = {"hours": ("hours of training", 1.0), "examples": ("millions of examples", 1e-6)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("output", help="the picture to write")
    parser.add_argument("runs", nargs="+", metavar="NAME=CURVE", help="a run and its .csv file")
    options = parser.parse_args()
    figure = Figure(figsize=(11, 4.5), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(SCALES), sharey=True)
    for run, colour in zip(options.runs, COLOURS, strict=False):
        name, _, path = run.partition("=")
        points = list(csv.DictReader(Path(path).read_text().splitlines()))
        elo, low, high = ([float(point[key]) for point in points] for key in ("elo", "low", "high"))
        for axes, (key, (_, scale)) in zip(panels, SCALES.items(), strict=True):
            x = [float(point[key]) * scale for point in points]
            axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            axes.plot(x, elo, color=colour, marker="o", markersize=4, label=name)
    for axes, (label, _) in zip(panels, SCALES.values(), strict=True):
        axes.set_xlabel(label)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("Elo")
    panels[-1].legend(frameon=False, loc="lower right")
    figure.savefig(options.output)


if __name__ == "__main__":
    main()
