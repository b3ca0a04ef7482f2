"""The losses of a batch."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from hexz.engine import NUM_CELLS
from hexz.model.features import geometry
from hexz.model.network import masked_log_softmax
from hexz.schema.training import TrainingConfig
from hexz.training.batch import Batch
from hexz.training.network import Prediction

_EXISTS: Final = geometry()[0, 0].flatten()


def losses(prediction: Prediction, batch: Batch, config: TrainingConfig) -> dict[str, Tensor]:
    """The losses by name, scalars: means over the examples that have the target, 0 without any.

    "policy" is a cross-entropy over the legal actions, "reply" one over all actions, the others are
    mean squared errors, and "total" is their weighted sum. "entropy" is no loss: the mean entropy
    of the predicted policies.
    """
    log_policy = masked_log_softmax(prediction.logits, batch.legal)
    log_policy = log_policy.masked_fill(~batch.legal, 0)  # where the target is 0: 0 * -inf is NaN
    reply = -(batch.reply * torch.log_softmax(prediction.reply, 1)).sum(1)
    exists = _EXISTS.to(batch.planes.device)
    ownership_error = (prediction.ownership - batch.ownership).square() * exists
    found = {
        "policy": -(batch.policy * log_policy).sum(1).mean(),
        "value": (prediction.value - batch.value).square().mean(),
        "ownership": _mean(ownership_error.sum(1) / NUM_CELLS, batch.has_ownership),
        "margin": _mean((prediction.margin - batch.margin).square(), batch.has_margin),
        "reply": _mean(reply, batch.has_reply),
    }
    total = (
        found["policy"]
        + config.value_weight * found["value"]
        + config.ownership_weight * found["ownership"]
        + config.margin_weight * found["margin"]
        + config.reply_weight * found["reply"]
    )
    with torch.no_grad():
        # exp(0) = 1 where an action is illegal, but times 0.
        entropy = -(log_policy.exp() * log_policy).sum(1).mean()
    return {"total": total, **found, "entropy": entropy}


def _mean(loss: Tensor, has_target: Tensor) -> Tensor:
    return (loss * has_target).sum() / has_target.sum().clamp(min=1)
