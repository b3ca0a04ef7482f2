"""Whose turn it is to make an answer."""

import math
import threading

import pytest

from hexz.player.desk import _CROWDED, _SPARE, AT_ONCE, Desk, answering


class Asker:
    def __init__(self, answer_at: float, kind: str = "") -> None:
        self.kind = kind
        self.answer_at = answer_at
        self.due = math.inf
        self.done = threading.Event()


class Clerk:
    """Makes one answer after the other at a desk."""

    def __init__(self) -> None:
        self._now = 0.0
        self.desk = Desk(lambda: self._now)

    def answer(self, seconds: float, kind: str = "") -> None:
        asker = Asker(self._now, kind)
        self.desk.queue(asker)
        self._now += seconds
        self.desk.leave(asker)


def line(now: float, *answer_at: float) -> tuple[Desk, list[Asker]]:
    desk = Desk(lambda: now)
    askers = [Asker(moment) for moment in answer_at]
    for asker in askers:
        desk.queue(asker)
    return desk, askers


def test_turns_come_in_the_order_in_which_answers_are_due():
    desk, askers = line(0.0, *[9.0] * AT_ONCE, 3.0, 1.0, 2.0)
    waiting = askers[AT_ONCE:]
    assert all(asker.done.is_set() for asker in askers[:AT_ONCE])
    seen = []
    for asker in askers[:AT_ONCE]:
        desk.leave(asker)
        seen.append([asker.done.is_set() for asker in waiting])
    assert seen == [[False, True, False], [False, True, True], [True, True, True]]
    assert len(desk) == 3


def test_one_who_answers_somebody_keeps_the_turn_until_the_answer_is_made():
    desk, askers = line(0.0, *[1.0] * (AT_ONCE + 1))
    with answering(""):
        desk.leave(askers[0])
        assert not askers[-1].done.is_set()
    assert askers[-1].done.is_set()


def test_a_turn_lasts_until_the_answer_is_sent_where_that_can_be_told():
    desk, askers = line(0.0, *[1.0] * (AT_ONCE + 1))
    sent = []

    def at_end(leave):
        sent.append(leave)
        return True

    with answering("", at_end):
        desk.leave(askers[0])
    assert not askers[-1].done.is_set()
    sent[0]()
    assert askers[-1].done.is_set()


def test_one_who_steps_aside_lets_the_next_one_and_counts_for_nothing():
    desk, askers = line(0.0, *[1.0] * (AT_ONCE + 1))
    before = desk.seconds("")
    desk.step_aside(askers[0])
    assert askers[-1].done.is_set()
    desk.leave(askers[0])
    assert (len(desk), desk.seconds("")) == (AT_ONCE, before)


def test_what_an_answer_takes_is_judged_by_rehearsals_and_then_learnt():
    clerk = Clerk()
    desk = clerk.desk
    for seconds in (0.015, 0.001, 0.001):  # the first one imports something
        clerk.answer(seconds)
    assert desk.seconds("") == pytest.approx(_CROWDED * 0.001)
    for _ in range(300):
        clerk.answer(0.002)
    assert desk.seconds("") == pytest.approx(0.002, rel=0.1)
    clerk.answer(60.0)  # a machine that slept, say
    assert desk.seconds("") < 0.004


def test_each_kind_of_answer_has_its_own_pace():
    clerk = Clerk()
    desk = clerk.desk
    for kind, seconds in 3 * [("", 0.001)] + 300 * [("http", 0.002), ("grpc", 0.004)]:
        clerk.answer(seconds, kind)
    paces = [desk.seconds(kind) for kind in ("http", "grpc", "another")]
    assert paces == pytest.approx([0.002, 0.004, _CROWDED * 0.001], rel=0.1)
    assert desk.mean == pytest.approx(0.004, rel=0.1)


def test_after_a_late_answer_others_are_to_be_earlier_for_a_while():
    desk, askers = line(5.0, 1.0, 1.0, 1.0)
    askers[0].due, askers[1].due, askers[2].due = 6.0, 4.9, 1.0
    margins = []
    for asker in askers:
        desk.leave(asker)
        margins.append(desk.margin)
    assert margins == [0.0, pytest.approx(0.1), 0.25]
    desk._clock = lambda: 15.0
    assert desk.margin == pytest.approx(0.125)


@pytest.mark.parametrize(("within", "seconds"), [(1.0, _SPARE * 0.4), (0.42, 0.01), (0.3, 0.0)])
def test_of_many_answers_each_is_to_be_earlier_but_only_where_time_is_left(within, seconds):
    desk, _ = line(0.0)
    desk.expect(0.4, within)
    assert desk.margin == pytest.approx(seconds)


@pytest.mark.parametrize(("now", "is_behind"), [(0.9, False), (1.1, True)])
def test_the_desk_is_behind_once_somebody_waits_for_too_long(now, is_behind):
    desk, _ = line(now, *[0.0] * AT_ONCE, 1.0)
    assert desk.is_behind() == is_behind


def test_those_at_work_only_are_no_sign_of_that():
    desk, _ = line(10.0, *[0.0] * AT_ONCE)
    assert not desk.is_behind()
