"""What is in files of examples, in figures."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from hexz.dataset.filters import Filter, GameParts, by_game
from hexz.dataset.reading import Found
from hexz.dataset.statistics import entropy, share_of_flags, surprise
from hexz.engine import GRID
from hexz.example import Example


class _Mean:
    """Of the numbers that were added."""

    def __init__(self) -> None:
        self.count = 0
        self._total = 0.0

    def add(self, number: float | None) -> None:
        if number is not None:
            self.count += 1
            self._total += number

    def text(self, spec: str, unit: str = "") -> str:
        return format(self._total / self.count, spec) + unit if self.count else "unknown"


class _Outcome(NamedTuple):
    """Of a game for player 1."""

    result: int | None
    margin: int | None


@dataclass
class Summary:
    """The figures of some examples, and of the games that they come from."""

    examples: int = 0
    models: Counter[str] = field(default_factory=Counter)
    checkpoints: Counter[int] = field(default_factory=Counter)
    policy_entropy: _Mean = field(default_factory=_Mean)
    prior_entropy: _Mean = field(default_factory=_Mean)
    surprise: _Mean = field(default_factory=_Mean)
    flag_probability: _Mean = field(default_factory=_Mean)
    flags_played: _Mean = field(default_factory=_Mean)
    simulations: _Mean = field(default_factory=_Mean)
    full_searches: _Mean = field(default_factory=_Mean)
    first_micros: int = 2**63
    last_micros: int = 0

    games: int = 0
    complete_games: int = 0
    divided_games: int = 0
    lengths: list[int] = field(default_factory=list)
    results: Counter[int | None] = field(default_factory=Counter)
    margin: _Mean = field(default_factory=_Mean)

    @classmethod
    def of(cls, examples: Iterable[Found]) -> Summary:
        """The figures of some examples, which are read to their end."""
        summary = cls()
        for game in by_game(summary._counted(examples), Filter(), _outcome):
            summary._add_game(game)
        return summary

    def _counted(self, examples: Iterable[Found]) -> Iterator[Found]:
        for found in examples:
            self._add(found.example)
            yield found

    def _add(self, example: Example) -> None:
        self.examples += 1
        self.models[example.model_name] += 1
        self.checkpoints[example.checkpoint] += 1
        self.policy_entropy.add(entropy(example.policy))
        self.prior_entropy.add(None if example.priors is None else entropy(example.priors))
        self.surprise.add(surprise(example))
        self.flag_probability.add(share_of_flags(example))
        self.flags_played.add(None if example.action is None else example.action < GRID)
        self.simulations.add(example.simulations)
        self.full_searches.add(example.full_search)
        self.first_micros = min(self.first_micros, example.unix_micros)
        self.last_micros = max(self.last_micros, example.unix_micros)

    def _add_game(self, game: GameParts[_Outcome]) -> None:
        self.games += 1
        self.complete_games += game.is_complete
        self.divided_games += len(game.archives) > 1
        if game.length is not None:
            self.lengths.append(game.length)
        outcome = next(iter(game.moves.values()))
        self.results[outcome.result] += 1
        self.margin.add(outcome.margin)

    def rows(self) -> list[tuple[str, str]]:
        """Names of figures and the figures, to be shown as a table."""
        return [
            ("examples", f"{self.examples:,}"),
            ("games", f"{self.games:,}"),
            ("  with all moves", f"{self.complete_games:,}"),
            ("  in several files", f"{self.divided_games:,}"),
            ("models", ", ".join(sorted(self.models)) or "none"),
            ("checkpoints", self._checkpoints()),
            ("made", self._period()),
            ("length of a game", self._lengths()),
            ("won by Blue", self._share(self.results[1])),
            ("won by Orange", self._share(self.results[-1])),
            ("drawn", self._share(self.results[0])),
            ("margin of Blue", self.margin.text("+.2f")),
            ("entropy of the policy target", self.policy_entropy.text(".3f", " nats")),
            ("entropy of the prior", self.prior_entropy.text(".3f", " nats")),
            ("surprise, KL(target || prior)", self.surprise.text(".3f", " nats")),
            ("flags in the policy target", self.flag_probability.text(".1%")),
            ("flags among moves played", self.flags_played.text(".1%")),
            ("simulations a move", self.simulations.text(",.0f")),
            ("full searches", self.full_searches.text(".1%")),
        ]

    def _checkpoints(self) -> str:
        if not self.checkpoints:
            return "none"
        first, last = min(self.checkpoints), max(self.checkpoints)
        return f"{first}" if first == last else f"{len(self.checkpoints)}, {first} to {last}"

    def _period(self) -> str:
        if not self.examples:
            return "never"
        first, last = (
            time.strftime("%Y-%m-%d %H:%M", time.localtime(micros / 1e6))
            for micros in (self.first_micros, self.last_micros)
        )
        return f"{first} to {last}"

    def _lengths(self) -> str:
        if not self.lengths:
            return "unknown"
        lengths = np.array(self.lengths)
        return f"{lengths.mean():.1f} moves, {lengths.min()} to {lengths.max()}"

    def _share(self, count: int) -> str:
        known = self.games - self.results[None]
        return f"{count:,} ({count / known:.1%})" if known else "unknown"


def _outcome(found: Found) -> _Outcome:
    example = found.example
    if example.turn is None:
        return _Outcome(None, None)
    sign = 1 if example.turn == 1 else -1
    margin = example.score_margin
    return _Outcome(sign * example.result, None if margin is None else sign * margin)
