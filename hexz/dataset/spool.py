"""Texts that wait on the disk until it is known how wide the longest one is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt


class TextSpool:
    """A temporary file of texts, as a context manager. Write all of them, then read.

    Attributes:
        width: of the longest text in bytes, at least 1.
    """

    def __init__(self, directory: Path) -> None:
        self.width = 1
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115
        self._batches: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, texts: Sequence[bytes]) -> None:
        """Appends a batch of texts without zero bytes."""
        data = b"\0".join(texts)
        self._file.write(data)
        self._batches.append((len(texts), len(data)))
        self.width = max(self.width, *map(len, texts))

    def batches(self) -> Iterator[npt.NDArray[np.bytes_]]:
        """The batches as they were written, as arrays of `width` bytes a text."""
        self._file.seek(0)
        for count, size in self._batches:
            texts = self._file.read(size).split(b"\0")
            yield np.array(texts, f"S{self.width}").reshape(count)
