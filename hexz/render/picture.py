"""Some cells of a board as SVG, to explain the rules with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hexz.engine import Move
from hexz.render.assets import asset
from hexz.render.svg import CELL_RADIUS, CELL_WIDTH, center

_KINDS: Final = {
    ".": "empty",
    "@": "empty hz-named",
    "#": "rock",
    "g": "grass",
    "b": "cell1",
    "o": "cell2",
    "B": "flag1",
    "O": "flag2",
    "1": "empty hz-next1",
    "2": "empty hz-next2",
    "x": "empty hz-blocked1",
    "y": "empty hz-blocked2",
}
_MARKS: Final = {"!": "last", "*": "taken"}
_BLOCKED: Final = '<path d="M-6-6L6 6M6-6L-6 6"/>'
_MARGIN: Final = 12


def picture_svg(rows: Sequence[str], title: str, *, complete: bool = True) -> str:
    """A drawing of some cells.

    Args:
        rows: the cells from the top left corner of the board on, separated by spaces: `.` empty,
            `#` rock, `g3` grass, `b2` and `o2` cells of players 1 and 2, `B` and `O` their flags,
            `12` and `22` empty cells where player 1 or 2 can place a 2, `x` and `y` cells that
            are blocked for player 1 or 2, `@` a cell with its name, `_` nothing. A `!` behind a
            cell marks it as just placed, a `*` as just captured.
        title: what the picture shows, for those who cannot see it.
        complete: whether to add the colours and the drawings of the cells, which a page may have.
    """
    cells = [
        _cell(cell, row, col)
        for row, line in enumerate(rows)
        for col, cell in enumerate(line.split())
        if cell != "_"
    ]
    x, y = center(0, 0)
    left, top = x - CELL_WIDTH / 2 - _MARGIN, y - CELL_RADIUS - _MARGIN
    columns = max(len(line.split()) + row % 2 / 2 for row, line in enumerate(rows))
    width = columns * CELL_WIDTH + 2 * _MARGIN
    height = center(len(rows) - 1, 0)[1] + CELL_RADIUS + _MARGIN - top
    box = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" class="hz-board" role="img" '
            f'width="{width:.0f}" viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}">',
            f"<title>{title}</title>",
            *([f"<style>\n{asset('board.css')}\n</style>", asset("cells.svg")] if complete else []),
            f'<rect class="hz-back" {box} rx="14"/>',
            *cells,
            "</svg>",
            "",
        ]
    )


def _cell(text: str, row: int, col: int) -> str:
    kind, value = _KINDS[text[0]], text[1:].rstrip("".join(_MARKS))
    drawing, _, extra = kind.partition(" ")
    if extra == "hz-named":
        value = str(Move("normal", row, col))
    mark = f'<use href="#hz-{_MARKS[text[-1]]}"/>' if text[-1] in _MARKS else ""
    blocked = _BLOCKED if extra.startswith("hz-blocked") else ""
    x, y = center(row, col)
    return (
        f'<g class="hz-{kind}" transform="translate({x} {y})"><use href="#hz-{drawing}"/>'
        f'{blocked}<text y="7">{value}</text>{mark}</g>'
    )
