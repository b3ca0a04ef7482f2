"""What a player answers when it is asked for a move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hexz.engine.move import Move


@dataclass(frozen=True, eq=False)
class Suggestion:
    """A move and the search behind it.

    Attributes:
        move: the move to play.
        value: expected result in -1..1 from the view of the player to move: the mean over all
            visits, or for a Gumbel search what its improved policy expects.
        visits: int32 [220], the visit count of each action of the root.
        q: float32 [220], the mean result in -1..1 of each action, 0 where it has no visit; from
            the view of the player to move.
        priors: float32 [220], the network's probabilities of the legal moves; zeros for a player
            without a network.
        principal_variation: the expected line, `move` first.
        proven: the proven result for the player to move, 1, 0 or -1, or None.
        policy: float32 [220], what the search decided by as probabilities, which for a Gumbel
            search is its improved policy; None if it is the visits.
    """

    move: Move
    value: float
    visits: npt.NDArray[np.int32]
    q: npt.NDArray[np.float32]
    priors: npt.NDArray[np.float32]
    principal_variation: list[Move]
    proven: int | None = None
    policy: npt.NDArray[np.float32] | None = None

    @property
    def shares(self) -> npt.NDArray[np.float32]:
        """float32 [220], each action's share of what the decision was made by; they sum to 1."""
        if self.policy is not None:
            return self.policy
        shares = self.visits.astype(np.float32)
        if not shares.any():
            shares[self.move.index] = 1
        shares /= shares.sum()
        return shares

    def best(self, count: int = 5) -> list[tuple[Move, float]]:
        """The moves with the largest shares and these, largest first; no more than `count`. Of
        equal ones the move to play comes first, and then the one with the better result."""
        is_other = np.arange(len(self.visits)) != self.move.index
        order = np.lexsort((-self.q, is_other, -self.shares))[:count]
        return [(Move.from_index(i), float(self.shares[i])) for i in order if self.shares[i] > 0]
