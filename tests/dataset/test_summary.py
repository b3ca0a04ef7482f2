"""Figures of examples, compared with what they are by hand."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hexz.dataset.statistics import entropy, share_of_flags, surprise
from hexz.dataset.summary import Summary
from hexz.example import Example

from ..games import finished_games, game_examples
from ..wire.sample import make_example, old_example
from .files import found


def distribution(**probabilities: float) -> Any:
    policy = np.zeros(220, np.float32)
    for name, probability in probabilities.items():
        policy[int(name[1:])] = probability
    return policy


def test_entropy() -> None:
    assert entropy(distribution(_5=1.0)) == 0
    assert entropy(distribution(_5=0.5, _7=0.25, _200=0.25)) == pytest.approx(1.5 * math.log(2))


def test_surprise() -> None:
    policy, priors = distribution(_5=0.5, _120=0.5), distribution(_5=0.25, _120=0.25, _130=0.5)
    example = replace(make_example(), policy=policy, priors=priors)
    assert surprise(example) == pytest.approx(math.log(2))
    assert surprise(replace(example, priors=policy)) == 0
    assert surprise(replace(example, priors=None)) is None
    # A prior that is stored as 0 was less than half the smallest number of half precision.
    certain = replace(example, priors=distribution(_130=1.0))
    assert surprise(certain) == pytest.approx(25 * math.log(2) - math.log(2))


def test_share_of_flags() -> None:
    assert (
        share_of_flags(replace(make_example(), policy=distribution(_109=0.25, _110=0.75))) == 0.25
    )


def figures(*games: list[Example], archives: int = 1) -> dict[str, str]:
    """All rows, the examples spread over some files."""
    examples = [example for game in games for example in game]
    parts = [found(examples[i::archives], i) for i in range(archives)]
    rows = Summary.of([f for part in parts for f in part]).rows()
    return {name.strip(): figure for name, figure in rows}


def test_games() -> None:
    games, finished = game_examples(12), finished_games(12)
    shown = figures(*games)
    lengths = [len(game) for game in games]
    scores = [game.final.score for game in finished]
    wins = [sum(game.final.winner == player for game in finished) for player in (0, 1, 2)]
    assert shown["examples"] == f"{sum(lengths):,}"
    assert (shown["games"], shown["with all moves"], shown["in several files"]) == ("12", "12", "0")
    assert shown["length of a game"] == (
        f"{sum(lengths) / 12:.1f} moves, {min(lengths)} to {max(lengths)}"
    )
    assert shown["drawn"] == f"{wins[0]} ({wins[0] / 12:.1%})"
    assert shown["won by Blue"] == f"{wins[1]} ({wins[1] / 12:.1%})"
    assert shown["won by Orange"] == f"{wins[2]} ({wins[2] / 12:.1%})"
    assert shown["margin of Blue"] == f"{np.mean([a - b for a, b in scores]):+.2f}"
    flags = sum(int((game.actions < 110).sum()) for game in finished)
    assert shown["flags among moves played"] == f"{flags / sum(lengths):.1%}"
    assert shown["full searches"] == "100.0%"
    backwards = figures(*[game[::-1] for game in games])
    assert backwards == shown


def test_parts_of_games() -> None:
    games = game_examples(3)
    shown = figures(games[0], games[1][:-1], games[2][:1], archives=2)
    assert (shown["games"], shown["with all moves"], shown["in several files"]) == ("3", "1", "2")


def test_models_and_checkpoints() -> None:
    [game] = game_examples(1)
    mixed = [
        replace(e, checkpoint=i // 30, unix_micros=10**15 * (1 + i)) for i, e in enumerate(game)
    ]
    shown = figures(mixed, [make_example(model_name="another")])
    assert shown["models"] == "another, flagz"
    assert shown["checkpoints"] == f"{len({*range((len(game) + 29) // 30), 7})}, 0 to 7"
    assert shown["made"].startswith("2001-09-09")


def test_examples_of_other_programs() -> None:
    shown = figures([old_example()])
    assert (shown["games"], shown["with all moves"]) == ("1", "0")
    for name in ("length of a game", "won by Blue", "margin of Blue", "simulations a move"):
        assert shown[name] == "unknown"
    assert shown["surprise, KL(target || prior)"] == "unknown"


def test_no_examples_and_times_in_the_far_future() -> None:
    assert figures()["made"] == "never"
    figures([make_example(unix_micros=2**63 - 1)])
