"""Conversion of a network for inference on the CPU through OpenVINO."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hexz.engine import COLS, NUM_PLANES, ROWS
from hexz.inference.openvino import OpenVinoModel, core, inference_settings, ov
from hexz.model.calibration import calibration_planes
from hexz.model.config import RING_SCALE
from hexz.model.graph import Parts, forward, spread
from hexz.model.quantization import (
    ACTIVATION_LEVELS,
    NARROW_WEIGHT_LEVELS,
    WEIGHT_LEVELS,
    Quantization,
    RoundedConv,
    quantize,
)
from hexz.model.weights import Weights

_CHUNK: Final = 32
"""Positions of an inference and thread. Shapes are static, so a batch is cut into chunks of this
size, the last one padded. Larger chunks are hardly faster, and waste more on a batch that shrinks
as games end."""


def convert(weights: Weights, *, int8: bool, batch_size: int, threads: int) -> OpenVinoModel:
    """Converts a network, which takes less than a second in int8."""
    quantization = quantize(weights, calibration_planes(), weight_levels()) if int8 else None
    chunk = min(_CHUNK * threads, batch_size)
    ops = _OpenVinoOps(quantization)
    return OpenVinoModel(
        int8=int8,
        batch_size=batch_size,
        threads=threads,
        chunk=chunk,
        compiled=_compile(lambda planes: forward(ops, weights, planes), chunk, threads),
    )


def _compile(network: Callable[[Any], Sequence[Any]], batch_size: int, threads: int) -> bytes:
    """A compiled model of static shape, from what makes its outputs of its input."""
    compiled = core().compile_model(_model(network, batch_size), "CPU", inference_settings(threads))
    exported: bytes = compiled.export_model().getvalue()
    return exported


def _model(network: Callable[[Any], Sequence[Any]], batch_size: int) -> Any:
    planes = _ops().parameter([batch_size, NUM_PLANES, ROWS, COLS], np.float32)
    return ov.Model(list(network(planes)), [planes])


@functools.cache
def weight_levels() -> int:
    """The finest weights with which this CPU computes in 8 bits exactly.

    x86 without VNNI (AMD before Zen 4, Intel before Ice Lake) adds products in pairs, in 16 bits,
    and saturates in silence. No interface tells, so this tries the largest products there are.
    """
    ones = np.ones((NUM_PLANES, NUM_PLANES, 3, 3))
    scale, bias = np.ones((NUM_PLANES, 1, 1, 1), np.float32), np.zeros(NUM_PLANES, np.float32)
    conv = RoundedConv((WEIGHT_LEVELS * ones).astype(np.int8), scale, bias)
    ops = _OpenVinoOps(Quantization({"probe": conv}, {"probe": 1.0}))

    def probe(planes: Any) -> list[Any]:
        return list(ops.tower_conv("probe", ops.tower_relu("probe", (planes,)), ones, bias))

    inputs = np.full((1, NUM_PLANES, ROWS, COLS), ACTIVATION_LEVELS, np.float32)
    model = core().import_model(_compile(probe, 1, 1), "CPU", inference_settings(1))
    inside = model(inputs)[0][:, :, 1:-1, 1:-1]
    is_exact = np.allclose(inside, 9 * NUM_PLANES * WEIGHT_LEVELS * ACTIVATION_LEVELS, rtol=0.01)
    return WEIGHT_LEVELS if is_exact else NARROW_WEIGHT_LEVELS


def _ops() -> Any:
    from openvino import opset13

    return opset13


class _OpenVinoOps:
    """`Ops` that build a graph of OpenVINO. It recognises what is rounded to 8 bits before and
    behind a convolution, and runs true 8-bit kernels.

    Args:
        quantization: of the tower; None: it stays in floating point.
    """

    def __init__(self, quantization: Quantization | None) -> None:
        self._quantization = quantization
        self._ops = _ops()

    def conv(self, x: Any, weight: Any, bias: NDArray[Any] | None = None) -> Any:
        border = [weight.shape[2] // 2] * 2
        if isinstance(weight, np.ndarray):
            weight = self._constant(weight)
        found = self._ops.convolution(x, weight, [1, 1], border, border, [1, 1])
        return found if bias is None else self.add(found, bias[:, None, None])

    def tower_conv(
        self, name: str, x: Parts[Any], weight: NDArray[Any], bias: NDArray[Any]
    ) -> Parts[Any]:
        if self._quantization is None:
            return spread(
                self, lambda x, taps, bias: self.conv(x, weight[:, :, taps], bias), x, bias
            )
        rounded = self._quantization.convs[name]

        def conv(x: Any, taps: slice, bias: NDArray[Any] | None) -> Any:
            whole = self._ops.constant(np.ascontiguousarray(rounded.weight[:, :, taps]))
            weight = self.multiply(self._ops.convert(whole, "f32"), rounded.scale[:, :, taps])
            return self.conv(x, weight, bias)

        return spread(self, conv, x, rounded.bias)

    def indicators(self, planes: Any, weight: NDArray[Any], constant: NDArray[Any]) -> Any:
        if self._quantization is None:
            return self.clamp(self.add(self.conv(planes, weight[:, :, None, None]), constant))
        # In 8 bits, which hold the whole numbers of the planes.
        whole = self._ops.constant(weight[:, :, None, None].astype(np.int8))
        kernel = self.multiply(self._ops.convert(whole, "f32"), np.ones((len(weight), 1, 1, 1)))
        found = self.clamp(self.add(self.conv(self._rounded(planes, 1), kernel), constant))
        return self._rounded(found, 1 / ACTIVATION_LEVELS)

    def tower_relu(self, name: str, x: Parts[Any]) -> Parts[Any]:
        found = tuple(map(self.relu, x))
        if self._quantization is None:
            return found
        scale = self._quantization.scales[name]
        return tuple(self._rounded(part, scale) for part in found)

    def rows(self, x: Any) -> Parts[Any]:
        even, odd = (self._ops.slice(x, *map(self._axes, (row, ROWS, 2, 2))) for row in (0, 1))
        return even, self._ops.slice(odd, *map(self._axes, (0, -1, 1, 3)))

    def rings(self, even: Any, odd: Any) -> Parts[Any]:
        beside, corners = np.array([[1, 0, 1]]), np.ones((2, 2))
        return (
            self.add(self._sum(even, beside, [0, 1]), self._sum(odd, corners, [1, 1])),
            self.add(self._sum(odd, beside, [0, 1]), self._sum(even, corners, [0, 0])),
        )

    def _sum(self, x: Any, which: NDArray[Any], border: list[int]) -> Any:
        """The sum over some of the cells around each one, times `RING_SCALE`."""
        shape = (x.shape[1], 1, 1, *which.shape)
        weight = self._constant(np.broadcast_to(which * RING_SCALE, shape))
        return self._ops.group_convolution(x, weight, [1, 1], border, border, [1, 1])

    def stacked(self, even: Any, odd: Any) -> Any:
        before, behind = self._axes(0, 0, 0, 0), self._axes(0, 0, 0, 1)
        return self._ops.concat([even, self._ops.pad(odd, before, behind, "constant")], 2)

    def in_rows(self, x: Any, order: list[int]) -> Any:
        return self._ops.gather(x, self._axes(*order), self._axes(2))

    def _rounded(self, x: Any, scale: float) -> Any:
        low, high = self._constant([0]), self._constant([scale * ACTIVATION_LEVELS])
        return self._ops.fake_quantize(x, low, high, low, high, ACTIVATION_LEVELS + 1)

    def relu(self, x: Any) -> Any:
        return self._ops.relu(x)

    def tanh(self, x: Any) -> Any:
        return self._ops.tanh(x)

    def clamp(self, x: Any) -> Any:
        return self._ops.clamp(x, 0, 1)

    def add(self, x: Any, y: Any) -> Any:
        return self._ops.add(x, self._node(y))

    def multiply(self, x: Any, y: Any) -> Any:
        return self._ops.multiply(x, self._node(y))

    def linear(self, x: Any, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> Any:
        found = self._ops.matmul(x, self._constant(weight), False, True)
        return found if bias is None else self.add(found, bias)

    def total(self, x: Any) -> Any:
        return self._ops.reduce_sum(x, self._axes(2, 3))

    def largest(self, x: Any) -> Any:
        return self._ops.reduce_max(x, self._axes(2, 3))

    def join(self, *parts: Any) -> Any:
        return self._ops.concat(list(parts), 1)

    def channels(self, x: Any, which: list[int]) -> Any:
        return self._ops.gather(x, self._axes(*which), self._axes(1))

    def equals(self, x: Any, value: int) -> Any:
        return self._ops.convert(self._ops.equal(x, self._constant([value])), "f32")

    def above_zero(self, x: Any) -> Any:
        return self._ops.convert(self._ops.greater(x, self._constant([0])), "f32")

    def everywhere(self, x: Any) -> Any:
        return self._ops.unsqueeze(x, self._axes(2, 3))

    def repeated(self, constant: NDArray[np.float32], like: Any) -> Any:
        shape = [like.shape[0], *constant.shape[1:]]
        return self._constant(np.broadcast_to(constant, shape))

    def flatten(self, x: Any) -> Any:
        return self._ops.reshape(x, self._axes(0, -1), True)

    def vector(self, x: Any) -> Any:
        return self._ops.reshape(x, self._axes(-1), False)

    def _axes(self, *numbers: int) -> Any:
        return self._ops.constant(np.array(numbers, np.int64))

    def _constant(self, values: Any) -> Any:
        return self._ops.constant(np.ascontiguousarray(values, np.float32))

    def _node(self, x: Any) -> Any:
        return self._constant(x) if isinstance(x, np.ndarray) else x
