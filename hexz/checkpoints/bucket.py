"""Checkpoints in a bucket of Google Cloud Storage."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud import storage
from google.cloud.storage import exceptions as media
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import RequestException
from urllib3.exceptions import HTTPError

from hexz.checkpoints.store import (
    MODEL_FILE,
    CheckpointInfo,
    CheckpointStore,
    NewCheckpoint,
    checkpoint_number,
    decode_metadata,
    encode_metadata,
    examples_file,
)
from hexz.errors import StoreError, StoreUnavailable

RETRY_SECONDS: Final = 60.0
"""How long a request is repeated after errors that may pass."""

_REQUEST_SECONDS: Final = (10.0, 60.0)
"""How long a request waits for a connection, and then for each part of its answer."""

_METADATA_KEY: Final = "checkpoint"
"""Of the object's custom metadata; its value is our metadata as JSON."""

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_FOLDER: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._=-]*")

_LOG_IN: Final = (
    "run `gcloud auth application-default login`, or on a machine of Google Cloud give it a "
    "service account"
)

_ERRORS: Final = (
    api.GoogleAPIError,
    auth.GoogleAuthError,
    media.DataCorruption,
    RequestException,
    HTTPError,
)


class BucketStore(CheckpointStore):
    """Checkpoints in a bucket of Google Cloud Storage, or in the emulator STORAGE_EMULATOR_HOST.

    Objects are only ever created, never replaced, by the precondition `ifGenerationMatch=0`. A
    checkpoint is there if its `model.pt` is, which is written last and carries the metadata. So
    what a failed attempt left beside it is invisible, and used by the next attempt if it fits.
    """

    def __init__(self, url: str, model_name: str, *, retry_seconds: float = RETRY_SECONDS) -> None:
        super().__init__(url, model_name)
        bucket, *folders = url.removeprefix("gs://").rstrip("/").split("/")
        if not _BUCKET.fullmatch(bucket) or not all(map(_FOLDER.fullmatch, folders)):
            raise StoreError(
                f"{url!r} is no place for checkpoints: use gs://bucket or gs://bucket/prefix, "
                "with letters, digits and . _ - = only"
            )
        self._bucket = _client().bucket(bucket)
        self._root = "/".join([*folders, "models", "flagz", model_name, "checkpoints"])
        retry = DEFAULT_RETRY.with_delay(initial=0.5, maximum=10.0).with_timeout(retry_seconds)
        self._options: dict[str, Any] = {"retry": retry, "timeout": _REQUEST_SECONDS}

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
                data: bytes = blob.download_as_bytes(**self._options)
            except api.NotFound:
                raise StoreError(f"there is no {_place(blob)}") from None
        return data

    def _write(self, new: NewCheckpoint, metadata: Mapping[str, Any]) -> None:
        files = {examples_file(batch): path.read_bytes() for batch, path in new.batches.items()}
        if new.training_state is not None:
            files[metadata["training_state"]] = new.training_state
        created = []
        try:
            for name, data in files.items():
                blob = self._blob(new.number, name)
                if self._create(blob, data):
                    created.append(blob)
            model = self._blob(new.number, MODEL_FILE)
            model.metadata = {_METADATA_KEY: encode_metadata(metadata)}
            self._create(model, new.model)
        except api.PreconditionFailed:
            self._discard(new.number, created)
            raise self._exists(new.number) from None

    def _create(self, blob: Any, data: bytes) -> bool:
        """Creates an object. False if it is there already, with the same content.

        Raises:
            api.PreconditionFailed: it is there with another content.
        """
        with self._errors("storage.objects.create"):
            try:
                blob.upload_from_string(
                    data, "application/octet-stream", if_generation_match=0, **self._options
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

    @contextlib.contextmanager
    def _errors(self, permission: str) -> Iterator[None]:
        """Turns errors of Google's packages into ours, except a precondition that failed."""
        try:
            yield
        except api.PreconditionFailed:
            raise
        except _ERRORS as error:
            raise _explained(error, f"bucket {self._bucket.name}", permission) from None


def _client() -> Any:
    """A client that acts for whoever runs this, or for nobody in an emulator."""
    try:
        return storage.Client()
    except auth.DefaultCredentialsError as error:
        reason = str(error).partition("\n")[0]
        raise StoreError(f"no credentials for Cloud Storage: {_LOG_IN} ({reason})") from None


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


def _explained(error: Exception, where: str, permission: str) -> StoreError:
    """Our error for one of Google's packages in a request that needs a permission."""
    reason = _reason(error)
    if isinstance(error, api.Forbidden):
        return StoreError(
            f"no permission {permission} in {where}: give roles/storage.objectUser on it to the "
            f"account that this runs as ({reason})"
        )
    if isinstance(error, api.Unauthorized) or (
        isinstance(error, auth.RefreshError) and not error.retryable
    ):
        return StoreError(f"no access to {where}: {_LOG_IN} ({reason})")
    if isinstance(error, api.NotFound) and not _lost_upload(error):
        return StoreError(f"{where} does not exist, or not for this account ({reason})")
    if isinstance(error, api.BadRequest):
        return StoreError(f"Cloud Storage refuses a request to {where} ({reason})")
    return StoreUnavailable(f"{where} cannot be reached at the moment ({reason})")


def _lost_upload(error: api.NotFound) -> bool:
    """Whether a large upload was forgotten half way, which a new attempt cures."""
    return error.response is not None and "upload_id=" in error.response.request.url


def _reason(error: Exception) -> str:
    """What Google says, in one line. Without URLs: that of an upload is a secret."""
    if isinstance(error, api.RetryError) and error.cause is not None:
        return _reason(error.cause)
    response = getattr(error, "response", None)
    if response is None:
        return type(error).__name__
    try:
        message = str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = ""
    return message.partition("\n")[0][:300] or f"{response.status_code} {response.reason}"
