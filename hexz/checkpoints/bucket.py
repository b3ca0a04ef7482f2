"""Checkpoints in a bucket of Google Cloud Storage."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from google.api_core import exceptions as api

from hexz.checkpoints.cloud import (
    RETRY_SECONDS,
    errors_of,
    open_client,
    request_options,
    split_url,
)
from hexz.checkpoints.store import (
    MAX_RATINGS_BYTES,
    TRIAL,
    CheckpointInfo,
    CheckpointStore,
    NewCheckpoint,
    decode_metadata,
    encode_metadata,
    examples_file,
)
from hexz.errors import NotInStore, StoreError
from hexz.files import MAX_MODEL_BYTES
from hexz.places import (
    MODEL_FILE,
    MODELS,
    RATINGS_FILE,
    checkpoint_number,
    checkpoints_folder,
    model_folder,
)

_METADATA_KEY: Final = "checkpoint"
"""Of the object's custom metadata; its value is our metadata as JSON."""


class BucketStore(CheckpointStore):
    """Checkpoints in a bucket of Google Cloud Storage, or in the emulator STORAGE_EMULATOR_HOST.

    A checkpoint is there if its `model.pt` is, which is written last and carries the metadata.
    Objects are created by the precondition `ifGenerationMatch=0`, and stay as they are once the
    checkpoint is there. What a failed attempt left without a `model.pt` is invisible; the next
    attempt uses it if it fits, and otherwise replaces it.
    """

    def __init__(self, url: str, model_name: str, *, retry_seconds: float = RETRY_SECONDS) -> None:
        super().__init__(url, model_name)
        bucket, folders = split_url(url)
        self._bucket = open_client().bucket(bucket)
        self._root = "/".join([*folders, checkpoints_folder(model_name)])
        self._ratings = "/".join([*folders, model_folder(model_name), RATINGS_FILE])
        self._options = request_options(retry_seconds)

    def list(self) -> Sequence[CheckpointInfo]:
        with self._errors("storage.objects.list"):
            blobs = self._bucket.list_blobs(
                match_glob=f"{self._root}/*/{MODEL_FILE}",
                fields="items(name,size,timeCreated,metadata),nextPageToken",
                **self._options,
            )
            found = [(self._number(blob), blob) for blob in blobs]
        checkpoints = [_info(number, blob) for number, blob in found if number is not None]
        return sorted(checkpoints, key=lambda checkpoint: checkpoint.number)

    def try_out(self) -> float:
        blob = self._bucket.blob(f"{self._root}/trial-{secrets.token_hex(4)}")
        with self._errors("storage.objects.create"):
            blob.upload_from_string(TRIAL, "text/plain", if_generation_match=0, **self._options)
        with self._errors("storage.objects.get"):
            self._check_trial(blob.download_as_bytes(**self._options))
        with self._errors("storage.objects.delete"):
            blob.delete(**self._options)
        return float(blob.time_created.timestamp())

    @contextlib.contextmanager
    def examples(self, number: int, batch: str) -> Iterator[Path]:
        name = examples_file(batch)
        with tempfile.TemporaryDirectory(prefix="hexz-") as directory:
            path = Path(directory) / f"{batch}.zip"
            path.write_bytes(self._read(number, name))
            yield path

    def _number(self, blob: Any) -> int | None:
        return checkpoint_number(blob.name.removeprefix(f"{self._root}/").split("/")[0])

    def _blob(self, number: int, name: str) -> Any:
        return self._bucket.blob(f"{self._root}/{number}/{name}")

    def _find(self, number: int) -> CheckpointInfo | None:
        name = self._blob(number, MODEL_FILE).name
        with self._errors("storage.objects.get"):
            blob = self._bucket.get_blob(name, **self._options)
        return None if blob is None else _info(number, blob)

    def _read(self, number: int, name: str) -> bytes:
        blob = self._blob(number, name)
        with self._errors("storage.objects.get"):
            try:
                blob.reload(**self._options)
                if blob.size > MAX_MODEL_BYTES:
                    raise StoreError(f"{_place(blob)} has {blob.size:,} bytes, more than it can")
                data: bytes = blob.download_as_bytes(**self._options)
            except api.NotFound:
                raise NotInStore(f"there is no {_place(blob)}") from None
        return data

    def _write(self, new: NewCheckpoint, metadata: Mapping[str, Any]) -> None:
        files = {examples_file(batch): path.read_bytes() for batch, path in new.batches.items()}
        if new.training_state is not None:
            files[metadata["training_state"]] = new.training_state
        created: list[Any] = []
        try:
            for name, data in files.items():
                created.extend(self._put(new.number, name, data))
            model = self._blob(new.number, MODEL_FILE)
            model.metadata = {_METADATA_KEY: encode_metadata(metadata)}
            self._create(model, new.model)
        except api.PreconditionFailed:
            self._discard(new.number, created)
            raise self._exists(new.number) from None

    def _read_ratings(self) -> tuple[bytes | None, Any]:
        with self._errors("storage.objects.get"):
            blob = self._bucket.get_blob(self._ratings_blob().name, **self._options)
            if blob is None:
                return None, 0
            if blob.size > MAX_RATINGS_BYTES:
                raise StoreError(f"{_place(blob)} has {blob.size:,} bytes, more than it can")
            generation = blob.generation  # a download takes it from the answer, if it is there
            try:
                return blob.download_as_bytes(**self._options), generation
            except api.NotFound:  # replaced or removed just now
                return self._read_ratings()

    def _write_ratings(self, data: bytes, version: Any) -> bool:
        options = {"if_generation_match": version, **self._options}
        with self._errors("storage.objects.create"):
            try:
                self._ratings_blob().upload_from_string(data, "application/json", **options)
            except api.PreconditionFailed:
                return False
        return True

    def _ratings_blob(self) -> Any:
        return self._bucket.blob(self._ratings)

    def _put(self, number: int, name: str, data: bytes) -> Sequence[Any]:
        """Makes an object of a checkpoint that is not there yet hold this, whatever an attempt to
        save it has left: another version of us may have written other bytes.

        Returns:
            The object, if it was written.

        Raises:
            api.PreconditionFailed: it holds something else, and the checkpoint is there.
        """
        blob = self._blob(number, name)
        try:
            return [blob] if self._create(blob, data) else []
        except api.PreconditionFailed:
            if self._find(number) is not None:
                raise
        left, blob = blob.generation, self._blob(number, name)
        return [blob] if self._create(blob, data, replaces=left) else []

    def _create(self, blob: Any, data: bytes, *, replaces: int = 0) -> bool:
        """Creates an object, or replaces one of this generation. False if it is there already, with
        the same content.

        Raises:
            api.PreconditionFailed: it is there with another content, which `blob` then tells of.
        """
        with self._errors("storage.objects.delete" if replaces else "storage.objects.create"):
            try:
                blob.upload_from_string(
                    data, "application/octet-stream", if_generation_match=replaces, **self._options
                )
                return True
            except api.PreconditionFailed as error:
                refusal = error
        # It is our own upload, if its answer was lost, or if we died after it.
        with self._errors("storage.objects.get"):
            blob.reload(**self._options)
        if blob.md5_hash != _md5(data):
            raise refusal
        return False

    def _discard(self, number: int, created: Collection[Any]) -> None:
        """Deletes what was created for a checkpoint that another process saved."""
        with contextlib.suppress(StoreError, api.PreconditionFailed):  # it does no harm there
            winner = self._find(number)
            metadata = winner.metadata if winner else {}
            files = [examples_file(batch) for batch in metadata.get("batches", ())]
            files.append(metadata.get("training_state") or MODEL_FILE)
            kept = {self._blob(number, name).name for name in files}
            for blob in created:
                if blob.name not in kept:
                    with self._errors("storage.objects.delete"):
                        blob.delete(if_generation_match=blob.generation, **self._options)

    def _errors(self, permission: str) -> AbstractContextManager[None]:
        return errors_of(self._bucket.name, permission)


def bucket_models(url: str) -> Sequence[str]:
    """The names below a root that models have or may have."""
    name, folders = split_url(url)
    prefix = "/".join([*folders, MODELS, ""])
    with errors_of(name, "storage.objects.list"):
        blobs = (
            open_client().bucket(name).list_blobs(prefix=prefix, delimiter="/", **request_options())
        )
        for _ in blobs:  # the folders are known once all pages are read
            pass
        return [folder.removeprefix(prefix).rstrip("/") for folder in blobs.prefixes]


def _place(blob: Any) -> str:
    return f"gs://{blob.bucket.name}/{blob.name}"


def _md5(data: bytes) -> str:
    """As Cloud Storage writes it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _info(number: int, blob: Any) -> CheckpointInfo:
    """From the `model.pt` of a checkpoint."""
    data = (blob.metadata or {}).get(_METADATA_KEY)
    metadata = {} if data is None else decode_metadata(data, _place(blob))
    return CheckpointInfo(
        number=number,
        sha256=metadata.get("sha256"),
        size=blob.size,
        unix_seconds=blob.time_created.timestamp(),
        metadata=metadata,
    )
