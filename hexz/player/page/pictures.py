"""The pictures of the rules, which the page and docs/rules.md show."""

from __future__ import annotations

from typing import Final

from hexz.render.picture import picture_svg

PICTURES: Final[dict[str, tuple[str, list[str]]]] = {
    "cells": (
        "An empty cell, a rock, grass worth 3, a blue flag, a blue 2, an orange flag, an orange 4",
        [". # g3 B b2 O o4"],
    ),
    "flag": (
        "An orange cell and a blue flag; Blue can place a 1 on every empty cell around the flag",
        ["_ 11 11", "11 B o1", "_ 11 11"],
    ),
    "values": (
        "A blue flag, 1 and 2 in a row. Blue can place a 1 next to the flag, a 2 next to the 1 "
        "and the 2, a 3 next to the 2 alone",
        ["_ 11 11 12 13", "11 B b1 b2 13", "_ 11 11 12 13"],
    ),
    "blocked": (
        "Blue can place nothing next to a blue 5, even where a blue 1 is near as well",
        ["_ 15 x b1 12", "15 b4 b5! x 21", "_ 15 x x O"],
    ),
    "before": (
        "Blue can place a 3 beside grass of 3, which is beside grass of 2, which is beside "
        "grass of 5",
        [". . . g2 g5", "b2 13 g3 .", ". . . . ."],
    ),
    "after": (
        "Blue has placed the 3 and captured the grass of 3 and of 2. The grass of 5 still stands",
        [". . . b2* g5", "b2 b3! b3* .", ". . . . ."],
    ),
    "names": (
        "The top left corner of the board. Its rows are a1 b1 c1 d1, a2 b2 c2, a3 b3 c3 d3",
        ["@ @ @ @", "@ @ @", "@ @ @ @"],
    ),
}
"""By name: what the picture shows, and its cells, see `picture_svg`."""


def picture(name: str, *, complete: bool) -> str:
    """The SVG of a picture; see `picture_svg` for `complete`."""
    title, rows = PICTURES[name]
    return picture_svg(rows, title, complete=complete)
