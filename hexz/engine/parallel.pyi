"""Types of parallel.pyx, whose docstrings say what everything means."""

from typing import Self, SupportsIndex, final

import numpy as np
import numpy.typing as npt

from hexz.engine.board import Board
from hexz.engine.move import Move
from hexz.engine.settings import SearchSettings
from hexz.engine.suggestion import Suggestion

_Floats = npt.NDArray[np.float32]

DEFAULT_MAX_NODES: int

@final
class ParallelSearch:
    def __new__(
        cls, board: Board, settings: SearchSettings, *, max_nodes: SupportsIndex = 250_000
    ) -> Self: ...
    # [n, 11, 11, 10]
    def collect(self, planes: _Floats) -> int: ...
    # logits: [n or more, 220]; values: [n or more]
    def expand(self, logits: _Floats, values: _Floats) -> None: ...
    def suggestion(self) -> Suggestion: ...
    def advance(self, move: Move) -> None: ...
    @property
    def board(self) -> Board: ...
    @property
    def decided(self) -> bool: ...
    @property
    def simulations(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def num_nodes(self) -> int: ...
    @property
    def num_waiting(self) -> int: ...
    @property
    def max_nodes(self) -> int: ...
