"""The rules of Flagz, the reference player `uct` and the neural tree search, in Cython."""

from hexz.engine.board import Board, transform_planes, transform_policy
from hexz.engine.finished_game import FinishedGame
from hexz.engine.move import SYMMETRIES, Move
from hexz.engine.playout import RandomPlayer, UctPlayer, random_playouts
from hexz.engine.search.games import GameBatch
from hexz.engine.search.search import Search, collect_leaves, expand_leaves
from hexz.engine.suggestion import Suggestion
from hexz.engine.vector import VectorEnv
from hexz.errors import IllegalMove, InvalidBoard, InvalidSettings
from hexz.layout import (
    CELLS,
    COLS,
    GRID,
    MAX_MOVES,
    MAX_VALUE,
    NUM_ACTIONS,
    NUM_CELLS,
    NUM_EMPTY,
    NUM_GRASS,
    NUM_PLANES,
    NUM_ROCKS,
    OWNED_PLANES,
    ROWS,
    CellKind,
    Plane,
)
from hexz.schema.search import SearchSettings

__all__ = [
    "CELLS",
    "COLS",
    "GRID",
    "MAX_MOVES",
    "MAX_VALUE",
    "NUM_ACTIONS",
    "NUM_CELLS",
    "NUM_EMPTY",
    "NUM_GRASS",
    "NUM_PLANES",
    "NUM_ROCKS",
    "OWNED_PLANES",
    "ROWS",
    "SYMMETRIES",
    "Board",
    "CellKind",
    "FinishedGame",
    "GameBatch",
    "IllegalMove",
    "InvalidBoard",
    "InvalidSettings",
    "Move",
    "Plane",
    "RandomPlayer",
    "Search",
    "SearchSettings",
    "Suggestion",
    "UctPlayer",
    "VectorEnv",
    "collect_leaves",
    "expand_leaves",
    "random_playouts",
    "transform_planes",
    "transform_policy",
]
