"""Recorded games of the reference rules replay exactly, through the text form and through cells."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import pytest

from hexz.engine import Board, Move

KIND: dict[str, Literal["flag", "normal"]] = {"F": "flag", "N": "normal"}


def test_sample_covers_all_styles_of_play(sample_traces):
    modes = {game["mode"] for game in sample_traces}
    assert modes == {"random", "flagheavy", "greedy", "rollout", "late"}


def test_sample_replays(sample_traces):
    assert replay_all(sample_traces) == 10


@pytest.mark.slow
def test_shared_traces_replay(shared_traces):
    assert replay_all(shared_traces) == 300


def replay_all(games: Iterable[dict[str, Any]]) -> int:
    """Replays games and returns their number."""
    count = 0
    for game in games:
        replay(game)
        count += 1
    return count


def replay(game: dict[str, Any]) -> None:
    board = Board.from_text(game["board"])
    assert board.cells().tolist() == game["initial"]
    check_state(board, game["states"][0])
    for move, state in zip(game["moves"], game["states"][1:], strict=True):
        assert board.turn == move["p"]
        before = board.cells()
        board.play(Move(KIND[move["t"]], move["r"], move["c"]))
        check_state(board, state)
        check_placed(before, board.cells(), move)


def check_state(board: Board, state: dict[str, Any]) -> None:
    check_facts(board, state)
    cells = np.array(state["cells"])
    again = Board.from_cells(
        cells[:, :3],
        turn=state["turn"],
        flags_left=tuple(state["flags"]),
        move_number=state["move"],
    )
    check_facts(again, state)
    if not state["done"]:  # the turn is meaningless at the end, and need not be equal
        assert again == board
        assert np.array_equal(again.planes(), board.planes())


def check_facts(board: Board, state: dict[str, Any]) -> None:
    assert state["done"] or board.turn == state["turn"]
    assert board.move_number == state["move"]
    assert list(board.score) == state["score"]
    assert list(board.flags_left) == state["flags"]
    assert board.num_empty == state["free"]
    assert list(board.num_normal_moves) == state["normal"]
    assert board.is_over is state["done"]
    assert board.winner == state["win"]
    assert [[m.kind[0].upper(), m.row, m.col] for m in board.legal_moves()] == state["legal"]
    assert board.cells().tolist() == state["cells"]


def check_placed(before: np.ndarray, after: np.ndarray, move: dict[str, Any]) -> None:
    """Exactly one cell is newly occupied, and it shows the recorded move."""
    was_empty = (before[:, 0] == 0) & (before[:, 1] == 0)
    is_empty = (after[:, 0] == 0) & (after[:, 1] == 0)
    (placed,) = np.flatnonzero(was_empty & ~is_empty)
    number = 10 * move["r"] - move["r"] // 2 + move["c"]
    assert placed == number
    assert after[placed, :3].tolist() == [5 if move["t"] == "F" else 0, move["p"], move["v"]]
