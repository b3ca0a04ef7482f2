"""Where files of examples lie: on the disk or in Cloud Storage, one by one or below a folder."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from hexz.errors import InvalidExample, StoreError
from hexz.places import is_in_bucket, local_path
from hexz.similar import slip

_REPLAY_FILE: Final = "h5/examples.h5"
"""The end of the path of a replay file below a folder, as the Go server's trainers lay them."""

_DIGITS: Final = re.compile(r"([0-9]+)")


@dataclass(frozen=True, eq=False)
class Archive:
    """A file of examples: a zip file or a replay file.

    Attributes:
        name: its path or URL.
        size: in bytes.
        local: gives the content as a local file, which is there until the block ends; raises
            StoreError if Cloud Storage does not give it to us.
    """

    name: str
    size: int
    local: Callable[[], AbstractContextManager[Path]]


def find_archives(sources: Sequence[str]) -> list[Archive]:
    """The files of examples in some places, each once.

    Args:
        sources: zip files and replay files; directories, with all zip files anywhere below them,
            and all replay files whose path ends with h5/examples.h5; `gs://` URLs of these. So
            the `examples` of a checkpoint, a checkpoint, a model and a whole store will do. Files
            of one source are sorted by name, with numbers as numbers.

    Raises:
        InvalidSettings: a URL is of another kind.
        InvalidExample: there is no such file, or none in a directory.
        StoreError: a bucket cannot be read.
    """
    found: dict[str, Archive] = {}
    for source in sources:
        in_bucket = is_in_bucket(source)
        archives = _in_bucket(source) if in_bucket else _on_disk(str(local_path(source)))
        if not archives:
            raise InvalidExample(
                f"there are no files of examples (*.zip, {_REPLAY_FILE}) in {source}"
            )
        for archive in sorted(archives, key=lambda archive: _by_number(archive.name)):
            # Links and relative paths give a file several names.
            found.setdefault(archive.name if in_bucket else os.path.realpath(archive.name), archive)
    return list(found.values())


def _by_number(name: str) -> list[list[tuple[bool, int | str]]]:
    """A key by which checkpoint 9 comes before checkpoint 10."""
    return [
        [(not text.isdecimal(), int(text) if text.isdecimal() else text) for text in parts]
        for parts in map(_DIGITS.split, name.split("/"))
    ]


def _file(path: str) -> Archive:
    return Archive(path, os.stat(path).st_size, lambda: contextlib.nullcontext(Path(path)))


def _on_disk(source: str) -> list[Archive]:
    """Names that begin with a dot are of unfinished files, and are left out."""
    try:
        if not os.path.isdir(source):
            return [_file(source)]
        found: list[Archive] = []
        for directory, folders, files in os.walk(source, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                path = os.path.join(directory, name)
                if _has_examples(path) and not name.startswith("."):
                    found.append(_file(path))
    except OSError as error:
        where = error.filename or source
        reason = f"{error.strerror or error}{slip(Path(where))}"
        raise InvalidExample(f"cannot read {where}: {reason}") from None
    return found


def _has_examples(path: str) -> bool:
    """Tells by its path whether a file below a folder is taken. Exports of ours, which are HDF5
    as well, may lie beside the examples."""
    return path.endswith((".zip", f"/{_REPLAY_FILE}"))


def _raise(error: OSError) -> None:
    raise error


@contextlib.contextmanager
def _downloaded(blob: Any, options: Mapping[str, Any]) -> Iterator[Path]:
    from google.api_core.exceptions import NotFound

    from hexz.checkpoints.cloud import errors_of

    with tempfile.TemporaryDirectory(prefix="hexz-") as directory:
        path = Path(directory) / "examples"
        with errors_of(blob.bucket.name, "storage.objects.get"):
            try:
                blob.download_to_filename(path, **options)
            except NotFound:
                raise StoreError(f"{_name(blob)} is no longer there") from None
        yield path


def _name(blob: Any) -> str:
    return f"gs://{blob.bucket.name}/{blob.name}"


def _in_bucket(url: str) -> list[Archive]:
    from hexz.checkpoints.cloud import errors_of, open_client, request_options, split_url

    bucket, folders = split_url(url)
    place, options = "/".join(folders), request_options()
    with errors_of(bucket, "storage.objects.list"):
        blobs = list(open_client().list_blobs(bucket, prefix=place, **options))
    return [
        Archive(_name(blob), blob.size, partial(_downloaded, blob, options))
        for blob in blobs
        if (_has_examples(f"/{blob.name}") or blob.name == place)
        and (not place or blob.name == place or blob.name.startswith(f"{place}/"))
    ]
