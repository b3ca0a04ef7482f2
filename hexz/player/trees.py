"""Search trees that are kept between the moves of a game."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hexz.engine import CELLS, Board, CellKind, IllegalMove, Move, Search

MAX_TREES: Final = 512
MAX_NODES: Final = 200_000
"""Nodes of all trees that are kept, of 1 to 2 KB each."""
MAX_MOVES: Final = 3
"""A tree is of use for the next move of its game: the own move, and one or two of the opponent."""


class TreeCache:
    """The trees of the positions that were searched last. Threads may share it."""

    def __init__(self, max_trees: int = MAX_TREES, max_nodes: int = MAX_NODES) -> None:
        self._max_trees = max_trees
        self._max_nodes = max_nodes
        self._lock = threading.Lock()
        self._trees: deque[_Kept] = deque()
        self._num_nodes = 0

    def take(self, board: Board) -> Search | None:
        """A tree whose root is this position now, or None. It is in the cache no longer."""
        rocks = _rocks(board)
        with self._lock:
            for kept in reversed(self._trees):
                line = moves_between(kept.board, board) if kept.rocks == rocks else None
                if line is not None:
                    break
            else:
                return None
            self._trees.remove(kept)
            self._num_nodes -= kept.search.num_nodes
        for move in line:
            kept.search.advance(move)
        return kept.search

    def put(self, tree: Search) -> None:
        """Keeps a tree in which no leaf waits, and forgets the oldest ones for it."""
        board = tree.board
        kept = _Kept(_rocks(board), board, tree)
        with self._lock:
            self._trees.append(kept)
            self._num_nodes += tree.num_nodes
            while len(self._trees) > self._max_trees or self._num_nodes > self._max_nodes:
                self._num_nodes -= self._trees.popleft().search.num_nodes

    @property
    def num_nodes(self) -> int:
        """The nodes of all trees together."""
        return self._num_nodes

    def __len__(self) -> int:
        return len(self._trees)


@dataclass(frozen=True, eq=False)
class _Kept:
    """A tree, its position, and where the rocks are, by which most other games are told apart."""

    rocks: bytes
    board: Board
    search: Search


def _rocks(board: Board) -> bytes:
    is_rock: NDArray[np.bool_] = board.cells()[:, 0] == CellKind.ROCK
    return is_rock.tobytes()


def moves_between(earlier: Board, later: Board) -> list[Move] | None:
    """A line of at most MAX_MOVES moves from one position to another, or None if there is none."""
    count = later.move_number - earlier.move_number
    if not 0 <= count <= MAX_MOVES:
        return None
    before, after = earlier.cells(), later.cells()
    if not np.array_equal(before[:, 0] == CellKind.ROCK, after[:, 0] == CellKind.ROCK):
        return None
    filled = np.flatnonzero(_is_empty(before) & ~_is_empty(after))
    if len(filled) != count:
        return None
    moves = [_move_on(int(cell), int(after[cell, 0])) for cell in filled]
    for line in itertools.permutations(moves):
        board = earlier.copy()
        try:
            for move in line:
                board.play(move)
        except IllegalMove:
            continue
        if board == later:
            return list(line)
    return None


def _is_empty(cells: NDArray[np.int8]) -> NDArray[np.bool_]:
    empty: NDArray[np.bool_] = (cells[:, 0] == CellKind.NORMAL) & (cells[:, 1] == 0)
    return empty


def _move_on(cell: int, kind: int) -> Move:
    """The move that filled a cell, given by its place in CELLS and its type now."""
    return Move("flag" if kind == CellKind.FLAG else "normal", *CELLS[cell])
