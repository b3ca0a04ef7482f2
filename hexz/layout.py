"""How positions lie in arrays: the sizes of a board, the kinds of cells, and the planes."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

ROWS: Final = 11
COLS: Final = 10
GRID: Final = ROWS * COLS
"""Cells of a grid [11, 10], of which the last column of the odd rows does not exist."""

CELLS: Final = tuple((row, col) for row in range(ROWS) for col in range(COLS - row % 2))
"""Row and column of each cell, in the order of `Board.cells()`."""
NUM_CELLS: Final = len(CELLS)

NUM_ACTIONS: Final = 2 * GRID
"""A flag and a normal move for each cell of the grid; see `Move.index`."""
MAX_MOVES: Final = NUM_CELLS
"""Every move fills an empty cell, so no game has more moves than the board has cells."""

NUM_ROCKS: Final = 15
MAX_VALUE: Final = 5
"""The highest value of a cell."""
NUM_GRASS: Final = MAX_VALUE
"""Cells of grass at the start, one of each value."""
NUM_EMPTY: Final = NUM_CELLS - NUM_ROCKS - NUM_GRASS
"""Empty cells at the start."""


class CellKind(IntEnum):
    """The kinds of cells in `Board.cells()`. A normal cell is empty, or holds a player's value."""

    NORMAL = 0
    GRASS = 2
    ROCK = 3
    FLAG = 5


class Plane(IntEnum):
    """The planes of `Board.planes()`, from the view of the player to move."""

    FLAGS = 0
    VALUES = 1
    BLOCKED = 2
    NEXT_VALUES = 3
    FLAGS_LEFT = 4
    OPPONENT_FLAGS = 5
    OPPONENT_VALUES = 6
    OPPONENT_BLOCKED = 7
    OPPONENT_NEXT_VALUES = 8
    OPPONENT_FLAGS_LEFT = 9
    GRASS = 10


NUM_PLANES: Final = len(Plane)

OWNED_PLANES: Final = (
    Plane.FLAGS,
    Plane.VALUES,
    Plane.OPPONENT_FLAGS,
    Plane.OPPONENT_VALUES,
)
"""The planes that show which cells the players own."""
