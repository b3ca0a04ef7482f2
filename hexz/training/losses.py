"""The losses of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, reduce
from typing import Final, NamedTuple

import torch
from torch import Tensor

from hexz.engine import NUM_CELLS
from hexz.model.features import geometry
from hexz.model.network import masked_log_softmax
from hexz.schema.training import TrainingConfig
from hexz.training.batch import Batch
from hexz.training.network import SOFTNESS, Prediction

_LEAST: Final = 1e-7
"""Probability that each move has at least: one that no search has visited is not impossible."""


class _Given(NamedTuple):
    """What losses are made of. Counts are of examples that have a target, at least 1."""

    prediction: Prediction
    batch: Batch
    log_policy: Tensor
    """float32 [B, 220]; 0 where an action is illegal."""
    num_examples: Tensor
    num_ownership: Tensor
    num_margin: Tensor
    num_reply: Tensor


def _policy(given: _Given) -> Tensor:
    """Cross-entropy over the legal actions."""
    return -(given.batch.policy * given.log_policy).sum() / given.num_examples


def _soft_policy(given: _Given) -> Tensor:
    """Divergence (KL) from the softened target over the legal actions."""
    log_soft = _log_legal(given.prediction.soft_policy, given.batch)
    soft = _softened(given.batch)
    return (torch.xlogy(soft, soft) - soft * log_soft).sum() / given.num_examples


def _value(given: _Given) -> Tensor:
    """Mean squared error."""
    return (given.prediction.value - given.batch.value).square().sum() / given.num_examples


def _ownership(given: _Given) -> Tensor:
    """Mean squared error over the cells that exist."""
    batch = given.batch
    error = (given.prediction.ownership - batch.ownership).square() * _exists(batch.planes.device)
    return (error.sum(1) / NUM_CELLS * batch.has_ownership).sum() / given.num_ownership


def _margin(given: _Given) -> Tensor:
    """Mean squared error."""
    error = (given.prediction.margin - given.batch.margin).square()
    return (error * given.batch.has_margin).sum() / given.num_margin


def _reply(given: _Given) -> Tensor:
    """Cross-entropy over all actions."""
    found = -(given.batch.reply * torch.log_softmax(given.prediction.reply, 1)).sum(1)
    return (found * given.batch.has_reply).sum() / given.num_reply


_LOSSES: Final[
    Mapping[str, tuple[Callable[[_Given], Tensor], Callable[[TrainingConfig], float]]]
] = {
    "policy": (_policy, lambda config: 1.0),
    "soft_policy": (_soft_policy, lambda config: config.soft_policy_weight),
    "value": (_value, lambda config: config.value_weight),
    "ownership": (_ownership, lambda config: config.ownership_weight),
    "margin": (_margin, lambda config: config.margin_weight),
    "reply": (_reply, lambda config: config.reply_weight),
}
"""Each loss, a mean over the examples that have its target, and its weight in the total."""

LOSS_NAMES: Final = ("total", *_LOSSES)
"""What is reported of a training, and of held-out examples."""

NUM_FIGURES: Final = len(LOSS_NAMES) + 1
"""The figures that `losses` returns: the losses and the entropy."""


def target_counts(batch: Batch) -> Tensor:
    """float32 [4]: how many examples there are, and how many of them have each target that some
    lack."""
    count = batch.value.new_tensor(len(batch.value))
    has = (batch.has_ownership, batch.has_margin, batch.has_reply)
    return torch.stack([count, *(flags.sum() for flags in has)])


def losses(
    prediction: Prediction, batch: Batch, config: TrainingConfig, counts: Tensor | None = None
) -> dict[str, Tensor]:
    """The losses by name, scalars: means over the examples that have the target, 0 without any.

    With the `counts` of a larger batch, of which this is a part, they are this part's summands of
    the losses of that one.

    "total" is the weighted sum of the others. "entropy" is no loss: the mean entropy of the
    predicted policies.
    """
    log_policy = _log_legal(prediction.logits, batch)
    counts = target_counts(batch) if counts is None else counts
    given = _Given(prediction, batch, log_policy, *counts.clamp(min=1).unbind())
    found = {name: loss(given) for name, (loss, _) in _LOSSES.items()}
    weighted = [weight(config) * found[name] for name, (_, weight) in _LOSSES.items()]
    with torch.no_grad():
        # exp(0) = 1 where an action is illegal, but times 0.
        entropy = -(log_policy.exp() * log_policy).sum() / given.num_examples
    return {"total": reduce(torch.add, weighted), **found, "entropy": entropy}


def _log_legal(logits: Tensor, batch: Batch) -> Tensor:
    """Logarithms of the probabilities of legal actions. 0 for the others, whose target is 0:
    0 * -inf is NaN."""
    return masked_log_softmax(logits, batch.legal).masked_fill(~batch.legal, 0)


def _softened(batch: Batch) -> Tensor:
    """The soft policy target, float32 [B, 220]."""
    evened = (batch.policy + _LEAST).pow(1 / SOFTNESS) * batch.legal
    return evened / evened.sum(1, keepdim=True)


@cache
def _exists(device: torch.device) -> Tensor:
    """float32 [110]: 1 where a cell exists."""
    return torch.from_numpy(geometry()[0, 0].flatten()).to(device)
