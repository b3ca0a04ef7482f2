"""Boards as messages: recorded games survive the trip, contradictions are refused."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexz.engine import Board
from hexz.errors import InvalidBoard
from hexz.wire import hexz_pb2 as pb
from hexz.wire.board import board_from_message, decode_board

from ..states import board_to_message, encode_board
from .sample import random_board, trace_move


def replayed(trace: dict[str, Any]) -> Iterable[tuple[Board, dict[str, Any]]]:
    """The board and the recorded state before the first and after every move."""
    board = Board.from_text(trace["board"])
    for move, state in zip([None, *trace["moves"]], trace["states"], strict=True):
        if move is not None:
            board.play(trace_move(move))
        yield board, state


def recorded_message(state: dict[str, Any]) -> pb.GameEngineState:
    """A state as the Go server sends it, from a recording and without our code; cells that are
    not empty get stale next values."""
    stale = {"blocked": 3, "next_val": [-1, 4]}
    fields = [
        {
            "type": kind,
            "owner": owner,
            "value": value,
            "lifetime": 0 if (kind, owner) == (0, 0) else -1,
            **({"blocked": blocked, "next_val": [n1, n2]} if (kind, owner) == (0, 0) else stale),
        }
        for kind, owner, value, n1, n2, blocked in state["cells"]
    ]
    board = pb.Board(
        turn=state["turn"],
        move=state["move"],
        flat_fields=fields,
        score=state["score"],
        resources=[{"num_pieces": [-1, 0, 0, 0, 0, n, 0, 0]} for n in state["flags"]],
        state=pb.Board.FINISHED if state["done"] else pb.Board.RUNNING,
    )
    return pb.GameEngineState(
        flagz={"board": board, "free_cells": state["free"], "normal_moves": state["normal"]}
    )


def assert_reads(state: dict[str, Any], board: Board) -> None:
    recorded = recorded_message(state)
    if board.is_over:  # whose turn it would be means nothing
        recorded.flagz.board.turn = board.turn
    assert board_from_message(recorded) == board


def test_sample_games_survive(sample_traces: list[dict[str, Any]]) -> None:
    for trace in sample_traces:
        for board, state in replayed(trace):
            assert decode_board(encode_board(board)) == board
            assert_reads(state, board)


@pytest.mark.soak
def test_all_recorded_games_survive(shared_traces: Iterable[dict[str, Any]]) -> None:
    for trace in shared_traces:
        for board, state in replayed(trace):
            assert decode_board(encode_board(board)) == board
            if board.move_number % 8 == 0 or board.is_over:
                assert_reads(state, board)


def test_messages_are_those_of_the_server(sample_traces: list[dict[str, Any]]) -> None:
    for trace in sample_traces:
        for board, state in replayed(trace):
            recorded = recorded_message(state)
            for field, cell in zip(recorded.flagz.board.flat_fields, state["cells"], strict=True):
                field.blocked, field.next_val[:] = cell[5], cell[3:5]  # no longer stale
            if board.is_over:
                recorded.flagz.board.turn = board.turn
            assert board_to_message(board) == recorded


@given(st.integers(0, 2**32), st.integers(0, 105))
def test_every_board_survives(seed: int, moves: int) -> None:
    board = random_board(seed, moves)
    copy = decode_board(encode_board(board))
    assert copy == board
    assert (copy.score, copy.is_over) == (board.score, board.is_over)
    assert copy.legal_moves() == board.legal_moves()


def test_moves_of_2023_are_accepted_if_their_number_fits() -> None:
    state = board_to_message(random_board(3, 10))
    state.flagz.moves.extend([pb.GameEngineMove(player_num=1)] * 10)
    assert board_from_message(state).move_number == 10
    state.flagz.moves.pop()
    with pytest.raises(InvalidBoard, match="the number of moves is 9, but the cells give 10"):
        board_from_message(state)


def test_a_game_that_waits_for_its_players_is_accepted() -> None:
    state = board_to_message(Board.random(1))
    state.flagz.board.state = pb.Board.INITIAL
    assert board_from_message(state) == Board.random(1)


def first(state: pb.GameEngineState, wanted: Callable[[pb.Field], bool]) -> pb.Field:
    return next(field for field in state.flagz.board.flat_fields if wanted(field))


def empty(state: pb.GameEngineState) -> pb.Field:
    return first(state, lambda f: f.type == pb.Field.NORMAL and f.owner == 0)


def beside_player_1(state: pb.GameEngineState) -> pb.Field:
    return first(state, lambda f: f.type == pb.Field.NORMAL and not f.owner and f.next_val[0] > 0)


def rock(state: pb.GameEngineState) -> pb.Field:
    return first(state, lambda f: f.type == pb.Field.ROCK)


def grass(state: pb.GameEngineState) -> pb.Field:
    return first(state, lambda f: f.type == pb.Field.GRASS)


def owned(state: pb.GameEngineState) -> pb.Field:
    return first(state, lambda f: f.type == pb.Field.NORMAL and f.owner > 0)


def flag(state: pb.GameEngineState) -> pb.Field:
    return first(state, lambda f: f.type == pb.Field.FLAG)


def set_field(find: Callable[[pb.GameEngineState], pb.Field], **values: Any) -> Any:
    def change(state: pb.GameEngineState) -> None:
        field = find(state)
        for name, value in values.items():
            if isinstance(value, list):
                getattr(field, name)[:] = value
            else:
                setattr(field, name, value)

    return change


CONTRADICTIONS: dict[str, tuple[Callable[[pb.GameEngineState], Any], str]] = {
    "another game": (lambda s: s.classic.board.SetInParent(), "not of Flagz but classic"),
    "no game": (lambda s: s.ClearField("flagz"), "not of Flagz but empty"),
    "no board": (lambda s: s.flagz.ClearField("board"), "105 fields, not 0"),
    "a field too few": (lambda s: s.flagz.board.flat_fields.pop(), "105 fields, not 104"),
    "a field too many": (lambda s: s.flagz.board.flat_fields.add(), "105 fields, not 106"),
    "turn 0": (lambda s: setattr(s.flagz.board, "turn", 0), "turn is 0"),
    "turn 3": (lambda s: setattr(s.flagz.board, "turn", 3), "turn is 3"),
    "a cell of fire": (set_field(empty, type=pb.Field.FIRE), "has type 4, which Flagz does"),
    "a type unknown": (set_field(empty, type=99), "has type 99"),
    "a negative type": (set_field(empty, type=-1), "has type -1"),
    "owner 3": (set_field(owned, owner=3), "has owner 3"),
    "owner -1": (set_field(empty, owner=-1), "has owner -1"),
    "a huge owner": (set_field(empty, owner=2**31 - 1), "has owner 2147483647"),
    "value 6": (set_field(owned, value=6), "has value 6"),
    "a negative value": (set_field(owned, value=-1), "has value -1"),
    "value 257": (set_field(owned, value=257), "has value 257"),
    "a hidden cell": (set_field(empty, hidden=True), "is hidden"),
    "an empty cell with a value": (set_field(empty, value=2), "value 2"),
    "a rock with a value": (set_field(rock, value=2), "value 2"),
    "a rock with an owner": (set_field(rock, owner=1), "owner 1"),
    "grass with an owner": (set_field(grass, owner=1), "owner 1"),
    "grass without a value": (set_field(grass, value=0), "value 0"),
    "a flag with a value": (set_field(flag, value=1), "value 1"),
    "a flag without an owner": (set_field(flag, owner=0), "owner 0"),
    "an owned cell without a value": (set_field(owned, value=0), "value 0"),
    "a rock too few": (set_field(rock, type=pb.Field.NORMAL), "15 rocks, not 14"),
    "a rock too many": (set_field(empty, type=pb.Field.ROCK), "15 rocks, not 16"),
    "one score": (lambda s: s.flagz.board.score.pop(), "score is "),
    "no score": (lambda s: s.flagz.board.ClearField("score"), "score is "),
    "a wrong score": (lambda s: s.flagz.board.score.__setitem__(1, 99), "score is "),
    "one player's resources": (lambda s: s.flagz.board.resources.pop(), "of 2 players, not 1"),
    "seven numbers of pieces": (
        lambda s: s.flagz.board.resources[0].num_pieces.pop(),
        "player 1 has 7 numbers of pieces",
    ),
    "limited normal moves": (
        lambda s: s.flagz.board.resources[1].num_pieces.__setitem__(0, 5),
        "player 2 has pieces",
    ),
    "fire to place": (
        lambda s: s.flagz.board.resources[1].num_pieces.__setitem__(4, 1),
        "player 2 has pieces",
    ),
    "a flag too many": (
        lambda s: s.flagz.board.resources[0].num_pieces.__setitem__(5, 3),
        "player 1 has 3 flags left",
    ),
    "unlimited flags": (
        lambda s: s.flagz.board.resources[0].num_pieces.__setitem__(5, -1),
        "flags left is -1",
    ),
    "free cells": (lambda s: setattr(s.flagz, "free_cells", 3), "free_cells is 3"),
    "normal moves": (lambda s: s.flagz.normal_moves.__setitem__(0, 99), "normal_moves is"),
    "no normal moves": (lambda s: s.flagz.ClearField("normal_moves"), "normal_moves is"),
    "over too early": (
        lambda s: setattr(s.flagz.board, "state", pb.Board.FINISHED),
        "state 2 contradicts a game that is at move 12 and not over",
    ),
    "not begun": (
        lambda s: setattr(s.flagz.board, "state", pb.Board.INITIAL),
        "state 0 contradicts a game that is at move 12",
    ),
    "an unknown state": (lambda s: setattr(s.flagz.board, "state", 7), "state 7 contradicts"),
    "a move number too low": (lambda s: setattr(s.flagz.board, "move", 11), "move 11 cannot leave"),
    "a move number too high": (lambda s: setattr(s.flagz.board, "move", 13), "13 moves"),
    "a negative move number": (lambda s: setattr(s.flagz.board, "move", -1), "move number is -1"),
    "a wrong next value": (set_field(beside_player_1, next_val=[5, 5]), "next values [5, 5]"),
    "no next values": (set_field(empty, next_val=[]), "next values []"),
    "three next values": (set_field(empty, next_val=[0, 0, 0]), "next values [0, 0, 0]"),
    "blocked without a 5": (set_field(empty, blocked=1), "has blocked 1, but the rules give 0"),
    "blocked for nobody known": (set_field(empty, blocked=4), "has blocked 4"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_refused_with_its_reason(name: str) -> None:
    change, reason = CONTRADICTIONS[name]
    state = board_to_message(random_board(5, 12))
    change(state)
    with pytest.raises(InvalidBoard) as caught:
        board_from_message(state)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_grass_of_one_value_twice_is_refused() -> None:
    state = board_to_message(Board.random(1))
    set_field(grass, value=5)(state)
    with pytest.raises(InvalidBoard, match="once each"):
        board_from_message(state)


def test_a_finished_game_that_claims_to_run_is_refused() -> None:
    state = board_to_message(random_board(5, 105))
    state.flagz.board.state = pb.Board.RUNNING
    with pytest.raises(InvalidBoard, match="state 1 contradicts a game that is over"):
        board_from_message(state)


@given(st.binary(max_size=300))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidBoard):
        decode_board(data)


@given(st.integers(0, 2200), st.integers(0, 255))
def test_a_damaged_byte_is_refused_or_harmless(position: int, byte: int) -> None:
    board = random_board(9, 30)
    data = bytearray(encode_board(board))
    data[position % len(data)] = byte
    try:
        decoded = decode_board(bytes(data))
    except InvalidBoard:
        return
    # The byte was of something that the rules do not use, or of whose turn it is.
    assert (decoded.cells() == board.cells()).all()


def test_a_cut_off_state_is_refused() -> None:
    data = encode_board(random_board(9, 30))
    for length in range(len(data)):
        with pytest.raises(InvalidBoard):
            decode_board(data[:length])


def test_a_long_message_is_not_parsed() -> None:
    with pytest.raises(InvalidBoard, match="too many"):
        decode_board(bytes(1 << 20))
