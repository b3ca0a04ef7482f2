"""How long a model had been trained when a checkpoint was saved."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import median
from typing import Final

from hexz.checkpoints.store import CheckpointInfo

PAUSE_SECONDS: Final = 1800.0
"""No shorter time between two checkpoints is taken for a pause."""
PAUSE_MEDIANS: Final = 20.0
"""Nor is one that is not so many times the usual one."""


def training_hours(checkpoints: Sequence[CheckpointInfo]) -> list[float]:
    """Hours of the clock that went into each checkpoint: those in which its games were played
    included, pauses between sessions not.

    A checkpoint does not say when its session began. A time since the one before it that is
    much longer than usual is taken for a pause, and then the training of the checkpoint itself is
    all that counts of it.

    Args:
        checkpoints: all that there are, by ascending number.

    Returns:
        Hours, one each, 0 for the first.
    """
    spans = [
        max(0.0, later.unix_seconds - earlier.unix_seconds)
        for earlier, later in itertools.pairwise(checkpoints)
    ]
    pause = max(PAUSE_SECONDS, PAUSE_MEDIANS * median(spans or [0.0]))
    hours = [0.0] * min(1, len(checkpoints))
    for span, info in zip(spans, checkpoints[1:], strict=True):
        counted = span if span <= pause else min(span, _own_seconds(info))
        hours.append(hours[-1] + counted / 3600)
    return hours


def _own_seconds(info: CheckpointInfo) -> float:
    started: float = info.metadata.get("started", info.unix_seconds)
    return max(0.0, info.unix_seconds - started)
