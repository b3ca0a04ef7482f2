"""Types of playout.pyx, whose docstrings say what everything means."""

from collections.abc import Callable
from typing import SupportsIndex, final

from hexz.engine.board import Board
from hexz.engine.suggestion import Suggestion

@final
class UctPlayer:
    @property
    def simulations(self) -> int: ...
    def __init__(self, simulations: SupportsIndex, seed: SupportsIndex = 0) -> None: ...
    def suggest(
        self,
        board: Board,
        seconds: float | None = None,
        goes_on: Callable[[], bool] | None = None,
    ) -> Suggestion: ...

class RandomPlayer:
    def __init__(self, seed: SupportsIndex = 0) -> None: ...
    def suggest(self, board: Board) -> Suggestion: ...

def random_playouts(games: SupportsIndex, seed: SupportsIndex = 0) -> int: ...
