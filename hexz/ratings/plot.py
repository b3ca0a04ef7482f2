"""A learning curve as a picture. Importing this needs matplotlib, the extra `plot`."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hexz.schema.records import Ratings

_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#5b6472"


def curve_png(ratings: Ratings, model_name: str) -> bytes:
    """Draws the ratings over checkpoints, examples and hours."""
    figure = Figure(figsize=(12, 4.2), dpi=150, layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    known = ratings.checkpoints.values()
    _draw(axes[0], ratings, "checkpoint", list(ratings.checkpoints))
    _draw(axes[1], ratings, "examples trained on", [elo.examples for elo in known])
    axes[1].xaxis.set_major_formatter(lambda x, _: f"{x / 1000:,.0f}k" if x else "0")
    axes[1].locator_params(axis="x", nbins=5)
    _draw(axes[2], ratings, "hours of training", [elo.hours for elo in known])
    axes[0].set_ylabel("Elo")
    figure.suptitle(f"{model_name}, {ratings.player}, with 95 % intervals")
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _draw(axes: Axes, ratings: Ratings, label: str, places: Sequence[float | None]) -> None:
    """Draws the ratings over what is known of all checkpoints, and else nothing."""
    x = [place for place in places if place is not None]
    if len(x) < len(places):
        axes.set_axis_off()
        return
    points = ratings.checkpoints.values()
    axes.fill_between(
        x,
        [point.low for point in points],
        [point.high for point in points],
        color=_BLUE,
        alpha=0.18,
        linewidth=0,
    )
    axes.plot(x, [point.value for point in points], color=_BLUE, marker="o", markersize=4)
    for name, elo in ratings.references.items():
        axes.axhline(elo.value, color=_ORANGE, linewidth=1, linestyle="--")
        axes.annotate(
            name,
            (0.99, elo.value),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            color=_ORANGE,
            fontsize=8,
        )
    axes.set_xlabel(label, color=_GREY)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
