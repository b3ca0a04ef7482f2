"""What training reports about itself, in plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """One optimizer step.

    Attributes:
        step: its number in this training, from 1.
        num_steps: of this training.
        losses: of its batch by name, see `hexz.training.losses`: means over the examples that have
            the target, and their weighted sum "total".
        policy_entropy: of the predicted policies, mean, in nats.
        gradient_norm: before it was clipped.
        skipped: the loss or the gradient was not finite, so the weights were left alone.
    """

    step: int
    num_steps: int
    losses: Mapping[str, float]
    policy_entropy: float
    gradient_norm: float
    skipped: bool
