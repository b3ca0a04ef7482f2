"""No input crashes the process or leaves a board that breaks the rules.

Hypothesis calls every public method of the engine with garbage of all types in random order. A
crash would take pytest down with it; short of that, only errors that Python code expects may
come, and every board must stay what its own cells say it is.
"""

import pickle

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule

from hexz.engine import (
    Board,
    Move,
    RandomPlayer,
    Suggestion,
    UctPlayer,
    random_playouts,
    transform_planes,
)

from .helpers import arguments_of, from_cells_of, full_state, texts

# Moves made of numpy's own scalars.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")

EXPECTED_ERRORS = (TypeError, ValueError, OverflowError)  # HexzErrors are ValueErrors

# --- Garbage -----------------------------------------------------------------------------------

integers = st.one_of(
    st.integers(-3, 230),
    st.sampled_from([2**k + d for k in (7, 8, 15, 16, 31, 32, 62, 63, 64, 70) for d in (-1, 0, 1)]),
    st.sampled_from([-(2**k) + d for k in (7, 15, 31, 63, 64) for d in (-1, 0, 1)]),
    st.integers(),
)
numpy_scalars = st.sampled_from(
    [np.int8(-1), np.int32(3), np.int64(34), np.uint64(2**64 - 1), np.float32(1), np.bool_(True)]
)
shapes = st.sampled_from(
    [(), (0,), (3,), (105, 3), (105, 6), (220,), (11, 10), (2, 11, 10), (1, 1)]
)
dtypes = st.sampled_from(
    ["int8", "int64", "uint64", "float32", "bool", "object", "complex64", "S3"]
)
arrays = st.builds(
    lambda shape, dtype, value: np.full(shape, value).astype(dtype),
    shapes,
    dtypes,
    st.sampled_from([0, 1, 5, -1, 127]),
)


class Awkward:
    """Claims to be many things and is none of them."""

    def __len__(self):
        return 105

    def __getitem__(self, item):
        return "#"

    def __index__(self):
        raise ValueError("not an index after all")

    def __array__(self, dtype=None, copy=None):
        raise TypeError("not an array after all")


simple = st.one_of(
    integers,
    numpy_scalars,
    arrays,
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.sampled_from([None, True, False, Ellipsis, Board, Move, Awkward(), object(), 1j, "flag"]),
)
garbage = st.one_of(
    simple,
    st.lists(simple, max_size=4),
    st.tuples(simple, simple),
    st.dictionaries(st.text(max_size=2), simple, max_size=2),
)
moves = st.one_of(
    st.builds(Move, st.sampled_from(["flag", "normal"]), st.integers(0, 10), st.integers(0, 9)),
    st.builds(Move, st.sampled_from(["flag", "normal"]) | garbage, integers, integers),
    st.builds(Move, garbage, garbage, garbage),
)
small_ints = st.integers(-1, 6)


def attempt(function, *args, **kwargs):
    """The result of a call, or None if it raised an error that callers expect."""
    try:
        return function(*args, **kwargs)
    except EXPECTED_ERRORS:
        return None


class EngineUnderFire(RuleBasedStateMachine):
    boards = Bundle("boards")

    @rule(target=boards, text=texts)
    def from_text(self, text):
        return Board.from_text(text)

    @rule(target=boards, seed=st.integers(0, 2**64 - 1))
    def random(self, seed):
        return Board.random(seed)

    @rule(target=boards, board=boards, symmetry=st.integers(0, 3))
    def transformed(self, board, symmetry):
        return board.transformed(symmetry)

    @rule(
        target=boards,
        board=boards,
        changes=st.lists(st.tuples(st.integers(0, 104), st.integers(0, 2), small_ints), max_size=3),
        others=st.dictionaries(
            st.sampled_from(["cells", "turn", "flags_left", "move_number"]),
            garbage | st.tuples(small_ints, small_ints),
            max_size=1,
        ),
    )
    def from_cells(self, board, changes, others):
        arguments = arguments_of(board)
        for row, column, number in changes:
            arguments["cells"][row, column] = number
        changed = attempt(Board.from_cells, **(arguments | others))
        return board if changed is None else changed

    @rule(board=boards, picks=st.lists(st.integers(0, 2**16), max_size=40))
    def play_legal_moves(self, board, picks):
        for pick in picks:
            legal = board.legal_moves()
            if not legal:
                return
            board.play(legal[pick % len(legal)])
            self.check(board)

    @rule(board=boards, move=moves | garbage)
    def play_anything(self, board, move):
        state, legal = full_state(board), board.legal_moves()
        try:
            board.play(move)
        except EXPECTED_ERRORS:
            assert full_state(board) == state
        else:
            assert move in legal
        self.check(board)

    @rule(board=boards, action=garbage)
    def play_any_index(self, board, action):
        state, legal = full_state(board), board.legal_mask()
        try:
            board.play_index(action)
        except EXPECTED_ERRORS:
            assert full_state(board) == state
        else:
            assert legal[int(action)]
        self.check(board)

    @rule(board=boards, value=garbage)
    def ask_with_garbage(self, board, value):
        state = full_state(board)
        attempt(board.transformed, value)
        attempt(Board.random, value)
        attempt(Board.from_text, value)
        attempt(Board.from_cells, value, turn=1, flags_left=(3, 3), move_number=0)
        attempt(Board, value)
        attempt(board.copy, value)
        attempt(board.cells, value)
        attempt(transform_planes, value, 1)
        attempt(transform_planes, board.planes(), value)
        attempt(Move.from_index, value)
        attempt(lambda: board < value)
        attempt(lambda: board == value)
        assert full_state(board) == state

    @rule(move=moves, value=garbage)
    def moves_with_garbage(self, move, value):
        index = attempt(lambda: move.index)
        assert index is None or 0 <= index < 220
        attempt(move.transformed, value)
        attempt(move.transformed, 3)
        repr(move)

    @rule(
        board=boards, name=st.sampled_from(["turn", "score", "is_over", "pos", "x"]), value=garbage
    )
    def attributes_are_read_only(self, board, name, value):
        try:
            setattr(board, name, value)
        except AttributeError:
            self.check(board)
        else:
            raise AssertionError(f"{name} can be set")

    @rule(board=boards)
    def bare_instances(self, board):
        """What `pickle` and `copy` do inside, done by hand."""
        bare = Board.__new__(Board)
        self.check(bare)
        self.check(pickle.loads(pickle.dumps(board)))  # noqa: S301 (our own bytes)
        constructor, arguments = board.__reduce__()
        attempt(constructor, *arguments[1:])
        attempt(constructor, *arguments[::-1])
        self.check(bare)

    @rule(
        board=boards,
        simulations=st.integers(-2, 60) | garbage,
        seed=integers | garbage,
        argument=garbage,
    )
    def players(self, board, simulations, seed, argument):
        if is_large_number(simulations):
            simulations = 60
        state = full_state(board)
        for player in (attempt(UctPlayer, simulations, seed), attempt(RandomPlayer, seed)):
            if player is not None:
                attempt(player.suggest, argument)
                suggestion = attempt(player.suggest, board)
                assert (suggestion is None) == board.is_over
                assert board.is_over or isinstance(suggestion, Suggestion)
                assert board.is_over or suggestion.move in board.legal_moves()
        attempt(random_playouts, simulations, seed)
        assert full_state(board) == state

    @rule(board=consumes(boards))
    def forget(self, board):
        self.check(board)

    @staticmethod
    def check(board):
        """The board is what its cells say."""
        cells = board.cells()
        assert board.score == tuple(
            int(cells[(cells[:, 0] == 0) & (cells[:, 1] == player), 2].sum()) for player in (1, 2)
        )
        assert board.num_empty == np.count_nonzero((cells[:, 0] == 0) & (cells[:, 1] == 0))
        assert len(board.legal_moves()) == board.legal_mask().sum()
        assert board.is_over == (not board.legal_moves())
        assert from_cells_of(board) == board


def is_large_number(value):
    """Such a number of simulations would be right, but take too long."""
    try:
        return int(value) > 60
    except (TypeError, ValueError, OverflowError):
        return False


TestEngineUnderFire = pytest.mark.slow(EngineUnderFire.TestCase)
TestEngineUnderFire.settings = settings(max_examples=150, stateful_step_count=50)
