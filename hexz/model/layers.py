"""The layer that makes up a tower, and that inference replaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hexz.model.config import Kernel
from hexz.model.rings import RingConv

# PyTorch's OpenMP threads spin while they wait for each other, so as soon as another process
# takes a core, several of them are slower than one by orders of magnitude.
torch.set_num_threads(1)


class SquareConv(nn.Conv2d):
    """A convolution of 3x3 that keeps the board's size, in the precision of its input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        convolve: Callable[..., Tensor] = self._conv_forward
        return convolve(x, self.weight.to(x.dtype), self.bias)


class TowerConv(nn.Sequential):
    """A convolution without bias that keeps the board's size, and its batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: Kernel) -> None:
        conv = {"ring": RingConv, "square": SquareConv}[kernel]
        super().__init__(conv(inputs, outputs), nn.BatchNorm2d(outputs))

    @property
    def conv(self) -> SquareConv | RingConv:
        return cast("SquareConv | RingConv", self[0])

    @property
    def norm(self) -> nn.BatchNorm2d:
        return cast(nn.BatchNorm2d, self[1])

    def folded(self) -> SquareConv | RingConv:
        """One convolution with bias that computes the same in inference."""
        # It takes whatever has weights and a bias.
        folded = fuse_conv_bn_eval(cast(nn.Conv2d, self.conv.eval()), self.norm.eval())
        return cast("SquareConv | RingConv", folded)


def replace_layers(
    parent: nn.Module, kind: type[nn.Module], replacement: Callable[..., nn.Module]
) -> None:
    """Replaces every submodule of a kind, however deep."""
    for name, child in parent.named_children():
        if isinstance(child, kind):
            setattr(parent, name, replacement(child))
        else:
            replace_layers(child, kind, replacement)
