"""Learning curves: from a store of checkpoints to ratings and pictures."""

import csv
import json
import struct
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from hexz.arena import rating as rating_module
from hexz.arena.rating import Rating, RatingConfig, choose
from hexz.checkpoints import CheckpointInfo, CheckpointStore, NewCheckpoint, open_store
from hexz.errors import StoreError
from hexz.model.checkpoint import encode_checkpoint, new_checkpoint
from hexz.model.config import ModelConfig
from hexz.player.spec import parse_spec
from hexz.schema.records import Estimate, RatedCheckpoint, Ratings

ENGINE = Path(__file__).parents[2] / "docs" / "engine.py"


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
    monkeypatch.setattr(rating_module, "REFERENCES", ("uct:800", "uct:20"))


def config(tmp_path, **more) -> RatingConfig:
    defaults = {"simulations": 2, "boards": 6, "output_dir": tmp_path / "out", "num_processes": 1}
    return RatingConfig(**{**defaults, **more})


def rate(store, config) -> Rating:
    rating = Rating(store, config, print)
    list(rating.run.events())
    rating.save()
    return rating


def size_of_png(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", data[16:24])


def test_rate(tmp_path, store):
    wanted = config(tmp_path, numbers=[3, 0, 2], tensorboard=tmp_path / "events")
    rating = rate(store, wanted)
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {
        "curve.json", "curve.csv", "curve.png", "games.html", "games.jsonl",
    }  # fmt: skip
    assert rating.run.total == rating.run.results.boards == 18
    ratings = store.ratings()
    assert ratings is not None
    assert ratings.player == "gumbel@2"
    assert list(ratings.checkpoints) == [0, 2, 3]
    assert ratings.references["uct:800"].value == 0
    for elo in ratings.checkpoints.values():
        assert elo.low < elo.value < elo.high
        assert elo.value < 0
        assert elo.boards >= 4
    curve = (out / "curve.json").read_bytes()
    assert "results" not in json.loads(curve)
    written = Ratings.from_json(curve)  # a moment later
    assert replace(written, unix_seconds=0) == replace(ratings, results=[], unix_seconds=0)
    rows = list(csv.DictReader((out / "curve.csv").open()))
    assert [(row["checkpoint"], row["examples"]) for row in rows] == [
        ("0", "0"), ("2", "2000"), ("3", "3000"),
    ]  # fmt: skip
    assert size_of_png((out / "curve.png").read_bytes()) == (1800, 630)
    assert list((tmp_path / "events").iterdir())


def test_a_later_run_adds_to_what_is_known(tmp_path, store):
    rate(store, config(tmp_path, numbers=[0, 3]))
    before = store.ratings()
    later = rate(store, config(tmp_path, numbers=[1, 3], output_dir=tmp_path / "elsewhere"))
    after = store.ratings()
    assert list(after.checkpoints) == [0, 1, 3]
    assert after.checkpoints[0].boards == before.checkpoints[0].boards
    # The new one plays, the other one nearly has what it needs.
    assert 6 <= later.run.results.boards < 12
    assert list(later.ratings().checkpoints) == [0, 1, 3]


def test_a_run_that_was_ended_goes_on(tmp_path, store):
    rating = Rating(store, config(tmp_path, numbers=[0, 3]), print)
    for _ in rating.run.events():
        if rating.run.results.boards:
            rating.run.stop()
    ended = rating.run.results.boards
    assert 0 < ended < 12
    rating = rate(store, config(tmp_path, numbers=[0, 3]))  # nothing was saved
    assert rating.run.resumed == ended
    assert rating.run.total == rating.run.results.boards > ended
    less = Rating(store, config(tmp_path, numbers=[0, 3], boards=2), print)
    assert list(less.run.events()) == []


def test_players_that_play_otherwise_are_kept_apart(tmp_path, store):
    other = ("gumbel@3 1", "uct:800", {"0a1b2c3d": 0.5})
    store.update_ratings(lambda _: Ratings(player="gumbel@3", results=[other]))
    rate(store, config(tmp_path, numbers=[0, 3], boards=2))
    found = store.ratings()
    assert found.player == "gumbel@2"
    assert list(found.checkpoints) == [0, 3]
    assert other in found.results


def test_other_players_are_rated_too(tmp_path, store):
    network = new_checkpoint(ModelConfig(blocks=1, filters=8), seed=9)
    (tmp_path / "x.pt").write_bytes(encode_checkpoint(network))
    specs = ["random", "uct:20", f"gumbel:{tmp_path}/x.pt@2"]
    wanted = config(tmp_path, numbers=[0, 3], players=[parse_spec(spec) for spec in specs])
    rating = rate(store, wanted)
    found = store.ratings()
    assert set(found.references) == {"uct:800", *specs}
    assert list(found.checkpoints) == [0, 3]
    assert rating.run.total == rating.run.results.boards == 6 * 5
    players = {name for first, second, _ in found.results for name in (first, second)}
    digest = network.weights.digest()[:8]
    assert players == {"gumbel@2 0", "gumbel@2 3", "uct:800", *specs[:2], f"{specs[2]} {digest}"}


def test_a_program_of_others_is_rated(tmp_path, store):
    spec = parse_spec(f"cmd:{sys.executable} {ENGINE}@30s", allow_programs=True)
    rating = rate(store, config(tmp_path, numbers=[0, 3], players=[spec], boards=2))
    assert rating.run.evidence.boards_of(str(spec)) >= 2
    assert str(spec) in store.ratings().references


def test_a_player_with_seconds_gets_its_boards(tmp_path, store):
    """Its games come last, when those of the others have been played."""
    spec = "uct:0.001s"
    wanted = config(tmp_path, numbers=[0, 3], players=[parse_spec(spec)], boards=2)
    rating = rate(store, wanted)
    assert rating.run.total == rating.run.results.boards >= 6
    assert rating.run.evidence.boards_of(spec) >= 2


def test_who_is_like_a_checkpoint_that_was_rated_meets_its_next_one(tmp_path, store):
    """Checkpoint 2 is known to be far above uct:800, so 3 plays against it, and not uct."""
    strong = ("gumbel@2 2", "uct:800", {f"{n:08x}": float(n > 0) for n in range(400)})
    store.update_ratings(lambda _: Ratings(results=[strong]))
    rating = rate(store, config(tmp_path, numbers=[2, 3], boards=4))
    assert [
        pairing for pairing in rating.run.results.pairings if rating.run.results.of(pairing)
    ] == [(0, 1)]


def test_each_so_many(tmp_path, store):
    names = Rating(store, config(tmp_path, every=2), print).run.results.names
    assert names[:2] == ["tiny 1", "tiny 3"]


def test_a_checkpoint_that_is_not_there(tmp_path, store):
    with pytest.raises(StoreError, match="there is no checkpoint 7 of tiny"):
        Rating(store, config(tmp_path, numbers=[0, 7]), print)


def test_one_checkpoint_is_no_curve(tmp_path):
    store = open_store(str(tmp_path), "tiny")
    store.save(NewCheckpoint(number=0, model=b"weights"))
    with pytest.raises(StoreError, match="has 1 checkpoint of tiny"):
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


def test_what_has_a_rating_is_taken_rather_than_others_nearby():
    infos = [
        CheckpointInfo(number=n, sha256=None, size=1, unix_seconds=n, metadata={})
        for n in range(101)
    ]
    chosen = choose(infos, 6, rated={0, 22, 50, 99})
    assert [info.number for info in chosen] == [0, 22, 40, 60, 80, 100]


def test_a_curve_without_examples_and_hours():
    """Another program's checkpoints do not say what they were trained on, and for how long."""
    from hexz.ratings.plot import curve_png

    rated = {n: RatedCheckpoint(value=3.1, low=-1, high=7, boards=4) for n in (0, 5)}
    ratings = Ratings(
        player="gumbel@64",
        checkpoints=rated,
        references={"uct:800": Estimate(value=0, low=0, high=0)},
    )
    assert curve_png(ratings, "old").startswith(b"\x89PNG")
