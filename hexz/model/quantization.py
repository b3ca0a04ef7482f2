"""Post-training quantization: what it takes to compute a network's tower in 8 bits.

Written here rather than taken from a toolkit because the networks are known: activations of the
tower are not negative, inputs of the first convolution are 0 or 1, and everything outside the
tower stays in floating point. So one pass over a few hundred positions suffices, in which each
layer is fitted to its float original while all earlier layers are quantized already: a weight is
not rounded to the nearest number, but so that it makes up for what the ones before it have changed
(GPTQ, Frantar et al. 2022, arXiv:2210.17323).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hexz.model.arithmetic import Floats, NumpyOps, windows
from hexz.model.graph import Parts, run_tower
from hexz.model.weights import Weights

ACTIVATION_LEVELS: Final = 255
WEIGHT_LEVELS: Final = 127
"""A rounded weight is one of -127..127 times a scale."""
NARROW_WEIGHT_LEVELS: Final = 64
"""The largest for which the sum of two products of a weight and an activation fits into 16 bits:
2 * 64 * 255 < 2**15."""

_FITTED_EVERY: Final = 4
"""A convolution is fitted to what it sees in each so many of the positions: thousands of cells."""
_RIDGE: Final = 0.01
"""Of the mean variance of inputs, added to each, so that what hardly ever varies counts for
little."""


@dataclass(frozen=True)
class RoundedConv:
    """A convolution of a tower in 8 bits.

    Attributes:
        weight: int8 [O, C, 3, 3] or [O, C, 2, 1].
        scale: float32 [O, 1, 1, 1] of the weights of an output channel, or [O, 1, 2, 1] of those
            for cells and those for rings.
        bias: float32 [O]; it makes the mean of each output channel the float network's.
    """

    weight: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]

    @property
    def floats(self) -> Floats:
        """The weights that the rounded ones stand for."""
        return self.weight * self.scale


@dataclass(frozen=True)
class Quantization:
    """The layers of a tower by their names in `graph.py`.

    Attributes:
        convs: the convolutions.
        scales: an output of a rectifier is one of 0..255 times this.
    """

    convs: dict[str, RoundedConv] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)


def quantize(weights: Weights, planes: Floats, weight_levels: int = WEIGHT_LEVELS) -> Quantization:
    """Fits the layers of a network's tower, one after the other.

    Args:
        weights: of the network.
        planes: float32 [N, 11, 11, 10], some hundred positions like those it will see.
        weight_levels: `WEIGHT_LEVELS`, or `NARROW_WEIGHT_LEVELS` for a CPU that adds products in
            16 bits.
    """
    fitting = _Fitting(len(planes), weight_levels)
    run_tower(fitting, weights, np.concatenate((planes, planes)))
    return fitting.found


def weight_scales(weight: Floats, levels: int) -> Floats:
    """The scales with which the largest weights are -levels or levels; see `RoundedConv`. Those of
    zeros still need a scale that can be divided by."""
    together = (1, 2, 3) if weight.shape[2:] == (3, 3) else 1
    largest = np.abs(weight).max(together, keepdims=True)
    scale: Floats = (np.maximum(largest, 1e-9) / levels).astype(np.float32)
    return scale


def round_weights(
    weight: Floats, exact: Floats, inputs: Floats, levels: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Rounds the weights of a convolution such that what it computes changes least.

    Args:
        weight: [O, C, 3, 3] or [O, C, 2, 1].
        exact: [D, n], what the weights of an output are multiplied with in n cells.
        inputs: the same as the layers before say it in 8 bits.
        levels: of the weights.

    Returns:
        whole numbers in -levels..levels, and their scales, see `RoundedConv`.
    """
    exact, inputs = (x - x.mean(1, keepdims=True) for x in (exact, inputs))
    covariance = (inputs @ inputs.T).astype(np.float64)
    ridge = max(_RIDGE * covariance.trace() / len(covariance), 1e-9)
    inverse = np.linalg.inv(covariance + ridge * np.eye(len(covariance)))
    # Row i says how the weights behind the i-th best make up for an error of it.
    factor = np.linalg.cholesky(inverse).T.astype(np.float32)
    # Weights that compute of the inputs what the original ones compute of the exact ones.
    original = weight.reshape(len(weight), -1)
    correction = ((exact - inputs) @ inputs.T) @ inverse
    rest = original + original @ correction.astype(np.float32)
    scale = weight_scales(rest.reshape(weight.shape), levels)
    scales = np.broadcast_to(scale, weight.shape).reshape(rest.shape)
    whole = np.empty(rest.shape, np.int8)
    for i in range(len(covariance)):
        whole[:, i] = np.rint(rest[:, i] / scales[:, i]).clip(-levels, levels)
        error = (rest[:, i] - whole[:, i] * scales[:, i]) / factor[i, i]
        rest[:, i + 1 :] -= np.outer(error, factor[i, i + 1 :])
    return whole.reshape(weight.shape), scale


class _Fitting(NumpyOps):
    """Computes positions twice, in floats and as far as the layers are fitted in 8 bits: the
    latter are the second half of each batch."""

    def __init__(self, count: int, weight_levels: int) -> None:
        self.found = Quantization()
        self._count = count
        self._levels = weight_levels

    def tower_conv(
        self, name: str, x: Parts[Floats], weight: Floats, bias: Floats
    ) -> Parts[Floats]:
        exact, output = self._halves(x)
        seen, seen_in_bits = (self._multiplied(part, weight.shape) for part in (exact, output))
        whole, scale = round_weights(weight, seen, seen_in_bits, self._levels)
        exact = super().tower_conv(name, exact, weight, bias)
        rounded = RoundedConv(whole, scale, bias)
        output = super().tower_conv(name, output, rounded.floats, bias)
        shift = _mean(exact) - _mean(output)
        self.found.convs[name] = RoundedConv(whole, scale, bias + shift)
        return _joined(exact, tuple(part + shift[:, None, None] for part in output))

    def tower_relu(self, name: str, x: Parts[Floats]) -> Parts[Floats]:
        """The largest value is the top of the range; larger ones will saturate. A narrower range
        makes the policy a little more exact, but the value head pools maxima."""
        exact, output = self._halves(super().tower_relu(name, x))
        largest = max(float(part.max()) for part in output)
        scale = np.float32(max(largest, 1e-6) / ACTIVATION_LEVELS)
        self.found.scales[name] = float(scale)
        rounded = (np.rint(part / scale).clip(0, ACTIVATION_LEVELS) * scale for part in output)
        return _joined(exact, tuple(rounded))

    def _multiplied(self, x: Parts[Floats], shape: tuple[int, ...]) -> Floats:
        """What weights of a shape are multiplied with, see `round_weights`."""
        some = [part[::_FITTED_EVERY] for part in x]
        if len(some) == 1:
            return windows(some[0], shape[2])
        pairs = (np.stack(pair, axis=2) for pair in zip(some, self.rings(*some), strict=True))
        inputs = [pair.transpose(1, 2, 0, 3, 4).reshape(shape[1] * shape[2], -1) for pair in pairs]
        return np.concatenate(inputs, axis=1)

    def _halves(self, x: Parts[Floats]) -> tuple[Parts[Floats], Parts[Floats]]:
        """The positions in floats, and in 8 bits."""
        return tuple(part[: self._count] for part in x), tuple(part[self._count :] for part in x)


def _joined(exact: Parts[Floats], output: Parts[Floats]) -> Parts[Floats]:
    return tuple(map(np.concatenate, zip(exact, output, strict=True)))


def _mean(x: Parts[Floats]) -> Floats:
    """The means over all cells, [C]."""
    total: Floats = sum(part.sum((0, 2, 3)) for part in x) / sum(part[:, 0].size for part in x)
    return total
