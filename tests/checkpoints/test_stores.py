"""What both stores promise. The one in a bucket talks to an emulator with preconditions."""

import hashlib
import itertools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from msgspec import structs

from hexz.checkpoints import CheckpointStore, NewCheckpoint, model_names, open_store
from hexz.errors import CheckpointExists, InvalidSettings, StoreError, StoreUnavailable
from hexz.schema.records import RatedCheckpoint, Ratings

MODEL = b"weights" * 1000
LARGE = 9_000_000
"""Bytes of an object that Google's client uploads in more than one request."""


@pytest.fixture(params=["directory", "bucket"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place."""
    if request.param == "directory":
        return str(tmp_path / "data")
    place: str = request.getfixturevalue("bucket_url")
    return place


@pytest.fixture
def store(url: str) -> CheckpointStore:
    return open_store(url, "tiny")


@pytest.fixture
def batch(tmp_path: Path) -> Callable[..., Path]:
    """Makes the file of a batch."""

    def make(content: bytes = b"examples") -> Path:
        path = tmp_path / f"{hashlib.sha256(content).hexdigest()[:8]}.zip"
        path.write_bytes(content)
        return path

    return make


def test_an_empty_store(store: CheckpointStore) -> None:
    assert list(store.list()) == []
    assert store.latest() is None


def test_what_is_saved_can_be_loaded(store: CheckpointStore, batch: Callable[..., Path]) -> None:
    before = time.time()
    saved = store.save(
        NewCheckpoint(
            number=3,
            model=MODEL,
            training_state=b"moments",
            batches={"j1-2": batch(b"two"), "j1-1": batch(b"one")},
            metadata={"parent": 2, "losses": {"value": 0.25}, "note": "Grüße\n"},
        )
    )
    assert saved.number == 3
    assert saved.size == len(MODEL)
    assert saved.sha256 == hashlib.sha256(MODEL).hexdigest()
    assert before - 2 < saved.unix_seconds < time.time() + 2
    assert saved.metadata["parent"] == 2
    assert saved.metadata["losses"] == {"value": 0.25}
    assert saved.metadata["note"] == "Grüße\n"
    again = open_store(store.url, "tiny")
    assert list(again.list()) == [saved]
    assert again.info(3) == saved
    assert again.load(3) == MODEL
    assert again.load_training_state(3) == b"moments"
    assert list(again.batches(3)) == ["j1-1", "j1-2"]
    with again.examples(3, "j1-2") as path:
        assert path.suffix == ".zip"
        assert path.read_bytes() == b"two"


def test_a_checkpoint_of_a_model_alone(store: CheckpointStore) -> None:
    store.save(NewCheckpoint(number=0, model=MODEL))
    assert store.load(0) == MODEL
    assert store.load_training_state(0) is None
    assert list(store.batches(0)) == []


def test_large_objects(store: CheckpointStore, batch: Callable[..., Path]) -> None:
    model, state, examples = (os.urandom(LARGE) for _ in range(3))
    store.save(
        NewCheckpoint(number=1, model=model, training_state=state, batches={"a": batch(examples)})
    )
    assert store.load(1) == model
    assert store.load_training_state(1) == state
    with store.examples(1, "a") as path:
        assert path.read_bytes() == examples


def test_checkpoints_are_ordered_by_number(store: CheckpointStore) -> None:
    for number in (9, 0, 10, 100):
        store.save(NewCheckpoint(number=number, model=MODEL))
    assert [checkpoint.number for checkpoint in store.list()] == [0, 9, 10, 100]
    assert store.latest() == 100


def test_models_do_not_mix(store: CheckpointStore) -> None:
    store.save(NewCheckpoint(number=1, model=MODEL))
    for name in ("tin", "tiny2", "tiny.checkpoints"):
        assert open_store(store.url, name).latest() is None


def test_a_checkpoint_is_never_replaced(store: CheckpointStore, batch: Callable[..., Path]) -> None:
    first = store.save(NewCheckpoint(number=1, model=MODEL, batches={"a": batch(b"a")}))
    other = NewCheckpoint(
        number=1, model=b"other", training_state=b"state", batches={"b": batch(b"b")}
    )
    with pytest.raises(CheckpointExists) as caught:
        store.save(other)
    assert "checkpoint 1 of tiny" in str(caught.value)
    assert store.url in str(caught.value)
    assert "another train server" in str(caught.value)
    assert list(store.list()) == [first]
    assert store.load(1) == MODEL
    assert list(store.batches(1)) == ["a"]
    with pytest.raises(StoreError), store.examples(1, "b"):
        pass


def test_saving_the_same_again_changes_nothing(
    store: CheckpointStore, batch: Callable[..., Path]
) -> None:
    new = NewCheckpoint(number=1, model=MODEL, training_state=b"state", batches={"a": batch(b"a")})
    first = store.save(new)
    assert store.save(replace(new, metadata={"attempt": 2})) == first
    assert store.load_training_state(1) == b"state"
    with store.examples(1, "a") as path:
        assert path.read_bytes() == b"a"


def test_of_many_writers_of_a_number_one_wins(
    store: CheckpointStore, batch: Callable[..., Path]
) -> None:
    """Each with a batch of its own and one that they share."""
    shared = batch(b"shared")
    files = [batch(b"%d" % writer) for writer in range(8)]
    barrier = threading.Barrier(len(files))
    winners: list[int] = []

    def write(writer: int) -> None:
        mine = open_store(store.url, "tiny")
        new = NewCheckpoint(
            number=5,
            model=MODEL + b"%d" % writer,
            training_state=b"state %d" % writer,
            batches={f"w{writer}": files[writer], "shared": shared},
        )
        barrier.wait()
        try:
            mine.save(new)
        except CheckpointExists:
            return
        winners.append(writer)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(len(files))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = winners
    assert store.load(5) == MODEL + b"%d" % winner
    assert store.load_training_state(5) == b"state %d" % winner
    assert list(store.batches(5)) == ["shared", f"w{winner}"]
    for name, content in (("shared", b"shared"), (f"w{winner}", b"%d" % winner)):
        with store.examples(5, name) as path:
            assert path.read_bytes() == content
    for loser in set(range(8)) - {winner}:
        with pytest.raises(StoreError), store.examples(5, f"w{loser}"):
            pass


def test_what_is_not_there(store: CheckpointStore) -> None:
    store.save(NewCheckpoint(number=1, model=MODEL))
    for call in (store.load, store.load_training_state, store.batches, store.info):
        with pytest.raises(StoreError, match="there is no checkpoint 2 of tiny in "):
            call(2)
    with pytest.raises(StoreError, match=r"there is no .*checkpoints/1/examples/a.zip"):
        store.examples(1, "a").__enter__()


@pytest.mark.parametrize("name", ["", "../1", "a/b", ".a", "a\n", "ä"])
def test_names_of_batches_are_plain(store: CheckpointStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a batch"):
        NewCheckpoint(number=1, model=MODEL, batches={name: tmp_path})
    with pytest.raises(ValueError, match="no name of a batch"):
        store.examples(1, name).__enter__()


def test_new_checkpoints_are_checked(store: CheckpointStore) -> None:
    with pytest.raises(ValueError, match="-1 is no number"):
        NewCheckpoint(number=-1, model=MODEL)
    with pytest.raises(ValueError, match="sha256"):
        NewCheckpoint(number=1, model=MODEL, metadata={"sha256": "0"})
    with pytest.raises(ValueError, match="JSON"):
        store.save(NewCheckpoint(number=1, model=MODEL, metadata={"loss": float("nan")}))
    with pytest.raises(StoreError, match="bytes of metadata are too many for checkpoint 1"):
        store.save(NewCheckpoint(number=1, model=MODEL, metadata={"log": "x" * 8000}))
    assert store.latest() is None


def test_the_most_metadata(store: CheckpointStore) -> None:
    store.save(NewCheckpoint(number=1, model=MODEL, metadata={"log": "x" * 7800}))
    assert store.info(1).metadata["log"] == "x" * 7800


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", "a b", "a\n", "ä", "x" * 201])
def test_names_of_models_are_plain(url: str, name: str) -> None:
    with pytest.raises(StoreError, match="is no name for a model"):
        open_store(url, name)


@pytest.mark.parametrize(
    "url",
    ["", "s3://bucket/a", "file:///tmp", "gs://", "gs:///a", "gs://B", "gs://bucket//a",
     "gs://bucket/../a", "gs://bucket/a*", "gs://bucket/a b"],
)  # fmt: skip
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises((StoreError, InvalidSettings), match="is no place "):
        open_store(url, "tiny")


def test_ratings_are_kept_beside_the_checkpoints(url: str, store: CheckpointStore) -> None:
    assert store.ratings() is None
    store.save(NewCheckpoint(number=0, model=MODEL))
    rated = {0: RatedCheckpoint(value=-12.5, low=-20.0, high=-5.0)}
    store.update_ratings(lambda _: Ratings(checkpoints=rated))
    both = Ratings(checkpoints=rated, player="gumbel@2")
    assert store.update_ratings(lambda known: structs.replace(known, player="gumbel@2")) == both
    again = open_store(url, "tiny")
    assert again.ratings() == both
    assert [info.number for info in again.list()] == [0]
    assert open_store(url, "other").ratings() is None


def test_ratings_that_two_change_at_once_are_all_kept(url: str, store: CheckpointStore) -> None:
    store.save(NewCheckpoint(number=0, model=MODEL))
    asked = []

    def with_result_of(name: str, known: Ratings | None) -> Ratings:
        known = known or Ratings()
        return structs.replace(known, results=[*known.results, (name, "uct:800", {"0": 0.5})])

    def change(known: Ratings | None) -> Ratings:
        asked.append(names_of(known))
        if len(asked) < 3:
            other = open_store(url, "tiny")
            other.update_ratings(lambda theirs: with_result_of(f"other {len(asked)}", theirs))
        return with_result_of("mine", known)

    def names_of(known: Ratings | None) -> list[str]:
        return [name for name, *_ in known.results] if known else []

    store.update_ratings(change)
    assert asked == [[], ["other 1"], ["other 1", "other 2"]]
    assert names_of(store.ratings()) == ["other 1", "other 2", "mine"]


def test_ratings_that_are_changed_all_the_time(url: str, store: CheckpointStore) -> None:
    store.save(NewCheckpoint(number=0, model=MODEL))
    times = itertools.count()

    def change(_: object) -> Ratings:
        other = open_store(url, "tiny")
        other.update_ratings(lambda theirs: Ratings(unix_seconds=next(times)))
        return Ratings()

    with pytest.raises(StoreUnavailable, match="others change ratings"):
        store.update_ratings(change)


@pytest.mark.parametrize(
    "damage",
    [
        "[]",
        '{"checkpoints": ',
        '{"checkpoints": []}',
        '{"checkpoints": {"1": {"value": 1}}}',
        '{"checkpoints": {"one": {"value": 1, "low": 0, "high": 2}}}',
        '{"results": 7}',
        '{"results": [["a", "b"]]}',
        '{"results": [["a", "b", 3]]}',
        '{"results": [["a", "b", {"x": "y"}]]}',
    ],
)
def test_damaged_ratings(url: str, store: CheckpointStore, damage: str) -> None:
    store.save(NewCheckpoint(number=0, model=MODEL))
    store.update_ratings(lambda _: Mock(to_json=damage.encode))
    with pytest.raises(StoreError, match=r"ratings\.json of tiny in .* is damaged: remove it"):
        store.ratings()


def test_models_of_a_root(url: str, store: CheckpointStore) -> None:
    assert list(model_names(url)) == []
    for name in ("tiny", "large", "tiny.2"):
        open_store(url, name).save(NewCheckpoint(number=0, model=MODEL))
    assert list(model_names(url)) == ["large", "tiny", "tiny.2"]
