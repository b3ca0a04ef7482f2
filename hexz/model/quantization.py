"""Post-training quantization: a network to an equivalent one that computes its tower in 8 bits.

Written here rather than taken from a toolkit because the networks are known: activations of the
tower are not negative, inputs of the first convolution are 0 or 1, and everything outside the
tower stays in floating point. So one pass over a few hundred positions suffices, in which each
layer is fitted to its float original while all earlier layers are quantized already.

The result simulates 8 bits in floating point ("fake quantization"). OpenVINO recognises it and
runs true 8-bit kernels.
"""

from __future__ import annotations

import copy
from typing import Final, cast

import torch
from torch import Tensor, nn

from hexz.model.features import SpatialFeatures
from hexz.model.layers import TowerConv, TowerReLU, replace_layers

ACTIVATION_LEVELS: Final = 255
WEIGHT_LEVELS: Final = 127
"""A rounded weight is one of -127..127 times a scale."""
NARROW_WEIGHT_LEVELS: Final = 64
"""The largest for which the sum of two products of a weight and an activation fits into 16 bits:
2 * 64 * 255 < 2**15."""


def _fake_quantize(x: Tensor, scale: float) -> Tensor:
    return torch.fake_quantize_per_tensor_affine(x, scale, 0, 0, ACTIVATION_LEVELS)


class QuantizedFeatures(nn.Module):
    """The spatial features as 8-bit numbers, which represent 0 and 1 exactly."""

    def __init__(self, features: SpatialFeatures) -> None:
        super().__init__()
        self.features = features

    def forward(self, planes: Tensor) -> Tensor:
        return _fake_quantize(self.features(planes), 1 / ACTIVATION_LEVELS)


class QuantizedReLU(nn.Module):
    """A rectifier that rounds its output to 8 bits."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 1.0

    def calibrate(self, x: Tensor) -> None:
        """Makes the largest value the top of the range; larger ones will saturate. A narrower
        range makes the policy a little more exact, but the value head pools maxima."""
        self.scale = max(float(x.max()), 1e-6) / ACTIVATION_LEVELS

    def forward(self, x: Tensor) -> Tensor:
        return _fake_quantize(torch.relu(x), self.scale)


class QuantizedConv(nn.Module):
    """A convolution whose weights are rounded to 8 bits, with one scale an output channel."""

    scale: Tensor
    zero: Tensor

    def __init__(self, conv: nn.Conv2d, levels: int) -> None:
        super().__init__()
        self.padding = conv.padding
        self.levels = levels
        self.weight = conv.weight
        self.bias = cast(nn.Parameter, conv.bias)
        # A filter of zeros still needs a scale that can be divided by.
        scale = conv.weight.detach().abs().amax((1, 2, 3)).clamp(min=1e-9) / levels
        self.register_buffer("scale", scale)
        self.register_buffer("zero", torch.zeros(len(scale), dtype=torch.int32))

    def calibrate(self, output: Tensor, expected_mean: Tensor) -> Tensor:
        """Shifts the bias so that the mean of each output channel is the float network's.
        Returns the shifted output."""
        shift = expected_mean - _channel_mean(output)
        self.bias.add_(shift)
        return output + shift[:, None, None]

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.fake_quantize_per_channel_affine(
            self.weight, self.scale, self.zero, 0, -self.levels, self.levels
        )
        return nn.functional.conv2d(x, weight, self.bias, padding=self.padding)


@torch.no_grad()
def quantize(net: nn.Module, planes: Tensor, weight_levels: int = WEIGHT_LEVELS) -> nn.Module:
    """A quantized copy of a network.

    Args:
        net: any network of `TowerConv` and `TowerReLU` layers, in float32 on the CPU.
        planes: float32 [N, 11, 11, 10], some hundred positions like those it will see.
        weight_levels: `WEIGHT_LEVELS`, or `NARROW_WEIGHT_LEVELS` for a CPU that adds products in
            16 bits.
    """
    net = copy.deepcopy(net).eval()
    expected = _expected_means(net, planes)
    replace_layers(net, SpatialFeatures, QuantizedFeatures)
    replace_layers(net, TowerReLU, lambda _: QuantizedReLU())
    replace_layers(net, TowerConv, lambda conv: QuantizedConv(conv.folded(), weight_levels))
    _calibrate(net, planes, expected)
    return net


def _channel_mean(x: Tensor) -> Tensor:
    return x.mean((0, 2, 3))


def _expected_means(net: nn.Module, planes: Tensor) -> dict[str, Tensor]:
    """The mean of each output channel of each TowerConv of the float network."""
    means: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(
            lambda _module, _args, output, name=name: means.update({name: _channel_mean(output)})
        )
        for name, module in net.named_modules()
        if isinstance(module, TowerConv)
    ]
    net(planes)
    for hook in hooks:
        hook.remove()
    return means


def _calibrate(net: nn.Module, planes: Tensor, expected: dict[str, Tensor]) -> None:
    """Calibrates every layer when it computes its output, so in the order of execution."""
    hooks = []
    for name, module in net.named_modules():
        if isinstance(module, QuantizedReLU):
            hooks.append(module.register_forward_pre_hook(lambda m, args: m.calibrate(*args)))
        elif isinstance(module, QuantizedConv):
            hooks.append(
                module.register_forward_hook(
                    lambda m, _, output, mean=expected[name]: m.calibrate(output, mean)
                )
            )
    net(planes)
    for hook in hooks:
        hook.remove()
