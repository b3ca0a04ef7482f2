"""The self-play loop of one process: engine and evaluator in step, games in, finished games out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hexz.engine import Board, FinishedGame, GameBatch, SearchSettings
from hexz.inference import Evaluation, Evaluator


@dataclass
class _Half:
    """Half of the games: while its leaves are evaluated, the other half searches. A half that is
    not refilled ends with its last game."""

    batch: GameBatch
    refilled: bool = True
    evaluation: Callable[[], Evaluation] | None = None


@dataclass
class SelfPlay:
    """Keeps games going and yields those that end.

    Game number `first_game + k * game_stride` depends on the seed, its number, the settings and
    the evaluations alone, so processes that share a seed and the numbers play one set of games.

    Attributes:
        evaluator: what evaluates the leaves; `use` replaces it.
        settings: of the search; `change` replaces them.
        games_per_process: games that are played at once.
        seed: of the boards, the noise and the choice of moves.
        checkpoint: the number of the evaluator's network, recorded with each move.
        max_games: games to start; None: no limit.
        evaluations: positions evaluated so far.
        batch_rows: positions that full batches would have held.
    """

    evaluator: Evaluator
    settings: SearchSettings
    games_per_process: int
    seed: int
    checkpoint: int = 0
    first_game: int = 0
    game_stride: int = 1
    max_games: int | None = None
    evaluations: int = 0
    batch_rows: int = 0
    _started: int = 0
    _halves: list[_Half] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._add_halves()

    def use(self, evaluator: Evaluator, checkpoint: int) -> None:
        """Evaluates with another network from the next batch on, running games included. Call it
        between two rounds."""
        self.evaluator, self.checkpoint = evaluator, checkpoint
        for half in self._halves:
            half.batch.checkpoint = checkpoint

    def change(self, settings: SearchSettings, games_per_process: int) -> None:
        """Starts games with other settings from now on, and so many at once. Running games go on
        as they are. Call it between two rounds."""
        self.settings = settings
        for half in self._halves:
            half.batch.settings = settings
        if games_per_process != self.games_per_process:
            self.games_per_process = games_per_process
            for half in self._halves:
                half.refilled = False
            self._add_halves()

    def rounds(self) -> Generator[list[FinishedGame]]:
        """Yields the games that ended, mostly none, after each batch of evaluations; ends when
        `max_games` are over."""
        while self._halves:
            for half in self._halves:
                if half.evaluation:
                    half.batch.expand(*half.evaluation())
                count = half.batch.collect()
                half.evaluation = self._start(half.batch.planes[:count]) if count else None
                finished = half.batch.take_finished()
                if finished:
                    self._fill(half)
                yield finished
            self._halves = [half for half in self._halves if half.batch.num_active]

    def boards(self) -> Iterator[Board]:
        """The current positions of the running games."""
        for half in self._halves:
            for slot in range(half.batch.num_games):
                board = half.batch.board(slot)
                if board is not None:
                    yield board

    def so_far(self) -> tuple[Board, list[int]] | None:
        """The board before the first move, and the actions, of the first of the running games,
        which stays the same to its end; None if none runs."""
        games = (
            half.batch.so_far(slot) for half in self._halves for slot in range(half.batch.num_games)
        )
        return next((game for game in games if game is not None), None)

    def _start(self, planes: npt.NDArray[np.float32]) -> Callable[[], Evaluation]:
        batch_size = self.evaluator.batch_size
        self.evaluations += len(planes)
        self.batch_rows += -(-len(planes) // batch_size) * batch_size
        return self.evaluator.start(planes)

    def _add_halves(self) -> None:
        slots = self.games_per_process
        if self.max_games is not None:
            slots = min(slots, self.max_games - self._started)
        for size in (slots - slots // 2, slots // 2):
            if size > 0:
                half = _Half(GameBatch(size, self.settings, self.seed))
                half.batch.checkpoint = self.checkpoint
                self._fill(half)
                self._halves = [*self._halves, half]

    def _fill(self, half: _Half) -> None:
        """Starts games in all free slots of a half, as long as there are games to start."""
        if not half.refilled:
            return
        while half.batch.num_active < half.batch.num_games and self._started != self.max_games:
            number = self.first_game + self._started * self.game_stride
            half.batch.start_game(Board.random(board_seed(self.seed, number)), number)
            self._started += 1


def board_seed(seed: int, game: int) -> int:
    """The seed of a game's start position, independent for each pair of seed and game number."""
    return int(np.random.SeedSequence((seed, game)).generate_state(1, np.uint64)[0])
