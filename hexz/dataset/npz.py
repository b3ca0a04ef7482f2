"""Examples as a compressed .npz file of NumPy: an array of each column."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final

import numpy as np

from hexz.dataset.columns import COLUMNS, TEXT_COLUMNS, batches
from hexz.dataset.export import Format
from hexz.dataset.spool import TextSpool
from hexz.example import Example
from hexz.files import atomic_file

_COMPRESSION_LEVEL: Final = 1
_COPY_BYTES: Final = 1 << 20


def write_npz(path: Path, examples: Iterable[Example]) -> int:
    """Writes a file of examples, all or nothing, in memory that does not grow with them.

    The arrays lie in the file one after the other, and each begins with its length. So all columns
    are written to temporary files beside it first, uncompressed: 4.5 KB an example.

    Returns:
        the number of examples.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = 0
    with atomic_file(path) as target, contextlib.ExitStack() as stack:
        directory = Path(target.name).parent
        files = [stack.enter_context(tempfile.TemporaryFile(dir=directory)) for _ in COLUMNS]
        spools = [stack.enter_context(TextSpool(directory)) for _ in TEXT_COLUMNS]
        for batch in batches(examples):
            for column, file in zip(COLUMNS, files, strict=True):
                file.write(column.stack(batch).tobytes())
            for text, spool in zip(TEXT_COLUMNS, spools, strict=True):
                spool.write([text.encode(example) for example in batch])
            rows += len(batch)
        with zipfile.ZipFile(
            target, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL
        ) as archive:
            for column, file in zip(COLUMNS, files, strict=True):
                with _member(archive, column.name, column.dtype, (rows, *column.shape)) as member:
                    file.seek(0)
                    shutil.copyfileobj(file, member, _COPY_BYTES)
            for text, spool in zip(TEXT_COLUMNS, spools, strict=True):
                with _member(archive, text.name, f"S{spool.width}", (rows,)) as member:
                    for texts in spool.batches():
                        member.write(texts.tobytes())
    return rows


def _member(archive: zipfile.ZipFile, name: str, dtype: str, shape: tuple[int, ...]) -> IO[bytes]:
    """An array in the archive, whose data are to be written next."""
    # Without force_zip64 a member could not grow beyond 2 GiB.
    member = archive.open(f"{name}.npy", "w", force_zip64=True)
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(member, header)
    return member


FORMAT: Final = Format(
    unit="example",
    description="A compressed file of NumPy: an array of each column, with a row an example.",
    write=lambda export, config: write_npz(config.output, export.examples(config)),
)
