"""The older network of 5 convolutions that users still have models of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from hexz.engine import GRID, Plane
from hexz.model.layers import TowerConv, TowerReLU

_BLOCKS: Final = 5
_FILTERS: Final = 128
_PLANES: Final = tuple(int(plane) for plane in Plane if "FLAGS_LEFT" not in plane.name)
"""The board planes without the two that hold the flags left."""


def is_legacy(state_dict: Mapping[str, object]) -> bool:
    """Tells whether a bare state_dict looks like an older model; its shapes may still be wrong."""
    return "cnn_blocks.0.0.weight" in state_dict


class LegacyNet(nn.Module):
    """Takes and returns the same as `HexzNet`; its logits are log-probabilities over all actions.

    The names of the modules are those of the files' keys.
    """

    def __init__(self, *, head_bias: bool = False) -> None:
        super().__init__()
        first = nn.Conv2d(len(_PLANES), _FILTERS, 3, padding=1, bias=False)
        self.cnn_blocks = nn.ModuleList(
            # The inputs are not 0 or 1, so the first convolution is no TowerConv: it stays float.
            [nn.Sequential(first, nn.BatchNorm2d(_FILTERS))]
            + [TowerConv(_FILTERS, _FILTERS, 3) for _ in range(1, _BLOCKS)]
        )
        # The heads compute in float, so int8 inference need not round what they read.
        self.relus = nn.ModuleList([*(TowerReLU() for _ in range(1, _BLOCKS)), nn.ReLU()])
        self.policy_head = nn.Sequential(
            nn.Conv2d(_FILTERS, 2, 1, bias=head_bias),
            nn.BatchNorm2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * GRID, 2 * GRID),
        )
        self.value_head = nn.Sequential(
            nn.Conv2d(_FILTERS, 1, 1, bias=head_bias),
            nn.BatchNorm2d(1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(GRID, GRID),
            nn.ReLU(),
            nn.Linear(GRID, 1),
        )

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        x = planes[:, _PLANES]
        for conv, relu in zip(self.cnn_blocks, self.relus, strict=True):
            x = relu(conv(x))
        policy = torch.log_softmax(self.policy_head(x), dim=1)
        return policy, torch.tanh(self.value_head(x)).squeeze(1)
