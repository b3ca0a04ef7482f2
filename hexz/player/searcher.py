"""Many searches at once that share the batches of one evaluator."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from hexz.engine import (
    COLS,
    NUM_ACTIONS,
    NUM_PLANES,
    ROWS,
    Board,
    Search,
    SearchSettings,
    Suggestion,
)
from hexz.engine.endgame import solve
from hexz.engine.solution import Solution
from hexz.errors import InvalidEvaluation
from hexz.inference import Evaluation, Evaluator, Floats
from hexz.player.player import AIM, Answer, Overloaded
from hexz.player.spec import Budget
from hexz.player.trees import TreeCache
from hexz.schema.search import MAX_SIMULATIONS, Algorithm

_log = logging.getLogger(__name__)

BATCH_SIZE: Final = 32
"""Positions of a batch. Two batches are under way."""
CHUNK: Final = 8
"""Positions of an inference on a CPU. Young searches have so few leaves at once, and an inference
computes all of its rows, used or not."""

MAX_SEARCHES: Final = 48
"""Searches at once."""
MIN_SIMULATIONS: Final = 4
"""A search that would have time for fewer, because of the others, is not begun."""

MAX_NODES: Final = 500_000
"""Nodes of all running searches, of 1 to 2 KB each. Beyond it the largest search ends early."""

SOLVE_NODES: Final = 20_000
"""Size at which the exact solution of an endgame is given up, mostly after some 10 ms."""

_ANSWER_SECONDS: Final = 0.0015
"""What it takes to make an answer of a finished search and to send it. Searches that begin together
end together, and their answers are made one after another."""
EARLIEST: Final = 0.952
"""Share of the time at which an answer is given at the earliest."""

_SMOOTHING: Final = 0.05
"""Weight of the last batch in the running means."""

_PUCT: Final = SearchSettings(explore=False, simulations=MAX_SIMULATIONS)
"""What ends a search is its task."""


@dataclass(eq=False)
class _Task:
    """A search under way.

    Attributes:
        search: with its tree.
        most: simulations of `search` at which it ends; None: no limit.
        stop_at: when no more leaves are to be collected, on the clock of `time.monotonic`.
        gone: set once nobody waits for the answer any more.
        done: set once no leaf waits and the search has ended.
        error: why it failed.
    """

    search: Search
    most: int | None
    stop_at: float | None
    gone: threading.Event
    is_stopped: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    @property
    def ran_out_of_time(self) -> bool:
        """Tells whether time was what ended it."""
        has_most = self.most is not None and self.search.simulations >= self.most
        is_useless = self.is_stopped or self.gone.is_set()
        return not (self.stop_at is None or has_most or is_useless or self.search.complete)

    def wanted(self, now: float, *, alone: bool = False) -> int:
        """Returns how many leaves of the next batch the search can use; 0 ends it."""
        search = self.search
        if self.error:
            return 0
        if search.num_nodes == 0:
            return 1  # without its root's evaluation there is no move to play
        if search.complete or self.is_stopped or self.gone.is_set():
            return 0
        if self.stop_at is not None and now >= self.stop_at:
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
        started: when the evaluation was started, on the clock of `time.monotonic`.
    """

    planes: Floats = field(
        default_factory=lambda: np.zeros((BATCH_SIZE, NUM_PLANES, ROWS, COLS), np.float32)
    )
    shares: list[tuple[_Task, int]] = field(default_factory=list)
    started: float = 0.0
    evaluation: Callable[[], Evaluation] | None = None


class Searcher:
    """Searches any number of positions at once with one network; threads may share it.

    Args:
        evaluator: of positions, best prepared for CHUNK positions on a CPU, else BATCH_SIZE.

    Attributes:
        evaluator: the one in use.
        trees: what it found, kept for the next moves of the games.
        evaluations: positions evaluated since the start.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.trees = TreeCache()
        self.evaluations = 0
        self._tasks: deque[_Task] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._batches = (_Batch(), _Batch())
        self._latency = self._measure()
        self._thread = threading.Thread(target=self._run, name="searcher", daemon=True)
        self._thread.start()

    @property
    def num_searches(self) -> int:
        """Searches under way."""
        return len(self._tasks)

    def use(self, evaluator: Evaluator) -> None:
        """Evaluates with another network from the next batch on, also in the searches under way.
        What the last one found is forgotten with their ends."""
        with self._changed:
            self.evaluator = evaluator
            self.trees = TreeCache()

    def suggest(
        self,
        board: Board,
        budget: Budget,
        algorithm: Algorithm = "puct",
        gone: threading.Event | None = None,
    ) -> Answer:
        """Searches a position that is not over, or solves it, if separated territories decide it.

        A limit of simulations is for new ones; what a kept tree knows comes on top. A limit of
        time is used up to AIM, unless the result is proven or there is only one legal move. The
        Gumbel search needs a number of simulations, and plans with all of them. Once `gone` is
        set, nobody waits for the answer any more, and the search ends.

        Raises:
            IllegalMove: the game is over.
            InvalidEvaluation: the network is bad.
            Overloaded: there are too many other searches.
        """
        started = time.monotonic()
        solution = solve(board, SOLVE_NODES)
        if solution is not None:
            return _solved(solution, started)
        trees = self.trees
        if algorithm == "gumbel":
            search = _gumbel_search(board, budget)
        else:
            search = trees.take(board) or Search(
                board, _PUCT, max_in_flight=2 * BATCH_SIZE, max_nodes=MAX_NODES
            )
        before = search.simulations
        task = _Task(
            search,
            most=None if budget.simulations is None else before + budget.simulations,
            stop_at=None if budget.seconds is None else self._stop_at(started, budget.seconds),
            gone=gone or threading.Event(),
        )
        self._begin(task, budget.seconds)
        task.done.wait()
        if task.error is not None:
            raise task.error
        if task.ran_out_of_time:
            # Of many searches that end together, the first answers would be there too early.
            earliest = started + EARLIEST * (budget.seconds or 0)
            time.sleep(max(0.0, earliest - time.monotonic()))
        answer = Answer(
            suggestion=search.suggestion(),
            simulations=search.simulations - before,
            depth=search.depth,
            nodes=search.num_nodes,
            elapsed=time.monotonic() - started,
        )
        if algorithm == "puct":
            trees.put(search)
        return answer

    def close(self) -> None:
        """Ends the thread; searches under way end with what they have."""
        with self._changed:
            self._is_closed = True
            for task in self._tasks:
                task.is_stopped = True
            self._changed.notify_all()
        self._thread.join()

    def _stop_at(self, started: float, seconds: float) -> float:
        """When a search must end so that its answer is there in time."""
        answers = (1 + self.num_searches) * _ANSWER_SECONDS
        leaves = self._latency  # they are still evaluated then
        return started + AIM * seconds - leaves - answers

    def _measure(self) -> float:
        """Seconds that a batch takes."""
        planes = self._batches[0].planes
        self.evaluator.evaluate(planes)
        start = time.monotonic()
        self.evaluator.evaluate(planes)
        return time.monotonic() - start

    def _begin(self, task: _Task, seconds: float | None) -> None:
        with self._changed:
            if self._is_closed:
                raise Overloaded("the player is shutting down")
            others = len(self._tasks)
            rate = BATCH_SIZE / self._latency
            simulations = np.inf if seconds is None else rate * seconds / (others + 1)
            if others >= MAX_SEARCHES or (others and simulations < MIN_SIMULATIONS):
                raise Overloaded(
                    f"{others} other moves are being thought about: too many for this one to be "
                    "answered in time"
                )
            self._tasks.append(task)
            self._changed.notify_all()

    def _run(self) -> None:
        """The loop of the thread: while one batch is evaluated, the other one is made."""
        while self._wait_for_work():
            for batch in self._batches:
                try:
                    if batch.evaluation is not None:
                        self._expand(batch, batch.evaluation)
                    self._collect(batch, self._running())
                except Exception as error:
                    _log.exception("searches failed")
                    self._fail(error)

    def _wait_for_work(self) -> bool:
        with self._changed:
            while not self._tasks and not self._is_closed:
                self._changed.wait()
            return bool(self._tasks)

    def _expand(self, batch: _Batch, evaluation: Callable[[], Evaluation]) -> None:
        """Waits for the evaluation of a batch and hands each search its share."""
        batch.evaluation = None
        logits, values = evaluation()
        seconds = time.monotonic() - batch.started
        self._latency += _SMOOTHING * (seconds - self._latency)
        row = 0
        for task, count in batch.shares:
            if task.error is None:
                try:
                    task.search.expand(logits[row : row + count], values[row : row + count])
                except InvalidEvaluation as error:
                    task.error = error
            row += count

    def _running(self) -> list[_Task]:
        """The searches that go on; answers those that want no more leaves and wait for none."""
        now = time.monotonic()
        running: list[_Task] = []
        ended: list[_Task] = []
        with self._changed:
            for task in self._tasks:
                is_over = task.error or (task.search.num_waiting == 0 and task.wanted(now) == 0)
                (ended if is_over else running).append(task)
            self._tasks = deque(running)
            self._tasks.rotate(-1)  # the first ones get the rows that are left over
        for task in ended:
            task.done.set()
        return running

    def _collect(self, batch: _Batch, tasks: list[_Task]) -> None:
        """Fills a batch with leaves, as evenly from all searches as they can use, and starts its
        evaluation."""
        now = time.monotonic()
        count = 0
        batch.shares = []
        for i, task in enumerate(tasks):
            share = -(-(BATCH_SIZE - count) // (len(tasks) - i))
            leaves = min(share, task.wanted(now, alone=len(tasks) == 1))
            if leaves == 0:
                continue
            found = task.search.collect(batch.planes[count : count + leaves])
            if found:
                batch.shares.append((task, found))
                count += found
        self._limit_memory(tasks)
        if count:
            batch.started = time.monotonic()
            batch.evaluation = self.evaluator.start(batch.planes[:count])
            self.evaluations += count

    @staticmethod
    def _limit_memory(tasks: list[_Task]) -> None:
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
            task.done.set()


def _gumbel_search(board: Board, budget: Budget) -> Search:
    if budget.simulations is None:
        raise ValueError("a Gumbel search needs a number of simulations")
    return Search(
        board,
        SearchSettings(algorithm="gumbel", explore=False, simulations=budget.simulations),
    )


def _solved(solution: Solution, started: float) -> Answer:
    """The answer to a position that is solved. All legal moves count as tried once, and the best
    ones share the decision."""
    visits = np.zeros(NUM_ACTIONS, np.int32)
    q = np.zeros(NUM_ACTIONS, np.float32)
    margins = {move.index: margin for move, margin in solution.values.items()}
    for action, margin in margins.items():
        visits[action] = 1
        q[action] = np.sign(margin)
    result = int(np.sign(solution.margin))
    best = [action for action, margin in margins.items() if margin == max(margins.values())]
    policy = np.zeros(NUM_ACTIONS, np.float32)
    policy[best] = 1 / len(best)
    suggestion = Suggestion(
        move=solution.move,
        value=float(result),
        visits=visits,
        q=q,
        priors=np.zeros(NUM_ACTIONS, np.float32),
        principal_variation=solution.line,
        proven=result,
        policy=policy,
    )
    return Answer(
        suggestion=suggestion,
        simulations=0,
        depth=len(solution.line),
        nodes=0,
        elapsed=time.monotonic() - started,
    )
