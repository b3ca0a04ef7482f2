"""What the engine's tests share: strategies for boards and moves, and comparisons of positions."""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st

from hexz.engine import Board, Move

from .reference import COORDS, Cell, Coord, Position, RefMove, random_text

KIND: dict[str, Literal["flag", "normal"]] = {"F": "flag", "N": "normal"}


def engine_move(move: RefMove) -> Move:
    kind, row, col = move
    return Move(KIND[kind], row, col)


def arguments_of(board: Board) -> dict[str, Any]:
    """Of `Board.from_cells`, for this board."""
    return {
        "cells": board.cells()[:, :3].astype(np.int64),
        "turn": board.turn,
        "flags_left": board.flags_left,
        "move_number": board.move_number,
    }


def from_cells_of(board: Board) -> Board:
    """The board once more, made from what it shows."""
    return Board.from_cells(**arguments_of(board))


def full_state(board: Board) -> tuple[Any, ...]:
    """Everything that a board shows, to find out whether something changed it."""
    return (
        board.turn,
        board.move_number,
        board.score,
        board.flags_left,
        board.is_over,
        board.winner,
        board.num_empty,
        board.num_normal_moves,
        tuple(board.legal_moves()),
        board.cells().tobytes(),
        board.planes().tobytes(),
        board.legal_mask().tobytes(),
        repr(board),
    )


def assert_same(board: Board, position: Position) -> None:
    """The engine's board and the reference position agree in all that both show."""
    assert (board.is_over, board.winner) == (position.is_over, position.winner)
    assert board.move_number == position.move_number
    assert board.score == (position.score(1), position.score(2))
    assert board.flags_left == (position.flags_left[1], position.flags_left[2])
    assert board.num_empty == len(position.empty_cells())
    assert board.num_normal_moves == tuple(len(position.normal_moves(p)) for p in (1, 2))
    assert board.legal_moves() == [engine_move(move) for move in position.legal_moves()]
    assert board.cells().dtype == np.int8
    assert board.cells().tolist() == position.cell_rows()
    assert board.legal_mask().dtype == np.bool_
    assert np.array_equal(board.legal_mask(), position.legal_mask())
    if not position.is_over:  # the turn, and with it the point of view, is meaningless at the end
        assert board.turn == position.turn
        assert board.planes().dtype == np.float32
        assert np.array_equal(board.planes(), position.planes())


def position_of(board: Board) -> Position:
    """The reference position with the cells of a board."""
    kinds = {2: "grass", 3: "rock", 5: "flag"}
    cells = {}
    for coord, (kind, owner, value, *_) in zip(COORDS, board.cells().tolist(), strict=True):
        cells[coord] = Cell(kinds.get(kind, "normal" if owner else "empty"), owner, value)
    flags_left = dict(zip((1, 2), board.flags_left, strict=True))
    return Position(cells, board.turn, flags_left, board.move_number)


RawCells = dict[
    Coord, tuple[int, int, int]
]  # type, owner and value as `Board.from_cells` takes them
FREE = (0, 0, 0)


def board_of(
    cells: RawCells,
    *,
    turn: int = 1,
    flags_left: tuple[int, int] = (3, 3),
    move_number: int | None = None,
    rest: str = ".",
) -> Board:
    """A board with the given cells {(row, col): (type, owner, value)}, the rest filled alike."""
    rows = [cells.get(coord, (3, 0, 0) if rest == "#" else (0, 0, 0)) for coord in COORDS]
    owned = sum(owner > 0 for _, owner, _ in rows)
    return Board.from_cells(
        np.array(rows),
        turn=turn,
        flags_left=flags_left,
        move_number=owned if move_number is None else move_number,
    )


# All flags are placed, those of player 1 in the top row, those of player 2 in the bottom row.
NO_FLAGS = {
    **{(0, c): (5, 1, 0) for c in (0, 2, 4)},
    **{(10, c): (5, 2, 0) for c in (0, 2, 4)},
}


def swapped(cells: RawCells) -> RawCells:
    """The same cells with the players' parts exchanged."""
    return {coord: (kind, owner and 3 - owner, v) for coord, (kind, owner, v) in cells.items()}


# --- Strategies --------------------------------------------------------------------------------

standard_texts = st.integers(0, 2**32).map(lambda seed: random_text(random.Random(seed)))


@st.composite
def mixed_texts(draw: st.DrawFn) -> str:
    """Boards that no game starts with but that the text form allows: any number of rocks, and
    grass of few different values, so that captures cascade far and the end comes early."""
    rocks = draw(st.integers(0, 104))
    grass = draw(st.integers(0, 105 - rocks))
    values = draw(st.sets(st.sampled_from("12345"), min_size=1))
    rng = random.Random(draw(st.integers(0, 2**32)))
    chars = ["#"] * rocks + rng.choices(sorted(values), k=grass)
    chars += ["."] * (105 - len(chars))
    rng.shuffle(chars)
    return "".join(chars)


# The same, written such that hypothesis can show which cells matter when a test fails.
uniform_texts = st.builds(
    lambda base, changes: "".join(changes.get(i, base) for i in range(105)),
    st.sampled_from(".#125"),
    st.dictionaries(st.integers(0, 104), st.sampled_from("....#12345"), max_size=60),
)

texts = standard_texts | mixed_texts() | uniform_texts

# How often a normal move is preferred where there is one; uniformly random moves are mostly flags.
eagerness = st.sampled_from([0.0, 0.5, 1.0])
seeds = st.integers(0, 2**32)


def random_moves(board: Board, seed: int, eager: float) -> Iterator[Move]:
    """Random moves until the game is over; the caller plays each one before asking for the next."""
    rng = random.Random(seed)
    while not board.is_over:
        moves = board.legal_moves()
        normal = [move for move in moves if move.kind == "normal"]
        yield rng.choice(normal if normal and rng.random() < eager else moves)


@st.composite
def boards(draw: st.DrawFn) -> Board:
    """Boards some random moves into a game, possibly over."""
    board = Board.from_text(draw(texts))
    count = draw(st.integers(0, 105))
    for move in islice(random_moves(board, draw(seeds), draw(eagerness)), count):
        board.play(move)
    return board
