"""Files and directories that are written whole or not at all; files that are read whole only if
they are not too large."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from hexz.errors import OutputError

MAX_MODEL_BYTES: Final = 1 << 30
"""Longest file of a model; one of 20 blocks of 256 filters has 95 MB."""
_PART_BYTES: Final = 1 << 20


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens a new file that replaces `path` when the block ends; see `replacement`.

    Raises:
        OutputError: the file cannot be written; names the path and the reason.
    """
    try:
        with replacement(path) as file:
            yield file
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from None


@contextlib.contextmanager
def replacement(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens a new file that replaces `path` when the block ends, and leaves no trace if it raises.

    Readers see the old file or the complete new one, also after a crash of the machine. A link
    stays, and what it leads to is replaced. What is there and is no regular file, such as
    /dev/stdout or a named pipe, stays too, and gets the content when the block ends.

    Raises:
        OSError: the file cannot be written.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as target, tempfile.NamedTemporaryFile(prefix="hexz-") as file:
            yield file
            file.seek(0)
            shutil.copyfileobj(file, target)
        return
    target_path = Path(os.path.realpath(path))
    temporary = target_path.with_name(f".{target_path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as new:
            yield new
            new.flush()
            os.fsync(new.fileno())
        os.replace(temporary, target_path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync(target_path.parent)


@contextlib.contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yields an empty directory that gets its place when the block ends, and leaves no trace if it
    raises. What is in it by then survives a crash of the machine, as `path` does as a whole.

    Raises:
        OSError: the directory cannot be made, or there is one that is not empty.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir()
        yield temporary
        for made in (*temporary.rglob("*"), temporary):
            sync(made)
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync(path.parent)


def read_file(path: str | os.PathLike[str], limit: int) -> bytes:
    """Returns the content of a file. Little more than `limit` bytes are ever in memory, whatever
    there is: a device gives bytes without end.

    Raises:
        OSError: the file cannot be read, or has more than `limit` bytes (EOVERFLOW).
    """
    too_large = OSError(errno.EOVERFLOW, f"it has more than the {limit:,} bytes allowed", str(path))
    parts, left = [], limit
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise too_large
        while part := file.read(min(_PART_BYTES, left + 1)):
            left -= len(part)
            if left < 0:
                raise too_large
            parts.append(part)
    return b"".join(parts)


def sync(path: Path) -> None:
    """Makes the content of a file stay after a crash of the machine, or of a directory the files
    that were created, renamed or deleted in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
