"""The replay window: the examples that are trained on, 2.2 KB each."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hexz.engine import GRID, NUM_ACTIONS, NUM_PLANES, OWNED_PLANES, Plane
from hexz.example import Example, solid_cells
from hexz.schema.training import TrainingConfig
from hexz.wire.game import CompactGame

HELD_OUT_CAPACITY: Final = 2048
"""Held-out examples that are kept, the newest: measuring with them costs some 5 % of a training."""

ROW: Final = np.dtype(
    [
        ("planes", np.uint8, (NUM_PLANES, GRID)),
        ("policy", np.float16, NUM_ACTIONS),
        ("reply", np.float16, NUM_ACTIONS),
        ("legal", np.uint8, (NUM_ACTIONS + 7) // 8),  # np.packbits
        ("owner", np.int8, GRID),
        ("root_value", np.float16),
        ("margin", np.int16),
        ("result", np.int8),
        ("game", np.uint32),  # CRC-32 of the game's id
        ("has_owner", np.bool_),
        ("has_root_value", np.bool_),
        ("has_margin", np.bool_),
        ("has_reply", np.bool_),
    ]
)
"""What training needs of an example. What it lacks is 0, and so is its `has_` field."""

Rows = npt.NDArray[np.void]
"""An array of dtype ROW."""

Numbers = npt.NDArray[np.int64]
"""Places of rows in the stream of all examples, from 0."""


def to_rows(examples: Sequence[Example]) -> Rows:
    """The rows of some examples, which must be sound (see `validate_example`)."""
    rows = np.zeros(len(examples), ROW)
    for row, example in zip(rows, examples, strict=True):
        row["planes"] = example.planes.reshape(NUM_PLANES, GRID)
        row["legal"] = np.packbits(_legal_mask(example))
        row["policy"] = example.policy
        row["result"] = example.result
        row["game"] = _game_number(example.game_id)
        if example.final_owner is not None:
            row["owner"], row["has_owner"] = example.final_owner.reshape(GRID), True
        if example.score_margin is not None:
            row["margin"], row["has_margin"] = example.score_margin, True
        if example.root_value is not None:
            row["root_value"], row["has_root_value"] = example.root_value, True
        if example.reply is not None:
            row["reply"], row["has_reply"] = example.reply, True
    return rows


def game_rows(game: CompactGame) -> Rows:
    """The rows of those positions of a game that had a full search: the same as `to_rows` makes of
    their examples."""
    full = np.flatnonzero(game.full_searches)
    rows = np.zeros(len(full), ROW)
    rows["planes"] = game.planes[full]
    rows["legal"] = game.legal[full]
    rows["policy"] = game.policies[full]
    rows["owner"], rows["has_owner"] = game.owners[full], True
    rows["margin"], rows["has_margin"] = game.margins[full], True
    rows["result"] = np.sign(game.margins[full])
    rows["root_value"], rows["has_root_value"] = game.root_values[full], True
    replied = full + 1 < len(game.policies)
    rows["reply"][replied] = game.policies[full[replied] + 1]
    rows["has_reply"] = replied
    rows["game"] = _game_number(game.game_id)
    return rows


def _game_number(game_id: str) -> int:
    return zlib.crc32(game_id.encode())


def _legal_mask(example: Example) -> npt.NDArray[np.bool_]:
    """The legal actions, as far as the example tells them; see `solid_cells`."""
    if example.legal_mask is not None:
        return example.legal_mask
    planes = example.planes > 0
    taken = planes[[*OWNED_PLANES, Plane.GRASS]].any(0) | solid_cells(example)
    flags = ~taken & planes[Plane.FLAGS_LEFT]
    return np.stack([flags, planes[Plane.NEXT_VALUES]]).ravel() | (example.policy > 0)


def is_held_out(game_id: str, share: float) -> bool:
    """Tells whether a game, all of it, is one of the share that is not trained on."""
    return _game_number(game_id) < share * 2**32


class ReplayWindow:
    """The newest examples, and apart from them those of held-out games.

    Memory is reserved for `config.window_max` examples, and used as they come.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self._train = _Stream(config.window_max)
        self._held_out = _Stream(HELD_OUT_CAPACITY)

    @property
    def total(self) -> int:
        """Examples ever added to train on."""
        return self._train.end

    @property
    def held_out_total(self) -> int:
        """Examples ever added to the held-out set."""
        return self._held_out.end

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
        self._train = _Stream(self._config.window_max, total)
        self._held_out = _Stream(HELD_OUT_CAPACITY, held_out_total)
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

    def rows(self, numbers: Numbers) -> Rows:
        """Copies of the examples with these numbers, which `sample` has drawn."""
        return self._train.take(numbers)

    def held_out(self) -> Rows:
        """The held-out examples, oldest first."""
        return self._held_out.take(np.arange(self._held_out.begin, self._held_out.end))

    def _split(self, rows: Rows) -> tuple[Rows, Rows]:
        held_out = rows["game"] < self._config.held_out * 2**32
        return rows[~held_out], rows[held_out]

    def _is_full(self) -> bool:
        needed = min(self.total, self._config.window_size(self.total))
        return len(self._train) >= needed and self._held_out.is_full


class _Stream:
    """The newest rows of a stream, in a ring: row `number` is in slot `number % capacity`.

    Holds the rows `begin` to `end - 1`; `end` is how many there have ever been.
    """

    def __init__(self, capacity: int, end: int = 0) -> None:
        self._ring: Any = np.empty(capacity, ROW)
        self.begin = self.end = end

    def __len__(self) -> int:
        return self.end - self.begin

    @property
    def is_full(self) -> bool:
        """Tells whether there is no older row, or no room for one."""
        return self.begin == 0 or len(self) == len(self._ring)

    def append(self, rows: Rows) -> None:
        """Adds newer rows; older ones make room."""
        capacity = len(self._ring)
        self.end += len(rows)
        rows = rows[-capacity:]
        self._ring[np.arange(self.end - len(rows), self.end) % capacity] = rows
        self.begin = max(self.begin, self.end - capacity)

    def prepend(self, rows: Rows) -> None:
        """Adds rows older than all, the last of them as far as there is room."""
        capacity = len(self._ring)
        count = min(len(rows), capacity - len(self), self.begin)
        numbers = np.arange(self.begin - count, self.begin)
        self._ring[numbers % capacity] = rows[len(rows) - count :]
        self.begin -= count

    def take(self, numbers: Numbers) -> Rows:
        rows: Rows = self._ring[numbers % len(self._ring)]
        return rows
