"""Checkpoints in a local directory."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hexz.checkpoints.store import (
    MAX_METADATA_BYTES,
    MAX_RATINGS_BYTES,
    TRIAL,
    CheckpointInfo,
    CheckpointStore,
    NewCheckpoint,
    decode_metadata,
    encode_metadata,
    examples_file,
)
from hexz.errors import NotInStore, StoreError, StoreUnavailable
from hexz.files import MAX_MODEL_BYTES, new_directory, read_file, replacement, sync
from hexz.places import (
    METADATA_FILE,
    MODEL_FILE,
    MODELS,
    RATINGS_FILE,
    checkpoint_number,
    checkpoints_folder,
    local_path,
)

_PASSING: Final = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.EMFILE,
    }
)
"""Errors of a disk that may be gone when the call is made again."""


class DirectoryStore(CheckpointStore):
    """Checkpoints in a local directory, which the first `save` makes.

    A checkpoint is a directory that is there as a whole or not at all, and only if its place was
    free.
    """

    def __init__(self, url: str, model_name: str) -> None:
        super().__init__(url, model_name)
        self._root = local_path(url) / checkpoints_folder(model_name)

    def list(self) -> Sequence[CheckpointInfo]:
        with self._errors("read"):
            try:
                names = os.listdir(self._root)
            except FileNotFoundError:
                return []
        numbers = sorted(
            number for name in names if (number := checkpoint_number(name)) is not None
        )
        return [info for number in numbers if (info := self._find(number)) is not None]

    def try_out(self) -> float:
        missing = [path for path in (self._root, *self._root.parents) if not path.exists()]
        path = self._root / f".trial.{secrets.token_hex(4)}.tmp"
        with self._errors("write"):
            try:
                _make_directory(self._root)
                path.write_bytes(TRIAL)
                sync(path)
                written = path.stat().st_mtime
                self._check_trial(path.read_bytes())
                path.unlink()
            finally:
                for folder in missing:
                    with contextlib.suppress(OSError):  # somebody else began to use it
                        folder.rmdir()
        return written

    @contextlib.contextmanager
    def examples(self, number: int, batch: str) -> Iterator[Path]:
        path = self._path(number) / examples_file(batch)
        with self._errors("read"):
            if not path.is_file():
                raise NotInStore(f"there is no {path}")
        yield path

    def _path(self, number: int) -> Path:
        return self._root / str(number)

    def _find(self, number: int) -> CheckpointInfo | None:
        path = self._path(number)
        with self._errors("read"):
            try:
                model = (path / MODEL_FILE).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            try:
                data = read_file(path / METADATA_FILE, MAX_METADATA_BYTES + 1)
            except FileNotFoundError:
                metadata = {}
            else:
                metadata = decode_metadata(data, str(path))
        return CheckpointInfo(
            number=number,
            sha256=metadata.get("sha256"),
            size=model.st_size,
            unix_seconds=model.st_mtime,
            metadata=metadata,
        )

    def _read(self, number: int, name: str) -> bytes:
        path = self._path(number) / name
        with self._errors("read"):
            try:
                return read_file(path, MAX_MODEL_BYTES)
            except FileNotFoundError:
                raise NotInStore(f"there is no {path}") from None

    def _write(self, new: NewCheckpoint, metadata: Mapping[str, Any]) -> None:
        path = self._path(new.number)
        try:
            with self._errors("write"):
                _make_directory(self._root)
                with new_directory(path) as directory:
                    _fill(directory, new, metadata)
        except StoreError:
            if self._find(new.number) is not None:
                raise self._exists(new.number) from None
            raise
        # Now that this number is taken, whoever else was writing it has failed.
        for leftover in self._root.glob(f".{new.number}.*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)

    def _read_ratings(self) -> tuple[bytes | None, Any]:
        with self._errors("read"):
            try:
                data = read_file(self._root.parent / RATINGS_FILE, MAX_RATINGS_BYTES)
            except FileNotFoundError:
                data = None
        return data, data

    def _write_ratings(self, data: bytes, version: Any) -> bool:
        path = self._root.parent / RATINGS_FILE
        with self._errors("write"), _locked(path.parent):
            if self._read_ratings()[0] != version:
                return False
            with replacement(path) as file:
                file.write(data)
        return True

    @contextlib.contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        """Turns errors of the operating system into ours."""
        try:
            yield
        except OSError as error:
            kind = StoreUnavailable if error.errno in _PASSING else StoreError
            where = error.filename2 or error.filename or self._root
            raise kind(f"cannot {verb} {where}: {error.strerror or error}") from None


def directory_models(url: str) -> Sequence[str]:
    """The names below a root that models have or may have."""
    root = local_path(url) / MODELS
    try:
        return [path.name for path in root.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"cannot read {root}: {error.strerror or error}") from None


def _fill(directory: Path, new: NewCheckpoint, metadata: Mapping[str, Any]) -> None:
    """Writes the files of a checkpoint."""
    (directory / "examples").mkdir()
    for batch, source in new.batches.items():
        shutil.copyfile(source, directory / examples_file(batch))
    (directory / MODEL_FILE).write_bytes(new.model)
    (directory / METADATA_FILE).write_text(encode_metadata(metadata) + "\n")
    if new.training_state is not None:
        (directory / metadata["training_state"]).write_bytes(new.training_state)


def _make_directory(directory: Path) -> None:
    """Makes a directory and those above it, so that they survive a crash."""
    if not directory.is_dir():
        _make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        sync(directory.parent)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keeps others that lock a directory waiting; the lock ends with this process at the latest."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
