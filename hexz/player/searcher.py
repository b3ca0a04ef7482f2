"""Many searches at once that share the batches of one evaluator."""

from __future__ import annotations

import math
import threading
import time
from typing import Final

import numpy as np

from hexz.engine import NUM_ACTIONS, Board, Search, SearchSettings, Suggestion
from hexz.engine.endgame import solve
from hexz.engine.solution import Solution
from hexz.inference import Evaluator
from hexz.player.loop import BATCH_SIZE, MAX_NODES, SearchLoop, Task
from hexz.player.player import AIM, Answer
from hexz.player.spec import Budget
from hexz.player.trees import TreeCache
from hexz.schema.search import MAX_SIMULATIONS, Algorithm

SOLVE_NODES: Final = 10_000
"""Size at which the exact solution of an endgame is given up, mostly after some 5 ms, or 50 ms in a
browser. Twice as many would solve 8 % more positions."""

EARLIEST: Final = 0.957
"""Share of the time at which an answer is given at the earliest, unless very many end together."""
_TOGETHER: Final = 16
"""Answers that may be held back until then: they are made in the time that is left."""

_PUCT: Final = SearchSettings(explore=False, simulations=MAX_SIMULATIONS)
"""What ends a search is its task."""


class Searcher:
    """Searches any number of positions at once with one network; threads may share it.

    Args:
        evaluator: of positions, best prepared for CHUNK positions on a CPU, else BATCH_SIZE.

    Attributes:
        trees: what it found, kept for the next moves of the games.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.trees = TreeCache()
        self._loop = SearchLoop(evaluator)
        self._thread = threading.Thread(target=self._run, name="searcher", daemon=True)
        self._thread.start()

    @property
    def evaluator(self) -> Evaluator:
        """The evaluator of the network that is searched with now, see `use`."""
        return self._loop.evaluator

    @property
    def evaluations(self) -> int:
        """Positions evaluated since the start."""
        return self._loop.evaluations

    @property
    def num_searches(self) -> int:
        """How many searches are under way."""
        return len(self._loop)

    def least_seconds(self) -> float:
        """The time that an answer takes at least, with one evaluation, after all that wait now."""
        return self._loop.least_seconds()

    def use(self, evaluator: Evaluator) -> None:
        """Evaluates with another network from the next batch on, also in the searches under way.
        What the last one found is forgotten with their ends."""
        self._loop.evaluator = evaluator
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
        time is used up to AIM, unless the result is proven or there is only one legal move. Of
        many searches each gets fewer simulations, and none is kept from its first evaluation. The
        Gumbel search needs a number of simulations, and plans with all of them. Once `gone` is
        set, nobody waits for the answer any more, and the search ends.

        Raises:
            IllegalMove: the game is over.
            InvalidEvaluation: the network is bad.
            Overloaded: there are MAX_SEARCHES other searches.
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
        task = Task(
            search,
            most=None if budget.simulations is None else before + budget.simulations,
            due=math.inf if budget.seconds is None else started + AIM * budget.seconds,
            gone=gone or threading.Event(),
        )
        self._loop.add(task)
        task.done.wait()
        try:
            if task.error is not None:
                raise task.error
            self._hold_back(task, started + EARLIEST * (budget.seconds or 0))
            answer = Answer(
                suggestion=search.suggestion(),
                simulations=search.simulations - before,
                depth=search.depth,
                nodes=search.num_nodes,
                elapsed=time.monotonic() - started,
            )
        finally:
            self._loop.desk.leave(task)
        if algorithm == "puct":
            trees.put(search)
        return answer

    def look(self, board: Board, gone: threading.Event | None = None) -> Suggestion:
        """What the network thinks of a position that is not over, without a search: its policy is
        `priors`. Raises InvalidEvaluation and Overloaded as `suggest` does."""
        search = Search(board, _PUCT, max_in_flight=1)
        task = Task(search, most=0, due=math.inf, gone=gone or threading.Event())
        self._loop.add(task)
        task.done.wait()
        try:
            if task.error is not None:
                raise task.error
            return search.suggestion()
        finally:
            self._loop.desk.leave(task)

    def close(self) -> None:
        """Ends the thread; searches under way end with what they have."""
        self._loop.close()
        self._thread.join()

    def _hold_back(self, task: Task, earliest: float) -> None:
        """Waits until an answer is not too early. Of a few searches that end together, the first
        ones would be; of many, none must wait."""
        desk = self._loop.desk
        are_few = len(self._loop) + len(desk) <= _TOGETHER
        if task.ran_out_of_time and are_few and (early := earliest - time.monotonic()) > 0:
            desk.step_aside(task)
            time.sleep(early)

    def _run(self) -> None:
        while self._loop.wait_for_work():
            self._loop.turn()


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
        margins=solution.values,
    )
