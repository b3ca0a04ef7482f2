"""The optimizer: Muon for the kernels of the tower, AdamW for everything else."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

from hexz.model.layers import TowerConv
from hexz.schema.training import TrainingConfig


class Optimizer:
    """Steps a network whose memory format is channels_last.

    Muon (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024) replaces
    the momentum of a matrix by the nearest one with orthogonal rows or columns, so that a step
    changes rare directions as much as frequent ones. A kernel [O, I, 3, 3] is the matrix
    [O, 9 I] to it. AdamW: Loshchilov and Hutter, arXiv:1711.05101.

    Args:
        net: what to train.
        config: learning rates and weight decays.
    """

    def __init__(self, net: nn.Module, config: TrainingConfig) -> None:
        self._kernels = [m.conv.weight for m in net.modules() if isinstance(m, TowerConv)]
        kernels = {id(kernel) for kernel in self._kernels}
        self._matrices = [nn.Parameter(_matrix(kernel.detach())) for kernel in self._kernels]
        self._muon: Final = torch.optim.Muon(self._matrices)
        self._adamw: Final = torch.optim.AdamW(
            [p for p in net.parameters() if id(p) not in kernels], fused=True
        )
        self.configure(config, 0)

    def configure(self, config: TrainingConfig, examples: int) -> None:
        """Sets what the configuration says for a network trained on so many examples."""
        share = config.rate_share_after(examples)
        for group in self._muon.param_groups:
            group.update(lr=config.kernel_rate * share, weight_decay=config.kernel_decay)
        for group in self._adamw.param_groups:
            group.update(lr=config.learning_rate * share, weight_decay=config.weight_decay)

    def step(self) -> None:
        """Updates the network by the gradients that its parameters have."""
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            if kernel.grad is not None:
                matrix.grad = _matrix(kernel.grad)
        self._muon.step()  # type: ignore[no-untyped-call]
        self._adamw.step()

    def state_dict(self) -> dict[str, Any]:
        """Returns what `load_state_dict` takes."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on as the optimizer did that this is the state of."""
        self._muon.load_state_dict(state["muon"])
        self._adamw.load_state_dict(state["adamw"])


def _matrix(kernel: Tensor) -> Tensor:
    """A kernel [O, I, H, W] as [O, H W I]: a view of its memory if that is in channels_last."""
    return kernel.permute(0, 2, 3, 1).flatten(1)
