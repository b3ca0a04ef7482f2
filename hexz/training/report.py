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
        losses: of its batch, "total", "policy", "value", "ownership", "margin" and "reply". Means
            over the examples that have the target; the total is their weighted sum.
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


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """One training, on one batch of new examples and the replay window.

    Attributes:
        new_examples: that were added to the window.
        new_held_out: that were added to the held-out set instead.
        total_examples: added to the window since the first training.
        window_size: examples that were drawn from.
        steps: optimizer steps, skipped ones included; 0 if there was nothing to train on.
        skipped_steps: see `StepReport.skipped`.
        total_steps: since the first training.
        losses: means over the steps that were not skipped, by the names of `StepReport`; empty
            without any.
        held_out_losses: of the averaged weights, the model that will play, on the held-out set
            afterwards; empty while that set is.
        policy_entropy, gradient_norm: means over the steps, 0 without any.
        positions_per_second: trained on.
        seconds: in all.
    """

    new_examples: int
    new_held_out: int
    total_examples: int
    window_size: int
    steps: int
    skipped_steps: int
    total_steps: int
    losses: Mapping[str, float]
    held_out_losses: Mapping[str, float]
    policy_entropy: float
    gradient_norm: float
    positions_per_second: float
    seconds: float
