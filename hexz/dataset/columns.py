"""The fields of examples as columns, which files of arrays consist of: one row an example.

Every column has a value that stands for "the example does not say".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hexz.engine import COLS, NUM_ACTIONS, NUM_PLANES, ROWS
from hexz.example import Example

BATCH: Final = 256
"""So many rows are converted, compressed and written at once."""


@dataclass(frozen=True)
class Column:
    """A field of `Example` of numbers.

    Attributes:
        name: of the field.
        dtype: of the array. All values of the field can be told from it exactly.
        shape: of one row.
        missing: what all numbers of a row are if the example does not have the field; None if
            every example has it.
        meaning: in one line.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    missing: float | None
    meaning: str

    def stack(self, examples: Sequence[Example]) -> npt.NDArray[Any]:
        """Makes the rows of some examples, [n, *shape]."""
        rows = np.empty((len(examples), *self.shape), self.dtype)
        for row, example in enumerate(examples):
            value = getattr(example, self.name)
            rows[row] = self.missing if value is None else value
        return rows


@dataclass(frozen=True)
class TextColumn:
    """A field of `Example` of text: UTF-8 in an array of fixed-width bytes, as wide as its longest
    text. Empty if the example does not have it."""

    name: str
    meaning: str

    def encode(self, example: Example) -> bytes:
        text: str | None = getattr(example, self.name)
        return (text or "").encode()


_GRID: Final = (ROWS, COLS)
_ACTIONS: Final = (NUM_ACTIONS,)

COLUMNS: Final = (
    Column("planes", "u1", (NUM_PLANES, *_GRID), None, "the position from the mover's view"),
    Column("policy", "<f4", _ACTIONS, None, "policy target: the probability of each action"),
    Column("result", "i1", (), None, "result for the mover: -1 lost, 0 draw, 1 won"),
    Column("checkpoint", "<i4", (), None, "checkpoint of the network that played"),
    Column("move_number", "u1", (), None, "moves played before this position"),
    Column("unix_micros", "<i8", (), None, "when it was made, microseconds since 1970 UTC"),
    Column("turn", "u1", (), 0, "the mover, 1 or 2"),
    Column("action", "<i2", (), -1, "the action that was played"),
    Column("legal_mask", "?", _ACTIONS, False, "the legal actions"),
    Column("priors", "<f2", _ACTIONS, np.nan, "the network's probability of each action"),
    Column("visits", "<u4", _ACTIONS, 2**32 - 1, "how often the search tried each action"),
    Column("root_value", "<f4", (), np.nan, "mean value of the search's visits, mover's view"),
    Column("network_value", "<f4", (), np.nan, "result that the network expected"),
    Column("simulations", "<i4", (), -1, "simulations that the search ran"),
    Column("full_search", "i1", (), -1, "1 full search, 0 fast search"),
    Column("final_owner", "i1", _GRID, -2, "at the end: 1 mover's, -1 opponent's, 0 nobody's"),
    Column("final_value", "i1", _GRID, -1, "the value of each cell at the end, 0 to 5"),
    Column("score_margin", "<i2", (), -1000, "the mover's final score minus the opponent's"),
    Column("reply", "<f2", _ACTIONS, np.nan, "policy target of the next position"),
)

TEXT_COLUMNS: Final = (
    TextColumn("model_name", "name of the network that played"),
    TextColumn("game_id", "the game that the position comes from"),
    TextColumn("example_id", "id of the example"),
    TextColumn("initial_board", "105 characters: . empty, # rock, 1 to 5 grass"),
    TextColumn("writer_version", "version of the package that wrote the example"),
)


def batches(examples: Iterable[Example]) -> Iterator[list[Example]]:
    """The examples in lists of BATCH, the last one shorter."""
    iterator = iter(examples)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def describe_columns() -> list[tuple[str, str, str]]:
    """Lists the name of each column, the type and shape of its rows, and what it means."""
    numbers = [
        (column.name, f"{np.dtype(column.dtype).name} {list(column.shape) or ''}", column.meaning)
        for column in COLUMNS
    ]
    return numbers + [(column.name, "bytes", column.meaning) for column in TEXT_COLUMNS]
