"""Types of endgame.pyx, whose docstrings say what everything means."""

from typing import SupportsIndex

from hexz.engine.board import Board
from hexz.engine.solution import Solution

def solve(board: Board, max_nodes: SupportsIndex = 200_000) -> Solution | None: ...
