"""Where files of examples lie: on the disk or in Cloud Storage, one by one or below a folder."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from hexz.errors import InvalidExample, StoreError
from hexz.places import is_in_bucket, local_path

_DIGITS: Final = re.compile(r"([0-9]+)")


class Archive(ABC):
    """A zip file of examples.

    Attributes:
        name: its path or URL.
        size: in bytes.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size

    @abstractmethod
    def local(self) -> AbstractContextManager[Path]:
        """The content as a local file, which is there until the block ends.

        Raises:
            StoreError: Cloud Storage does not give it to us.
        """


def find_archives(sources: Sequence[str]) -> list[Archive]:
    """The zip files in some places, each once.

    Args:
        sources: zip files; directories, with all zip files anywhere below them; `gs://` URLs of
            either. So the `examples` of a checkpoint, a checkpoint, a model and a whole store will
            do. Files of one source are sorted by name, with numbers as numbers.

    Raises:
        InvalidSettings: a URL is of another kind.
        InvalidExample: there is no such file, or no zip file in a directory.
        StoreError: a bucket cannot be read.
    """
    found: dict[str, Archive] = {}
    for source in sources:
        archives = _in_bucket(source) if is_in_bucket(source) else _on_disk(str(local_path(source)))
        if not archives:
            raise InvalidExample(f"there are no files of examples (*.zip) in {source}")
        for archive in sorted(archives, key=lambda archive: _by_number(archive.name)):
            found.setdefault(archive.name, archive)
    return list(found.values())


def _by_number(name: str) -> list[list[tuple[bool, int | str]]]:
    """A key by which checkpoint 9 comes before checkpoint 10."""
    return [
        [(not text.isdecimal(), int(text) if text.isdecimal() else text) for text in parts]
        for parts in map(_DIGITS.split, name.split("/"))
    ]


class _File(Archive):
    def local(self) -> AbstractContextManager[Path]:
        return contextlib.nullcontext(Path(self.name))


def _on_disk(source: str) -> list[Archive]:
    """Names that begin with a dot are of unfinished files, and are left out."""
    try:
        if not os.path.isdir(source):
            return [_File(source, os.stat(source).st_size)]
        found: list[Archive] = []
        for directory, folders, files in os.walk(source, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                if name.endswith(".zip") and not name.startswith("."):
                    path = os.path.join(directory, name)
                    found.append(_File(path, os.stat(path).st_size))
    except OSError as error:
        where = error.filename or source
        raise InvalidExample(f"cannot read {where}: {error.strerror or error}") from None
    return found


def _raise(error: OSError) -> None:
    raise error


class _Object(Archive):
    def __init__(self, blob: Any, options: dict[str, Any]) -> None:
        super().__init__(f"gs://{blob.bucket.name}/{blob.name}", blob.size)
        self._blob = blob
        self._options = options

    @contextlib.contextmanager
    def local(self) -> Iterator[Path]:
        from google.api_core.exceptions import NotFound

        from hexz.checkpoints.cloud import errors_of

        with tempfile.TemporaryDirectory(prefix="hexz-") as directory:
            path = Path(directory) / "examples.zip"
            with errors_of(self._blob.bucket.name, "storage.objects.get"):
                try:
                    self._blob.download_to_filename(path, **self._options)
                except NotFound:
                    raise StoreError(f"{self.name} is no longer there") from None
            yield path


def _in_bucket(url: str) -> list[Archive]:
    from hexz.checkpoints.cloud import errors_of, open_client, request_options, split_url

    bucket, folders = split_url(url)
    place, options = "/".join(folders), request_options()
    with errors_of(bucket, "storage.objects.list"):
        blobs = list(open_client().list_blobs(bucket, prefix=place, **options))
    return [
        _Object(blob, options)
        for blob in blobs
        if blob.name.endswith(".zip")
        and (not place or blob.name == place or blob.name.startswith(f"{place}/"))
    ]
