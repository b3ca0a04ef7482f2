"""Boards from the planes that show them, and how games can end: `from_planes` and `ended`."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexz.engine import Board
from hexz.errors import InvalidBoard

from .helpers import FREE, eagerness, from_cells_of, full_state, random_moves, seeds, texts

COORDS = [(row, col) for row in range(11) for col in range(10 - row % 2)]


def game(text: str, seed: int, eager: float) -> list[Board]:
    """The positions of a random game, the last one over."""
    board = Board.from_text(text)
    boards = [board.copy()]
    for move in random_moves(board, seed, eager):
        board.play(move)
        boards.append(board.copy())
    return boards


def standard_game(seed: int, eager: float = 0.9) -> list[Board]:
    return game(Board.random(seed).to_text(), seed, eager)


def rebuilt(board: Board, **options: Any) -> Board:
    return Board.from_planes(
        board.planes(), **({"turn": board.turn, "move_number": board.move_number} | options)
    )


def grids(board: Board, player: int) -> tuple[Any, Any]:
    """Owner, from a player's view, and value of each cell, [11, 10]."""
    owner, value = np.zeros((2, 11, 10), np.int8)
    for coord, (_, who, number, *_) in zip(COORDS, board.cells().tolist(), strict=True):
        owner[coord] = 0 if who == 0 else 1 if who == player else -1
        value[coord] = number
    return owner, value


# --- from_planes -------------------------------------------------------------------------------


@given(texts, seeds, eagerness)
def test_planes_and_the_initial_board_give_the_position(text, seed, eager):
    boards = game(text, seed, eager)
    for board in boards:
        assert full_state(rebuilt(board, initial=boards[0])) == full_state(board)


@given(seeds, eagerness)
def test_planes_of_a_standard_game_give_the_position_without_it(seed, eager):
    for board in standard_game(seed, eager):
        empty = grids_where_empty(board)
        assert rebuilt(board, empty=empty) == board
        # Unless it is told, it may take a rock for an empty cell that no player can fill but with
        # a flag, and the other way round.
        other = rebuilt(board)
        assert np.array_equal(other.planes(), board.planes())
        assert (other.is_over, other.num_empty) == (board.is_over, board.num_empty)


def grids_where_empty(board: Board) -> Any:
    empty = np.zeros((11, 10), np.bool_)
    for coord, row in zip(COORDS, board.cells().tolist(), strict=True):
        empty[coord] = tuple(row[:3]) == FREE
    return empty


@given(seeds, st.integers(0, 70), st.data())
def test_what_is_accepted_is_a_position_with_these_planes(seed, move_number, data):
    """Changes single numbers: nearly all are refused, and the others give another position."""
    boards = standard_game(seed)
    board = boards[min(move_number, len(boards) - 1)]
    planes = board.planes()
    rng = random.Random(data.draw(seeds))
    accepted = 0
    for _ in range(100):
        place = rng.randrange(11), rng.randrange(11), rng.randrange(10)
        changed = planes.copy()
        changed[place] = rng.choice([0, 1, 2, 3, 4, 5, -1, 6, 0.5, 257, np.nan, np.inf, -np.inf])
        if changed[place] == planes[place]:
            continue
        for initial in (boards[0], None):
            try:
                other = Board.from_planes(
                    changed, turn=board.turn, move_number=board.move_number, initial=initial
                )
            except InvalidBoard as error:
                assert "\n" not in str(error)  # noqa: PT017
                continue
            accepted += 1
            assert np.array_equal(other.planes(), changed)
            assert from_cells_of(other) == other
    assert accepted <= 10


def middle() -> tuple[Board, Board]:
    """The start and the 40th position of a game, with rocks, grass, flags and normal cells."""
    boards = standard_game(7)
    return boards[0], boards[40]


def test_it_must_be_the_turn_and_the_move_number():
    initial, board = middle()
    for options in ({"move_number": 41}, {"move_number": 39}, {"move_number": 106}, {"turn": 3}):
        for start in (initial, None):
            with pytest.raises(InvalidBoard):
                rebuilt(board, initial=start, **options)
    with pytest.raises(InvalidBoard, match="player 1 moves first"):
        rebuilt(initial, initial=initial, turn=2)


def test_it_must_follow_from_the_initial_board():
    initial, board = middle()
    text = initial.to_text()
    grass = next(i for i, char in enumerate(text) if char in "12345")
    rock, free = text.index("#"), text.index(".")
    for i, char in ((grass, "#"), (grass, "."), (rock, "."), (rock, "1"), (free, "#"), (free, "2")):
        other = Board.from_text(text[:i] + char + text[i + 1 :])
        with pytest.raises(InvalidBoard):
            rebuilt(board, initial=other)
    with pytest.raises(InvalidBoard, match="one with moves"):
        rebuilt(board, initial=board)
    with pytest.raises(TypeError):
        rebuilt(board, initial=text)


@pytest.mark.parametrize(("old", "new"), [("#", "."), (".", "#"), ("1", "2"), ("1", ".")])
def test_without_the_initial_board_it_must_be_a_standard_one(old, new):
    board = Board.from_text(Board.random(3).to_text().replace(old, new, 1))
    assert rebuilt(board, initial=board) == board
    with pytest.raises(InvalidBoard):
        rebuilt(board)


@pytest.mark.parametrize("shape", [(11, 110), (11, 10, 11), (0,), (1, 11, 11, 10)])
def test_planes_of_another_shape_are_refused(shape):
    with pytest.raises(InvalidBoard, match=r"planes must be \[11, 11, 10\]"):
        Board.from_planes(np.zeros(shape, np.float32), turn=1, move_number=0)


def test_the_message_names_the_place():
    initial, board = middle()
    planes = board.planes()
    planes[3, 10, 9] += 1
    with pytest.raises(InvalidBoard, match=r"plane 3 is \d at row 10, column 9"):
        Board.from_planes(planes, turn=board.turn, move_number=40, initial=initial)


# --- ended -------------------------------------------------------------------------------------


@given(texts, seeds, eagerness)
def test_every_position_can_end_as_its_game_did(text, seed, eager):
    boards = game(text, seed, eager)
    for board in boards:
        before = full_state(board)
        for player in (1, 2):
            end = board.ended(*grids(boards[-1], player), player=player)
            assert end == boards[-1]
            assert end.score == boards[-1].score
        assert full_state(board) == before


@given(seeds, seeds, eagerness)
def test_no_position_ends_as_another_game_did(seed, other, eager):
    boards, others = standard_game(seed, eager), standard_game(other, eager)
    if boards[0] == others[0]:
        return
    for board in boards[:: 1 + len(boards) // 5]:
        with pytest.raises(InvalidBoard):
            board.ended(*grids(others[-1], 1), player=1)


def test_an_end_that_contradicts_the_position_or_the_rules_is_refused():
    boards = standard_game(11)
    board, end = boards[30], boards[-1]
    owner, value = grids(end, 1)
    cells = board.cells()
    kinds = {
        "an own cell": (cells[:, 1] == 1) & (cells[:, 2] > 0),
        "a cell of the opponent": (cells[:, 1] == 2) & (cells[:, 2] > 0),
        "a flag": cells[:, 0] == 5,
        "grass": cells[:, 0] == 2,
        "a rock": cells[:, 0] == 3,
    }
    for kind, where in kinds.items():
        coord = COORDS[int(np.flatnonzero(where)[0])]
        for new_owner, new_value in ((-owner[coord] or 1, value[coord]), (0, 0), (1, 6), (2, 1)):
            if (new_owner, new_value) == (owner[coord], value[coord]):
                continue
            changed_owner, changed_value = owner.copy(), value.copy()
            changed_owner[coord], changed_value[coord] = new_owner, new_value
            if kind == "grass" and new_value == value[coord]:
                continue  # another player may capture it
            with pytest.raises(InvalidBoard):
                board.ended(changed_owner, changed_value, player=1)


def test_an_end_needs_the_last_move_and_no_further_one():
    boards = standard_game(11)
    with pytest.raises(InvalidBoard, match="not over"):
        boards[30].ended(*grids(boards[-2], 1), player=1)
    owner, value = grids(boards[-1], 1)
    assert boards[-1].ended(owner, value, player=1) == boards[-1]
    for game_number in range(100):
        boards = standard_game(game_number)
        if boards[-1].num_empty and boards[-1].flags_left[0]:
            break
    owner, value = grids(boards[-1], 1)
    owner[tuple(np.argwhere(grids_where_empty(boards[-1]))[0])] = 1
    with pytest.raises(InvalidBoard, match="over before"):
        boards[-1].ended(owner, value, player=1)


def test_no_player_has_a_fourth_flag():
    board = Board.random(0)
    owner, value = grids(board, 1)
    for coord in np.argwhere(grids_where_empty(board))[:4]:
        owner[tuple(coord)] = 1
    with pytest.raises(InvalidBoard, match="cannot end with owner 1 and value 0"):
        board.ended(owner, value, player=1)


@pytest.mark.parametrize("array", [np.zeros((11, 10), np.int64), np.zeros((10, 11), np.int8)])
def test_grids_of_another_kind_are_refused(array):
    good = np.zeros((11, 10), np.int8)
    for owner, value in ((array, good), (good, array)):
        with pytest.raises(InvalidBoard, match=r"must be int8 \[11, 10\]"):
            Board.random(0).ended(owner, value, player=1)
