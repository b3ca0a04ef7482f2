"""Positions and evaluators for the tests of players."""

import itertools
import random
import threading
import time
from collections.abc import Callable

import numpy as np

from hexz.engine import Board, Move
from hexz.engine.endgame import solve
from hexz.inference import Evaluation, Evaluator, Floats

TRIES = 4


def assert_think_time_is_kept(think: Callable[[], object], seconds: float) -> None:
    """It takes 95 to 100 % of the time once, or 110 % where other work on the machine gets in
    between each time."""
    times = []
    for _ in range(TRIES):
        started = time.monotonic()
        think()
        times.append(time.monotonic() - started)
        assert times[-1] >= 0.95 * seconds
        if times[-1] <= seconds:
            return
    assert min(times) <= 1.1 * seconds, f"took {times} instead of {seconds}"


class EvenEvaluator(Evaluator):
    """Says of all positions that all moves are alike and nobody is ahead.

    Attributes:
        sizes: of the batches so far.
        gate: an evaluation ends only while it is set.
        values: what all positions are worth.
        seconds: that a batch takes.
    """

    name = "even"
    batch_size = 32

    def __init__(self, values: float = 0.0, seconds: float = 0.0) -> None:
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.values = values
        self.seconds = seconds

    def start(self, planes: Floats) -> Callable[[], Evaluation]:
        count = len(planes)
        self.sizes.append(count)

        def finish() -> Evaluation:
            self.gate.wait()
            time.sleep(self.seconds)
            return np.zeros((count, 220), np.float32), np.full(count, self.values, np.float32)

        return finish


class PositionEvaluator(EvenEvaluator):
    """Says of each position something else."""

    def start(self, planes: Floats) -> Callable[[], Evaluation]:
        weights = np.random.default_rng(1).normal(size=(planes[0].size, 221)).astype(np.float32)
        numbers = np.stack([np.sin(position.ravel() @ weights) for position in planes])
        finish = super().start(planes)

        def answer() -> Evaluation:
            finish()
            return np.ascontiguousarray(numbers[:, :220]), np.ascontiguousarray(numbers[:, 220])

        return answer


def game(seed: int) -> list[Board]:
    """The positions of a random game, the last one over."""
    rng = random.Random(seed)
    boards = [Board.random(seed)]
    while not boards[-1].is_over:
        board = boards[-1].copy()
        board.play(rng.choice(board.legal_moves()))
        boards.append(board)
    return boards


def played(boards: list[Board]) -> list[Move]:
    """The moves between the positions of a game."""
    moves = []
    for before, after in itertools.pairwise(boards):
        moves += [move for move in before.legal_moves() if _after(before, move) == after][:1]
    return moves


def _after(board: Board, move: Move) -> Board:
    board = board.copy()
    board.play(move)
    return board


def solved_game() -> list[Board]:
    """The positions of a random game up to one that is solved, where moves win and moves lose."""
    return game(92)[:42]


def solvable() -> Board:
    """A position that separated territories decide."""
    return next(
        board
        for seed in range(100)
        for board in game(seed)
        if not board.is_over and len(board.legal_moves()) > 1 and solve(board) is not None
    )


def forced() -> Board:
    """A position with one legal move, which is not solved."""
    return next(
        board
        for seed in range(1000)
        for board in game(seed)
        if not board.is_over and len(board.legal_moves()) == 1 and solve(board) is None
    )
