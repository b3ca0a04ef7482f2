"""The two layers that make up a tower, and that int8 inference replaces (see `quantization`)."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class TowerConv(nn.Sequential):
    """A convolution without bias that keeps the board's size, and its batch norm.

    In int8 inference its inputs must be outputs of a `TowerReLU` or of `SpatialFeatures`.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs))

    def folded(self) -> nn.Conv2d:
        """One convolution with bias that computes the same in inference."""
        conv, norm = self
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)  # noqa: S101
        return fuse_conv_bn_eval(conv.eval(), norm.eval())


class TowerReLU(nn.ReLU):
    """A rectifier whose output int8 inference stores in 8 bits."""
