"""Types of games.pyx, whose docstrings say what everything means."""

from dataclasses import dataclass
from typing import Self, SupportsIndex, final

import numpy as np
import numpy.typing as npt

from hexz.engine.board import Board
from hexz.engine.settings import SearchSettings

# T moves.
@dataclass(frozen=True, eq=False)
class FinishedGame:
    game_id: int
    initial: Board
    final: Board
    actions: npt.NDArray[np.int16]  # [T]
    policies: npt.NDArray[np.float32]  # [T, 220]
    priors: npt.NDArray[np.float32]  # [T, 220]
    visits: npt.NDArray[np.int32]  # [T, 220]
    simulations: npt.NDArray[np.int32]  # [T]
    full_searches: npt.NDArray[np.bool_]  # [T]
    root_values: npt.NDArray[np.float32]  # [T]
    network_values: npt.NDArray[np.float32]  # [T]
    checkpoints: npt.NDArray[np.int32]  # [T]

@final
class GameBatch:
    settings: SearchSettings
    checkpoint: int
    @property
    def num_games(self) -> int: ...
    # [num_games, 11, 11, 10], the same memory in every round
    @property
    def planes(self) -> npt.NDArray[np.float32]: ...
    @property
    def num_evaluations(self) -> int: ...
    @property
    def num_active(self) -> int: ...
    def __new__(
        cls, num_games: SupportsIndex, settings: SearchSettings, seed: SupportsIndex = 0
    ) -> Self: ...
    def start_game(self, board: Board, game_id: int) -> None: ...
    def collect(self) -> int: ...
    # logits: [n or more, 220]; values: [n or more]
    def expand(self, logits: npt.NDArray[np.float32], values: npt.NDArray[np.float32]) -> None: ...
    def take_finished(self) -> list[FinishedGame]: ...
    def board(self, slot: int) -> Board | None: ...
