"""A learning curve as a picture. Importing this needs matplotlib, the extra `plot`."""

from __future__ import annotations

import io
from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hexz.ratings.curve import Curve, Point

_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#5b6472"


def curve_png(curve: Curve) -> bytes:
    """The ratings over checkpoints, examples and hours."""
    figure = Figure(figsize=(12, 4.2), dpi=150, layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    _draw(axes[0], curve, "checkpoint", lambda point: point.number)
    _draw(axes[1], curve, "examples trained on", lambda point: point.examples)
    axes[1].xaxis.set_major_formatter(lambda x, _: f"{x / 1000:,.0f}k" if x else "0")
    axes[1].locator_params(axis="x", nbins=5)
    _draw(axes[2], curve, "hours of training", lambda point: point.hours)
    axes[0].set_ylabel("Elo")
    figure.suptitle(f"{curve.model_name}, {curve.player}, with 95 % intervals")
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _draw(axes: Axes, curve: Curve, label: str, place: Callable[[Point], float | None]) -> None:
    """Draws the curve over what is known of all its points, and else nothing."""
    points = curve.points
    x = [known for point in points if (known := place(point)) is not None]
    if len(x) < len(points):
        axes.set_axis_off()
        return
    axes.fill_between(
        x,
        [point.elo.low for point in points],
        [point.elo.high for point in points],
        color=_BLUE,
        alpha=0.18,
        linewidth=0,
    )
    axes.plot(x, [point.elo.value for point in points], color=_BLUE, marker="o", markersize=4)
    for name, elo in curve.references.items():
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
