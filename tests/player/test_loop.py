"""How many searches share the time, on a clock of the test's own."""

import heapq
import itertools
import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexz.engine import Board, Search, SearchSettings
from hexz.inference import Evaluation, Evaluator, Floats
from hexz.player import loop as loops
from hexz.player.desk import AT_ONCE, REHEARSALS, Pace
from hexz.player.loop import BATCH_SIZE, SearchLoop, Task
from hexz.player.schedule import answer_times

PUCT = SearchSettings(explore=False, simulations=1_000_000)
AIM = 0.968


class Clock:
    """Time that passes only while something is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SlowEvaluator(Evaluator):
    """An evaluation takes so long on the clock."""

    name = "slow"
    batch_size = BATCH_SIZE

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds

    def start(self, planes: Floats) -> Callable[[], Evaluation]:
        count = len(planes)

        def finish() -> Evaluation:
            self.clock.now += self.seconds
            return np.zeros((count, 220), np.float32), np.zeros(count, np.float32)

        return finish


# --- The plan ------------------------------------------------------------------------------------

answers = st.lists(st.tuples(st.floats(0, 2), st.floats(0.001, 0.05)), min_size=1, max_size=40).map(
    lambda pairs: tuple(zip(*pairs, strict=True))
)
"""When answers are due, and what they take."""


@given(answers)
def test_answers_made_one_after_another_are_all_in_time_if_that_is_possible(answers):
    due, seconds = answers
    times = answer_times(due, seconds)
    order = sorted(range(len(due)), key=times.__getitem__)
    assert [due[i] for i in order] == sorted(due)
    now = min(times)
    for i in order:
        assert now <= times[i] + 1e-9
        now = max(now, times[i]) + seconds[i]
        assert now <= due[i] + 1e-9


@given(answers)
def test_no_answer_is_begun_earlier_than_it_must(answers):
    due, seconds = answers
    latest = sorted(zip(answer_times(due, seconds), due, seconds, strict=True))
    for (time, own, takes), (following, *_) in itertools.pairwise(latest):
        assert time + takes == pytest.approx(min(own, following))
    time, own, takes = latest[-1]
    assert time + takes == pytest.approx(own)


# --- Many at once --------------------------------------------------------------------------------


class Clients:
    """Clients who ask for the next move as soon as they have one, and a clerk who makes the answers
    whose turn it is, one after another, in the time of the clock.

    Attributes:
        taken: seconds from each question to its answer.
        simulations: of each answer.
    """

    def __init__(self, count: int, *, think: float, batch: float, answer: float) -> None:
        self.clock = Clock()
        self.answer = answer
        self.taken: list[float] = []
        self.simulations: list[int] = []
        self._loop = SearchLoop(SlowEvaluator(self.clock, batch), self.clock)
        self._loop.desk.wait = self._pass  # type: ignore[method-assign]
        self._loop.desk._made = REHEARSALS  # in which an answer took a millisecond
        self._think = think
        self._rng = random.Random(1)
        self._asking: list[tuple[float, int]] = [(self.clock.now, n) for n in range(count)]
        self._waiting: dict[Task, tuple[float, int]] = {}
        self._clerk_free = 0.0

    def run(self, seconds: float) -> None:
        end = self.clock.now + seconds
        while self.clock.now < end:
            while self._asking and self._asking[0][0] <= self.clock.now:
                self._ask(*heapq.heappop(self._asking))
            if len(self._loop):
                self._loop.turn()
            else:
                self._pass(0.001)
            self._work()

    def learn(self) -> None:
        """Lets it know what answers take."""
        self._loop.desk.paces[""] = Pace(self.answer, 0.0)

    def _pass(self, seconds: float) -> None:
        self.clock.now += seconds

    def _ask(self, asked: float, number: int) -> None:
        board = Board.random(self._rng.randrange(50))
        search = Search(board, PUCT, max_in_flight=2 * BATCH_SIZE)
        task = Task(search, None, asked + AIM * self._think, threading.Event())
        self._waiting[task] = asked, number
        self._loop.add(task)

    def _work(self) -> None:
        """What the clerk has done by now."""
        now = self.clock.now
        turns: Any = self._loop.desk._turns
        while turns:
            task = min(turns, key=lambda task: task.answer_at)
            ready = max(self._clerk_free, turns[task]) + self.answer
            if ready > now:
                break
            self.clock.now = self._clerk_free = ready
            self._loop.desk.leave(task)
            self.clock.now = now
            asked, number = self._waiting.pop(task)
            self.taken.append(ready - asked)
            self.simulations.append(task.search.simulations)
            heapq.heappush(self._asking, (ready, number))


@pytest.mark.parametrize(
    ("count", "think", "batch", "answer"),
    [
        (256, 1.0, 0.008, 0.002),
        (256, 1.0, 0.008, 0.0035),
        (16, 1.0, 0.008, 0.002),
        (500, 2.0, 0.02, 0.003),
    ],
)
def test_all_are_answered_in_time(count, think, batch, answer):
    """From the first question on, whether an answer takes what is thought at first or half of
    that, be it half of all the time or nine tenths."""
    clients = Clients(count, think=think, batch=batch, answer=answer)
    clients.run(3 * think)
    assert len(clients.taken) >= 2 * count
    assert max(clients.taken) <= think
    # The evaluator is used all the same.
    assert sum(clients.simulations) >= 0.5 * BATCH_SIZE * 3 * think / batch


def test_the_time_that_answers_take_is_learnt():
    """A machine that becomes three times as slow is late in one round only."""
    clients = Clients(200, think=1.0, batch=0.008, answer=0.001)
    clients.run(3)
    assert max(clients.taken) <= 1
    clients.answer = 0.003
    clients.run(2)
    clients.taken.clear()
    clients.run(2)
    assert len(clients.taken) > 200
    assert max(clients.taken) <= 1


def test_a_machine_that_stalls_is_late_seldom():
    """Other programs have the cores for 0.15 s in each half second."""
    clients = Clients(100, think=1.0, batch=0.008, answer=0.001)
    turn, turns = clients._loop.turn, itertools.count(1)

    def stalling() -> None:
        turn()
        if next(turns) % 22 == 0:
            clients._pass(0.15)
            clients._clerk_free = clients.clock.now

    clients._loop.turn = stalling  # type: ignore[method-assign]
    clients.run(4)
    clients.taken.clear()
    clients.run(4)
    assert sum(taken > 1 for taken in clients.taken) <= 0.01 * len(clients.taken)


def test_while_answers_are_late_nothing_is_searched():
    clock = Clock()
    loop = SearchLoop(SlowEvaluator(clock, 0.01), clock)
    loop.desk.wait = lambda seconds: None  # type: ignore[method-assign]
    tasks = [
        Task(Search(Board.random(i), PUCT), 0, 1.0 + i, threading.Event())
        for i in range(AT_ONCE + 1)
    ]
    long = Task(Search(Board.random(50), PUCT), None, 100.0, threading.Event())
    for task in [*tasks, long]:
        loop.add(task)
    for _ in range(4):
        loop.turn()
    assert len(loop.desk) == AT_ONCE + 1
    turn, *_, waiting = sorted(tasks, key=lambda task: not task.done.is_set())
    assert not waiting.done.is_set()
    before = loop.evaluations
    loop.turn()
    assert loop.evaluations > before
    clock.now = 10.0
    loop.turn()  # what is under way comes in
    before = loop.evaluations
    loop.turn()
    assert loop.evaluations == before
    young = Task(Search(Board.random(51), PUCT), None, 100.0, threading.Event())
    loop.add(young)
    loop.turn()
    loop.turn()
    assert not young.is_young
    loop.desk.leave(turn)
    assert waiting.done.is_set()
    before = loop.evaluations
    loop.turn()
    assert loop.evaluations > before


def test_while_many_answers_are_late_new_searches_wait_for_a_whole_batch():
    clock = Clock()
    loop = SearchLoop(SlowEvaluator(clock, 0.01), clock)
    loop.desk.wait = lambda seconds: None  # type: ignore[method-assign]

    def add(count: int, due: float) -> list[Task]:
        boards = (Board.random(i) for i in range(count))
        tasks = [Task(Search(board, PUCT), 0, due, threading.Event()) for board in boards]
        for task in tasks:
            loop.add(task)
        loop.turn()
        loop.turn()
        return tasks

    late = add(BATCH_SIZE, 1.0)
    assert len(loop.desk) == BATCH_SIZE
    clock.now = 10.0
    young = add(BATCH_SIZE - 1, 100.0)
    assert all(task.is_young for task in young)
    young += add(1, 100.0)
    assert not any(task.is_young for task in young)
    for task in sorted(late, key=lambda task: task.answer_at):
        loop.desk.leave(task)
    last = add(1, 100.0)
    assert not last[0].is_young


def test_simulations_are_shared_evenly():
    clients = Clients(64, think=1.0, batch=0.01, answer=0.001)
    clients.learn()
    clients.run(0.99)
    assert len(clients.simulations) == 64
    assert max(clients.simulations) <= 1.3 * min(clients.simulations)


def test_in_an_emergency_each_search_has_one_evaluation():
    """A batch takes as long as all the time there is."""
    clients = Clients(128, think=0.1, batch=0.1, answer=0.001)
    clients.run(0.5)
    assert len(clients.taken) >= 128
    # Four batches of first evaluations, one that is under way, and the answers one by one.
    assert max(clients.taken[:128]) <= 5 * 0.1 + 130 * 0.001 + 0.05
    assert set(clients.simulations[:128]) <= {0, 1}


def test_first_evaluations_go_to_those_who_are_due_first(monkeypatch):
    clock = Clock()
    loop = SearchLoop(SlowEvaluator(clock, 0.01), clock)
    tasks = [
        Task(Search(Board.random(i), PUCT), None, 10.0 - i / 10, threading.Event())
        for i in range(64)
    ]
    for task in tasks:
        loop.add(task)
    loop.turn()
    assert all(task.search.num_nodes == 1 for task in tasks)
    late = Task(Search(Board.random(99), PUCT), None, 100.0, threading.Event())
    soon = Task(Search(Board.random(98), PUCT), None, 1.0, threading.Event())
    monkeypatch.setattr(loops, "BATCH_SIZE", 1)
    loop.add(late)
    loop.add(soon)
    loop._collect(loop._batches[0], loop._running())
    assert (soon.search.num_nodes, late.search.num_nodes) == (1, 0)


def test_the_least_answer_waits_for_those_before_it():
    clock = Clock()
    loop = SearchLoop(SlowEvaluator(clock, 0.1), clock)
    alone = loop.least_seconds()
    assert 0.1 < alone < 0.3
    for number in range(96):
        loop.add(Task(Search(Board.random(number), PUCT), None, 10.0, threading.Event()))
    assert loop.least_seconds() == pytest.approx(alone + 0.3)
