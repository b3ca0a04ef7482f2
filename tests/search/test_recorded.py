"""The same seeds give the same games and suggestions as when `data/searches.json` was recorded.

The digests are of whole numbers only: moves, visits and counts. Whoever changes a formula on
purpose records them anew: `python -m tests.search.test_recorded`.
"""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hexz.arena.entrants import Entrant, Field
from hexz.arena.games import GamePair, GamePlayer
from hexz.engine import Board, GameBatch, Search, SearchSettings, Suggestion
from hexz.inference import Evaluation, Evaluator, Floats
from hexz.player.spec import parse_spec
from hexz.schema.search import MAX_SIMULATIONS

from .helpers import play_games, search_in_batches

RECORD = Path(__file__).parents[1] / "data" / "searches.json"

SETTINGS = {
    "puct": SearchSettings(simulations=24),
    "puct fast": SearchSettings(simulations=32, full_search_share=0.3, fast_simulations=6),
    "puct quiet": SearchSettings(simulations=20, explore=False),
    "gumbel": SearchSettings(algorithm="gumbel", simulations=12, max_considered=6),
    "gumbel fast": SearchSettings(
        algorithm="gumbel", simulations=16, full_search_share=0.3, fast_simulations=5
    ),
}


class DigestEvaluator(Evaluator):
    """Says of a position what a digest of its planes does: the same on all machines."""

    name = "digests"
    batch_size = 8

    def start(self, planes: Floats) -> Callable[[], Evaluation]:
        digests = [hashlib.shake_128(one.tobytes()).digest(221) for one in planes]
        numbers = np.array([list(digest) for digest in digests], np.float32).reshape(-1, 221) - 128
        return lambda: (
            np.ascontiguousarray(numbers[:, :220] / 32),
            np.ascontiguousarray(numbers[:, 220] / 200),
        )


EVALUATOR = DigestEvaluator()
EVALUATE = EVALUATOR.evaluate


def digest_of(*numbers: object) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for number in numbers:
        digest.update(np.asarray(number, np.int64).tobytes())
    return digest.hexdigest()


def numbers_of(suggestion: Suggestion) -> list[object]:
    line = [move.index for move in suggestion.principal_variation]
    return [line, suggestion.visits, -9 if suggestion.proven is None else suggestion.proven]


def self_play(settings: SearchSettings) -> str:
    boards = {number: Board.random(number) for number in range(6)}
    games = play_games(GameBatch(4, settings, seed=5), boards, EVALUATE)
    return digest_of(
        *(
            numbers
            for _, game in sorted(games.items())
            for numbers in (game.actions, game.visits, game.simulations, game.full_searches)
        )
    )


def game_of_one_search(settings: SearchSettings) -> str:
    board, numbers = Board.random(100), []
    tree = Search(board, settings, seed=9)
    while True:
        numbers += [*numbers_of(tree.run(EVALUATE)), tree.num_nodes]
        move = tree.suggestion().move
        board.play(move)
        if board.is_over:
            return digest_of(*numbers)
        tree.advance(move)


def many_in_flight(batch: int, batches: int, simulations: int, max_nodes: int = 10**6) -> str:
    """A game of one search with so many batches of leaves under way, as in a player."""
    board, numbers = Board.random(200), []
    settings = SearchSettings(explore=False, simulations=MAX_SIMULATIONS)
    tree = Search(board, settings, max_in_flight=1000, max_nodes=max_nodes)
    while True:
        search_in_batches(tree, simulations, EVALUATE, batch=batch, batches_waiting=batches)
        suggestion = tree.suggestion()
        numbers += [*numbers_of(suggestion), tree.simulations, tree.num_nodes, tree.depth]
        board.play(suggestion.move)
        if board.is_over:
            return digest_of(*numbers)
        tree.advance(suggestion.move)


def arena(*specs: str, boards: int = 1) -> str:
    parsed = [parse_spec(spec) for spec in specs]
    entrants = tuple(Entrant(s, 0 if s.kind in ("model", "gumbel") else None) for s in parsed)
    network = SimpleNamespace(load=lambda: EVALUATOR)
    player = GamePlayer(Field(entrants, (network,)), seed=3)  # type: ignore[arg-type]
    pairs = [GamePair((0, 1), Board.random(300 + i).to_text(), i) for i in range(boards)]
    left = list(pairs)
    played = {one.pair: one for one in player.play(lambda: left.pop() if left else None) if one}
    return digest_of(
        *(
            numbers
            for pair in pairs
            for moves, score in zip(played[pair].games, played[pair].scores, strict=True)
            for numbers in (
                [move.action for move in moves],
                [action for move in moves for action, _ in move.top],
                score,
            )
        )
    )


RUNS: dict[str, Callable[[], str]] = {
    **{f"self-play {name}": partial(self_play, s) for name, s in SETTINGS.items()},
    **{f"sequential {name}": partial(game_of_one_search, s) for name, s in SETTINGS.items()},
    "parallel 8x2": lambda: many_in_flight(8, 2, 60),
    "parallel 32x2": lambda: many_in_flight(32, 2, 200),
    "parallel full": lambda: many_in_flight(16, 3, 200, max_nodes=90),
    "arena puct gumbel": lambda: arena("model@24", "gumbel@12", boards=2),
    "arena gumbel random": lambda: arena("gumbel@8", "random"),
    "arena puct uct": lambda: arena("model@16", "uct:20"),
}


@pytest.mark.parametrize("run", RUNS)
def test_seeds_give_what_they_gave(run):
    assert RUNS[run]() == json.loads(RECORD.read_text())[run]


if __name__ == "__main__":
    RECORD.write_text(json.dumps({name: run() for name, run in RUNS.items()}, indent=1) + "\n")
