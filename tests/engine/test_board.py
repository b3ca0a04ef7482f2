"""`Board` and `Move` against the reference model, along random games on all kinds of boards."""

import copy
import itertools
import pickle
import random
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexz.engine import (
    COLS,
    MAX_MOVES,
    NUM_ACTIONS,
    NUM_CELLS,
    NUM_PLANES,
    ROWS,
    Board,
    Move,
    transform_planes,
    transform_policy,
)
from hexz.errors import IllegalMove, InvalidBoard

from .helpers import (
    FREE,
    NO_FLAGS,
    arguments_of,
    assert_same,
    board_of,
    boards,
    eagerness,
    engine_move,
    from_cells_of,
    full_state,
    position_of,
    random_moves,
    seeds,
    swapped,
    texts,
)
from .reference import COORDS, Position, action_index, neighbours, random_text

EMPTY_TEXT = "." * 105


def test_constants():
    assert (ROWS, COLS, NUM_CELLS, NUM_ACTIONS, NUM_PLANES) == (11, 10, 105, 220, 11)
    assert MAX_MOVES >= 105


# --- Play --------------------------------------------------------------------------------------


@pytest.mark.slow
@given(texts, seeds, eagerness)
def test_random_games_agree_with_reference(text, seed, eager):
    board, position = Board.from_text(text), Position.from_text(text)
    assert_same(board, position)
    for move in random_moves(board, seed, eager):
        board.play(move)
        position.play((move.kind[0].upper(), move.row, move.col))
        assert_same(board, position)


@pytest.mark.parametrize("coord", COORDS)
def test_flag_gives_next_value_to_its_neighbours(coord):
    board = Board.from_text(EMPTY_TEXT)
    board.play(Move("flag", *coord))
    assert sorted(neighbours(coord)) == [
        c for c, row in zip(COORDS, board.cells(), strict=True) if row[3]
    ]


@pytest.mark.slow
@given(texts, seeds, eagerness)
def test_illegal_moves_raise_and_change_nothing(text, seed, eager):
    board = Board.from_text(text)
    for number, move in enumerate(random_moves(board, seed, eager)):
        if number % 5 == 0:
            check_illegal_actions(board)
        board.play(move)
    check_illegal_actions(board)


def check_illegal_actions(board):
    """Each of the 220 actions that is not legal is refused."""
    state = full_state(board)
    for action in np.flatnonzero(~board.legal_mask()).tolist():
        with pytest.raises(IllegalMove):
            board.play_index(action)
        row, col = divmod(action % 110, 10)
        with pytest.raises(IllegalMove):
            board.play(Move("normal" if action >= 110 else "flag", row, col))
    assert full_state(board) == state


@pytest.mark.parametrize("kind", ["flag", "normal"])
@pytest.mark.parametrize(
    ("row", "col"),
    [(-1, 0), (0, -1), (11, 0), (0, 10), (1, 9), (9, 9), (2**31, 0), (0, 2**64), (-(2**70), 5)],
)
def test_moves_off_the_board_are_illegal(kind, row, col):
    board = Board.random(0)
    state = full_state(board)
    with pytest.raises(IllegalMove):
        board.play(Move(kind, row, col))
    assert full_state(board) == state


@pytest.mark.parametrize("kind", ["", "Flag", "F", "N", "rock", None, 0, 1, b"flag", ["flag"]])
def test_moves_of_unknown_kind_are_illegal(kind):
    board = Board.from_text(EMPTY_TEXT)
    with pytest.raises(IllegalMove):
        board.play(Move(kind, 0, 0))
    assert board == Board.from_text(EMPTY_TEXT)


@pytest.mark.parametrize("action", [-1, 220, 19, 39, 110 + 19, 2**31, 2**64, -(2**80)])
def test_action_indices_without_a_cell_are_illegal(action):
    board = Board.random(0)
    state = full_state(board)
    with pytest.raises(IllegalMove):
        board.play_index(action)
    with pytest.raises(IllegalMove):
        Move.from_index(action)
    assert full_state(board) == state


@pytest.mark.parametrize("garbage", [None, "F0,0", ("flag", 0, 0), 0, 1.5, object(), Move])
def test_what_is_no_move_is_refused(garbage):
    board = Board.random(0)
    state = full_state(board)
    with pytest.raises((TypeError, IllegalMove)):
        board.play(garbage)
    assert full_state(board) == state


@pytest.mark.parametrize("lie", [2**40, 34 - 128, 34 + 128, 110 + 34 + 128, "x"])
def test_a_move_that_lies_about_its_index_is_refused_or_played_as_shown(lie):
    class Liar(Move):
        index = lie

    board, honest = Board.from_text(EMPTY_TEXT), Board.from_text(EMPTY_TEXT)
    honest.play(Move("flag", 3, 4))
    try:
        board.play(Liar("flag", 3, 4))
    except (IllegalMove, TypeError):
        assert board == Board.from_text(EMPTY_TEXT)
    else:
        assert full_state(board) == full_state(honest)


# --- Single rules, each in the smallest position that shows it ---------------------------------


# A row of cells of player 1: a flag and 1 to 5 in columns 0 to 5 of row 4.
STAIRS = {(4, 0): (5, 1, 0)} | {(4, c): (0, 1, c) for c in range(1, 6)}


def test_next_value_is_one_more_than_the_lowest_neighbour():
    next1 = dict(zip(COORDS, board_of(STAIRS, flags_left=(2, 3)).cells()[:, 3], strict=True))
    assert [next1[3, c] for c in range(6)] == [1, 2, 3, 4, -1, -1]
    assert next1[4, 6] == -1
    assert next1[8, 8] == 0


def test_own_five_blocks_normal_moves_but_no_flags_and_no_opponent():
    board = board_of(STAIRS, flags_left=(2, 3))
    with pytest.raises(IllegalMove):
        board.play(Move("normal", 4, 6))
    board.play(Move("flag", 4, 6))
    assert board.flags_left == (1, 3)
    board = board_of(STAIRS | {(4, 7): (5, 2, 0)}, turn=2, flags_left=(2, 2))
    board.play(Move("normal", 4, 6))
    assert board.score == (15, 1)


def test_grass_of_at_most_the_own_value_is_captured_and_captures_on():
    # From the 3 at (4, 4): grass 3 is captured, from there 2, from there 1, but no 4 anywhere.
    grass = {(4, 5): (2, 0, 3), (4, 6): (2, 0, 2), (4, 7): (2, 0, 1), (3, 5): (2, 0, 4)}
    stairs = {(4, 1): (5, 1, 0), (4, 2): (0, 1, 1), (4, 3): (0, 1, 2)}
    board = board_of(stairs | grass, flags_left=(2, 3))
    board.play(Move("normal", 4, 4))
    owners = dict(zip(COORDS, board.cells()[:, :3].tolist(), strict=True))
    assert [owners[4, c] for c in (5, 6, 7)] == [[0, 1, 3], [0, 1, 2], [0, 1, 1]]
    assert owners[3, 5] == [2, 0, 4]
    assert board.score == (3 + 3 + 3 + 2 + 1, 0)


def test_cascade_does_not_climb():
    stairs = {(4, 1): (5, 1, 0), (4, 2): (0, 1, 1), (4, 3): (0, 1, 2)}
    board = board_of(stairs | {(4, 5): (2, 0, 1), (4, 6): (2, 0, 2)}, flags_left=(2, 3))
    board.play(Move("normal", 4, 4))
    assert board.score == (1 + 2 + 3 + 1, 0)


def test_a_captured_five_blocks_like_a_placed_one():
    cells = {(4, c): cell for c, cell in enumerate([(5, 1, 0)] + [(0, 1, v) for v in (1, 2, 3, 4)])}
    board = board_of(cells | {(4, 6): (2, 0, 5)}, flags_left=(2, 3))
    board.play(Move("normal", 4, 5))
    row = dict(zip(COORDS, board.cells().tolist(), strict=True))[4, 7]
    assert row == [0, 0, 0, -1, 0, 1]


def test_flags_capture_nothing():
    board = board_of({(4, 5): (2, 0, 1)})
    board.play(Move("flag", 4, 4))
    assert board.score == (0, 0)
    assert board.cells()[COORDS.index((4, 5)), 0] == 2


both_players = pytest.mark.parametrize("player", [1, 2])


def last_moves(player, cells):
    """A board without flags left where it is the turn of `player`, who is player 1 in `cells`."""
    cells = NO_FLAGS | cells
    if player == 2:
        cells = swapped(cells)
    return board_of(cells, turn=player, flags_left=(0, 0), rest="#")


@both_players
def test_a_stuck_player_who_is_not_behind_lets_the_other_move_on(player):
    board = last_moves(player, {(0, 1): FREE, (0, 3): FREE, (10, 1): (0, 2, 1)})
    board.play(Move("normal", 0, 1))  # 1:1, and the opponent cannot move
    assert (board.is_over, board.winner, board.turn, board.score) == (False, 0, player, (1, 1))
    board.play(Move("normal", 0, 3))
    assert (board.is_over, board.winner) == (True, player)


@both_players
def test_the_game_ends_when_the_opponent_is_stuck_and_falls_behind(player):
    board = last_moves(player, {(0, 1): FREE, (0, 3): FREE})
    board.play(Move("normal", 0, 1))
    assert (board.is_over, board.winner, board.legal_moves()) == (True, player, [])
    assert board.num_empty == 1


@both_players
def test_the_game_can_end_on_the_movers_own_last_move(player):
    cells = {(0, 1): FREE, (10, 1): FREE, (10, 3): (0, 2, 1), (10, 5): (0, 2, 1)}
    board = last_moves(player, cells)
    board.play(Move("normal", 0, 1))  # 1:2, the mover is stuck and behind, the other could move
    assert (board.is_over, board.winner) == (True, 3 - player)


@both_players
def test_a_stuck_mover_who_is_not_behind_does_not_end_the_game(player):
    board = last_moves(player, {(0, 1): FREE, (10, 1): FREE, (10, 3): (0, 2, 1)})
    board.play(Move("normal", 0, 1))  # 1:1, the mover is stuck
    assert (board.is_over, board.turn) == (False, 3 - player)
    board.play(Move("normal", 10, 1))
    assert (board.is_over, board.winner) == (True, 3 - player)


@both_players
def test_equal_scores_are_a_draw(player):
    board = last_moves(player, {(0, 1): FREE, (10, 1): (0, 2, 1)})
    board.play(Move("normal", 0, 1))
    assert (board.is_over, board.winner, board.score) == (True, 0, (1, 1))


@pytest.mark.parametrize("text", ["#" * 105, "5" * 105, "#" * 104 + "1"])
def test_boards_without_free_cells_are_over(text):
    board = Board.from_text(text)
    assert (board.is_over, board.winner, board.legal_moves()) == (True, 0, [])
    check_illegal_actions(board)


# --- Symmetries --------------------------------------------------------------------------------

symmetries = st.sampled_from(range(4))


@given(texts, seeds, eagerness, symmetries)
def test_symmetry_commutes_with_play(text, seed, eager, symmetry):
    board = Board.from_text(text)
    mirror = board.transformed(symmetry)
    for move in random_moves(board, seed, eager):
        assert_mirrored(board, mirror, symmetry)
        board.play(move)
        mirror.play(move.transformed(symmetry))
    assert_mirrored(board, mirror, symmetry)


def assert_mirrored(board, mirror, symmetry):
    assert mirror == board.transformed(symmetry)
    assert full_state(mirror) == full_state(board.transformed(symmetry))
    assert mirror.transformed(symmetry) == board
    assert (mirror.score, mirror.is_over, mirror.winner) == (
        board.score,
        board.is_over,
        board.winner,
    )
    assert np.array_equal(mirror.planes(), transform_planes(board.planes(), symmetry))
    mask = board.legal_mask().reshape(2, ROWS, COLS)
    assert np.array_equal(mirror.legal_mask(), transform_planes(mask, symmetry).ravel())
    moves = {move.transformed(symmetry) for move in board.legal_moves()}
    assert moves == set(mirror.legal_moves())


@given(boards(), symmetries)
def test_symmetry_agrees_with_reference(board, symmetry):
    position = position_of(board).transformed(symmetry)
    assert_same(board.transformed(symmetry), position)


@given(boards(), symmetries, symmetries)
def test_symmetries_are_a_group_of_involutions(board, first, second):
    assert board.transformed(0) == board
    assert board.transformed(first).transformed(first) == board
    assert board.transformed(first).transformed(second) == board.transformed(first ^ second)


@pytest.mark.parametrize("symmetry", range(4))
def test_symmetry_of_moves_and_planes_agree(symmetry):
    for kind in "FN":
        for coord in COORDS:
            move = engine_move((kind, *coord))
            policy = np.zeros((2, ROWS, COLS))
            policy.reshape(-1)[move.index] = 1
            image = transform_planes(policy, symmetry)
            assert Move.from_index(int(image.argmax())) == move.transformed(symmetry)
            assert move.transformed(symmetry).transformed(symmetry) == move


def test_transform_planes_takes_batches_and_copies():
    batch = np.random.default_rng(0).normal(size=(3, 2, 11, 10)).astype(np.float32)
    for symmetry in range(4):
        image = transform_planes(batch, symmetry)
        assert (image.shape, image.dtype) == (batch.shape, batch.dtype)
        assert not np.shares_memory(image, batch)
        assert np.array_equal(image[1, 1], transform_planes(batch[1, 1], symmetry))
        assert np.array_equal(transform_planes(image, symmetry), batch)


@pytest.mark.parametrize("array", [np.zeros(220), np.zeros((10, 11)), np.zeros((11, 11)), 3, None])
def test_transform_planes_refuses_other_shapes(array):
    with pytest.raises(ValueError, match="axes"):
        transform_planes(array, 1)


@pytest.mark.parametrize("symmetry", [-1, 4, 2**31 - 1])
def test_unknown_symmetries_are_refused(symmetry):
    board = Board.random(1)
    for transform in (board.transformed, Move("flag", 0, 0).transformed):
        with pytest.raises(ValueError, match="symmetry"):
            transform(symmetry)
    with pytest.raises(ValueError, match="symmetry"):
        transform_planes(board.planes(), symmetry)


# --- Copies, comparison, pickling --------------------------------------------------------------


def copies(board):
    return [
        board.copy(),
        copy.copy(board),
        copy.deepcopy(board),
        pickle.loads(pickle.dumps(board)),  # noqa: S301 (our own bytes)
        from_cells_of(board),
    ]


@given(boards())
def test_copies_show_the_same_and_play_on_alone(board):
    state = full_state(board)
    for other in copies(board):
        assert other == board
        assert full_state(other) == state
        for move in random_moves(other, seed=0, eager=0.5):
            other.play(move)
        assert full_state(board) == state
        if not board.is_over:
            assert other != board


@given(boards())
def test_a_copy_is_not_changed_by_its_original(board):
    others = copies(board)
    state = full_state(board)
    for move in random_moves(board, seed=0, eager=0.5):
        board.play(move)
    assert all(full_state(other) == state for other in others)


@given(boards(), boards())
def test_equal_boards_show_the_same(board, other):
    same_state = full_state(board) == full_state(other)
    assert (board == other) == same_state
    assert (board != other) != same_state


def test_boards_differ_in_each_part_of_the_position(mid_game):
    arguments = arguments_of(mid_game)
    assert Board.from_cells(**arguments) == mid_game
    assert Board.from_cells(**arguments | {"turn": 3 - mid_game.turn}) != mid_game
    for change in ((3, 0, 0), (2, 0, 5)):  # an empty cell becomes a rock or grass
        cells = arguments["cells"].copy()
        empty = np.flatnonzero((mid_game.cells()[:, 0] == 0) & (mid_game.cells()[:, 1] == 0))
        cells[empty[0]] = change
        assert Board.from_cells(**arguments | {"cells": cells}) != mid_game


def test_arrays_of_a_board_are_not_views_of_it():
    board = Board.random(5)
    state = full_state(board)
    for array in (board.cells(), board.planes(), board.legal_mask()):
        array[...] = 1
    assert full_state(board) == state


def test_boards_are_mutable_and_thus_unhashable():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Board.random(0))
    assert Board.random(0) != "board"
    assert Board.random(0) != Board.random(1)


def test_boards_come_from_the_named_constructors_only():
    with pytest.raises(TypeError, match="Board"):
        Board()


def test_moves_are_values():
    move = Move("flag", 3, 4)
    assert move == Move("flag", 3, 4)
    assert len({move, Move("flag", 3, 4), Move("normal", 3, 4), Move("flag", 4, 3)}) == 3
    assert pickle.loads(pickle.dumps(move)) == move  # noqa: S301 (our own bytes)
    with pytest.raises(AttributeError):
        move.row = 5  # type: ignore[misc]


def test_moves_are_written_like_in_hex():
    assert str(Move("flag", 3, 4)) == "Fe4"
    assert str(Move("normal", 10, 9)) == "j11"
    for move in (Move(kind, *coord) for kind in ("flag", "normal") for coord in COORDS):
        assert Move.parse(str(move)) == Move.parse(f" {str(move).upper()} ") == move
    assert Move.parse("f5") == Move("normal", 4, 5)
    assert Move.parse("ff5") == Move("flag", 4, 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no move"),
        ("5d", "is no move"),
        ("d5 e6", "is no move"),
        ("xd5", "is no move"),
        ("d٣", "is no move"),
        ("a0", "rows are 1 to 11"),
        ("Fa12", "no cell a12: rows are 1 to 11"),
        ("k1", "no cell k1: row 1 has columns a to j"),
        ("j2", "no cell j2: row 2 has columns a to i"),
    ],
)
def test_other_texts_are_no_moves(text, reason):
    with pytest.raises(IllegalMove, match=reason):
        Move.parse(text)


def test_index_numbers_all_moves():
    indices = set()
    for kind in "FN":
        for coord in COORDS:
            move = engine_move((kind, *coord))
            assert move.index == action_index((kind, *coord))
            assert Move.from_index(move.index) == move
            indices.add(move.index)
    assert len(indices) == 210


def test_numpy_integers_are_integers():
    """An arg-max over a policy can be played as it is."""
    action = np.int64(34)
    move = Move.from_index(action)  # type: ignore[arg-type]
    assert move == Move("flag", 3, 4)
    assert move.index == 34
    assert Move("flag", np.int32(3), np.uint8(4)).index == 34  # type: ignore[arg-type]
    board, expected = Board.from_text(EMPTY_TEXT), Board.from_text(EMPTY_TEXT)
    expected.play(Move("flag", 3, 4))
    board.play_index(action)
    assert board == expected


# --- Text --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", ".", "." * 104, "." * 106, "." * 105 + "\n", "." * 110]
    + ["." * 104 + char for char in ("0", "6", "x", " ", "\n", "\0", "-", "\u0663", "\ud800")]
    + [None, 5, b"." * 105, ["."] * 105],
)
def test_malformed_text_is_refused(text):
    with pytest.raises(InvalidBoard):
        Board.from_text(text)


@given(st.text(max_size=120) | st.text(alphabet=".#12345x", min_size=105, max_size=105))
def test_any_text_is_a_board_or_refused(text):
    valid = len(text) == 105 and set(text) <= set(".#12345")
    if valid:
        assert_same(Board.from_text(text), Position.from_text(text))
    else:
        with pytest.raises(InvalidBoard) as caught:
            Board.from_text(text)
        assert "\n" not in str(caught.value)


# --- Cells -------------------------------------------------------------------------------------


@pytest.fixture
def mid_game():
    """A position of a usual game with flags, values, grass and rocks."""
    board = Board.from_text(random_text(random.Random(1)))
    for move in islice(random_moves(board, seed=1, eager=0.9), 30):
        board.play(move)
    assert not board.is_over
    return board


def assert_refused(arguments):
    with pytest.raises(InvalidBoard) as caught:
        Board.from_cells(arguments.pop("cells"), **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"])
def test_cells_of_any_integer_type_are_taken(mid_game, dtype):
    arguments = arguments_of(mid_game)
    arguments["cells"] = arguments["cells"].astype(dtype)
    assert Board.from_cells(**arguments) == mid_game


@pytest.mark.parametrize("order", ["C", "F"])
def test_cells_of_any_memory_layout_are_taken(mid_game, order):
    arguments = arguments_of(mid_game)
    arguments["cells"] = np.asarray(arguments["cells"], order=order)
    assert Board.from_cells(**arguments) == mid_game
    arguments["cells"] = np.repeat(arguments["cells"], 2, axis=0)[::2]
    arguments["cells"].flags.writeable = False
    assert Board.from_cells(**arguments) == mid_game


@pytest.mark.parametrize(
    "cells",
    [
        None,
        "x",
        7,
        [],
        [[0, 0, 0]] * 104,
        [[0, 0, 0]] * 106,
        [[0, 0]] * 105,
        [[0, 0, 0, 0, 0, 0]] * 105,
        [[0, 0, 0]] * 104 + [[0, 0]],
        [[0, 0, 0]] * 104 + [[0, 0, 2**80]],
        np.zeros((3, 105), np.int8),
        np.zeros((1, 105, 3), np.int8),
        np.zeros(315, np.int8),
        np.zeros((105, 3)),
        np.full((105, 3), np.nan),
        np.full((105, 3), np.inf),
        np.zeros((105, 3), bool),
        np.zeros((105, 3), complex),
        np.zeros((105, 3), object),
        np.full((105, 3), "0"),
        np.full((105, 3), 2**63, np.uint64),
        np.full((105, 3), -(2**63), np.int64),
    ],
)
def test_cells_of_wrong_type_or_shape_are_refused(cells):
    assert_refused({"cells": cells, "turn": 1, "flags_left": (3, 3), "move_number": 0})


@pytest.mark.parametrize("column", range(3))
@pytest.mark.parametrize("number", [-1, 6, 7, 127, 256, 2**32, 2**62, -(2**32)])
def test_numbers_that_no_cell_has_are_refused(mid_game, column, number):
    arguments = arguments_of(mid_game)
    arguments["cells"][50, column] = number
    assert_refused(arguments)


INVALID_CELLS = [
    *[(kind, 0, 0) for kind in (1, 4)],  # cell types of other games
    (0, 3, 1),  # owner
    (5, 3, 0),
    (0, 1, 0),  # a normal cell without a value
    (0, 0, 1),  # a value without an owner
    (2, 0, 0),  # grass without a value
    (2, 1, 3),  # grass with an owner
    (3, 1, 0),  # a rock with an owner
    (3, 0, 1),  # a rock with a value
    (5, 0, 0),  # a flag without an owner
    (5, 1, 1),  # a flag with a value
]


@pytest.mark.parametrize("cell", INVALID_CELLS)
def test_cells_that_contradict_themselves_are_refused(cell):
    cells = np.zeros((105, 3), int)
    cells[50] = cell
    flags_left = (2 if cell[0] == 5 and cell[1] == 1 else 3, 3)
    moves = int(cell[1] > 0)
    assert_refused({"cells": cells, "turn": 1, "flags_left": flags_left, "move_number": moves})


BAD_INTS = [None, "1", 1.0, float("nan"), True, [1], -1, 2**31, 2**64, -(2**70)]


@pytest.mark.parametrize("turn", [0, 3, *BAD_INTS])
def test_wrong_turns_are_refused(mid_game, turn):
    assert_refused(arguments_of(mid_game) | {"turn": turn})


@pytest.mark.parametrize("move_number", [0, 106, *BAD_INTS])
def test_wrong_move_numbers_are_refused(mid_game, move_number):
    assert_refused(arguments_of(mid_game) | {"move_number": move_number})


@pytest.mark.parametrize(
    "flags_left",
    [None, 3, "33", (), (1,), (1, 1, 1), itertools.count(), (4, 3), *[(n, 3) for n in BAD_INTS]],
)
def test_wrong_flags_left_are_refused(flags_left):
    cells = np.zeros((105, 3), int)
    assert_refused({"cells": cells, "turn": 1, "flags_left": flags_left, "move_number": 0})


@pytest.mark.parametrize("flags_left", [(2, 3), (3, 2), (0, 0)])
def test_flags_must_be_left_or_placed(flags_left):
    cells = np.zeros((105, 3), int)
    assert_refused({"cells": cells, "turn": 1, "flags_left": flags_left, "move_number": 0})


def test_more_than_three_flags_are_refused():
    cells = np.zeros((105, 3), int)
    cells[::20] = (5, 1, 0)
    assert_refused({"cells": cells, "turn": 1, "flags_left": (0, 3), "move_number": 6})


FLAG = {(4, 0): (5, 1, 0)}


@pytest.mark.parametrize(
    "cells",
    [
        {(8, 8): (0, 1, 1)},  # a value far from any own cell
        {(4, 1): (0, 1, 2)},  # a 2 beside a flag only
        {(4, 1): (0, 2, 1)},  # a 1 beside a flag of the other player only
        {(4, 1): (0, 1, 1), (4, 2): (0, 1, 3)},  # a 3 beside a 1 only
        {(4, 1): (0, 1, 1), (5, 0): (2, 0, 1)},  # grass that the 1 would have captured
        {(8, 7): (0, 1, 1), (8, 8): (0, 1, 1)},  # each needs the other one first
        {(8, 7): (0, 1, 1), (8, 8): (0, 1, 2)},
        {(8, 6): (0, 1, 3), (8, 7): (0, 1, 3), (8, 8): (0, 1, 3)},
    ],
)
def test_values_that_no_move_can_have_left_are_refused(cells):
    cells = FLAG | cells
    owned = sum(owner > 0 for _, owner, _ in cells.values())
    for move_number in range(1, owned + 1):
        with pytest.raises(InvalidBoard):
            board_of(cells, flags_left=(2, 3), move_number=move_number)


@pytest.mark.parametrize("move_number", [0, 1, 2, 4, 5, 105])
def test_move_numbers_must_fit_the_owned_cells(move_number):
    """Two flags and a 1 that was no grass are three moves, neither less nor more."""
    cells = FLAG | {(4, 1): (0, 1, 1), (8, 8): (5, 2, 0)}
    board_of(cells, turn=2, flags_left=(2, 2), move_number=3)
    with pytest.raises(InvalidBoard):
        board_of(cells, turn=2, flags_left=(2, 2), move_number=move_number)


def test_player_two_cannot_move_first():
    with pytest.raises(InvalidBoard):
        board_of({}, turn=2)


def test_the_turn_of_a_stuck_player_is_refused():
    cells = NO_FLAGS | {(0, 1): (0, 0, 0), (10, 1): (0, 2, 1), (0, 3): (0, 1, 1)}
    board = board_of(cells, turn=1, flags_left=(0, 0), rest="#")
    assert board.legal_moves() == [Move("normal", 0, 1)]
    with pytest.raises(InvalidBoard):
        board_of(cells, turn=2, flags_left=(0, 0), rest="#")


@given(boards(), st.data())
def test_changed_cells_are_refused_or_a_board_that_plays_by_the_rules(board, data):
    arguments = arguments_of(board)
    for _ in range(data.draw(st.integers(1, 3), label="changes")):
        where = data.draw(st.integers(0, 104), label="cell")
        cell = data.draw(st.tuples(*[st.integers(0, 5)] * 3) | st.sampled_from(VALID_CELLS))
        arguments["cells"][where] = cell
    arguments["turn"] = data.draw(st.integers(1, 2), label="turn")
    try:
        changed = Board.from_cells(**arguments)
    except InvalidBoard:
        return
    position = position_of(changed)
    assert_same(changed, position)
    for move in random_moves(changed, seed=0, eager=0.5):
        changed.play(move)
        position.play((move.kind[0].upper(), move.row, move.col))
    assert_same(changed, position)


VALID_CELLS = [
    (0, 0, 0),
    (3, 0, 0),
    *[(2, 0, value) for value in range(1, 6)],
    *[(0, owner, value) for owner in (1, 2) for value in range(1, 6)],
]


# --- Random start positions --------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2, 2**31, 2**32, 2**63, 2**64 - 1])
def test_random_boards_have_fifteen_rocks_and_five_grass(seed):
    board = Board.random(seed)
    cells = board.cells()
    assert np.count_nonzero(cells[:, 0] == 3) == 15
    assert sorted(cells[cells[:, 0] == 2, 2]) == [1, 2, 3, 4, 5]
    assert (board.num_empty, board.turn, board.move_number) == (85, 1, 0)
    assert (board.score, board.flags_left) == ((0, 0), (3, 3))
    assert not board.is_over
    assert board == Board.random(seed)
    assert_same(board, position_of(board))


def test_every_bit_of_the_seed_matters():
    seeds = [0, *[1 << bit for bit in range(64)]]
    assert len({Board.random(seed).cells().tobytes() for seed in seeds}) == len(seeds)


@pytest.mark.parametrize("seed", [-1, 2**64, 2**100, -(2**63), 1.5, 0.0, float("nan"), "1", None])
def test_other_seeds_are_refused(seed):
    with pytest.raises((ValueError, TypeError)) as caught:
        Board.random(seed)
    assert "seed" in str(caught.value)


def test_positions_of_rocks_and_grass_are_uniform():
    number = 6000
    rocks, grass = np.zeros(105), np.zeros((6, 105))
    for seed in range(number):
        cells = Board.random(seed).cells()
        rocks += cells[:, 0] == 3
        for value in range(1, 6):
            grass[value] += (cells[:, 0] == 2) & (cells[:, 2] == value)
    assert chi_square(rocks, number * 15 / 105) < CHI_SQUARE_LIMIT
    for value in range(1, 6):
        assert chi_square(grass[value], number / 105) < CHI_SQUARE_LIMIT


# The quantile of 104 degrees of freedom that one set of counts in 10,000 exceeds. The variance
# of the rocks' counts is even smaller than that of independent draws.
CHI_SQUARE_LIMIT = 164


def chi_square(counts, expected):
    return float(((counts - expected) ** 2 / expected).sum())


def test_neighbouring_cells_of_random_boards_are_independent():
    """Rocks do not cluster: they are beside each other as often as 15 of 105 cells must be."""
    pairs = [(a, b) for a in COORDS for b in neighbours(a) if a < b]
    first = [COORDS.index(a) for a, _ in pairs]
    second = [COORDS.index(b) for _, b in pairs]
    number, count = 3000, 0
    for seed in range(number):
        rock = Board.random(seed).cells()[:, 0] == 3
        count += int(np.count_nonzero(rock[first] & rock[second]))
    expected = len(pairs) * (15 * 14) / (105 * 104)
    assert abs(count / number - expected) < 0.2  # five standard errors


@pytest.mark.parametrize("symmetry", [0, 1, 2, 3])
def test_policies_are_mirrored_like_the_moves_they_belong_to(symmetry):
    board = Board.random(4)
    policies = np.zeros((3, 220), np.float32)
    policies[1] = np.arange(220)
    mirrored = transform_policy(policies, symmetry)
    for move in board.legal_moves():
        assert mirrored[1, move.transformed(symmetry).index] == move.index
    np.testing.assert_array_equal(transform_policy(mirrored, symmetry), policies)


def test_a_policy_must_have_220_entries():
    with pytest.raises(ValueError, match="220"):
        transform_policy(np.zeros((2, 110)), 1)
