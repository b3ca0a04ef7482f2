"""A finished game and what its players thought, as self-play and matches hand it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Forfeit:
    """A game that was lost because a program failed.

    Attributes:
        player: who lost it, 1 or 2.
        reason: what the program did, in one line.
    """

    player: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class GameRecord:
    """A finished game with what the search thought of it."""

    name: str
    """What the list of games calls it."""
    players: tuple[str, str]
    """Names of players 1 and 2."""
    initial_text: str
    """The board before the first move, see `Board.from_text`."""
    actions: Sequence[int]
    """The action of each move, see `Move.index`."""
    root_values: Sequence[float]
    """For each move the expected result that its search found, -1..1, mover's view."""
    policies: Sequence[Sequence[tuple[int, float]]]
    """For each move the likeliest actions and their probabilities, see `top_moves`."""
    forfeit: Forfeit | None = None
    """How it ended, if not on the board."""


def top_moves(policy: npt.NDArray[np.float32], count: int = 5) -> list[tuple[int, float]]:
    """The likeliest actions of a policy [220] and their probabilities, best first."""
    best = np.argsort(-policy, kind="stable")[:count]
    return [(int(action), float(policy[action])) for action in best if policy[action] > 0]
