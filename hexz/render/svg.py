"""Boards as SVG.

A cell is a `<g>` with the class of its kind, a reference to the drawing of that kind and, if it
has a value, a text. The games page redraws boards by changing these three, so it needs no drawing
of its own. Players differ in colour (Okabe and Ito's blue and orange, which colour-blind people
can tell apart) and in shape: player 2 has an inner ring, and swallow-tailed flags.
"""

from __future__ import annotations

import math
from importlib import resources
from typing import Final

import numpy as np
import numpy.typing as npt

from hexz.engine import CELLS, COLS, ROWS, Board, Move

CELL_RADIUS: Final = 24.0
"""From the centre of a cell to its corners; everything else follows from it."""
CELL_WIDTH: Final = math.sqrt(3) * CELL_RADIUS
_ROW_HEIGHT: Final = 1.5 * CELL_RADIUS
_LEFT: Final = 32.0
_TOP: Final = 30.0
_WIDTH: Final = _LEFT + COLS * CELL_WIDTH + 16
_BOARD_BOTTOM: Final = _TOP + (ROWS - 1) * _ROW_HEIGHT + 2 * CELL_RADIUS
_HEIGHT: Final = _BOARD_BOTTOM + 46

_KINDS: Final = {
    (0, 0): "empty",
    (0, 1): "cell1",
    (0, 2): "cell2",
    (2, 0): "grass",
    (3, 0): "rock",
    (5, 1): "flag1",
    (5, 2): "flag2",
}
"""The kind of a cell by its type and owner."""

_SHOWN_PERCENT: Final = 5
"""Move probabilities from here on get a number."""


def board_svg(
    board: Board,
    *,
    last_move: Move | None = None,
    heat: npt.NDArray[np.float32] | None = None,
) -> str:
    """A drawing of a board, complete in itself, light or dark as the reader prefers.

    Args:
        board: the position.
        last_move: the move to mark.
        heat: float [220], the probability of each action, drawn onto the empty cells.
    """
    mark = "" if last_move is None else _use("last", (last_move.row, last_move.col))
    return _svg(
        _HEIGHT,
        f"<title>{_title(board)}</title>",
        f"<desc>{_description(board)}</desc>",
        f"<style>\n{asset('board.css')}\n</style>",
        *_drawing(board, mark, "" if heat is None else _heat(heat)),
        _scores(board),
    )


def bare_board_svg(board: Board) -> str:
    """The same without style and scores, to be part of a page that has its own."""
    return _svg(_BOARD_BOTTOM + 14, *_drawing(board, "", ""))


def asset(name: str) -> str:
    """A text file of this package, without the line break at its end."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8").rstrip("\n")


def _svg(height: float, *content: str) -> str:
    size = f"{_WIDTH:.0f} {height:.0f}"
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hz-board" role="img" viewBox="0 0 {size}">'
    )
    return "\n".join([opening, *content, "</svg>", ""])


def _drawing(board: Board, marks: str, heat: str) -> list[str]:
    cells = [
        _cell(position, _KINDS[kind, owner], value)
        for position, (kind, owner, value, *_) in zip(CELLS, board.cells().tolist(), strict=True)
    ]
    return [
        asset("cells.svg"),
        '<rect class="hz-back" width="100%" height="100%" rx="14"/>',
        *_labels(),
        '<g class="hz-cells">',
        *cells,
        "</g>",
        f'<g class="hz-marks">{marks}</g>',
        f'<g class="hz-heat">{heat}</g>',
    ]


def center(row: int, col: int) -> tuple[float, float]:
    """The centre of a cell in the drawing; odd rows are shifted right by half a cell."""
    x = _LEFT + (col + 0.5 + row % 2 / 2) * CELL_WIDTH
    return round(x, 1), round(_TOP + CELL_RADIUS + row * _ROW_HEIGHT, 1)


def _cell(position: tuple[int, int], kind: str, value: int) -> str:
    x, y = center(*position)
    text = f'<text y="7">{value or ""}</text>'
    return f'<g class="hz-{kind}" transform="translate({x} {y})"><use href="#hz-{kind}"/>{text}</g>'


def _use(drawing: str, position: tuple[int, int]) -> str:
    x, y = center(*position)
    return f'<use href="#hz-{drawing}" x="{x}" y="{y}"/>'


def _labels() -> list[str]:
    """Row numbers on the left, column letters above, as in the names of cells; the columns of odd
    rows lie half a cell to the right of their letter."""
    ys = [center(row, 0)[1] for row in range(ROWS)]
    rows = [f'<text x="{_LEFT / 2 + 2}" y="{y + 4:.1f}">{r}</text>' for r, y in enumerate(ys, 1)]
    cols = [
        f'<text x="{center(0, col)[0]}" y="{_TOP - 10}">{letter}</text>'
        for col, letter in enumerate("abcdefghij")
    ]
    return ['<g class="hz-labels">', *rows, *cols, "</g>"]


def _heat(heat: npt.NDArray[np.float32]) -> str:
    """A disc for each normal move and a diamond for each flag, as large as its probability."""
    shapes = []
    for action in np.argsort(heat):
        probability = float(heat[action])
        percent = round(100 * probability)
        if percent < 1:
            continue
        move = Move.from_index(int(action))
        x, y = center(move.row, move.col)
        size = round(5 + 14 * math.sqrt(probability), 1)
        shape = (
            f'<circle r="{size}"/>'
            if move.kind == "normal"
            else f'<path d="M0-{size}L{size} 0L0 {size}L-{size} 0Z"/>'
        )
        text = f'<text y="4">{percent}</text>' if percent >= _SHOWN_PERCENT else ""
        shapes.append(f'<g transform="translate({x} {y})">{shape}{text}</g>')
    return "".join(shapes)


def _scores(board: Board) -> str:
    """Below the board: for each player the symbol, the score and the flags left."""
    y = _BOARD_BOTTOM + 20
    parts = []
    for player, (score, flags) in enumerate(zip(board.score, board.flags_left, strict=True), 1):
        x = center(0, 0)[0] if player == 1 else center(0, 5)[0]
        left = "".join(
            f'<use href="#hz-pennant{player}" x="{x + 138 + 17 * i:.1f}" y="{y}"/>'
            for i in range(flags)
        )
        parts.append(
            f'<g class="hz-score"><use href="#hz-cell{player}" '
            f'transform="translate({x:.1f} {y}) scale(.55)"/>'
            f'<text class="hz-name" x="{x + 20:.1f}" y="{y + 5}">Player {player}</text>'
            f'<text x="{x + 84:.1f}" y="{y + 7}">{score}</text>{left}</g>'
        )
    return "".join(parts)


def _title(board: Board) -> str:
    score = f"score {board.score[0]} to {board.score[1]}"
    if not board.is_over:
        return f"Flagz, move {board.move_number}: player {board.turn} to move, {score}"
    outcome = f"player {board.winner} won" if board.winner else "draw"
    return f"Flagz, finished after {board.move_number} moves: {outcome}, {score}"


def _description(board: Board) -> str:
    kinds = [_KINDS[kind, owner] for kind, owner, *_ in board.cells().tolist()]
    players = "; ".join(
        f"player {player}: {kinds.count(f'cell{player}')} cells and "
        f"{kinds.count(f'flag{player}')} flags placed, {flags} flags left"
        for player, flags in enumerate(board.flags_left, 1)
    )
    return (
        f"A board of 105 hexagons in {ROWS} rows. {players}; {board.num_empty} cells are empty, "
        f"{kinds.count('grass')} are grass."
    )
