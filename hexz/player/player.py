"""What all players have in common."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hexz.engine import Board, Move, Suggestion
from hexz.errors import HexzError, IllegalMove
from hexz.player.spec import Budget

DEFAULT_BUDGET: Final = Budget(seconds=1.0)
"""Of a player without a budget, if whoever asks for a move does not say either."""

AIM: Final = 0.968
"""Share of the time for a move at which the answer is to be there."""


def require_move(board: Board) -> None:
    """Raises IllegalMove if the game is over, so that no move can be suggested."""
    if board.is_over:
        raise IllegalMove("the game is over: there is no move to suggest")


class Overloaded(HexzError):
    """Too many moves are being thought about for another one to be in time; try again."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """A player's move and what it cost.

    Attributes:
        suggestion: the move and the search behind it.
        simulations: of this move; 0 if it was solved exactly.
        depth: moves from the position to the deepest one that was looked at.
        nodes: size of the search tree.
        elapsed: seconds from the question to the answer.
        margins: of a position that was solved: the points by which the player to move wins after
            each move; None if it was not.
    """

    suggestion: Suggestion
    simulations: int
    depth: int
    nodes: int
    elapsed: float
    margins: Mapping[Move, int] | None = None


class Player(ABC):
    """Suggests moves. Threads may share a player.

    Args:
        own_budget: what the player spends on a move at most.
    """

    def __init__(self, own_budget: Budget | None = None) -> None:
        self._own_budget = own_budget

    def budget(self, asked: Budget | None) -> Budget:
        """Returns what may be spent on a move: the smaller of what is asked and its own."""
        own = self._own_budget
        return (own or asked or DEFAULT_BUDGET).within(asked)

    @abstractmethod
    def suggest(
        self, board: Board, budget: Budget | None = None, gone: threading.Event | None = None
    ) -> Answer:
        """Thinks about a position that is not over.

        Args:
            board: the position; it is not changed.
            budget: what may be spent, see `budget`.
            gone: is set once nobody waits for the answer any more. A search ends soon then.

        Raises:
            IllegalMove: the game is over.
            Overloaded: there is no room for another search now.
        """

    def get_ready(self) -> None:  # noqa: B027 - most always are
        """Does before a game what would otherwise be part of its first move."""

    def least_seconds(self) -> float:
        """The time that the least answer takes now, after all who came before."""
        return 0.0

    def close(self) -> None:  # noqa: B027 - most have nothing to do
        """Ends the threads of the player; nothing is to be asked any more."""
