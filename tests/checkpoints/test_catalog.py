"""What is said of models and checkpoints."""

import pytest

from hexz.checkpoints import NewCheckpoint, open_store
from hexz.checkpoints.catalog import catalog, entry, open_model, open_models
from hexz.errors import StoreError
from hexz.schema.records import RatedCheckpoint, Ratings


@pytest.fixture(params=["directory", "bucket"])
def url(request, tmp_path):
    if request.param == "directory":
        return str(tmp_path / "data")
    return request.getfixturevalue("bucket_url")


def save(url: str, name: str, *numbers: int) -> None:
    store = open_store(url, name)
    for number in numbers:
        metadata = {"examples": 100 * number, "report": {"losses": {"total": 2.5}}}
        store.save(NewCheckpoint(number=number, model=b"weights", metadata=metadata))


def test_checkpoints_with_ratings(url):
    save(url, "tiny", 0, 1)
    store = open_model(url)
    rated = RatedCheckpoint(value=12.0, low=2.0, high=22.0)
    store.update_ratings(lambda _: Ratings(checkpoints={1: rated}))
    first, second = catalog(store)
    assert (first.info.number, first.info.record.examples, first.losses, first.elo) == (
        0, 0, {"total": 2.5}, None,
    )  # fmt: skip
    assert second.elo == rated
    facts = entry(store, None).facts
    assert (facts["checkpoint"], facts["examples"], facts["bytes"]) == (1, 100, 7)
    assert facts["elo"]["value"] == 12.0
    assert entry(store, 0).facts["elo"] is None
    with pytest.raises(StoreError, match="no checkpoint 7 of tiny"):
        entry(store, 7)


def test_metadata_take_no_place_of_what_the_store_knows(url):
    """Whoever makes a checkpoint writes them."""
    store = open_store(url, "boaster")
    metadata = {"elo": {"value": 9999.0}, "checkpoint": 7, "bytes": 1, "examples": 5}
    store.save(NewCheckpoint(number=0, model=b"weights", metadata=metadata))
    facts = entry(store, 0).facts
    assert (facts["checkpoint"], facts["elo"], facts["bytes"]) == (0, None, 7)
    assert facts["examples"] == 5


def test_several_models(url):
    save(url, "tiny", 0)
    save(url, "large", 3, 4)
    assert [store.model_name for store in open_models(url)] == ["large", "tiny"]
    with pytest.raises(StoreError, match=r"models large, tiny: .*/models/flagz/NAME"):
        open_model(url)
    assert open_model(f"{url}/models/flagz/large").latest() == 4
    assert open_model(f"{url}/models/flagz/tiny/").latest() == 0


def test_no_model(url):
    for where in (url, f"{url}/models/flagz/tiny"):
        with pytest.raises(StoreError, match="there is no model in"):
            open_models(where)
