"""Convolutions over hexagons that know no direction: a weight for a cell, and one for its ring, the
six neighbours, as graph networks have them (Hamilton et al. 2017, arXiv:1706.02216).

No rule of the game tells one neighbour from another, so what a network can learn of the board does
not depend on directions either: a mirrored position gets the mirrored policy and the same value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from hexz.engine import COLS, ROWS
from hexz.model.config import RING_SCALE


class RingConv(nn.Module):
    """A convolution of [B, I, 11, 10] to [B, O, 11, 10] with weights [O, I, 2, 1], of the cell and
    of the sum over its ring times `RING_SCALE`, in the precision of its input. Cells that do not
    exist are nobody's neighbours. It has no bias, but for those of `TowerConv.folded`."""

    bias: nn.Parameter | None

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        limit = 1 / math.sqrt(2 * inputs)  # as PyTorch's own begin
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 2, 1).uniform_(-limit, limit))
        self.register_parameter("bias", None)

    def forward(self, x: Tensor) -> Tensor:
        cells = x.permute(0, 2, 3, 1)
        if torch.is_grad_enabled():
            rings = cast("Callable[[Tensor], Tensor]", _RingSums.apply)(cells)
        else:
            rings = _ring_sums(cells)
        weight = self.weight.to(x.dtype).transpose(1, 2).flatten(1)
        result = nn.functional.linear(torch.cat((cells, rings), 3), weight, self.bias)
        return result.permute(0, 3, 1, 2)


class _RingSums(torch.autograd.Function):
    """`_ring_sums`, which is its own derivative: neighbours are so mutually."""

    @staticmethod
    def forward(_ctx: Any, cells: Tensor) -> Tensor:
        return _ring_sums(cells)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        [gradient] = gradients
        return _ring_sums(gradient)


def _ring_sums(cells: Tensor) -> Tensor:
    """For each of the cells [B, 11, 10, C] the sum over its neighbours, times `RING_SCALE`."""
    padded = nn.functional.pad(cells * RING_SCALE, (0, 0, 1, 1, 1, 1))
    padded[:, 2:-1:2, COLS] = 0
    pairs = padded[:, :, :-1] + padded[:, :, 1:]
    sums = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    sums[:, 0::2] += pairs[:, 0:ROWS:2, :-1]
    sums[:, 0::2] += pairs[:, 2::2, :-1]
    sums[:, 1::2] += pairs[:, 1:ROWS:2, 1:]
    sums[:, 1::2] += pairs[:, 3::2, 1:]
    sums[:, 1::2, -1] = 0
    return sums
