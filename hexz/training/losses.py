"""The losses of a batch."""

from __future__ import annotations

from functools import cache
from typing import Final

import torch
from torch import Tensor

from hexz.engine import NUM_CELLS
from hexz.model.features import geometry
from hexz.model.network import masked_log_softmax
from hexz.schema.training import TrainingConfig
from hexz.training.batch import Batch
from hexz.training.network import Prediction

NUM_LOSSES: Final = 8
"""The figures that `losses` returns, with total and entropy."""

SOFTNESS: Final = 4.0
"""The soft policy target is the policy target to the power of 1 / SOFTNESS, as in KataGo
(docs/KataGoMethods.md, "Auxiliary Soft Policy Target"): a move that is nearly as good as the best
one counts nearly as much, so that the tower learns of all moves, not of the best one alone."""
_LEAST: Final = 1e-7
"""Probability that each move has at least: one that no search has visited is not impossible."""


def target_counts(batch: Batch) -> Tensor:
    """float32 [4]: how many examples there are, and how many of them have each target that some
    lack."""
    count = torch.full_like(batch.value[0], len(batch.value))
    has = (batch.has_ownership, batch.has_margin, batch.has_reply)
    return torch.stack([count, *(flags.sum() for flags in has)])


def losses(
    prediction: Prediction, batch: Batch, config: TrainingConfig, counts: Tensor | None = None
) -> dict[str, Tensor]:
    """The losses by name, scalars: means over the examples that have the target, 0 without any.

    With the `counts` of a larger batch, of which this is a part, they are this part's summands of
    the losses of that one.

    "policy" is a cross-entropy over the legal actions, "soft_policy" the divergence (KL) from its
    softened target over them, "reply" a cross-entropy over all actions, the others are mean squared
    errors, and "total" is their weighted sum. "entropy" is no loss: the mean entropy of the
    predicted policies.
    """
    # Where the target is 0: 0 * -inf is NaN.
    log_policy, log_soft = (
        masked_log_softmax(logits, batch.legal).masked_fill(~batch.legal, 0)
        for logits in (prediction.logits, prediction.soft_policy)
    )
    soft = _softened(batch)
    reply = -(batch.reply * torch.log_softmax(prediction.reply, 1)).sum(1)
    counts = target_counts(batch) if counts is None else counts
    count, num_ownership, num_margin, num_reply = counts.clamp(min=1).unbind()
    exists = _exists(batch.planes.device)
    ownership_error = (prediction.ownership - batch.ownership).square() * exists
    found = {
        "policy": -(batch.policy * log_policy).sum() / count,
        "soft_policy": (torch.xlogy(soft, soft) - soft * log_soft).sum() / count,
        "value": (prediction.value - batch.value).square().sum() / count,
        "ownership": (ownership_error.sum(1) / NUM_CELLS * batch.has_ownership).sum()
        / num_ownership,
        "margin": ((prediction.margin - batch.margin).square() * batch.has_margin).sum()
        / num_margin,
        "reply": (reply * batch.has_reply).sum() / num_reply,
    }
    total = (
        found["policy"]
        + config.soft_policy_weight * found["soft_policy"]
        + config.value_weight * found["value"]
        + config.ownership_weight * found["ownership"]
        + config.margin_weight * found["margin"]
        + config.reply_weight * found["reply"]
    )
    with torch.no_grad():
        # exp(0) = 1 where an action is illegal, but times 0.
        entropy = -(log_policy.exp() * log_policy).sum() / count
    return {"total": total, **found, "entropy": entropy}


def _softened(batch: Batch) -> Tensor:
    """The soft policy target, float32 [B, 220]."""
    evened = (batch.policy + _LEAST).pow(1 / SOFTNESS) * batch.legal
    return evened / evened.sum(1, keepdim=True)


@cache
def _exists(device: torch.device) -> Tensor:
    """float32 [110]: 1 where a cell exists."""
    return torch.from_numpy(geometry()[0, 0].flatten()).to(device)
