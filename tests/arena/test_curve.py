"""Learning curves: from a store of checkpoints to ratings and pictures."""

import csv
import json

import pytest

from hexz.arena import curve
from hexz.arena.curve import Curve, Point, Rating, RatingConfig, choose, ratings_of
from hexz.arena.statistics import Estimate
from hexz.checkpoints import CheckpointInfo, CheckpointStore, NewCheckpoint, open_store
from hexz.errors import StoreError
from hexz.model import ModelConfig, encode_checkpoint, new_checkpoint


@pytest.fixture
def store(tmp_path) -> CheckpointStore:
    """Four checkpoints of a network that has learned nothing."""
    store = open_store(str(tmp_path / "data"), "tiny")
    for number in range(4):
        network = new_checkpoint(ModelConfig(blocks=1, filters=8), seed=number, model_name="tiny")
        store.save(
            NewCheckpoint(
                number=number,
                model=encode_checkpoint(network),
                metadata={"examples": 1000 * number},
            )
        )
    return store


@pytest.fixture(autouse=True)
def quick_references(monkeypatch):
    monkeypatch.setattr(curve, "REFERENCES", ("uct:800", "uct:20"))


def config(tmp_path, **more) -> RatingConfig:
    return RatingConfig(
        num_checkpoints=3, simulations=2, games=60, output_dir=tmp_path / "out", num_processes=1,
        **more,
    )  # fmt: skip


def test_rate(tmp_path, store):
    rating = Rating(store, config(tmp_path, tensorboard=tmp_path / "events"), print)
    list(rating.run.events())
    files = rating.save()
    assert {file.name for file in files} == {"curve.json", "curve.csv", "curve.png", "games.html"}
    ratings = store.ratings()
    assert ratings is not None
    assert list(ratings["checkpoints"]) == ["0", "1", "3"]
    assert list(ratings["references"]) == ["uct:800", "uct:20"]
    assert ratings["references"]["uct:800"]["value"] == 0
    for elo in ratings["checkpoints"].values():
        assert elo["low"] < elo["value"] < elo["high"] < 0
        assert elo["boards"] == 12  # 10 pairs, 3 boards of each
    assert json.loads((tmp_path / "out" / "curve.json").read_bytes()) == ratings
    rows = list(csv.DictReader((tmp_path / "out" / "curve.csv").open()))
    assert [(row["checkpoint"], row["examples"]) for row in rows] == [
        ("0", "0"), ("1", "1000"), ("3", "3000"),
    ]  # fmt: skip
    assert (tmp_path / "out" / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "events").iterdir())

    again = Rating(store, config(tmp_path), print)
    assert list(again.run.events()) == []
    again.save()
    assert store.ratings()["checkpoints"] == ratings["checkpoints"]


def test_ratings_of_other_checkpoints_stay(tmp_path, store):
    known = {"value": 1.0, "low": 0.0, "high": 2.0, "boards": 9, "examples": 1000, "hours": 0.5}
    store.save_ratings(
        {"player": "gumbel@2", "anchor": "uct:800", "checkpoints": {"2": known, "3": known}}
    )
    rating = Rating(store, config(tmp_path), print)
    list(rating.run.events())
    rating.save()
    checkpoints = store.ratings()["checkpoints"]
    assert list(checkpoints) == ["0", "1", "2", "3"]
    assert checkpoints["2"] == known != checkpoints["3"]


def test_one_checkpoint_is_no_curve(tmp_path):
    store = open_store(str(tmp_path), "tiny")
    store.save(NewCheckpoint(number=0, model=b"weights"))
    with pytest.raises(StoreError, match="has 1 checkpoints of tiny"):
        Rating(store, config(tmp_path), print)


@pytest.mark.parametrize(
    ("count", "numbers"),
    [(2, [0, 9]), (4, [0, 3, 6, 9]), (9, [0, 1, 2, 3, 4, 6, 7, 8, 9]), (20, list(range(10)))],
)
def test_spread(count, numbers):
    infos = [
        CheckpointInfo(number=n, sha256=None, size=1, unix_seconds=n, metadata={})
        for n in range(10)
    ]
    chosen = [info.number for info in choose(infos, count)]
    assert len(chosen) == min(count, 10)
    assert chosen[0] == 0
    assert chosen[-1] == 9
    assert sorted(set(chosen)) == chosen
    if count != 9:
        assert chosen == numbers


def test_a_curve_without_examples():
    """Another program's checkpoints do not say what they were trained on."""
    from hexz.arena.plot import curve_png

    elo = Estimate(value=3.14159, low=-1, high=7)
    points = [Point(number=n, examples=None, hours=n / 2, elo=elo, boards=4) for n in (0, 5)]
    found = Curve(model_name="old", player="gumbel@64", points=points, references={"uct:800": elo})
    assert curve_png(found).startswith(b"\x89PNG")
    assert ratings_of(found)["checkpoints"]["5"] == {
        "value": 3.1, "low": -1, "high": 7, "boards": 4, "examples": None, "hours": 2.5,
    }  # fmt: skip
