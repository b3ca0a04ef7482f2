"""How the learning rates of a training end."""

import math
import time

import pytest

from hexz.local.training_time import FALL_SHARE, TrainingTime


@pytest.fixture
def at(monkeypatch):
    """Sets the time."""

    def set_time(seconds: float) -> None:
        monkeypatch.setattr(time, "monotonic", lambda: seconds)

    return set_time


def test_rates_fall_to_zero_over_the_last_part(at):
    at(1000.0)
    training = TrainingTime.beginning_now(600.0)
    shares = {}
    for seconds in (0, 300, 600 * (1 - FALL_SHARE), 600 * (1 - FALL_SHARE / 4), 599.9, 600, 700):
        at(1000.0 + seconds)
        shares[seconds] = training.rate_share()
    *constant, falling, last, none, over = shares.values()
    assert constant == pytest.approx([1.0, 1.0, 1.0])
    assert falling == pytest.approx(0.25)
    assert 0 < last < 0.01
    assert none == over == 0.0
    assert training.is_up


def test_a_training_that_is_ended_by_hand(at):
    at(1000.0)
    training = TrainingTime.beginning_now(None)
    at(1e9)
    assert training.rate_share() == 1.0
    assert training.end == math.inf
    assert not training.is_up
