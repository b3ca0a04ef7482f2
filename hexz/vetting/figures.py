"""What a game looks like, in a few figures that games of one network have in common.

Each figure is a mean over positions of the game, from the mover's view, or a fact of the game. NaN
is a figure that the examples of the game do not have: those of other programs may lack fields.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from hexz.engine import COLS, ROWS, Plane
from hexz.example import Example
from hexz.schema.status import FIGURES
from hexz.vetting.copies import start_of
from hexz.wire.game import CompactGame
from hexz.wire.single import SoundExample

LENGTH: Final = list(FIGURES).index("length")
"""The place of the length among FIGURES."""


class GameFigures(NamedTuple):
    """The figures of a game.

    Attributes:
        checkpoint: with which it was played, on average over its moves.
        values: float64, in the order of FIGURES.
    """

    checkpoint: int
    values: npt.NDArray[np.float64]


class FigureSums:
    """Sums over the positions of one game, in whatever order they come.

    Attributes:
        examples: the number of positions.
    """

    __slots__ = ("_checkpoints", "_lead", "_length", "_sums", "_weights", "examples")

    def __init__(self) -> None:
        self._sums = [0.0] * len(FIGURES)
        self._weights = [0] * len(FIGURES)
        self._checkpoints = self._length = self.examples = 0
        self._lead = 0.0

    def add(self, example: Example) -> None:
        """Takes a position of the game."""
        self.examples += 1
        self._checkpoints += example.checkpoint
        self._count("value_error", _value_error(example))
        self._count("search_shift", _search_shift(example))
        if example.full_search is not False:
            self._count("entropy", _entropy(example))
            self._count("surprise", _surprise(example))
            if example.action is not None:
                self._count("played", float(example.policy[example.action]))
        if example.turn is not None:
            self._count("first_mover", example.result if example.turn == 1 else -example.result)

    def add_sound(self, example: SoundExample) -> None:
        """Takes a position whose figures were found while it was read."""
        self.examples += 1
        self._checkpoints += example.checkpoint
        for name in ("value_error", "search_shift", "entropy", "surprise", "played", "first_mover"):
            self._count(name, getattr(example, name))
        self._length, self._lead = example.move_number + 1, example.lead

    def add_game(self, game: CompactGame) -> None:
        """Takes all positions of a game."""
        count = len(game.actions)
        self.examples += count
        self._checkpoints += int(game.checkpoints.sum())
        results = np.sign(game.margins)
        self._count_all("value_error", (results - game.network_values) ** 2)
        self._count_all("search_shift", np.abs(game.root_values - game.network_values))
        self._count_all("first_mover", np.where(game.turns == 1, results, -results))
        full = game.full_searches
        policies = game.policies[full].astype(np.float32)
        chosen = policies > 0
        policy = policies[chosen]
        bits = policy @ np.log(policy)
        priors = np.maximum(game.priors[full][chosen].astype(np.float32), 1e-6)
        self._count("entropy", -float(bits), len(policies))
        self._count("surprise", float(bits - policy @ np.log(priors)), len(policies))
        self._count_all("played", policies[np.arange(len(policies)), game.actions[full]])
        self._length = count
        self._lead = _lead(game.planes[-1].reshape(-1, ROWS, COLS), int(results[-1]))

    def note_last(self, example: Example) -> None:
        """Takes note of the last of the positions that were added."""
        self._length = example.move_number + 1
        self._lead = _lead(example.planes, example.result)

    def merge(self, other: FigureSums) -> None:
        """Takes the positions of another sum over the same game."""
        for place in range(len(FIGURES)):
            self._sums[place] += other._sums[place]
            self._weights[place] += other._weights[place]
        self._checkpoints += other._checkpoints
        if other._length > self._length:
            self._length, self._lead = other._length, other._lead
        self.examples += other.examples

    def figures(self) -> GameFigures:
        """Returns the figures of what was added, at least one position."""
        values = np.full(len(FIGURES), math.nan)
        for place, (total, weight) in enumerate(zip(self._sums, self._weights, strict=True)):
            if weight:
                values[place] = total / weight
        values[_PLACES["lead"]], values[LENGTH] = self._lead, self._length
        return GameFigures(round(self._checkpoints / self.examples), values)

    def _count(self, name: str, value: float | None, weight: int = 1) -> None:
        if value is not None:
            place = _PLACES[name]
            self._sums[place] += value
            self._weights[place] += weight

    def _count_all(self, name: str, values: npt.NDArray[Any]) -> None:
        self._count(name, float(values.sum()), len(values))


class GameLook(NamedTuple):
    """What one body tells of a game.

    Attributes:
        game_id: of the game.
        start: the board before the first move, as `Board.from_text` reads it; None if unknown.
        moves: the number of moves of the game; None if unknown.
        sums: over the positions in the body.
    """

    game_id: str
    start: str | None
    moves: int | None
    sums: FigureSums

    @classmethod
    def of(cls, examples: Sequence[Example]) -> GameLook:
        """Looks at examples of one game, at least one, in ascending order of their moves."""
        sums = FigureSums()
        for example in examples:
            sums.add(example)
        first, last = examples[0], examples[-1]
        sums.note_last(last)
        # What no program of ours wrote never has a reply.
        ends = last.reply is None and last.writer_version is not None
        return cls(first.game_id, start_of(first), last.move_number + 1 if ends else None, sums)

    @classmethod
    def of_sound(cls, example: SoundExample) -> GameLook:
        """Looks at an example that was found sound; finds what `of` finds in it."""
        sums = FigureSums()
        sums.add_sound(example)
        moves = example.move_number + 1 if example.is_last else None
        return cls(example.game_id, example.initial_board, moves, sums)

    @classmethod
    def of_game(cls, game: CompactGame) -> GameLook:
        """Looks at a whole game; finds what `of` finds in its examples."""
        sums = FigureSums()
        sums.add_game(game)
        return cls(game.game_id, game.initial_board, len(game.actions), sums)


_PLACES: Final = {name: place for place, name in enumerate(FIGURES)}


def _value_error(example: Example) -> float | None:
    value = example.network_value
    return None if value is None else (example.result - value) ** 2


def _search_shift(example: Example) -> float | None:
    found, value = example.root_value, example.network_value
    return None if found is None or value is None else abs(found - value)


def _lead(planes: npt.NDArray[Any], result: int) -> float:
    """1 if the player wins who has more points once the mover has taken the best there is, -1 if
    that one loses. Among beginners the last move often decides: it ends the game."""
    own = planes[Plane.VALUES].sum() + planes[Plane.NEXT_VALUES].max()
    other = planes[Plane.OPPONENT_VALUES].sum()
    return float(np.sign(float(own) - float(other))) * result


def _entropy(example: Example) -> float:
    chosen = example.policy[example.policy > 0]
    return -float(chosen @ np.log(chosen))


def _surprise(example: Example) -> float | None:
    """The Kullback-Leibler divergence of the policy from the priors, which were rounded."""
    if example.priors is None:
        return None
    chosen = example.policy > 0
    policy = example.policy[chosen]
    return float(policy @ np.log(policy / np.maximum(example.priors[chosen], 1e-6)))
