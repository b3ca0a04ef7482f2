"""Replay files as the Go server's trainers write them, from examples of ours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hexz.engine import COLS, NUM_PLANES, ROWS
from hexz.example import Example

ROWS_A_CHUNK = 128


def columns_of(examples: Sequence[Example]) -> dict[str, Any]:
    """The data sets of a file with these examples as its rows."""
    count = len(examples)
    return {
        "boards": np.array([e.planes for e in examples], np.float32).reshape(
            count, NUM_PLANES, ROWS, COLS
        ),
        "action_masks": np.array([e.legal_mask for e in examples], np.bool_).reshape(
            count, 2, ROWS, COLS
        ),
        "move_probs": np.array([e.policy for e in examples], np.float32).reshape(
            count, 2, ROWS, COLS
        ),
        "values": np.array([[e.result] for e in examples], np.float32).reshape(count, 1),
        "checkpoints": np.array([[e.checkpoint] for e in examples], np.int64).reshape(count, 1),
    }


def write_replay(
    path: Path, columns: dict[str, Any], *, times: int = 1, rows_a_chunk: int = ROWS_A_CHUNK
) -> Path:
    """A file with these data sets, whose rows are repeated so many times."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, column in columns.items():
            count = len(column)
            data_set = file.create_dataset(
                name,
                (count * times, *column.shape[1:]),
                column.dtype,
                chunks=(rows_a_chunk, *column.shape[1:]),
                maxshape=(None, *column.shape[1:]),
                compression="gzip",
                compression_opts=1,
            )
            for start in range(0, count * times, count):
                data_set[start : start + count] = column
    return path
