"""Where a player's network comes from, and whether there is a newer one. Loading one
imports what reads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hexz.checkpoints import CheckpointStore, open_store
from hexz.errors import InvalidModel, NoModel
from hexz.places import (
    DEFAULT_MODEL,
    MODEL_FILE,
    SHIPPED,
    find_model_file,
    is_in_bucket,
    read_place,
)

if TYPE_CHECKING:
    from hexz.model.checkpoint import Checkpoint


class ModelSource(ABC):
    """A place of a network. Its methods raise InvalidModel or StoreError."""

    @abstractmethod
    def version(self) -> str:
        """Returns a text that names the newest network there. Does not load it."""

    @abstractmethod
    def load(self) -> Checkpoint:
        """Loads the newest network there."""


def open_source(path: str | None) -> ModelSource:
    """The source that a path names.

    Args:
        path: as `find_model_file` takes it; or the URL of a store in a bucket, or of a model or a
            checkpoint in it; None as SHIPPED.
    """
    if path is None:
        return _Local(SHIPPED)
    if not is_in_bucket(path):
        return _Local(path)
    place = read_place(path)
    store = open_store(place.root, place.model_name or DEFAULT_MODEL)
    return _Stored(store, place.number)


@dataclass(frozen=True)
class _Local(ModelSource):
    path: str

    def version(self) -> str:
        file = find_model_file(self.path)
        try:
            status = file.stat()
        except OSError as error:
            raise InvalidModel(f"cannot read the model {file}: {error.strerror}") from None
        return f"{file} {status.st_ino} {status.st_size} {status.st_mtime_ns}"

    def load(self) -> Checkpoint:
        self.version()  # rather than import what reads it, if there is no such file
        from hexz.model.checkpoint import load_checkpoint

        return load_checkpoint(self.path)


@dataclass(frozen=True)
class _Stored(ModelSource):
    """The newest checkpoint of a bucket, or the one of a number."""

    store: CheckpointStore
    number: int | None

    def version(self) -> str:
        return str(self._number())

    def load(self) -> Checkpoint:
        from hexz.model.checkpoint import decode_checkpoint

        number = self._number()
        origin = f"{self.store.place(number)}/{MODEL_FILE}"
        return decode_checkpoint(self.store.load(number), origin)

    def _number(self) -> int:
        number = self.store.latest() if self.number is None else self.number
        if number is None:
            raise NoModel(
                f"{self.store.url} holds no checkpoint of the model {self.store.model_name}"
            )
        return number
