"""Hours of training, without pauses."""

import pytest

from hexz.checkpoints import CheckpointInfo
from hexz.checkpoints.hours import training_hours


def checkpoints(saved: list[float], **started: float) -> list[CheckpointInfo]:
    return [
        CheckpointInfo(
            number=number,
            sha256=None,
            size=1,
            unix_seconds=1.8e9 + seconds,
            metadata={"started": 1.8e9 + started[f"n{number}"]} if f"n{number}" in started else {},
        )
        for number, seconds in enumerate(saved)
    ]


def test_hours_add_up():
    assert training_hours(checkpoints([0, 1800, 5400])) == pytest.approx([0, 0.5, 1.5])
    assert training_hours(checkpoints([0])) == [0]
    assert training_hours([]) == []


def test_a_pause_is_left_out_but_for_the_training_that_ended_it():
    night = 36_000.0
    saved = [0, 60, 120, 180, night, night + 60]
    found = training_hours(checkpoints(saved, n4=night - 20, n5=night + 30))
    assert [3600 * hours for hours in found] == pytest.approx([0, 60, 120, 180, 200, 260])


def test_a_pause_before_a_checkpoint_that_does_not_say_when_it_was_begun():
    found = training_hours(checkpoints([0, 60, 120, 36_000]))
    assert [3600 * hours for hours in found] == pytest.approx([0, 60, 120, 120])


def test_slow_training_is_no_pause():
    """A checkpoint every two hours, once five."""
    found = training_hours(checkpoints([0, 7200, 14_400, 32_400]))
    assert found == pytest.approx([0, 2, 4, 9])


def test_a_slow_checkpoint_among_fast_ones_is_no_pause():
    found = training_hours(checkpoints([0, 30, 60, 90, 690]))
    assert [3600 * hours for hours in found] == pytest.approx([0, 30, 60, 90, 690])


def test_a_clock_that_was_set_back_takes_nothing_away():
    found = training_hours(checkpoints([0, 600, 300, 900]))
    assert [3600 * hours for hours in found] == pytest.approx([0, 600, 600, 1200])
