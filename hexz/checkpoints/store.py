"""`CheckpointStore`: what a directory and a bucket of checkpoints have in common."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import structs

from hexz.errors import CheckpointExists, InvalidMessage, NotInStore, StoreError, StoreUnavailable
from hexz.files import MAX_MODEL_BYTES
from hexz.places import (
    MODEL_FILE,
    RATINGS_FILE,
    checkpoint_number,
    checkpoints_folder,
    model_folder,
)
from hexz.schema.records import CheckpointRecord, Ratings, StoredFiles

_ATTEMPTS: Final = 10
"""At a change of the ratings that somebody else changes at the same time."""

MAX_RATINGS_BYTES: Final = 1 << 26
MAX_METADATA_BYTES: Final = 8000
"""Longest metadata, as JSON. Cloud Storage keeps at most 8 KiB of it with an object."""

TRIAL: Final = b"written by hexzctl doctor; may be deleted\n"
"""What a store is tried out with."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True, kw_only=True)
class NewCheckpoint:
    """A checkpoint to be saved.

    Attributes:
        number: from 0 up.
        model: the content of `model.pt`.
        training_state: what the training needs, beside the model, to go on from here.
        batches: zip files of the examples that it was trained on, by name (without .zip).
        metadata: JSON: whatever else shall be known about it. The store adds its own keys
            `sha256`, `training_state` and `batches`, and takes MAX_METADATA_BYTES in all.
    """

    number: int
    model: bytes = field(repr=False)
    training_state: bytes | None = field(default=None, repr=False)
    batches: Mapping[str, Path] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if checkpoint_number(str(self.number)) is None:
            raise ValueError(f"{self.number} is no number of a checkpoint")
        for name in self.batches:
            _check_batch_name(name)
        if taken := self.metadata.keys() & StoredFiles.__struct_fields__:
            raise ValueError(f"the store itself writes {', '.join(sorted(taken))} in the metadata")


@dataclass(frozen=True, kw_only=True)
class CheckpointInfo:
    """Facts about a checkpoint that are known without loading it.

    Attributes:
        number: from 0 up.
        sha256: of `model.pt`, in hex; None if another program put it there.
        size: of `model.pt` in bytes.
        unix_seconds: when it was saved.
        metadata: all that is kept with it as JSON, a `CheckpointRecord` and `StoredFiles`; empty
            if another program put it there.
    """

    number: int
    sha256: str | None
    size: int
    unix_seconds: float
    metadata: Mapping[str, Any]

    @cached_property
    def record(self) -> CheckpointRecord:
        """The record that its trainer made."""
        return msgspec.convert(self.metadata, CheckpointRecord)


class CheckpointStore(ABC):
    """The checkpoints of one model.

    A checkpoint becomes visible in one step, whole, and is never replaced. All methods raise
    StoreUnavailable if the same call may succeed later, and otherwise StoreError.

    Attributes:
        url: of the root, as it was given.
        model_name: of the model.
    """

    def __init__(self, url: str, model_name: str) -> None:
        if not is_model_name(model_name):
            raise StoreError(
                f"{model_name!r} is no name for a model: use letters, digits and . _ - only, "
                "the first a letter or a digit"
            )
        self.url = url
        self.model_name = model_name

    @abstractmethod
    def list(self) -> Sequence[CheckpointInfo]:
        """All checkpoints, by ascending number. Does not load the models."""

    @abstractmethod
    def try_out(self) -> float:
        """Writes a small file beside the checkpoints, reads it and deletes it again.

        Returns:
            When it was written, in seconds since 1970, by the clock of the store.

        Raises:
            StoreError: one of the three is not possible.
        """

    @abstractmethod
    def examples(self, number: int, batch: str) -> AbstractContextManager[Path]:
        """A batch of examples of a checkpoint, as a file that is there until the block ends.

        Raises:
            NotInStore: it is not there.
        """

    def latest(self) -> int | None:
        """The highest number of a checkpoint, None if there is no checkpoint."""
        checkpoints = self.list()
        return checkpoints[-1].number if checkpoints else None

    def info(self, number: int) -> CheckpointInfo:
        """Returns what is known about a checkpoint."""
        found = self._find(number)
        if found is None:
            raise NotInStore(f"there is no checkpoint {number} of {self.model_name} in {self.url}")
        return found

    def load(self, number: int) -> bytes:
        """The content of `model.pt`, checked against its digest."""
        info = self.info(number)
        if info.size > MAX_MODEL_BYTES:
            raise StoreError(
                f"{self.place(number)}/{MODEL_FILE} has {info.size:,} bytes, more than a model has"
            )
        data = self._read(number, MODEL_FILE)
        if info.sha256 not in (None, hashlib.sha256(data).hexdigest()):
            raise self._damaged(number, MODEL_FILE)
        return data

    def load_training_state(self, number: int) -> bytes | None:
        """Returns what was saved as training state, checked against its digest; None if nothing
        was, or somebody has deleted it."""
        name = self.info(number).metadata.get("training_state")
        if name is None:
            return None
        try:
            data = self._read(number, name)
        except NotInStore:
            return None
        if _training_file(data) != name:
            raise self._damaged(number, name)
        return data

    def batches(self, number: int) -> Sequence[str]:
        """The names of the batches of examples that a checkpoint was trained on."""
        return list(self.info(number).metadata.get("batches", ()))

    def save(self, new: NewCheckpoint) -> CheckpointInfo:
        """Saves a checkpoint, whole or not at all. Saving the same one again changes nothing.

        Raises:
            CheckpointExists: there is another checkpoint of this number.
            StoreUnavailable: not now. If the answer of the store was lost, the checkpoint may be
                there all the same; try again.
        """
        metadata = _all_metadata(new)
        try:
            self._write(new, metadata)
        except CheckpointExists:
            existing = self._find(new.number)
            if existing is None or existing.sha256 != metadata["sha256"]:
                raise
        return self.info(new.number)

    @property
    def model_place(self) -> str:
        """The path or URL of the model, whether it is there or not."""
        return f"{self.url}/{model_folder(self.model_name)}"

    def place(self, number: int) -> str:
        """The path or URL of a checkpoint, whether it is there or not."""
        return f"{self.url}/{checkpoints_folder(self.model_name)}/{number}"

    def ratings(self) -> Ratings | None:
        """Returns what `update_ratings` saved last, None if nothing was."""
        data, _ = self._read_ratings()
        return self._decode_ratings(data)

    def update_ratings(self, change: Callable[[Ratings | None], Ratings]) -> Ratings:
        """Keeps how strong the checkpoints are, beside them, in place of what was known before.

        Nothing that somebody else saves meanwhile is lost: then `change` is asked once more.

        Args:
            change: makes new ratings of what `ratings()` returns.

        Returns:
            What is saved now.
        """
        for _ in range(_ATTEMPTS):
            data, version = self._read_ratings()
            ratings = change(self._decode_ratings(data))
            if self._write_ratings(ratings.to_json() + b"\n", version):
                return ratings
        raise StoreUnavailable(
            f"others change {RATINGS_FILE} of {self.model_name} in {self.url} all the time: rate "
            "the model once more"
        )

    def _decode_ratings(self, data: bytes | None) -> Ratings | None:
        try:
            return None if data is None else Ratings.from_json(data)
        except InvalidMessage:
            raise StoreError(
                f"{RATINGS_FILE} of {self.model_name} in {self.url} is damaged: remove it, and "
                "rate the model again"
            ) from None

    @abstractmethod
    def _find(self, number: int) -> CheckpointInfo | None: ...

    @abstractmethod
    def _read(self, number: int, name: str) -> bytes:
        """The content of a file of a checkpoint; raises NotInStore if there is none."""

    @abstractmethod
    def _write(self, new: NewCheckpoint, metadata: Mapping[str, Any]) -> None:
        """Saves a checkpoint; raises CheckpointExists if one of its number is there."""

    @abstractmethod
    def _read_ratings(self) -> tuple[bytes | None, Any]:
        """The content of the file, None if there is none; and its version for `_write_ratings`."""

    @abstractmethod
    def _write_ratings(self, data: bytes, version: Any) -> bool:
        """Replaces the file in one step, if it still has this version. False if it has not."""

    def _exists(self, number: int) -> CheckpointExists:
        return CheckpointExists(
            f"checkpoint {number} of {self.model_name} is already in {self.url}: another train "
            "server seems to write checkpoints of this model; stop one, or give it another "
            "MODEL_NAME"
        )

    def _check_trial(self, data: bytes) -> None:
        if data != TRIAL:
            raise StoreError(f"{self.url} returns something else than was written there")

    def _damaged(self, number: int, name: str) -> StoreError:
        return StoreError(
            f"{name} of checkpoint {number} of {self.model_name} in {self.url} is damaged: it is "
            "not what was saved; put it back from a copy, or remove the checkpoint"
        )


def is_model_name(text: str) -> bool:
    """Tells whether a model may have this name: letters, digits, `.`, `_` and `-`."""
    return _NAME.fullmatch(text) is not None


def examples_file(batch: str) -> str:
    """The file of a batch of examples, below its checkpoint. ValueError: no name of a batch."""
    _check_batch_name(batch)
    return f"examples/{batch}.zip"


def encode_metadata(metadata: Mapping[str, Any]) -> str:
    """Metadata as JSON in ASCII."""
    return json.dumps(metadata, allow_nan=False)


def decode_metadata(data: str | bytes, origin: str) -> dict[str, Any]:
    """Metadata from JSON; raises StoreError, which names the origin, if it is not ours."""
    try:
        StoredFiles.from_json(data)
        CheckpointRecord.from_json(data)
        metadata: dict[str, Any] = json.loads(data)
        return metadata
    except (InvalidMessage, ValueError, RecursionError):
        raise StoreError(
            f"the metadata of {origin} are damaged: remove or repair the checkpoint"
        ) from None


def _all_metadata(new: NewCheckpoint) -> dict[str, Any]:
    """The metadata of a checkpoint with the keys of the store."""
    files = StoredFiles(
        sha256=hashlib.sha256(new.model).hexdigest(),
        training_state=None if new.training_state is None else _training_file(new.training_state),
        batches=sorted(new.batches),
    )
    metadata = {**new.metadata, **structs.asdict(files)}
    size = len(encode_metadata(metadata))
    if size > MAX_METADATA_BYTES:
        raise StoreError(
            f"{size} bytes of metadata are too many for checkpoint {new.number}: "
            f"at most {MAX_METADATA_BYTES} can be kept"
        )
    return metadata


def _training_file(data: bytes) -> str:
    """The name of a training state. Its digest makes it unique and guards its content."""
    return f"training-{hashlib.sha256(data).hexdigest()[:12]}.pt"


def _check_batch_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a batch")
