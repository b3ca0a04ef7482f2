"""How a game will end, as a network expects it: whose each cell will be, and the margin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hexz.engine import Board
from hexz.model.arithmetic import NumpyOps
from hexz.model.config import MARGIN_SCALE
from hexz.model.graph import outlook
from hexz.model.script import ScriptNet
from hexz.model.weights import Weights

_MOST: float = 0.9999
"""A margin beyond that of this tanh is not told apart."""


class Outlook(NamedTuple):
    """The expected end of a game, from the view of player 1."""

    ownership: npt.NDArray[np.float32]
    """float32 [110], in -1..1: 1 where a cell will be player 1's, -1 where player 2's."""
    margin: float
    """The points by which player 1 will win."""


class OutlookEvaluator:
    """Tells how games will end, in some milliseconds a position. Threads may share it.

    Args:
        weights: of a network with heads for this.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    def evaluate(self, board: Board) -> Outlook:
        """Tells how the game will end from a position that is not over."""
        ownership, margin = outlook(NumpyOps(), self._weights, board.planes()[None])
        sign = 1 if board.turn == 1 else -1
        points = MARGIN_SCALE * float(np.arctanh(np.clip(margin[0], -_MOST, _MOST)))
        return Outlook(sign * ownership[0], sign * points)


def outlook_of(weights: Weights | ScriptNet) -> OutlookEvaluator | None:
    """The outlook by a network; None if it has no heads for that."""
    if isinstance(weights, Weights) and weights.has_outlook:
        return OutlookEvaluator(weights)
    return None
