"""The rules of Flagz, the reference playout player and the neural tree search, in Cython."""

from hexz.engine.board import Board, transform_planes
from hexz.engine.move import (
    COLS,
    MAX_MOVES,
    NUM_ACTIONS,
    NUM_CELLS,
    NUM_PLANES,
    ROWS,
    SYMMETRIES,
    Move,
)
from hexz.errors import IllegalMove, InvalidBoard

__all__ = [
    "COLS",
    "MAX_MOVES",
    "NUM_ACTIONS",
    "NUM_CELLS",
    "NUM_PLANES",
    "ROWS",
    "SYMMETRIES",
    "Board",
    "IllegalMove",
    "InvalidBoard",
    "Move",
    "transform_planes",
]
