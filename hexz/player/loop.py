"""The searches under way: whose leaves the next batch holds, and when each search ends.

Every search gets its first evaluation before any gets another one, in the order in which they are
due; so however many there are, each has a move to answer with. What is left of the batches goes
round evenly. Answers are made one after another, see `desk`, so searches that are due together end
one after another, see `schedule`; and where answers are late, the searches pause.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from hexz.engine import COLS, NUM_PLANES, ROWS, Search
from hexz.errors import InvalidEvaluation
from hexz.inference import Evaluation, Evaluator, Floats
from hexz.player.desk import Desk, kind_of_answer
from hexz.player.player import Overloaded
from hexz.player.schedule import answer_times, least_seconds

_log = logging.getLogger(__name__)

BATCH_SIZE: Final = 32
"""Positions of a batch. Two batches are under way."""
CHUNK: Final = 8
"""Positions of an inference on a CPU. Young searches have so few leaves at once, and an inference
computes all of its rows, used or not."""

MAX_SEARCHES: Final = 512
"""Moves that may be thought about at once, those included that wait for their first evaluation."""
THREADS: Final = MAX_SEARCHES + 32
"""Requests that each of the servers, over HTTP and over gRPC, answers at once: as many searches as
there may be, and room for the rest."""
MAX_NODES: Final = 500_000
"""Nodes of all running searches, of 1 to 2 KB each. Beyond it the largest search ends early."""

_SMOOTHING: Final = 0.05
"""Weight of the last batch in the running mean."""
_SHARE: Final = 4
"""Leaves that a search gets of a batch at least, of those that it can use: to go to each search for
a single one takes longer than to find and evaluate that."""
_WELL_AHEAD: Final = 2 * CHUNK
"""Answers that are still to be made when the next searches are evaluated: that takes no longer."""
_PAUSE_SECONDS: Final = 0.002
"""The longest pause of the searches, after which they look again whether answers are late."""


@dataclass(eq=False)
class Task:
    """A search under way.

    Attributes:
        search: with its tree.
        most: simulations of `search` at which it ends; None: no limit.
        due: when its answer is to be there, on the clock of the loop; infinity: no limit.
        gone: set once nobody waits for the answer any more.
        kind: of the answer.
        answer_at: when its answer is to be begun, if it still searches then.
        stop_at: when no more leaves are to be collected.
        is_young: its root is not evaluated yet.
        is_due: it has changed, and so may have ended.
        done: set once no leaf waits, the search has ended, and its answer may be made.
        error: why it failed.
    """

    search: Search
    most: int | None
    due: float
    gone: threading.Event
    kind: str = field(default_factory=kind_of_answer)
    answer_at: float = math.inf
    stop_at: float = math.inf
    is_stopped: bool = False
    is_young: bool = False
    is_due: bool = True
    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.is_young = self.search.num_nodes == 0

    @property
    def ran_out_of_time(self) -> bool:
        """Tells whether time was what ended it."""
        has_most = self.most is not None and self.search.simulations >= self.most
        is_useless = self.is_stopped or self.gone.is_set()
        return not (self.due == math.inf or has_most or is_useless or self.search.complete)

    def wanted(self, now: float, *, alone: bool = False) -> int:
        """Returns how many leaves of the next batch the search can use; 0 ends it."""
        search = self.search
        if self.error:
            return 0
        if self.is_young:
            return 1  # without its root's evaluation there is no move to play
        if search.complete or self.is_stopped or self.gone.is_set():
            return 0
        if now >= self.stop_at:
            return 0
        leaves = self._whole_chunks() if alone else BATCH_SIZE
        if self.most is None:
            return leaves
        return min(leaves, max(0, self.most - search.simulations - search.num_waiting))

    def _whole_chunks(self) -> int:
        """Half of the leaves that may wait, as the other half is for the other batch, without
        those that would leave rows of an inference unused."""
        most = self.search.most_waiting
        leaves = min(most - self.search.num_waiting, max(CHUNK, most // 2))
        return leaves if most < CHUNK else leaves // CHUNK * CHUNK


@dataclass
class _Batch:
    """Leaves of several searches and their evaluation, if it is under way.

    Attributes:
        planes: of the leaves; the rows beyond them are not used.
        shares: whose the rows are, in their order, and how many.
        started: when the evaluation was started, on the clock of the loop.
    """

    planes: Floats = field(
        default_factory=lambda: np.zeros((BATCH_SIZE, NUM_PLANES, ROWS, COLS), np.float32)
    )
    shares: list[tuple[Task, int]] = field(default_factory=list)
    started: float = 0.0
    evaluation: Callable[[], Evaluation] | None = None


class SearchLoop:
    """Searches any number of positions in turns; one thread takes them, others add searches.

    Args:
        evaluator: of positions.
        clock: tells the time in seconds.

    Attributes:
        evaluator: the one in use, which may be replaced at any time.
        evaluations: positions evaluated since the start.
        desk: where the answers are made.
    """

    def __init__(self, evaluator: Evaluator, clock: Callable[[], float] = time.monotonic) -> None:
        self.evaluator = evaluator
        self.evaluations = 0
        self.desk = Desk(clock)
        self._clock = clock
        self._tasks: deque[Task] = deque()
        self._changed = threading.Condition()
        self._is_planned = True
        self._is_closed = False
        self._batches = (_Batch(), _Batch())
        self._latency = self._measure()

    def __len__(self) -> int:
        """Searches under way."""
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """Begins a search; raises Overloaded if there are too many, or the loop is closed."""
        with self._changed:
            if self._is_closed:
                raise Overloaded("the player is shutting down")
            if len(self._tasks) >= MAX_SEARCHES:
                raise Overloaded(
                    f"{len(self._tasks)} other moves are being thought about, which is the most "
                    "that may be: try again"
                )
            self._tasks.append(task)
            self._is_planned = False
            self._changed.notify_all()

    def least_seconds(self) -> float:
        """The time that another position needs at least, for one evaluation and its answer."""
        with self._changed:
            first = sum(task.is_young for task in self._tasks)
        line = len(self.desk) + 1
        return least_seconds(first, BATCH_SIZE, self._latency) + line * self.desk.mean

    def wait_for_work(self) -> bool:
        """Sleeps until there are searches; returns whether there are, or the loop is closed."""
        with self._changed:
            while not self._tasks and not self._is_closed:
                self._changed.wait()
            return bool(self._tasks)

    def turn(self) -> None:
        """Does each of the two batches once: while one is evaluated, the other one is made."""
        for batch in self._batches:
            try:
                if batch.evaluation is not None:
                    self._expand(batch, batch.evaluation)
                tasks = self._running()
                if self.desk.is_behind():
                    tasks = self._while_behind(tasks)
                self._collect(batch, tasks)
            except Exception as error:
                _log.exception("searches failed")
                self._fail(error)

    def _while_behind(self, tasks: list[Task]) -> list[Task]:
        """The searches that go on while answers are late: those without any evaluation yet, as many
        at once as can be. They are answered after those that wait."""
        young = [task for task in tasks if task.is_young]
        if not young or (len(young) < BATCH_SIZE and len(self.desk) > _WELL_AHEAD):
            self.desk.wait(_PAUSE_SECONDS)
            return []
        return young

    def close(self) -> None:
        """Takes no more searches; those under way end with what they have."""
        with self._changed:
            self._is_closed = True
            for task in self._tasks:
                task.is_stopped = True
            self._changed.notify_all()

    def _measure(self) -> float:
        """Seconds that a batch takes."""
        planes = self._batches[0].planes
        self.evaluator.evaluate(planes)
        start = self._clock()
        self.evaluator.evaluate(planes)
        return self._clock() - start

    def _expand(self, batch: _Batch, evaluation: Callable[[], Evaluation]) -> None:
        """Waits for the evaluation of a batch and hands each search its share."""
        batch.evaluation = None
        logits, values = evaluation()
        seconds = self._clock() - batch.started
        self._latency += _SMOOTHING * (seconds - self._latency)
        row = 0
        for task, count in batch.shares:
            if task.error is None:
                try:
                    task.search.expand(logits[row : row + count], values[row : row + count])
                except InvalidEvaluation as error:
                    task.error = error
            task.is_young, task.is_due = False, True
            row += count

    def _running(self) -> list[Task]:
        """The searches that go on, in the order in which they are served; answers those that want
        no more leaves and wait for none."""
        now = self._clock()
        ended: list[Task] = []
        with self._changed:
            self._plan()
            for task in self._tasks:
                if task.is_due or now >= task.stop_at or task.is_stopped or task.gone.is_set():
                    task.is_due = False
                    if task.error or (task.search.num_waiting == 0 and task.wanted(now) == 0):
                        ended.append(task)
            if ended:
                gone = set(ended)
                self._tasks = deque(task for task in self._tasks if task not in gone)
                self._is_planned = False
            running = list(self._tasks)
        for task in sorted(ended, key=lambda task: task.answer_at):
            self.desk.queue(task)
        first = [task for task in running if task.is_young]
        first.sort(key=lambda task: task.due)
        return first + [task for task in running if not task.is_young]

    def _plan(self) -> None:
        """Decides when each search ends."""
        if self._is_planned:
            return
        self._is_planned = True
        paces = {kind: self.desk.seconds(kind) for kind in {task.kind for task in self._tasks}}
        seconds = [paces[task.kind] for task in self._tasks]
        hurried = [
            (task.due, its)
            for task, its in zip(self._tasks, seconds, strict=True)
            if task.due < math.inf
        ]
        if hurried:
            work = sum(its for _, its in hurried)
            self.desk.expect(work, max(hurried)[0] - self._clock())
        margin = self.desk.margin
        times = answer_times([task.due - margin for task in self._tasks], seconds)
        for task, answer_at in zip(self._tasks, times, strict=True):
            task.answer_at = answer_at
            task.stop_at = answer_at - self._latency  # leaves are still evaluated then

    def _collect(self, batch: _Batch, tasks: list[Task]) -> None:
        """Fills a batch with leaves, as evenly from all searches as they can use, and starts its
        evaluation."""
        now = self._clock()
        count = seen = 0
        batch.shares = []
        for task in tasks:
            if count == BATCH_SIZE:
                break
            share = max(_SHARE, -(-(BATCH_SIZE - count) // (len(tasks) - seen)))
            seen += 1
            end = min(count + share, BATCH_SIZE)
            # Walks that end in known positions leave rows for others.
            while leaves := min(end - count, task.wanted(now, alone=len(tasks) == 1)):
                found = task.search.collect(batch.planes[count : count + leaves])
                if found == 0:
                    task.is_due = True
                    break
                batch.shares.append((task, found))
                count += found
        self._pass_on(tasks[:seen])
        self._limit_memory(tasks)
        if count:
            batch.started = self._clock()
            batch.evaluation = self.evaluator.start(batch.planes[:count])
            self.evaluations += count

    def _pass_on(self, served: list[Task]) -> None:
        """Lets those be served next that were not served now; if all were, each is first in
        turn, as the first ones get the rows that are left over."""
        with self._changed:
            if len(served) == len(self._tasks):
                self._tasks.rotate(-1)
                return
            had = set(served)
            waited = [task for task in self._tasks if task not in had]
            self._tasks = deque(waited + [task for task in self._tasks if task in had])

    @staticmethod
    def _limit_memory(tasks: list[Task]) -> None:
        is_full = sum(task.search.num_nodes for task in tasks) > MAX_NODES
        if is_full and not any(task.is_stopped for task in tasks):
            max(tasks, key=lambda task: task.search.num_nodes).is_stopped = True

    def _fail(self, error: Exception) -> None:
        """Ends all searches with an error, and forgets what is under way."""
        for batch in self._batches:
            batch.evaluation = None
        with self._changed:
            tasks = list(self._tasks)
            self._tasks.clear()
        for task in tasks:
            task.error = error
            self.desk.queue(task)
