"""Places for checkpoints."""

from collections.abc import Iterator

import pytest

from hexz.checkpoints.bucket import BucketStore

from ..gcs_fixture import GcsEmulator, gcs
from .gcs_proxy import GcsProxy

__all__ = ["gcs"]

_ids = iter(range(1_000_000))


@pytest.fixture
def proxy(gcs: GcsEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsProxy]:
    """Between the client and the emulator."""
    with GcsProxy(gcs.url) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
        yield proxy


@pytest.fixture
def bucket_url(gcs: GcsEmulator, proxy: GcsProxy) -> str:
    """A place that is empty at first."""
    return f"gs://{gcs.bucket}/place/{next(_ids)}"


@pytest.fixture
def bucket(bucket_url: str) -> BucketStore:
    """An empty store that repeats requests for about two seconds."""
    return BucketStore(bucket_url, "tiny", retry_seconds=2.0)
