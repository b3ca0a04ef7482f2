"""The replay window: the examples that are trained on, as bytes on the device that trains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hexz.schema.training import TrainingConfig
from hexz.training.rows import ROW, Rows, is_held_out

HELD_OUT_CAPACITY: Final = 2048
"""Held-out examples that are kept, the newest, but for `keep_all_held_out`: measuring each
checkpoint with them costs some 5 % of a training."""

Numbers = npt.NDArray[np.int64]
"""Places of rows in the stream of all examples, from 0."""


class ReplayWindow:
    """The newest examples, and apart from them those of held-out games.

    Memory is reserved for `config.window_max` examples on `config.device`. On the CPU it is used
    as they come.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self._train = self._new_stream(config.window_max)
        self._held_out = self._new_stream(HELD_OUT_CAPACITY)

    @property
    def total(self) -> int:
        """Examples ever added to train on."""
        return self._train.end

    @property
    def held_out_total(self) -> int:
        """Examples ever added to the held-out set."""
        return self._held_out.end

    @property
    def num_held_out(self) -> int:
        """Held-out examples that are there."""
        return len(self._held_out)

    def keep_all_held_out(self) -> None:
        """Has room for all held-out examples, to be called before there is one: what is measured
        seldom may be measured well. Twice their share is more than chance brings."""
        expected = self._config.held_out * self._config.window_max
        self._held_out = self._new_stream(max(HELD_OUT_CAPACITY, int(2 * expected)))

    def add(self, rows: Rows) -> int:
        """Adds a batch; returns how many of its examples may be trained on."""
        train, held_out = self._split(rows)
        self._train.append(train)
        self._held_out.append(held_out)
        return len(train)

    def refill(self, total: int, held_out_total: int, history: Iterable[Rows]) -> None:
        """Makes this the window that it was after so many examples.

        Args:
            total, held_out_total: as they were.
            history: the batches that had been added, newest first; read as far as needed.
        """
        self._train.empty(total)
        self._held_out.empty(held_out_total)
        batches = iter(history)
        while not self._is_full() and (batch := next(batches, None)) is not None:
            train, held_out = self._split(batch)
            self._train.prepend(train)
            self._held_out.prepend(held_out)

    def size(self, newest: int = 0) -> int:
        """Examples that are drawn from, the `newest` ones among them in any case."""
        return min(len(self._train), max(newest, self._config.window_size(self.total)))

    def sample(self, newest: int, count: int, rng: np.random.Generator) -> Numbers:
        """Draws examples to train on, in random order: the `newest` ones once each, the rest
        uniformly from the window.

        Args:
            newest: how many were added last; no more than `count`.
            count: how many to draw.
        """
        end = self._train.end
        newest = min(newest, len(self._train))
        drawn = rng.integers(end - self.size(newest), end, count - newest)
        return rng.permutation(np.concatenate([np.arange(end - newest, end), drawn]))

    def places(self, numbers: Numbers) -> Tensor:
        """Where the examples with these numbers, which `sample` has drawn, are until others are
        added: int64, on the device of the window."""
        return self._train.places(numbers)

    def rows(self, places: Tensor) -> Tensor:
        """Copies of the examples that are there: uint8 [B, ROW.itemsize]."""
        return self._train.take(places)

    def held_out(self) -> Tensor:
        """The held-out examples, oldest first: uint8 [N, ROW.itemsize]."""
        stream = self._held_out
        return stream.take(stream.places(np.arange(stream.begin, stream.end)))

    def _new_stream(self, capacity: int) -> _Stream:
        return _Stream(capacity, torch.device(self._config.device))

    def _split(self, rows: Rows) -> tuple[Rows, Rows]:
        held_out = is_held_out(rows["game"], self._config.held_out)
        return rows[~held_out], rows[held_out]

    def _is_full(self) -> bool:
        needed = min(self.total, self._config.window_size(self.total))
        return len(self._train) >= needed and self._held_out.is_full


class _Stream:
    """The newest rows of a stream, in a ring: row `number` is in slot `number % capacity`.

    Holds the rows `begin` to `end - 1`; `end` is how many there have ever been.
    """

    def __init__(self, capacity: int, device: torch.device) -> None:
        self._ring = torch.empty((capacity, ROW.itemsize), dtype=torch.uint8, device=device)
        self.begin = self.end = 0

    def __len__(self) -> int:
        return self.end - self.begin

    @property
    def is_full(self) -> bool:
        """Tells whether there is no older row, or no room for one."""
        return self.begin == 0 or len(self) == len(self._ring)

    def empty(self, end: int) -> None:
        """Forgets all rows, of which there have ever been so many."""
        self.begin = self.end = end

    def append(self, rows: Rows) -> None:
        """Adds newer rows; older ones make room."""
        capacity = len(self._ring)
        self.end += len(rows)
        self._put(self.end, rows[-capacity:])
        self.begin = max(self.begin, self.end - capacity)

    def prepend(self, rows: Rows) -> None:
        """Adds rows older than all, the last of them as far as there is room."""
        count = min(len(rows), len(self._ring) - len(self), self.begin)
        self._put(self.begin, rows[len(rows) - count :])
        self.begin -= count

    def places(self, numbers: Numbers) -> Tensor:
        return torch.from_numpy(numbers % len(self._ring)).to(self._ring.device)

    def take(self, places: Tensor) -> Tensor:
        return self._ring.index_select(0, places)

    def _put(self, end: int, rows: Rows) -> None:
        """Writes the rows that end before this number."""
        if len(rows):
            data = torch.from_numpy(np.ascontiguousarray(rows).view(np.uint8))
            places = self.places(np.arange(end - len(rows), end))
            self._ring[places] = data.view(len(rows), -1).to(self._ring.device)
