"""What everything that talks to Google Cloud Storage shares: URLs, requests and their errors."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any, Final

from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud import storage
from google.cloud.storage import exceptions as media
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import RequestException
from urllib3.exceptions import HTTPError

from hexz.errors import StoreError, StoreUnavailable

RETRY_SECONDS: Final = 60.0
"""How long a request is repeated after errors that may pass."""

_REQUEST_SECONDS: Final = (10.0, 60.0)
"""How long a request waits for a connection, and then for each part of its answer."""

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


def split_url(url: str) -> tuple[str, list[str]]:
    """The bucket and the folders of `gs://bucket/folder/folder`; raises StoreError."""
    bucket, *folders = url.removeprefix("gs://").rstrip("/").split("/")
    if not _BUCKET.fullmatch(bucket) or not all(map(_FOLDER.fullmatch, folders)):
        raise StoreError(
            f"{url!r} is no place in Cloud Storage: use gs://bucket or gs://bucket/prefix, "
            "with letters, digits and . _ - = only"
        )
    return bucket, folders


def request_options(retry_seconds: float = RETRY_SECONDS) -> dict[str, Any]:
    """Options of each request: after errors that may pass it is tried again for so long."""
    retry = DEFAULT_RETRY.with_delay(initial=0.5, maximum=10.0).with_timeout(retry_seconds)
    return {"retry": retry, "timeout": _REQUEST_SECONDS}


def open_client() -> Any:
    """A client that acts for whoever runs this, or for nobody in an emulator."""
    try:
        return storage.Client()
    except auth.DefaultCredentialsError as error:
        reason = str(error).partition("\n")[0]
        raise StoreError(f"no credentials for Cloud Storage: {_LOG_IN} ({reason})") from None


@contextlib.contextmanager
def errors_of(bucket: str, permission: str) -> Iterator[None]:
    """Turns errors of Google's packages into ours, except a precondition that failed, in requests
    that need a permission in a bucket."""
    try:
        yield
    except api.PreconditionFailed:
        raise
    except _ERRORS as error:
        raise _explained(error, f"bucket {bucket}", permission) from None


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
