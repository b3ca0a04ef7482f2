"""When answers must be begun so that all of them are there in time."""

from __future__ import annotations

import math
from collections.abc import Sequence


def answer_times(due: Sequence[float], seconds: Sequence[float]) -> list[float]:
    """When to begin each of several answers that are made one after another.

    The answer that is due first is made first, and each as late as those after it allow. Where not
    all can be in time, some times are over already.

    Args:
        due: when each answer must be there.
        seconds: that each takes.

    Returns:
        A time for each, in the order of `due`.
    """
    times = [0.0] * len(due)
    latest = math.inf
    for place in sorted(range(len(due)), key=due.__getitem__, reverse=True):
        latest = times[place] = min(latest, due[place]) - seconds[place]
    return times


def least_seconds(first: int, batch_size: int, batch_seconds: float) -> float:
    """How long a position waits at least until it is evaluated once.

    Args:
        first: positions that are evaluated before it.
        batch_size: positions of a batch.
        batch_seconds: that a batch takes; one is under way already.
    """
    return (2 + first // batch_size) * batch_seconds
