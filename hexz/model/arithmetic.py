"""`Ops` in NumPy, on one batch of arrays: some milliseconds a position."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hexz.model.config import RING_SCALE
from hexz.model.graph import Parts, rows_of, spread

Floats = NDArray[np.float32]

_CHUNK = 32
"""Positions of a convolution at once: windows take nine times the room of their input."""


class NumpyOps:
    """The arithmetic of networks in NumPy; see `Ops`."""

    def conv(self, x: Floats, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> Floats:
        outputs, _, size, _ = weight.shape
        matrix = weight.reshape(outputs, -1)
        found = []
        for start in range(0, len(x), _CHUNK):
            part = x[start : start + _CHUNK]
            outcome = (matrix @ windows(part, size)).reshape(outputs, len(part), *x.shape[2:])
            found.append(outcome.transpose(1, 0, 2, 3))
        result = np.concatenate(found)
        return result if bias is None else result + bias[:, None, None]

    def tower_conv(
        self, _name: str, x: Parts[Floats], weight: NDArray[Any], bias: NDArray[Any]
    ) -> Parts[Floats]:
        return spread(self, lambda x, taps, bias: self.conv(x, weight[:, :, taps], bias), x, bias)

    def tower_relu(self, _name: str, x: Parts[Floats]) -> Parts[Floats]:
        return tuple(map(self.relu, x))

    def rows(self, x: Floats) -> Parts[Floats]:
        return rows_of(x)

    def rings(self, even: Floats, odd: Floats) -> Parts[Floats]:
        around = np.pad(odd, ((0, 0), (0, 0), (1, 1), (1, 1)))
        return (
            (_beside(even) + _corners(around)) * np.float32(RING_SCALE),
            (_beside(odd) + _corners(even)) * np.float32(RING_SCALE),
        )

    def stacked(self, even: Floats, odd: Floats) -> Floats:
        odd = np.pad(odd, ((0, 0), (0, 0), (0, 0), (0, 1)))
        return np.concatenate((even, odd), axis=2)

    def in_rows(self, x: Floats, order: list[int]) -> Floats:
        found: Floats = x[:, :, order]
        return found

    def relu(self, x: Floats) -> Floats:
        return np.maximum(x, 0)

    def tanh(self, x: Floats) -> Floats:
        return np.tanh(x)

    def clamp(self, x: Floats) -> Floats:
        found: Floats = x.clip(0, 1)
        return found

    def indicators(self, planes: Floats, weight: NDArray[Any], constant: NDArray[Any]) -> Floats:
        return self.clamp(self.conv(planes, weight[:, :, None, None]) + constant)

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


def windows(x: Floats, size: int) -> Floats:
    """What a convolution with weights [O, C, size, size] multiplies them with: of [B, C, H, W], 0
    around them, [C * size * size, B * H * W]."""
    border = (size // 2, size // 2)
    padded = np.pad(x, ((0, 0), (0, 0), border, border))
    found = sliding_window_view(padded, (size, size), axis=(2, 3)).transpose(1, 4, 5, 0, 2, 3)
    return found.reshape(x.shape[1] * size * size, -1)


def _beside(x: Floats) -> Floats:
    """The sum of the cells before and behind in the same row."""
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (1, 1)))
    found: Floats = padded[..., :-2] + padded[..., 2:]
    return found


def _corners(x: Floats) -> Floats:
    """The sum of four cells that have a corner in common."""
    found: Floats = x[..., :-1, :-1] + x[..., :-1, 1:] + x[..., 1:, :-1] + x[..., 1:, 1:]
    return found
