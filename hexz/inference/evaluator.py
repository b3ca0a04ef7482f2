"""What evaluates positions for the search, and what it is loaded from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Evaluation = tuple[Floats, Floats]
"""Policy logits [B, 220], illegal actions not masked, and values [B] in -1..1, both from the view
of the player to move."""


class Evaluator(ABC):
    """A network ready for inference. Implementations differ in backend and precision only.

    Attributes:
        name: backend, precision and device, for people: "OpenVINO int8 on cpu".
        batch_size: the number of positions that it was prepared for.
    """

    name: str
    batch_size: int

    @abstractmethod
    def start(self, planes: Floats) -> Callable[[], Evaluation]:
        """Begins an evaluation and returns a function that waits for it.

        Several may be under way; where the device computes by itself, they do so while the
        caller does something else. Any thread may call this, and both calls release the GIL
        while they compute or wait.

        Args:
            planes: float32 [B, 11, 11, 10] for any B >= 1, see `Board.planes()`. They are copied.

        Returns:
            What `evaluate` returns, in new arrays; to be called once.
        """

    def evaluate(self, planes: Floats) -> Evaluation:
        """Evaluates positions: logits [B, 220] and values [B], see `Evaluation`."""
        return self.start(planes)()


class PreparedModel(ABC):
    """A network converted for a device of this machine. It can be pickled, so that one process
    prepares a model and others load it."""

    @abstractmethod
    def load(self) -> Evaluator:
        """An evaluator, in some 50 milliseconds and almost without the GIL."""
