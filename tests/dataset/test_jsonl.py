"""Lines of JSON are the games, in the format of the recorded games."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hexz.dataset.filters import Filter, by_game
from hexz.dataset.jsonl import Ply, state, trace, write_jsonl
from hexz.engine import Board, Move
from hexz.errors import InvalidExample
from hexz.example import Example

from ..games import finished_games, game_examples
from .files import found, reader_of, write_zip

KINDS: dict[str, Any] = {"F": "flag", "N": "normal"}


def trace_of(examples: Iterable[Example]) -> dict[str, Any]:
    [game] = by_game(found(list(examples)), Filter(), Ply.of)
    assert game.is_complete
    return trace(game)


def test_states_are_those_of_the_recorded_games(sample_traces: list[dict[str, Any]]) -> None:
    for recorded in sample_traces:
        board = Board.from_text(recorded["board"])
        states = [state(board)]
        for move in recorded["moves"]:
            board.play(Move(KINDS[move["t"]], move["r"], move["c"]))
            states.append(state(board))
        for ours, theirs in zip(json.loads(json.dumps(states)), recorded["states"], strict=True):
            meaningless = {"turn": 0} if theirs["done"] else {}
            assert ours | meaningless == theirs | meaningless


def test_lines_replay_to_the_games(tmp_path: Path, sample_traces: list[dict[str, Any]]) -> None:
    games = game_examples(5)
    write_zip(tmp_path / "a.zip", [example for game in games for example in game])
    path = tmp_path / "a.jsonl"
    assert write_jsonl(path, by_game(reader_of(tmp_path), Filter(), Ply.of), pytest.fail) == 5
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line, finished, game in zip(lines, finished_games(5), games, strict=True):
        assert set(line) > set(sample_traces[0])
        assert list(line["states"][0]) == list(sample_traces[0]["states"][0])
        assert list(line["moves"][0]) == list(sample_traces[0]["moves"][0])
        assert (line["game"], line["model"]) == (game[0].game_id, "flagz")
        assert line["checkpoints"] == [0] * len(game)
        board = Board.from_text(line["board"])
        assert line["initial"] == line["states"][0]["cells"] == board.cells().tolist()
        for move, example, before in zip(line["moves"], game, line["states"][:-1], strict=True):
            assert np.array_equal(example.planes, board.planes())
            assert (move["p"], before["turn"]) == (board.turn, board.turn)
            board.play(Move(KINDS[move["t"]], move["r"], move["c"]))
            cell = move["r"] * 10 - move["r"] // 2 + move["c"]
            assert board.cells()[cell, 1:3].tolist() == [move["p"], move["v"]]
        assert board == finished.final
        assert line["states"][-1]["win"] == finished.final.winner


BROKEN: dict[str, tuple[Callable[[list[Example]], list[Example]], str]] = {
    "another action": (
        lambda game: [replace(game[0], action=game[1].action), *game[1:]],
        "game run1-0, move 1: the planes are not the position",
    ),
    "an illegal action": (
        lambda game: [*game[:9], replace(game[9], action=game[0].action), *game[10:]],
        "game run1-0, move 9: ",
    ),
    "no action": (
        lambda game: [*game[:9], replace(game[9], action=None), *game[10:]],
        "move 9: the example has no action",
    ),
    "another turn": (
        lambda game: [replace(game[0], turn=2), *game[1:]],
        "move 0: the planes are not the position",
    ),
    "no board": (
        lambda game: [replace(game[0], initial_board=None), *game[1:]],
        "game run1-0 has no initial_board",
    ),
    "another board": (
        lambda game: [replace(game[0], initial_board="." * 105), *game[1:]],
        "move 0: the planes are not the position",
    ),
    "another result": (
        lambda game: [*game[:3], replace(game[3], result=game[3].result - 1), *game[4:]],
        "game run1-0 does not end as result says",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_examples_that_are_not_one_game(tmp_path: Path, kind: str) -> None:
    change, words = BROKEN[kind]
    broken, good = game_examples(2)
    broken = change(broken)
    with pytest.raises(InvalidExample, match=words) as caught:
        trace_of(broken)
    assert "file 0, entry " in str(caught.value)
    problems: list[str] = []
    games = by_game(found([*broken, *good]), Filter(), Ply.of)
    path = tmp_path / "a.jsonl"
    assert write_jsonl(path, games, problems.append) == 1
    assert problems == [str(caught.value)]
    assert json.loads(path.read_text())["game"] == good[0].game_id


def test_turns_may_be_unknown() -> None:
    [game] = game_examples(1)
    assert trace_of(replace(e, turn=None) for e in game) == trace_of(game)
