"""Zip files of examples: one serialized `NumpyExample` an entry."""

from __future__ import annotations

import contextlib
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, Self

from hexz.errors import InvalidExample
from hexz.files import atomic_file

MAX_EXAMPLE_BYTES: Final = 1 << 16
"""Longest serialized example that is read; today's have about 7,600 bytes."""

MAX_READ_BYTES: Final = 1 << 24
"""Most of a file that is read at once: its directory, which has some 80 bytes an example."""

_COMPRESSION_LEVEL: Final = 1
"""Higher levels cost self-play several times the CPU time and save few bytes."""

_ENTRY_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.pb")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def write_examples(path: str | os.PathLike[str], entries: Iterable[tuple[str, bytes]]) -> int:
    """Writes a zip file of examples, all or nothing.

    Args:
        path: the file; an older one is replaced.
        entries: a name such as `{example_id}.pb` and the serialized example, each name once.

    Returns:
        The number of entries. The same entries always give the same bytes.

    Raises:
        OutputError: the file cannot be written.
    """
    names: set[str] = set()
    with atomic_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, data in entries:
            if not _ENTRY_NAME.fullmatch(name) or name in names:
                raise ValueError(f"entry name {name!r} is used twice or is no plain name.pb")
            names.add(name)
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, _COMPRESSION_LEVEL)
    return len(names)


class ExampleArchive:
    """A zip file of examples, of which any entry can be read.

    Attributes:
        name: what messages call the file.
        names: of the entries, in the order of the file, without directories.
        sizes: how many bytes each takes in the file.
    """

    def __init__(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Opens a file; raises InvalidExample, which names it, if it cannot be read."""
        self.name = name or str(path)
        try:
            with contextlib.ExitStack() as undo:
                self._file = undo.enter_context(_BoundedReader(io.FileIO(path)))
                self._zip = zipfile.ZipFile(self._file)
                undo.pop_all()
        except OSError as error:
            raise InvalidExample(f"cannot read {self.name}: {error.strerror or error}") from None
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            raise InvalidExample(f"{self.name} is not a zip file, or cut off") from None
        self._entries = [info for info in self._zip.infolist() if not info.filename.endswith("/")]
        self.names = [info.filename for info in self._entries]
        self.sizes = [info.compress_size for info in self._entries]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def read(self, index: int) -> bytes:
        """The bytes of an entry; raises InvalidExample, with the reason, if they cannot be read."""
        info = self._entries[index]
        # The size is the header's claim; zipfile never unpacks more than that.
        if info.file_size > MAX_EXAMPLE_BYTES:
            raise InvalidExample(f"{info.file_size} bytes are too many for one example")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InvalidExample(f"compression method {info.compress_type} is not supported")
        try:
            return self._zip.read(info)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else "cut off"
            raise InvalidExample(f"it is corrupt ({reason})") from None
        except (RuntimeError, NotImplementedError):
            raise InvalidExample(
                "it is encrypted or needs a newer version of the zip format"
            ) from None


class _BoundedReader(io.BufferedReader):
    """A file of which zipfile reads what others claim that there is."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads as any file does; raises BadZipFile beyond MAX_READ_BYTES."""
        most = MAX_READ_BYTES + 1
        data = super().read(most if size is None or size < 0 else min(size, most))
        if len(data) > MAX_READ_BYTES:
            raise zipfile.BadZipFile("a part of it is too large")
        return data


def read_examples(path: str | os.PathLike[str]) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the bytes of each entry, in the order of the file.

    Raises:
        InvalidExample: the file or an entry cannot be read; names both and the reason.
    """
    with ExampleArchive(path) as archive:
        for index, name in enumerate(archive.names):
            try:
                data = archive.read(index)
            except InvalidExample as error:
                raise InvalidExample(f"cannot read {name!r} in {path}: {error}") from None
            yield name, data
