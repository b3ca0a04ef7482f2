"""Examples as an HDF5 file: a data set of each column, readable by h5py and anything else."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from hexz.dataset.columns import BATCH, COLUMNS, TEXT_COLUMNS, Column, TextColumn, batches
from hexz.dataset.export import Export, ExportConfig, Format
from hexz.dataset.packages import require_h5py
from hexz.dataset.spool import TextSpool
from hexz.example import Example
from hexz.files import atomic_file

_CHUNK_BYTES: Final = 1 << 18
"""About so large are the pieces that are compressed one by one; HDF5 keeps 1 MiB of them."""


def write_hdf5(path: Path, examples: Iterable[Example]) -> int:
    """Writes a file of examples, all or nothing, in memory that does not grow with them.

    Returns:
        the number of examples.

    Raises:
        OutputError: the file cannot be written.
    """
    h5py = require_h5py()
    rows = 0
    with atomic_file(path) as target, contextlib.ExitStack() as stack:
        spools = [stack.enter_context(TextSpool(Path(target.name).parent)) for _ in TEXT_COLUMNS]
        output = stack.enter_context(_Output(target.name))
        with h5py.File(output, "w") as file:
            data_sets = [_create(file, column) for column in COLUMNS]
            for batch in batches(examples):
                for column, data_set in zip(COLUMNS, data_sets, strict=True):
                    _append(data_set, column.stack(batch))
                for text, spool in zip(TEXT_COLUMNS, spools, strict=True):
                    spool.write([text.encode(example) for example in batch])
                output.check()
                rows += len(batch)
            for text, spool in zip(TEXT_COLUMNS, spools, strict=True):
                _write_texts(file, text, spool)
        output.check()
    return rows


def _create(file: Any, column: Column) -> Any:
    data_set = _new(file, column.name, column.dtype, column.shape)
    data_set.attrs["meaning"] = column.meaning
    if column.missing is not None:
        data_set.attrs["missing"] = column.missing
    return data_set


def _write_texts(file: Any, column: TextColumn, spool: TextSpool) -> None:
    data_set = _new(file, column.name, f"S{spool.width}", ())
    data_set.attrs["meaning"] = column.meaning
    for texts in spool.batches():
        _append(data_set, texts)


def _new(file: Any, name: str, dtype: str, shape: Sequence[int]) -> Any:
    """An empty data set that grows."""
    row_bytes = np.dtype(dtype).itemsize * int(np.prod(shape))
    return file.create_dataset(
        name,
        (0, *shape),
        dtype,
        maxshape=(None, *shape),
        chunks=(max(BATCH, _CHUNK_BYTES // row_bytes // BATCH * BATCH), *shape),
        compression="gzip",
        compression_opts=1,
        shuffle=True,
    )


def _append(data_set: Any, rows: Any) -> None:
    start = len(data_set)
    data_set.resize(start + len(rows), axis=0)
    data_set[start:] = rows


class _Output(io.RawIOBase):
    """The file that HDF5 writes. HDF5 crashes at exit if a write fails, so it is told that all of
    them succeed; `check` raises what went wrong."""

    def __init__(self, name: str) -> None:
        self._file = open(name, "r+b", buffering=0)  # noqa: SIM115
        self._error: OSError | None = None

    def close(self) -> None:
        self._file.close()
        super().close()

    def check(self) -> None:
        """Raises the first error."""
        if self._error is not None:
            raise self._error

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        size = rest.nbytes
        try:
            while rest and self._error is None:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._error = error
        return size

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer) or 0
        buffer[count:] = bytes(len(buffer) - count)  # what could not be written
        return len(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        try:
            return self._file.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size or 0


def _write(export: Export, config: ExportConfig) -> int:
    require_h5py()  # rather now than after all files were read for a sample
    return write_hdf5(config.output, export.examples(config))


FORMAT: Final = Format(
    unit="example",
    description="A data set of each column, with a row an example. Needs the package h5py.",
    write=_write,
)
