"""Boards as SVG.

A cell is a `<g>` with the class of its kind, a reference to the drawing of that kind and, if it
has a value, a text. Pages redraw boards by changing these three, so they need no drawing and no
geometry of their own. Players differ in colour (Okabe and Ito's blue and orange, which
colour-blind people can tell apart) and in shape: player 2 has an inner ring, and swallow-tailed
flags.
"""

from __future__ import annotations

import math
from typing import Final

from hexz.engine import CELLS, COLS, ROWS, Board, CellKind
from hexz.render.assets import asset

CELL_RADIUS: Final = 24.0
"""From the centre of a cell to its corners; everything else follows from it."""
CELL_WIDTH: Final = math.sqrt(3) * CELL_RADIUS
_ROW_HEIGHT: Final = 1.5 * CELL_RADIUS
_LEFT: Final = 30
_TOP: Final = 28
_WIDTH: Final = _LEFT + COLS * CELL_WIDTH + 12
_HEIGHT: Final = _TOP + (ROWS - 1) * _ROW_HEIGHT + 2 * CELL_RADIUS + 12

_KINDS: Final[dict[tuple[int, int], str]] = {
    (CellKind.NORMAL, 0): "empty",
    (CellKind.NORMAL, 1): "cell1",
    (CellKind.NORMAL, 2): "cell2",
    (CellKind.GRASS, 0): "grass",
    (CellKind.ROCK, 0): "rock",
    (CellKind.FLAG, 1): "flag1",
    (CellKind.FLAG, 2): "flag2",
}
"""The kind of a cell by its type and owner."""


def board_svg(board: Board, attributes: str = 'role="img"') -> str:
    """A drawing of a board for a page that has the style sheet board.css.

    Its groups `hz-marks` and `hz-heat` are empty, for the scripts of the page to draw in.

    Args:
        board: the position.
        attributes: further attributes of the element.
    """
    cells = [
        _cell(position, _KINDS[kind, owner], value)
        for position, (kind, owner, value, *_) in zip(CELLS, board.cells().tolist(), strict=True)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="hz-board" {attributes} '
            f'viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}">',
            asset("cells.svg"),
            '<rect class="hz-back" width="100%" height="100%" rx="14"/>',
            *_labels(),
            '<g class="hz-cells">',
            *cells,
            "</g>",
            '<g class="hz-marks"></g>',
            '<g class="hz-heat"></g>',
            "</svg>",
            "",
        ]
    )


def whole_svg(board: Board) -> str:
    """A drawing of a board that needs no style sheet beside it, for notebooks and files."""
    names = ("", "Blue", "Orange")
    if board.is_over:
        state = f"{names[board.winner]} has won" if board.winner else "drawn"
    else:
        state = f"{names[board.turn]} to move"
    opening, content = board_svg(board, f'role="img" width="{_WIDTH:.0f}"').split("\n", 1)
    title = f"<title>Flagz, move {board.move_number}: {state}</title>"
    return f"{opening}\n{title}\n<style>\n{asset('board.css')}\n</style>\n{content}"


def center(row: int, col: int) -> tuple[float, float]:
    """The centre of a cell in the drawing; odd rows are shifted right by half a cell."""
    x = _LEFT + (col + 0.5 + row % 2 / 2) * CELL_WIDTH
    return round(x, 1), round(_TOP + CELL_RADIUS + row * _ROW_HEIGHT, 1)


def _cell(position: tuple[int, int], kind: str, value: int) -> str:
    x, y = center(*position)
    text = f'<text y="7">{value or ""}</text>'
    return f'<g class="hz-{kind}" transform="translate({x} {y})"><use href="#hz-{kind}"/>{text}</g>'


def _labels() -> list[str]:
    """Row numbers on the left, column letters above, as in the names of cells; the columns of odd
    rows lie half a cell to the right of their letter."""
    ys = [center(row, 0)[1] for row in range(ROWS)]
    rows = [f'<text x="{_LEFT // 2 + 1}" y="{y + 4:.1f}">{r}</text>' for r, y in enumerate(ys, 1)]
    cols = [
        f'<text x="{center(0, col)[0]}" y="{_TOP - 9}">{letter}</text>'
        for col, letter in enumerate("abcdefghij")
    ]
    return ['<g class="hz-labels">', *rows, *cols, "</g>"]
