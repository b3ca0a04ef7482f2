"""What evaluates positions for the search, and the choice between its implementations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float32]
Notify = Callable[[str], None]


class Evaluator(Protocol):
    """A network ready for inference. Implementations differ in backend and precision only."""

    @property
    def name(self) -> str:
        """Backend, precision and device, for people: "OpenVINO int8 on the CPU"."""

    @property
    def batch_size(self) -> int:
        """The number of positions for which `evaluate` is fastest a position."""

    def evaluate(self, planes: Planes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Evaluates positions. Any thread may call this, one at a time; the GIL is released.

        Args:
            planes: float32 [B, 11, 11, 10], B >= 1, see `Board.planes()`.

        Returns:
            Policy logits [B, 220], illegal actions not masked, and values [B] in (-1, 1), both
            from the view of the player to move, in arrays that the caller may keep.
        """
