"""What the trainer makes of a batch of the journal: rows to train on, and entries of an archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from hexz.training.rows import ROW, Rows, game_rows, to_rows
from hexz.trainserver.journal import Record
from hexz.wire.example import decode_example, is_fast_search
from hexz.wire.game import read_compact


class TrainingExamples(NamedTuple):
    """The examples of a batch to train on. Fast searches make more games, whose results teach the
    value more than more positions of each would; what they say of the moves is too rough for the
    policy, and comes in only as the reply to a move of a full search."""

    rows: Rows
    first_micros: int | None
    """When the first of them was made, in microseconds since 1970 UTC; None if there is none."""


def training_examples(records: Iterable[Record]) -> TrainingExamples:
    """Reads records, whose examples keep their order; raises InvalidExample if one is damaged."""
    parts: list[Rows] = [np.zeros(0, ROW)]
    micros: list[int] = []
    for record in records:
        if record.moves:
            game = read_compact(record.data)
            parts.append(game_rows(game))
            if len(parts[-1]):
                micros.append(game.unix_micros)
        elif not is_fast_search(record.data):
            example = decode_example(record.data)
            parts.append(to_rows([example]))
            micros.append(example.unix_micros)
    return TrainingExamples(np.concatenate(parts), min(micros, default=None))


def archive_entries(records: Iterable[Record]) -> Iterator[tuple[str, bytes]]:
    """Name and serialized `NumpyExample` of each example, in the order of the records."""
    for record in records:
        if not record.moves:
            yield f"{record.id}.pb", record.data
            continue
        for name, data in read_compact(record.data).examples():
            yield f"{name}.pb", data
