"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from hexz.errors import OutputError


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


def sync(path: Path) -> None:
    """Makes the content of a file stay after a crash of the machine, or of a directory the files
    that were created, renamed or deleted in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
