"""Matches that a training plays now and then: real ones, of checkpoints that know nothing."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from hexz.checkpoints import CheckpointStore, NewCheckpoint, open_store
from hexz.local import rater
from hexz.local.rater import Rater
from hexz.model.checkpoint import encode_checkpoint, new_checkpoint
from hexz.model.config import ModelConfig

from .processes import TIMEOUT


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    store = open_store(str(tmp_path / "data"), "tiny")
    for number in range(4):
        network = new_checkpoint(ModelConfig(blocks=1, filters=8), seed=number, model_name="tiny")
        store.save(NewCheckpoint(number=number, model=encode_checkpoint(network)))
    return store


@pytest.fixture
def tiny_rater(store: CheckpointStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rater:
    monkeypatch.setattr(rater, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(rater, "MAX_TIME_SHARE", 1.0)
    monkeypatch.setattr(rater, "MATCH_SECONDS", TIMEOUT)
    monkeypatch.setattr(rater, "BOARDS", 2)
    return Rater(store, device="cpu", output_dir=tmp_path / "ratings", log=tmp_path / "rating.log")


def is_playing(rater: Rater) -> bool:
    return rater._child is not None


def play_one(rater: Rater, newest: int) -> str | None:
    """What a match of this checkpoint ends with."""
    assert rater.look_after(newest) is None
    deadline = time.monotonic() + TIMEOUT
    while is_playing(rater):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        problem = rater.look_after(newest)
    return problem


def rated(store: CheckpointStore) -> set[int]:
    ratings = store.ratings()
    assert ratings is not None
    return set(ratings.checkpoints)


def test_the_newest_checkpoint_is_rated_and_each_only_once(
    tiny_rater: Rater, store: CheckpointStore
) -> None:
    assert play_one(tiny_rater, 1) is None
    assert rated(store) == {1}
    assert tiny_rater.look_after(1) is None
    assert not is_playing(tiny_rater)
    assert tiny_rater.look_after(3) is None
    assert is_playing(tiny_rater)
    tiny_rater.close()
    assert not is_playing(tiny_rater)


def test_the_first_match_waits_for_a_trained_checkpoint(tiny_rater: Rater) -> None:
    for newest in (None, 0):
        assert tiny_rater.look_after(newest) is None
        assert not is_playing(tiny_rater)


def test_a_match_that_fails_is_told_once(tiny_rater: Rater, tmp_path: Path) -> None:
    problem = play_one(tiny_rater, 77)
    assert problem is not None
    assert str(tmp_path / "rating.log") in problem
    assert "no checkpoint 77" in (tmp_path / "rating.log").read_text()
    assert tiny_rater.look_after(77) is None


def test_a_rated_checkpoint_that_somebody_has_deleted_plays_no_more(
    tiny_rater: Rater, store: CheckpointStore
) -> None:
    assert play_one(tiny_rater, 1) is None
    shutil.rmtree(store.place(1))
    assert play_one(tiny_rater, 3) is None
    assert rated(store) == {3}


def test_matches_that_take_long_are_played_less_often(
    tiny_rater: Rater, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rater, "MAX_TIME_SHARE", 0.1)
    began = time.monotonic()
    assert play_one(tiny_rater, 1) is None
    ended = time.monotonic()
    assert tiny_rater.look_after(3) is None
    assert not is_playing(tiny_rater)
    for share, plays in ((8, False), (11, True)):
        then = began + share * (ended - began)
        monkeypatch.setattr(time, "monotonic", lambda then=then: then)
        assert tiny_rater.look_after(3) is None
        assert is_playing(tiny_rater) == plays
    monkeypatch.undo()
    tiny_rater.close()
