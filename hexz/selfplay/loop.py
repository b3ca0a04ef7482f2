"""The self-play loop of one process: engine and evaluator in step, games in, finished games out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hexz.engine import Board, FinishedGame, GameBatch, SearchSettings
from hexz.model import Evaluation, Evaluator


@dataclass
class _Half:
    """Half of the games: while its leaves are evaluated, the other half searches."""

    batch: GameBatch
    evaluation: Callable[[], Evaluation] | None = None


@dataclass
class SelfPlay:
    """Keeps games going and yields those that end.

    Game number `first_game + k * game_stride` depends on the seed, its number, the settings and
    the evaluations alone, so processes that share a seed and the numbers play one set of games.

    Attributes:
        evaluator: what evaluates the leaves; it may be replaced between two rounds.
        settings: of the search.
        games_in_flight: games that are played at once.
        seed: of the boards, the noise and the choice of moves.
        max_games: games to start; None: no limit.
        evaluations: positions evaluated so far.
        batch_rows: positions that full batches would have held.
    """

    evaluator: Evaluator
    settings: SearchSettings
    games_in_flight: int
    seed: int
    first_game: int = 0
    game_stride: int = 1
    max_games: int | None = None
    evaluations: int = 0
    batch_rows: int = 0
    _started: int = 0
    _halves: list[_Half] = field(default_factory=list)

    def __post_init__(self) -> None:
        slots = self.games_in_flight
        if self.max_games is not None:
            slots = min(slots, self.max_games)
        for size in (slots - slots // 2, slots // 2):
            if size:
                self._halves.append(_Half(GameBatch(size, self.settings, self.seed)))
        for half in self._halves:
            self._fill(half)

    def rounds(self) -> Generator[list[FinishedGame]]:
        """Yields the games that ended, mostly none, after each batch of evaluations; ends when
        `max_games` are over."""
        running = True
        while running:
            running = False
            for half in self._halves:
                if half.evaluation:
                    half.batch.expand(*half.evaluation())
                count = half.batch.collect()
                half.evaluation = self._start(half.batch.planes[:count]) if count else None
                finished = half.batch.take_finished()
                if finished:
                    self._fill(half)
                running = running or half.batch.num_active > 0
                yield finished

    def boards(self) -> Iterator[Board]:
        """The current positions of the running games."""
        for half in self._halves:
            for slot in range(half.batch.num_games):
                board = half.batch.board(slot)
                if board is not None:
                    yield board

    def _start(self, planes: npt.NDArray[np.float32]) -> Callable[[], Evaluation]:
        batch_size = self.evaluator.batch_size
        self.evaluations += len(planes)
        self.batch_rows += -(-len(planes) // batch_size) * batch_size
        return self.evaluator.start(planes)

    def _fill(self, half: _Half) -> None:
        """Starts games in all free slots of a half, as long as there are games to start."""
        while half.batch.num_active < half.batch.num_games and self._started != self.max_games:
            number = self.first_game + self._started * self.game_stride
            half.batch.start_game(Board.random(board_seed(self.seed, number)), number)
            self._started += 1


def board_seed(seed: int, game: int) -> int:
    """The seed of a game's start position, independent for each pair of seed and game number."""
    return int(np.random.SeedSequence((seed, game)).generate_state(1, np.uint64)[0])
