"""`TrainingTime`: how long a training on this machine goes on, and how its learning rates end."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final

FALL_SHARE: Final = 0.2
"""Of the time of a training that has an end, the last part, in which learning rates fall."""


@dataclass(frozen=True, kw_only=True)
class TrainingTime:
    """The time of a training, in the seconds of `time.monotonic()`, which all processes share.

    Attributes:
        start: when it begins.
        end: when it ends; infinite if it is ended by hand.
    """

    start: float
    end: float

    @classmethod
    def beginning_now(cls, seconds: float | None) -> TrainingTime:
        """The time of a training of so many seconds; None: until it is ended by hand."""
        now = time.monotonic()
        return cls(start=now, end=now + (math.inf if seconds is None else seconds))

    @property
    def is_up(self) -> bool:
        """Whether the end has come, after which no more is trained."""
        return time.monotonic() >= self.end

    def rate_share(self) -> float:
        """The share of the learning rates that holds now. Rates that fall linearly to zero over
        the last part end on a better network than rates that stay ("warmup, stable, decay", Hu et
        al. 2024, arXiv:2404.06395, section 4)."""
        if math.isinf(self.end):
            return 1.0
        left = self.end - time.monotonic()
        return min(1.0, max(0.0, left / (FALL_SHARE * (self.end - self.start))))
