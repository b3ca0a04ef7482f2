"""`Ops` in NumPy, on one batch of arrays: some milliseconds a position."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_CHUNK = 32
"""Positions of a convolution at once: windows take nine times the room of their input."""


class NumpyOps:
    """The arithmetic of networks in NumPy; see `Ops`."""

    def conv(self, x: Floats, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> Floats:
        outputs, inputs, size, _ = weight.shape
        rows, columns = x.shape[2:]
        matrix = weight.reshape(outputs, -1)
        found = np.empty((len(x), outputs, rows, columns), np.float32)
        border = size // 2
        for start in range(0, len(x), _CHUNK):
            part = x[start : start + _CHUNK]
            padded = np.pad(part, ((0, 0), (0, 0), (border, border), (border, border)))
            windows = sliding_window_view(padded, (size, size), axis=(2, 3))
            windows = windows.transpose(1, 4, 5, 0, 2, 3).reshape(inputs * size**2, -1)
            outcome = (matrix @ windows).reshape(outputs, len(part), rows, columns)
            found[start : start + _CHUNK] = outcome.transpose(1, 0, 2, 3)
        return found if bias is None else found + bias[:, None, None]

    def tower_conv(self, _name: str, x: Floats, weight: NDArray[Any], bias: NDArray[Any]) -> Floats:
        return self.conv(x, weight, bias)

    def tower_relu(self, _name: str, x: Floats) -> Floats:
        return self.relu(x)

    def relu(self, x: Floats) -> Floats:
        return np.maximum(x, 0)

    def tanh(self, x: Floats) -> Floats:
        return np.tanh(x)

    def clamp(self, x: Floats) -> Floats:
        found: Floats = x.clip(0, 1)
        return found

    indicators = clamp

    def add(self, x: Floats, y: Floats | NDArray[Any]) -> Floats:
        return x + y

    def multiply(self, x: Floats, y: Floats | NDArray[Any]) -> Floats:
        return x * y

    def linear(self, x: Floats, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> Floats:
        found: Floats = x @ weight.T
        return found if bias is None else found + bias

    def total(self, x: Floats) -> Floats:
        found: Floats = x.sum((2, 3))
        return found

    def largest(self, x: Floats) -> Floats:
        found: Floats = x.max((2, 3))
        return found

    def join(self, *parts: Floats) -> Floats:
        return np.concatenate(parts, axis=1)

    def channels(self, x: Floats, which: list[int]) -> Floats:
        found: Floats = x[:, which]
        return found

    def equals(self, x: Floats, value: int) -> Floats:
        return np.equal(x, value).astype(np.float32)

    def above_zero(self, x: Floats) -> Floats:
        return (x > 0).astype(np.float32)

    def everywhere(self, x: Floats) -> Floats:
        return x[:, :, None, None]

    def repeated(self, constant: NDArray[np.float32], like: Floats) -> Floats:
        return np.broadcast_to(constant, (len(like), *constant.shape[1:]))

    def flatten(self, x: Floats) -> Floats:
        return x.reshape(len(x), -1)

    def vector(self, x: Floats) -> Floats:
        return x[:, 0]
