"""New heads on a network that was trained without them.

A model file has no heads for the reply and the soft policy. Random ones would teach the tower
nonsense, and with their weight undo in a hundred steps what thousands had brought
(docs/experiments.md has how much). So they learn alone first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from hexz.schema.training import TrainingConfig
from hexz.training.batch import Batch
from hexz.training.losses import losses
from hexz.training.network import TrainingNet
from hexz.training.optimizer import AdamW

STEPS: Final = 200
"""Optimizer steps: as many as the experiment had."""
RATE: Final = 3e-3
"""First learning rate of the heads, which falls linearly to zero."""


def settle(net: TrainingNet, batches: Iterator[Batch], config: TrainingConfig) -> Iterator[float]:
    """Trains the heads for the reply and the soft policy, and nothing else of a network.

    Args:
        net: does not train itself: it is in the mode of inference, and none of it needs a gradient.
        batches: STEPS of them.
        config: tells how losses are made.

    Yields:
        After each step the share of the steps that are done.
    """
    heads = [net.auxiliary.reply, net.auxiliary.soft_policy]
    weights: list[Tensor] = [weight for head in heads for weight in head.parameters()]
    optimizer = AdamW(weights)
    for weight in weights:
        weight.requires_grad_(True)
    try:
        for step, batch in zip(range(STEPS), batches, strict=True):
            found = losses(net(batch.planes), batch, config)
            for weight in weights:
                weight.grad = None
            (found["reply"] + found["soft_policy"]).backward()  # type: ignore[no-untyped-call]
            with torch.no_grad():
                optimizer.step(RATE * (1 - step / STEPS), 0.0)
            yield (step + 1) / STEPS
    finally:
        for weight in weights:
            weight.requires_grad_(False).grad = None
