"""Rates of the last minute."""

import time

import pytest

from hexz.rate import RATE_SECONDS, Rate


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def test_a_rate_is_the_mean_over_the_last_minute(clock):
    rate = Rate()
    for _ in range(300):
        clock.now += 1
        rate.add(5)
    assert rate.per_second() == pytest.approx(5, rel=0.05)
    assert rate.total == 1500
    clock.now += RATE_SECONDS / 2
    assert rate.per_second() == pytest.approx(2.5, rel=0.1)
    clock.now += RATE_SECONDS
    assert rate.per_second() == 0
    assert rate.total == 1500


def test_a_young_rate_is_the_mean_since_the_start(clock):
    rate = Rate()
    assert rate.per_second() == 0
    rate.add(40)
    assert rate.per_second() == 40
    clock.now += 4
    assert rate.per_second() == 10


def test_a_rate_remembers_seconds_not_events(clock):
    rate = Rate()
    for _ in range(10_000):
        clock.now += 0.1
        rate.add(1)
    assert len(rate._seconds) <= RATE_SECONDS
