"""The optimizer: what a step does to kernels and to all other weights."""

from __future__ import annotations

import io

import pytest
import torch
from torch import Tensor, nn

from hexz.model.config import ModelConfig
from hexz.model.layers import TowerConv
from hexz.model.network import HexzNet
from hexz.schema.training import TrainingConfig
from hexz.training.optimizer import Optimizer

CONFIG = TrainingConfig(
    learning_rate=0.01, kernel_rate=0.1, weight_decay=0.0, kernel_decay=0.0, decay_from=100
)


@pytest.fixture
def net() -> HexzNet:
    return made_net()


def made_net() -> HexzNet:
    torch.manual_seed(1)
    net = HexzNet(ModelConfig(blocks=1, filters=16))
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    draw_gradients(net)
    return net


def draw_gradients(net: nn.Module) -> None:
    for parameter in net.parameters():
        parameter.grad = torch.randn_like(parameter)


def changes(net: HexzNet, optimizer: Optimizer) -> dict[str, Tensor]:
    """What a step adds to the weights."""
    before = {name: weights.detach().clone() for name, weights in net.named_parameters()}
    optimizer.step()
    return {name: weights.detach() - before[name] for name, weights in net.named_parameters()}


def is_kernel(change: Tensor) -> bool:
    return change.ndim == 4 and change.shape[2:] == ModelConfig().kernel_shape


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


class PyTorchOptimizer:
    """What `Optimizer` is, made of the optimizers of PyTorch, as it was in older versions."""

    def __init__(self, net: nn.Module, rates: TrainingConfig) -> None:
        self.kernels = [m.conv.weight for m in net.modules() if isinstance(m, TowerConv)]
        is_kernel = {id(kernel) for kernel in self.kernels}
        others = [p for p in net.parameters() if id(p) not in is_kernel]
        self.matrices = [nn.Parameter(self.matrix(kernel.detach())) for kernel in self.kernels]
        self.muon = torch.optim.Muon(
            self.matrices, lr=rates.kernel_rate, weight_decay=rates.kernel_decay
        )
        self.adamw = torch.optim.AdamW(
            others, lr=rates.learning_rate, weight_decay=rates.weight_decay, fused=True
        )

    def step(self) -> None:
        for kernel, matrix in zip(self.kernels, self.matrices, strict=True):
            matrix.grad = self.matrix(kernel.grad)
        self.muon.step()
        self.adamw.step()

    def state_dict(self) -> dict[str, object]:
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    @staticmethod
    def matrix(kernel: Tensor) -> Tensor:
        return kernel.permute(0, 2, 3, 1).flatten(1)


def test_steps_are_those_of_pytorch_and_its_states_are_read() -> None:
    config = TrainingConfig(decay_from=10**9)
    net, expected = made_net(), made_net()
    optimizer, pytorch = Optimizer(net, config), PyTorchOptimizer(expected, config)
    optimizer.load_state_dict(pytorch.state_dict())  # before the first step
    for step in range(6):
        if step == 3:
            optimizer = Optimizer(net, config)
            optimizer.load_state_dict(reread(pytorch.state_dict()))
        for each in net, expected:
            torch.manual_seed(step)
            draw_gradients(each)
        optimizer.step()
        pytorch.step()
        for name, weights in expected.state_dict().items():
            assert torch.equal(net.state_dict()[name], weights), name


def test_goes_on_from_its_own_state(net: HexzNet) -> None:
    optimizer = Optimizer(net, CONFIG)
    optimizer.step()
    state, weights = reread(optimizer.state_dict()), reread(net.state_dict())
    optimizer.step()
    other = made_net()
    other.load_state_dict(weights)
    resumed = Optimizer(other, CONFIG)
    resumed.load_state_dict(state)
    resumed.step()
    for name, expected in net.state_dict().items():
        assert torch.equal(other.state_dict()[name], expected), name


def test_a_state_of_another_network_is_refused(net: HexzNet) -> None:
    for other in HexzNet(ModelConfig(blocks=2, filters=16)), HexzNet(ModelConfig(1, 8)):
        with pytest.raises(ValueError, match="another network"):
            Optimizer(net, CONFIG).load_state_dict(Optimizer(other, CONFIG).state_dict())


def reread(state: dict[str, object]) -> dict[str, object]:
    """The state as it comes back from a file."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)
