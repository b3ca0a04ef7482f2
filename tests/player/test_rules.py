"""The rules of the page, run by Node: they are those of the engine and of the recorded games."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from hexz.engine import Board
from hexz.render.assets import asset

Rules = Callable[[str, Any], Any]
"""Runs a function of JavaScript, which may use what the page's modules export, on a value."""

NODE = shutil.which("node")
KINDS = {"cell": 0, "empty": 0, "grass": 2, "rock": 3, "flag": 5}
GAMES = 200


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    if NODE is None:
        pytest.skip("needs Node (Debian: apt-get install nodejs)")
    directory = tmp_path_factory.mktemp("page")
    for name in ("cells.js", "rules.js"):
        (directory / name).write_text(asset(name))
    (directory / "package.json").write_text('{"type": "module"}')

    def run(function: str, value: Any) -> Any:
        script = f"""
            import {{ readFileSync }} from "node:fs";
            import {{ CELLS }} from "./cells.js";
            import {{ Position, randomBoard }} from "./rules.js";
            const run = {function};
            console.log(JSON.stringify(run(JSON.parse(readFileSync(0, "utf8")))));
        """
        (directory / "script.js").write_text(script)
        result = subprocess.run(
            [NODE, directory / "script.js"],
            input=json.dumps(value),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


STATES = """(games) => games.map(({ board, actions }) => {
  const positions = [Position.fromText(board)];
  for (const action of actions) positions.push(positions.at(-1).play(action));
  return positions.map((p) => ({
    turn: p.turn, score: p.score, flags: p.flagsLeft, over: p.isOver, winner: p.winner,
    legal: p.legalActions(), normal: [1, 2].map((player) => p.normalMoves(player).length),
    cells: CELLS.map((i) => [p.cells[i].kind, p.cells[i].owner, p.cells[i].value]),
    next: CELLS.map((i) => [1, 2].map((player) => p.nextValue(player, i))),
  }));
})"""


def game(seed: int) -> dict[str, Any]:
    """A random game that is played to its end; how often a flag is planted differs."""
    board, dice = Board.random(seed), random.Random(seed)
    text, actions = board.to_text(), []
    while not board.is_over:
        moves = board.legal_moves()
        values = [move for move in moves if move.kind == "normal"]
        if values and dice.random() > seed % 5 / 10:
            moves = values
        actions.append(dice.choice(moves).index)
        board.play_index(actions[-1])
    return {"board": text, "actions": actions}


def assert_is(state: dict[str, Any], board: Board) -> None:
    """The page's position is the engine's."""
    cells = board.cells().tolist()
    assert [[KINDS[kind], *rest] for kind, *rest in state["cells"]] == [cell[:3] for cell in cells]
    assert state["legal"] == board.legal_mask().nonzero()[0].tolist()
    assert (state["score"], state["flags"]) == ([*board.score], [*board.flags_left])
    assert state["normal"] == [*board.num_normal_moves]
    assert state["winner"] == (board.winner if board.is_over else None)
    assert state["over"] is board.is_over
    assert board.is_over or state["turn"] == board.turn
    empty = [i for i, (kind, owner, *_) in enumerate(cells) if kind == 0 and owner == 0]
    assert [state["next"][i] for i in empty] == [cells[i][3:5] for i in empty]


def test_random_games_of_the_engine(rules: Rules) -> None:
    games = [game(seed) for seed in range(GAMES)]
    lengths = set()
    for played, states in zip(games, rules(STATES, games), strict=True):
        board = Board.from_text(played["board"])
        assert_is(states[0], board)
        for action, state in zip(played["actions"], states[1:], strict=True):
            board.play_index(action)
            assert_is(state, board)
        lengths.add(len(states))
    assert len(lengths) > 10


def test_recorded_games(rules: Rules, sample_traces: list[dict[str, Any]]) -> None:
    games = [
        {"board": t["board"], "actions": [_action(m["t"], m["r"], m["c"]) for m in t["moves"]]}
        for t in sample_traces
    ]
    for trace, states in zip(sample_traces, rules(STATES, games), strict=True):
        for got, expected in zip(states, trace["states"], strict=True):
            assert got["over"] is expected["done"]
            assert got["over"] or got["turn"] == expected["turn"]
            assert (got["score"], got["flags"]) == (expected["score"], expected["flags"])
            assert (got["winner"] or 0, got["normal"]) == (expected["win"], expected["normal"])
            assert got["legal"] == [_action(*move) for move in expected["legal"]]
            cells = [[KINDS[kind], *rest] for kind, *rest in got["cells"]]
            assert cells == [cell[:3] for cell in expected["cells"]]


def _action(kind: str, row: int, col: int) -> int:
    return (kind == "N") * 110 + row * 10 + col


def test_illegal_moves_are_refused(rules: Rules) -> None:
    games = [game(seed) for seed in range(10)]
    refused = """(games) => games.map(({ board, actions }) => {
      let position = Position.fromText(board);
      return [...actions, null].map((action) => {
        const refused = [];
        for (let other = 0; other < 220; other++) {
          try { position.play(other); } catch { refused.push(other); }
        }
        if (action !== null) position = position.play(action);
        return refused;
      });
    })"""
    for played, all_refused in zip(games, rules(refused, games), strict=True):
        board = Board.from_text(played["board"])
        for action, refused_here in zip([*played["actions"], None], all_refused, strict=True):
            assert refused_here == (~board.legal_mask()).nonzero()[0].tolist()
            if action is not None:
                board.play_index(action)


def test_a_seed_is_the_same_board_as_in_the_engine(rules: Rules) -> None:
    seeds = [*range(100), 123_456_789, 2**64 - 1]
    boards = rules(
        "(seeds) => seeds.map((seed) => randomBoard(BigInt(seed)))", [str(seed) for seed in seeds]
    )
    assert boards == [Board.random(seed).to_text() for seed in seeds]
