"""Checkpoints in a bucket, request by request: preconditions, faults and what they leave behind."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from google.oauth2.credentials import Credentials

from hexz.checkpoints import CheckpointStore, NewCheckpoint, open_store
from hexz.checkpoints.bucket import BucketStore
from hexz.errors import CheckpointExists, StoreError, StoreUnavailable

from ..gcs_fixture import GcsEmulator
from .gcs_proxy import Fault, GcsProxy, Request

LARGE = 9_000_000


def once(fault: Fault, matches: Callable[[Request], bool]) -> Callable[[Request], Fault | None]:
    """A fault of the first request that matches."""
    faults = [fault]
    return lambda request: faults.pop() if faults and matches(request) else None


def always(fault: Fault, kind: str | None = None) -> Callable[[Request], Fault | None]:
    """A fault of all requests of a kind, or of all requests."""
    return lambda request: fault if kind in (None, request.kind) else None


def creates(name: str) -> Callable[[Request], bool]:
    return lambda request: request.kind == "create" and request.name.endswith(name)


def checkpoint(tmp_path: Path, model: bytes = b"weights") -> NewCheckpoint:
    path = tmp_path / "examples.zip"
    path.write_bytes(b"examples")
    return NewCheckpoint(
        number=1, model=model, training_state=b"s", batches={"a": path}, metadata={"parent": 0}
    )


def assert_whole(store: CheckpointStore, model: bytes = b"weights") -> None:
    assert store.latest() == 1
    assert store.load(1) == model
    assert store.load_training_state(1) == b"s"
    assert list(store.batches(1)) == ["a"]
    with store.examples(1, "a") as path:
        assert path.read_bytes() == b"examples"


def blob(store: CheckpointStore, name: str) -> Any:
    """An object below the checkpoints, as Google's client sees it."""
    bucket, _, prefix = store.url.removeprefix("gs://").partition("/")
    path = f"{prefix}/models/flagz/{store.model_name}/checkpoints/{name}"
    return storage.Client().bucket(bucket).blob(path)


def objects(store: CheckpointStore) -> set[str]:
    """The last parts of the names of all objects of the model."""
    root = blob(store, "")
    return {found.name.rsplit("/", 1)[1] for found in root.bucket.list_blobs(prefix=root.name)}


def kinds(proxy: GcsProxy) -> list[str]:
    """The kinds of all requests, without those that Google's client makes for itself."""
    return [request.kind for request in proxy.requests if request.kind != "bucket"]


@pytest.mark.parametrize("size", [100, LARGE])
def test_the_model_is_written_last_and_nothing_is_replaced(
    bucket: BucketStore, proxy: GcsProxy, tmp_path: Path, size: int
) -> None:
    bucket.save(checkpoint(tmp_path, bytes(size)))
    assert proxy.created() == ["a.zip", "training-043a718774c5.pt", "model.pt"]
    writes = [request for request in proxy.requests if request.kind in ("create", "session")]
    assert all(request.only_new for request in writes)
    assert {request.name for request in writes} == {
        blob(bucket, f"1/{name}").name
        for name in ("examples/a.zip", "training-043a718774c5.pt", "model.pt")
    }


def test_a_training_state_may_be_deleted(bucket: BucketStore, tmp_path: Path) -> None:
    bucket.save(checkpoint(tmp_path))
    blob(bucket, "1/training-043a718774c5.pt").delete()
    assert bucket.load_training_state(1) is None
    assert bucket.load(1) == b"weights"


def test_a_list_is_one_request(bucket: BucketStore, proxy: GcsProxy) -> None:
    for number in range(5):
        bucket.save(NewCheckpoint(number=number, model=b"weights", metadata={"parent": number}))
    proxy.requests.clear()
    assert [info.metadata["parent"] for info in bucket.list()] == list(range(5))
    assert kinds(proxy) == ["list"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_faults_that_pass(
    bucket: BucketStore, proxy: GcsProxy, tmp_path: Path, status: int
) -> None:
    proxy.fault = once(Fault(status), creates("model.pt"))
    bucket.save(checkpoint(tmp_path))
    assert proxy.created()[-2:] == ["model.pt", "model.pt"]
    assert_whole(bucket)


@pytest.mark.parametrize("kind", ["list", "info", "content"])
def test_faults_that_pass_while_reading(
    bucket: BucketStore, proxy: GcsProxy, tmp_path: Path, kind: str
) -> None:
    bucket.save(checkpoint(tmp_path))
    proxy.fault = once(Fault(503), lambda request: request.kind == kind)
    assert_whole(bucket)


@pytest.mark.parametrize("name", ["a.zip", "training-043a718774c5.pt", "model.pt"])
@pytest.mark.parametrize("size", [100, LARGE])
def test_a_lost_answer(
    bucket: BucketStore, proxy: GcsProxy, tmp_path: Path, name: str, size: int
) -> None:
    """The request is repeated and finds its own object: no other writer is to blame."""
    proxy.fault = once(Fault(503, after=True), creates(name))
    bucket.save(checkpoint(tmp_path, bytes(size)))
    assert proxy.created().count(name) == 2
    assert_whole(bucket, bytes(size))


@pytest.mark.parametrize("name", ["a.zip", "training-043a718774c5.pt", "model.pt"])
@pytest.mark.parametrize("after", [False, True])
def test_a_save_that_failed_can_be_repeated(
    bucket_url: str, proxy: GcsProxy, tmp_path: Path, name: str, after: bool
) -> None:
    bucket = BucketStore(bucket_url, "tiny", retry_seconds=0.2)
    new = checkpoint(tmp_path)
    proxy.fault = lambda request: Fault(503, after=after) if creates(name)(request) else None
    with pytest.raises(StoreUnavailable, match=r"bucket hexz-tests cannot be reached .*\(503 "):
        bucket.save(new)
    proxy.fault = lambda _: None
    assert bucket.latest() == (1 if name == "model.pt" and after else None)
    bucket.save(new)
    assert_whole(bucket)


def test_what_a_crash_left_is_used_or_harmless(
    bucket: BucketStore, proxy: GcsProxy, tmp_path: Path
) -> None:
    proxy.fault = lambda request: Fault(400) if creates("model.pt")(request) else None
    with pytest.raises(StoreError):
        bucket.save(checkpoint(tmp_path))
    proxy.fault = lambda _: None
    assert objects(bucket) == {"a.zip", "training-043a718774c5.pt"}
    assert bucket.latest() is None
    new = checkpoint(tmp_path)
    bucket.save(NewCheckpoint(number=1, model=b"w", training_state=b"t", batches=new.batches))
    assert bucket.load_training_state(1) == b"t"
    assert list(bucket.batches(1)) == ["a"]


def test_the_loser_takes_its_objects_away(bucket: BucketStore, tmp_path: Path) -> None:
    new = checkpoint(tmp_path)
    bucket.save(new)
    before = objects(bucket)
    other = NewCheckpoint(
        number=1,
        model=b"other",
        training_state=b"other",
        batches={"a": new.batches["a"], "b": new.batches["a"]},
    )
    with pytest.raises(CheckpointExists):
        bucket.save(other)
    assert objects(bucket) == before
    assert_whole(bucket)


def test_the_loser_keeps_what_the_winner_shares(
    bucket: BucketStore, bucket_url: str, proxy: GcsProxy, tmp_path: Path
) -> None:
    """The other server finds the same objects there, and is faster with the model."""
    new = checkpoint(tmp_path)
    other = open_store(bucket_url, "tiny")

    def overtake(request: Request) -> None:
        if creates("model.pt")(request):
            proxy.fault = lambda _: None
            other.save(replace(new, model=b"other"))

    proxy.fault = overtake
    with pytest.raises(CheckpointExists):
        bucket.save(new)
    assert_whole(bucket, b"other")


@pytest.mark.parametrize("answered", [True, False])
def test_what_a_crash_left_is_replaced_if_it_does_not_fit(
    bucket: BucketStore, proxy: GcsProxy, tmp_path: Path, answered: bool
) -> None:
    """Another version of hexzctl may write other bytes for the same batch."""
    new = checkpoint(tmp_path)
    left = replace(new, batches={"a": tmp_path / "left.zip"})
    left.batches["a"].write_bytes(b"of an older version")
    proxy.fault = lambda request: Fault(400) if creates("model.pt")(request) else None
    with pytest.raises(StoreError):
        bucket.save(left)
    lost = once(Fault(503, after=True), lambda r: creates("a.zip")(r) and not r.only_new)
    proxy.fault = (lambda _: None) if answered else lost
    bucket.save(new)
    assert_whole(bucket)


def test_nothing_of_a_checkpoint_that_is_there_is_replaced(
    bucket: BucketStore, tmp_path: Path
) -> None:
    new = checkpoint(tmp_path)
    bucket.save(new)
    (tmp_path / "other.zip").write_bytes(b"other")
    other = replace(new, model=b"other", batches={"a": tmp_path / "other.zip"})
    with pytest.raises(CheckpointExists):
        bucket.save(other)
    assert_whole(bucket)


@pytest.mark.parametrize(
    ("kind", "permission"),
    [("list", "list"), ("info", "get"), ("content", "get"), ("create", "create")],
)
def test_a_missing_permission(
    bucket: BucketStore, proxy: GcsProxy, tmp_path: Path, kind: str, permission: str
) -> None:
    new = checkpoint(tmp_path)
    calls = {"list": bucket.list, "create": lambda: bucket.save(new)}
    if kind != "create":
        bucket.save(new)
    proxy.fault = always(Fault(403, "me@example.com does not have access.\nMore."), kind)
    with pytest.raises(StoreError) as caught:
        calls.get(kind, lambda: bucket.load(1))()
    assert not isinstance(caught.value, StoreUnavailable)
    assert str(caught.value) == (
        f"no permission storage.objects.{permission} in bucket hexz-tests: give "
        "roles/storage.objectUser on it to the account that this runs as "
        "(me@example.com does not have access.)"
    )


def test_a_loser_without_permission_to_delete(
    bucket: BucketStore, proxy: GcsProxy, tmp_path: Path
) -> None:
    bucket.save(checkpoint(tmp_path))
    proxy.fault = always(Fault(403), "delete")
    with pytest.raises(CheckpointExists):
        bucket.save(NewCheckpoint(number=1, model=b"other", training_state=b"other"))
    assert_whole(bucket)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(400, "Bad name"), r"refuses a request to bucket hexz-tests \(Bad name\)"),
        (Fault(404), "bucket hexz-tests does not exist"),
    ],
)
def test_errors_that_stay(bucket: BucketStore, proxy: GcsProxy, fault: Fault, words: str) -> None:
    proxy.fault = always(fault)
    with pytest.raises(StoreError, match=words) as caught:
        bucket.latest()
    assert not isinstance(caught.value, StoreUnavailable)
    assert kinds(proxy).count("list") == 1


def test_credentials_that_expired(bucket: BucketStore, proxy: GcsProxy) -> None:
    client = storage.Client("project", credentials=Credentials("expired"))
    bucket._bucket = client.bucket(bucket._bucket.name)
    proxy.fault = always(Fault(401, "Invalid Credentials"))
    with pytest.raises(StoreError, match="gcloud auth application-default login") as caught:
        bucket.latest()
    assert not isinstance(caught.value, StoreUnavailable)


def test_a_missing_bucket(proxy: GcsProxy, tmp_path: Path) -> None:
    store = open_store("gs://missing-bucket/a", "tiny")
    with pytest.raises(StoreError, match="bucket missing-bucket does not exist"):
        store.latest()
    with pytest.raises(StoreError, match="bucket missing-bucket does not exist"):
        store.save(checkpoint(tmp_path))


def test_a_large_upload_that_the_service_forgot(bucket: BucketStore, proxy: GcsProxy) -> None:
    proxy.fault = once(Fault(404), lambda request: request.kind == "create")
    with pytest.raises(StoreUnavailable):
        bucket.save(NewCheckpoint(number=1, model=bytes(LARGE)))
    bucket.save(NewCheckpoint(number=1, model=bytes(LARGE)))


def test_an_outage(
    bucket_url: str, gcs: GcsEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    store = BucketStore(bucket_url, "tiny", retry_seconds=0.2)
    store.save(checkpoint(tmp_path))
    gcs.stop()
    for call in (store.latest, lambda: store.load(1), lambda: store.save(checkpoint(tmp_path))):
        with pytest.raises(StoreUnavailable, match=r"cannot be reached .*ConnectionError"):
            call()
    gcs.start()
    assert_whole(store)


def test_damage_is_noticed(bucket: BucketStore, tmp_path: Path) -> None:
    bucket.save(checkpoint(tmp_path))
    model = blob(bucket, "1/model.pt")
    model.reload()
    metadata = model.metadata
    model.upload_from_string(b"other")
    model.metadata = metadata
    model.patch()
    with pytest.raises(StoreError, match=r"model.pt of checkpoint 1 of tiny .* is damaged"):
        bucket.load(1)
    model.metadata = {"checkpoint": "{"}
    model.patch()
    with pytest.raises(StoreError, match=r"the metadata of gs://.*/1/model.pt are damaged"):
        bucket.latest()


def test_a_checkpoint_of_another_program(bucket: BucketStore) -> None:
    for name in ("4/model.pt", "5/other.pt", "06/model.pt", "x/model.pt", "7/a/model.pt"):
        blob(bucket, name).upload_from_string(b"weights")
    [info] = bucket.list()
    assert (info.number, info.sha256, info.metadata) == (4, None, {})
    assert bucket.load(4) == b"weights"
    with pytest.raises(CheckpointExists):
        bucket.save(NewCheckpoint(number=4, model=b"other"))


def test_no_credentials(tmp_path: Path) -> None:
    """Outside of Google's machines and without a login."""
    code = """
from hexz.checkpoints import open_store
from hexz.errors import StoreError
try:
    open_store("gs://bucket/a", "tiny").latest()
except StoreError as error:
    print(error)
"""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS")
    }
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**environment, "HOME": str(tmp_path), "NO_GCE_CHECK": "true"},
    )
    [line] = result.stdout.splitlines()
    assert line.startswith("no credentials for Cloud Storage")
    assert "gcloud auth application-default login" in line
