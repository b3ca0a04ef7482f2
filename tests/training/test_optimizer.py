"""The optimizer: what a step does to kernels and to all other weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hexz.model.network import HexzNet, ModelConfig
from hexz.schema.training import TrainingConfig
from hexz.training.optimizer import Optimizer

CONFIG = TrainingConfig(
    learning_rate=0.01, kernel_rate=0.1, weight_decay=0.0, kernel_decay=0.0, decay_from=100
)


@pytest.fixture
def net() -> HexzNet:
    torch.manual_seed(1)
    net = HexzNet(ModelConfig(blocks=1, filters=16))
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for parameter in net.parameters():
        parameter.grad = torch.randn_like(parameter)
    return net


def changes(net: HexzNet, optimizer: Optimizer) -> dict[str, Tensor]:
    """What a step adds to the weights."""
    before = {name: weights.detach().clone() for name, weights in net.named_parameters()}
    optimizer.step()
    return {name: weights.detach() - before[name] for name, weights in net.named_parameters()}


def is_kernel(change: Tensor) -> bool:
    return change.ndim == 4 and change.shape[2:] == (3, 3)


def test_a_step_moves_a_kernel_as_far_in_all_directions(net: HexzNet) -> None:
    kernels = [
        change for change in changes(net, Optimizer(net, CONFIG)).values() if is_kernel(change)
    ]
    assert len(kernels) == 3
    for change in kernels:
        lengths = torch.linalg.svdvals(change.flatten(1))
        assert lengths.min() > 0.5 * 0.1
        assert lengths.max() < 1.3 * 0.1


def test_a_step_of_a_kernel_follows_its_gradient(net: HexzNet) -> None:
    gradient = net.stem.conv.weight.grad
    assert gradient is not None
    matrix = gradient.flatten(1)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    expected = -left @ right
    found = changes(net, Optimizer(net, CONFIG))["stem.0.weight"].flatten(1)
    assert torch.cosine_similarity(found.flatten(), expected.flatten(), dim=0) > 0.95


def test_the_first_step_of_all_other_weights_is_as_long_as_the_learning_rate(net: HexzNet) -> None:
    others = [
        change for change in changes(net, Optimizer(net, CONFIG)).values() if not is_kernel(change)
    ]
    for change in others:
        assert change.abs().flatten().tolist() == pytest.approx([0.01] * change.numel(), rel=1e-2)


def test_all_rates_fall_together(net: HexzNet) -> None:
    optimizer = Optimizer(net, CONFIG)
    optimizer.configure(CONFIG, 400)
    changed = changes(net, optimizer)
    assert changed["policy_head.out.bias"].abs().max() == pytest.approx(0.005, rel=1e-2)
    assert torch.linalg.svdvals(changed["stem.0.weight"].flatten(1)).max() < 1.3 * 0.05
