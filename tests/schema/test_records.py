"""What earlier versions kept beside checkpoints is still read."""

from pathlib import Path

from hexz.checkpoints import open_store
from hexz.schema.records import CheckpointRecord, Ratings

ROOT = Path(__file__).parents[2]
STORE = open_store(str(ROOT / "benchmarks" / "rungs"), "flagz")


def test_ratings_of_an_earlier_version():
    file = ROOT / "tests" / "data" / "ratings-of-2026-11.json"
    ratings = Ratings.from_json(file.read_bytes())
    assert ratings is not None
    assert (ratings.player, ratings.anchor) == ("gumbel@64", "uct:800")
    assert list(ratings.checkpoints) == [1, 2, 4, 11, 16, 22, 40, 74, 111, 148, 222, 296, 409]
    assert ratings.checkpoints[296].low < 1654 < ratings.checkpoints[296].high
    assert ratings.references["uct:800"].value == 0
    assert len(ratings.results) == 93


def test_metadata_of_an_earlier_version():
    """They know neither the loss nor the weight of the reply head, and rates that do not fall."""
    for info in STORE.list():
        record = info.record
        assert record.parent == info.number - 1
        assert record.report.losses["total"] > record.report.losses["policy"] > 0
        assert record.model == {"blocks": 4, "filters": 32}
        content = record.to_metadata()
        assert content["report"].pop("rate_share") == 1.0
        assert content.items() <= info.metadata.items()


def test_another_program_says_nothing():
    record = CheckpointRecord()
    assert (record.examples, record.hours, record.report, record.trained) == (None, None, None, {})
