"""The optimizer: Muon for the kernels of the tower, AdamW for everything else.

They are written here because those of PyTorch, whatever they are used for, import its compiler:
one second of a trainer's start and 70 MB of its memory. These give the same weights to the last
bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from hexz.model.layers import TowerConv
from hexz.schema.training import TrainingConfig

_State = dict[int, dict[str, Tensor]]
"""What is remembered of each weight, by its number and a name. The names are PyTorch's, which
wrote the training states of older versions."""


class Optimizer:
    """Steps a network whose memory format is channels_last.

    Args:
        net: what to train.
        config: learning rates and weight decays.
    """

    def __init__(self, net: nn.Module, config: TrainingConfig) -> None:
        kernels = [m.conv.weight for m in net.modules() if isinstance(m, TowerConv)]
        others: dict[int, Tensor] = {id(p): p for p in net.parameters()}
        for kernel in kernels:
            del others[id(kernel)]
        self._muon = _Muon(kernels)
        self._adamw = AdamW(list(others.values()))
        self.configure(config, 0)

    def configure(self, config: TrainingConfig, examples: int, share: float = 1.0) -> None:
        """Sets what the configuration says for a network trained on so many examples, or a share
        of those rates."""
        share *= config.rate_share_after(examples)
        self._kernel_rates = config.kernel_rate * share, config.kernel_decay
        self._rates = config.learning_rate * share, config.weight_decay

    @torch.no_grad()
    def step(self) -> None:
        """Updates the network by the gradients that its parameters have."""
        self._muon.step(*self._kernel_rates)
        self._adamw.step(*self._rates)

    def state_dict(self) -> dict[str, Any]:
        """Returns what `load_state_dict` takes."""
        return {"muon": {"state": self._muon.state}, "adamw": {"state": self._adamw.state}}

    def load_state_dict(self, state: dict[str, Any], *, lacking: int = 0) -> None:
        """Goes on as the optimizer did that this is the state of.

        Args:
            state: what `state_dict` returned.
            lacking: parameters, the last ones, that the network did not have then.

        Raises:
            ValueError, LookupError, TypeError, AttributeError, RuntimeError: it is of another
                network, or damaged.
        """
        _copy(state["muon"]["state"], self._muon.state)
        known = len(self._adamw.state) - lacking
        _copy(state["adamw"]["state"], {i: self._adamw.state[i] for i in range(known)})


class _Muon:
    """Replaces the momentum of a matrix by the nearest one with orthogonal rows or columns, so
    that a step changes rare directions as much as frequent ones (Jordan et al., "Muon: An
    optimizer for hidden layers in neural networks", 2024). A kernel [O, I, 3, 3] is the matrix
    [O, 9 I] to it."""

    MOMENTUM: Final = 0.95
    ITERATION: Final = 3.4445, -4.7750, 2.0315
    STEPS: Final = 5

    def __init__(self, kernels: Sequence[Tensor]) -> None:
        self._kernels = kernels
        self._matrices = [_matrix(kernel.detach()) for kernel in kernels]
        self.state: _State = {
            i: {"momentum_buffer": torch.zeros_like(matrix)}
            for i, matrix in enumerate(self._matrices)
        }
        self._alike: dict[torch.Size, list[int]] = {}
        for i, matrix in enumerate(self._matrices):
            self._alike.setdefault(matrix.shape, []).append(i)

    def step(self, rate: float, decay: float) -> None:
        # Matrices of one shape together: alone they are so small that calls take most of the time.
        for (rows, columns), numbers in self._alike.items():
            gradients = [_matrix(_gradient(self._kernels[i])) for i in numbers]
            momenta = [self.state[i]["momentum_buffer"] for i in numbers]
            matrices = [self._matrices[i] for i in numbers]
            torch._foreach_lerp_(momenta, gradients, 1 - self.MOMENTUM)
            ahead = torch._foreach_lerp(gradients, momenta, self.MOMENTUM)
            directions = self._orthogonal(torch.stack(ahead))
            torch._foreach_mul_(matrices, 1 - rate * decay)
            scale = math.sqrt(max(1.0, rows / columns))
            torch._foreach_add_(matrices, directions.unbind(), alpha=-rate * scale)

    def _orthogonal(self, matrices: Tensor) -> Tensor:
        """Moves all singular values of matrices [N, R, C] near 1, by as many Newton-Schulz steps of
        a polynomial of degree five, in half precision, which is enough for that."""
        is_tall = matrices.shape[1] > matrices.shape[2]
        x = matrices.bfloat16()
        if is_tall:
            x = x.mT
        x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-7)
        a, b, c = self.ITERATION
        for _ in range(self.STEPS):
            square = x @ x.mT
            polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
            x = torch.baddbmm(x, polynomial, x, beta=a)
        return x.mT if is_tall else x


class AdamW:
    """Adam with a weight decay of its own (Loshchilov and Hutter, arXiv:1711.05101)."""

    def __init__(self, weights: list[Tensor]) -> None:
        self._weights = weights
        self._step = torch.zeros((), device=weights[0].device)
        self.state: _State = {
            i: {
                "step": self._step,
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
            }
            for i, weight in enumerate(weights)
        }

    def step(self, rate: float, decay: float) -> None:
        self._step += 1
        torch._fused_adamw_(
            self._weights,
            [_gradient(weight) for weight in self._weights],
            [state["exp_avg"] for state in self.state.values()],
            [state["exp_avg_sq"] for state in self.state.values()],
            [],
            [self._step] * len(self._weights),
            lr=rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


def _matrix(kernel: Tensor) -> Tensor:
    """A kernel [O, I, H, W] as [O, H W I]: a view of its memory if that is in channels_last."""
    return kernel.permute(0, 2, 3, 1).flatten(1)


def _gradient(weight: Tensor) -> Tensor:
    """The gradient of a weight; the losses depend on each."""
    return cast(Tensor, weight.grad)


def _copy(source: dict[int, dict[str, Tensor]], target: _State) -> None:
    """Takes over a state, which before the first step may be empty."""
    if source and source.keys() != target.keys():
        raise ValueError("it is of another network")
    for number, tensors in source.items():
        for name, tensor in target[number].items():
            if tensor.shape != tensors[name].shape:
                raise ValueError("it is of another network")
            tensor.copy_(tensors[name])
