"""What a process prints about its work, which the work must not depend on."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STREAMS: Final = ("stdin", "stdout", "stderr")


@contextlib.contextmanager
def lossy_output(*, only_errors: bool = False) -> Iterator[None]:
    """Loses what cannot be printed meanwhile, for a full disk, a closed pipe or a terminal that is
    gone. Streams that somebody else has put in the place of Python's are left alone.

    Args:
        only_errors: whether what is printed to standard output is what was asked for, so that a
            loss of that is an error.
    """
    replaced = []
    for name in _STREAMS[1 + only_errors :]:
        stream = getattr(sys, name)
        if stream is not None and stream is getattr(sys, f"__{name}__"):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
            setattr(sys, name, _lossy(stream))
            replaced.append((name, stream))
    try:
        yield
    finally:
        for name, stream in replaced:
            getattr(sys, name).flush()
            setattr(sys, name, stream)


def open_standard_streams() -> None:
    """Opens those of the three that were closed, as by `>&-`: otherwise the next file that is
    opened, perhaps one of ours, would be taken for one of them. From the first, nothing can be
    read."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
        if getattr(sys, name := _STREAMS[descriptor]) is None:
            setattr(sys, name, open(descriptor, "w" if descriptor else "r", closefd=False))  # noqa: SIM115
    os.close(descriptor)


def _lossy(stream: TextIO) -> TextIO:
    file = _LossyFile(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=True,
    )


class _LossyFile(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        """Writes what can be written, and says that it was all."""
        with contextlib.suppress(OSError):
            written = super().write(data)
            if written:
                return written
        return memoryview(data).nbytes
