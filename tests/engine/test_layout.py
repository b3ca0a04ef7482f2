"""The names of sizes, kinds and planes say what the compiled engine does."""

from __future__ import annotations

import numpy as np

from hexz.engine import (
    CELLS,
    COLS,
    GRID,
    MAX_MOVES,
    NUM_ACTIONS,
    NUM_CELLS,
    NUM_EMPTY,
    NUM_GRASS,
    NUM_PLANES,
    NUM_ROCKS,
    OWNED_PLANES,
    ROWS,
    Board,
    CellKind,
    Move,
    Plane,
)
from hexz.example import GRID_INDICES


def test_a_start_has_these_cells() -> None:
    board = Board.random(3)
    kinds = board.cells()[:, 0].tolist()
    assert len(kinds) == NUM_CELLS == MAX_MOVES == len(CELLS)
    assert kinds.count(CellKind.ROCK) == NUM_ROCKS
    assert kinds.count(CellKind.GRASS) == NUM_GRASS
    assert kinds.count(CellKind.NORMAL) == NUM_EMPTY == board.num_empty
    assert board.planes().shape == (NUM_PLANES, ROWS, COLS)
    assert board.legal_mask().shape == (NUM_ACTIONS,)
    assert Move("normal", *CELLS[-1]).index == GRID + GRID_INDICES[-1]


def test_planes_and_kinds_after_some_moves() -> None:
    board = Board.random(3)
    for text in ("Fa1", "Fj11", "b1", "a11"):
        move = Move.parse(text)
        if move in board.legal_moves():
            board.play(move)
    cells, planes = board.cells(), board.planes().reshape(NUM_PLANES, GRID)[:, GRID_INDICES]
    kind, owner, value, next_values = cells[:, 0], cells[:, 1], cells[:, 2], cells[:, 3:5]
    assert set(kind) == {int(k) for k in CellKind}
    empty = (kind == CellKind.NORMAL) & (owner == 0)
    for player, first in ((board.turn, 0), (3 - board.turn, Plane.OPPONENT_FLAGS)):
        own = owner == player
        assert own.any()
        np.testing.assert_array_equal(planes[first + Plane.FLAGS], own & (kind == CellKind.FLAG))
        np.testing.assert_array_equal(planes[first + Plane.VALUES], own * value)
        blocked = planes[first + Plane.BLOCKED].astype(bool)
        np.testing.assert_array_equal(blocked & empty, empty & (next_values[:, player - 1] < 0))
        np.testing.assert_array_equal(
            planes[first + Plane.NEXT_VALUES], empty * np.maximum(next_values[:, player - 1], 0)
        )
        assert (planes[first + Plane.FLAGS_LEFT] == board.flags_left[player - 1]).all()
    np.testing.assert_array_equal(planes[Plane.GRASS], (kind == CellKind.GRASS) * value)
    np.testing.assert_array_equal(planes[[*OWNED_PLANES]].any(0), owner != 0)
