"""Which games tell most about how strong players are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hexz.ratings.results import Pairing

_Floats = npt.NDArray[np.floating[Any]]

_PRIOR_SPREAD: Final = 4.0
"""Log-odds, nearly 700 Elo: how far from the anchor players are expected before any game."""


class Design:
    """Chooses the next games in the model of Bradley and Terry: those that lower the sum of the
    variances of the ratings that are wanted most, for what they cost (a greedy A-optimal design;
    Chaloner and Verdinelli, Statistical Science 10, 1995).

    So players of like strength meet, those that are little known first; and a player that is far
    from the anchor is connected with it over others in between, beginning at the anchor: what is
    known of players that nothing connects with it tells no rating.

    Args:
        pairings: that may play.
        costs: of a move of each player, [players], in any unit.
        wanted: whether the rating of a player is, [players].
        anchor: the player with the rating 0.
    """

    def __init__(
        self,
        pairings: Sequence[Pairing],
        costs: Sequence[float],
        wanted: Sequence[bool],
        anchor: int,
    ) -> None:
        self._contrasts = np.zeros((len(pairings), len(costs)))
        for row, (a, b) in zip(self._contrasts, pairings, strict=True):
            row[a], row[b] = 1, -1
        self._pairings = np.array(pairings)
        self._costs = np.array([costs[a] + costs[b] for a, b in pairings])
        self._others = np.arange(len(costs)) != anchor
        self._wanted = np.array(wanted, float)[self._others]

    def gains(self, strengths: npt.ArrayLike, boards: npt.ArrayLike) -> _Floats:
        """Tells by how much a board more would lower the variances, [pairings], per unit of cost; 0
        for a pairing whose players have no rating, even over others.

        Args:
            strengths: of the players as far as they are known, [players], in log-odds.
            boards: that the pairings have played, [pairings].
        """
        expected = 1 / (1 + np.exp(-self._contrasts @ np.asarray(strengths, float)))
        weight = 2 * expected * (1 - expected)  # information of a board, two games
        contrasts = self._contrasts[:, self._others]
        known = contrasts.T @ ((weight * np.asarray(boards, float))[:, None] * contrasts)
        known[np.diag_indices_from(known)] += _PRIOR_SPREAD**-2
        toward = contrasts @ np.linalg.inv(known)
        lowered = weight * (toward**2 @ self._wanted)
        gains: _Floats = lowered / (1 + weight * (toward * contrasts).sum(axis=1)) / self._costs
        gains[~self._is_rated(np.asarray(boards) > 0)[self._pairings].any(axis=1)] = 0
        return gains

    def _is_rated(self, played: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Whether players are connected with the anchor by the pairings that have played."""
        rated: npt.NDArray[np.bool_] = ~self._others
        for _ in rated:
            rated[self._pairings[played & rated[self._pairings].any(axis=1)]] = True
        return rated
