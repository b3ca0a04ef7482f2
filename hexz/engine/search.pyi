"""Types of search.pyx, whose docstrings say what everything means."""

from collections.abc import Callable
from typing import Self, SupportsIndex, final

import numpy as np
import numpy.typing as npt

from hexz.engine.board import Board
from hexz.engine.move import Move
from hexz.engine.settings import SearchSettings
from hexz.engine.suggestion import Suggestion

_Floats = npt.NDArray[np.float32]

@final
class TreeSearch:
    def __new__(cls, board: Board, settings: SearchSettings, seed: SupportsIndex = 0) -> Self: ...
    # [11, 11, 10]
    def leaf(self) -> _Floats | None: ...
    # logits: [220]
    def expand(self, logits: npt.ArrayLike, value: float) -> None: ...
    # evaluate: planes [1, 11, 11, 10] to logits [1, 220] and values [1]
    def run(self, evaluate: Callable[[_Floats], tuple[_Floats, _Floats]]) -> Suggestion: ...
    def suggestion(self) -> Suggestion: ...
    # [220]
    def policy(self) -> _Floats: ...
    def advance(self, move: Move) -> None: ...
    @property
    def proven(self) -> int | None: ...
    @property
    def num_nodes(self) -> int: ...

# planes: [n, 11, 11, 10]
def collect_leaves(searches: list[TreeSearch], planes: _Floats) -> list[TreeSearch]: ...

# logits: [n or more, 220]; values: [n or more]
def expand_leaves(searches: list[TreeSearch], logits: _Floats, values: _Floats) -> None: ...
