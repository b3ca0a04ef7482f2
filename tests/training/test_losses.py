"""Losses: what they are, and that a missing target teaches nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from hexz.model.checkpoint import new_checkpoint
from hexz.model.network import HexzNet
from hexz.schema.training import TrainingConfig
from hexz.training.batch import Batch
from hexz.training.losses import losses
from hexz.training.network import Prediction, TrainingNet
from tests.training.conftest import SMALL
from tests.training.test_batch import batch_of
from tests.wire.sample import make_example, old_example

CONFIG = TrainingConfig()


def guesses(count: int, seed: int = 0) -> Prediction:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, 220, generator=generator)
    ownership = torch.rand(count, 110, generator=generator) - 0.5
    value, margin = torch.rand(2, count, generator=generator) - 0.5
    reply, soft_policy = torch.randn(2, count, 220, generator=generator)
    return Prediction(logits, value, ownership, margin, reply, soft_policy)


def expected_losses(prediction: Prediction, batch: Batch) -> dict[str, float]:
    """The losses in plain loops over full examples."""
    names = ("policy", "soft_policy", "value", "ownership", "margin", "reply", "entropy")
    found = dict.fromkeys(names, 0.0)
    count = len(batch.value)
    cells = [row * 10 + col for row in range(11) for col in range(10 - row % 2)]
    for i in range(count):
        legal = np.flatnonzero(batch.legal[i])
        weights = {a: math.exp(prediction.logits[i, a]) for a in legal}
        for a in legal:
            p = weights[a] / sum(weights.values())
            found["policy"] -= batch.policy[i, a].item() * math.log(p) / count
            found["entropy"] -= p * math.log(p) / count
        evened = {a: (batch.policy[i, a].item() + 1e-7) ** 0.25 for a in legal}
        weights = {a: math.exp(prediction.soft_policy[i, a]) for a in legal}
        for a in legal:
            target, p = evened[a] / sum(evened.values()), weights[a] / sum(weights.values())
            found["soft_policy"] += target * math.log(target / p) / count
        total = sum(math.exp(logit) for logit in prediction.reply[i])
        for action in range(220):
            log_probability = math.log(math.exp(prediction.reply[i, action]) / total)
            found["reply"] -= batch.reply[i, action].item() * log_probability / count
        for c in cells:
            error = (prediction.ownership[i, c] - batch.ownership[i, c]).item()
            found["ownership"] += error**2 / 105 / count
        found["value"] += (prediction.value[i] - batch.value[i]).item() ** 2 / count
        found["margin"] += (prediction.margin[i] - batch.margin[i]).item() ** 2 / count
    return found


def test_losses_are_what_they_are_called():
    batch = batch_of([make_example(seed) for seed in range(6)], [0, 1, 2, 3, 0, 1])
    found = {name: loss.item() for name, loss in losses(guesses(6), batch, CONFIG).items()}
    expected = expected_losses(guesses(6), batch)
    parts = {name: loss for name, loss in found.items() if name != "total"}
    assert parts == pytest.approx(expected, rel=1e-4)
    weights = {
        "policy": 1, "soft_policy": 8, "value": 2, "ownership": 0.7, "margin": 0.3, "reply": 0.15
    }  # fmt: skip
    total = sum(weight * found[name] for name, weight in weights.items())
    assert found["total"] == pytest.approx(total)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ownership", {"final_owner": None, "final_value": None}),
        ("margin", {"score_margin": None}),
        ("reply", {"reply": None}),
    ],
)
def test_examples_without_a_target_do_not_count(name, changes):
    full = [make_example(seed) for seed in range(4)]
    lacking = [replace(make_example(seed), **changes) for seed in range(4, 7)]
    prediction = guesses(7)
    both = losses(prediction, batch_of(full + lacking, [0] * 7), CONFIG)
    first_four = Prediction(*(tensor[:4] for tensor in prediction))
    alone = losses(first_four, batch_of(full, [0] * 4), CONFIG)
    assert both[name].item() == pytest.approx(alone[name].item(), rel=1e-5)


@pytest.mark.parametrize("head", ["auxiliary.ownership", "auxiliary.margin", "auxiliary.reply"])
def test_a_head_without_targets_gets_no_gradient(head: str):
    network = new_checkpoint(SMALL).net
    assert isinstance(network, HexzNet)
    net = TrainingNet(network)
    examples = [old_example(seed=seed) for seed in range(4)]
    batch = batch_of(examples, [0] * len(examples))
    losses(net(batch.planes), batch, CONFIG)["total"].backward()
    gradients = {name: parameter.grad for name, parameter in net.named_parameters()}
    of_head = [grad for name, grad in gradients.items() if name.startswith(head)]
    assert of_head
    assert all(grad is None or (grad == 0).all() for grad in of_head)
    assert all(grad.isfinite().all() for grad in gradients.values() if grad is not None)
    assert (gradients["net.value_head.out.weight"] != 0).any()


def test_the_ownership_of_cells_that_do_not_exist_is_nobodys_concern():
    batch, prediction = batch_of([make_example()], [0]), guesses(1)
    wrong = prediction.ownership.clone().view(11, 10)
    wrong[1::2, 9] += 10
    other = prediction._replace(ownership=wrong.view(1, 110))
    one, two = (losses(p, batch, CONFIG)["ownership"].item() for p in (prediction, other))
    assert one == two
