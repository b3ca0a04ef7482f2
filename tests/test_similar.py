"""What somebody meant who made a slip, and that nobody is told so who made none."""

import pytest

from hexz.similar import closest

NAMES = ("OPEN", "STORE", "DEVICE", "EMA_DECAY", "LEARNING_RATE", "WINDOW_MAX", "WINDOW_MIN")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LEARNING_RATE", "LEARNING_RATE"),
        ("LERNING_RATE", "LEARNING_RATE"),
        ("LEARNNING_RATE", "LEARNING_RATE"),
        ("LEARNIGN_RATE", "LEARNING_RATE"),
        ("LEARNING_RITE", "LEARNING_RATE"),
        ("LEARNINGRATE", "LEARNING_RATE"),
        ("LERNINGRATE", "LEARNING_RATE"),
        ("LAERNIGN_RATE", "LEARNING_RATE"),
        ("EARNING_RATES", "LEARNING_RATE"),
        ("WINDOW_MIX", "WINDOW_MAX"),
        ("WINDOW_MNI", "WINDOW_MIN"),
        ("STOER", "STORE"),
        ("OPN", "OPEN"),
    ],
)
def test_a_letter_or_two_are_a_slip(name, meant):
    assert closest(name, NAMES) == meant


@pytest.mark.parametrize(
    "name", ["TYPE", "PEN_", "OVER", "SERVICE", "STORAGE", "LEARN", "EARNING_RATE_S", "WINDOW", ""]
)
def test_another_name_is_none(name):
    assert closest(name, NAMES) is None


def test_names_that_are_equally_near_come_in_their_order():
    assert closest("WINDOW_MAN", reversed(NAMES)) == "WINDOW_MAX"


def test_there_may_be_none():
    assert closest("OPEN", []) is None
