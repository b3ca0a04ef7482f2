"""Positions to calibrate int8 inference with."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hexz.engine import Board, RandomPlayer, UctPlayer

NUM_POSITIONS: Final = 192
_SIMULATIONS: Final = 50
_RANDOM_MOVES: Final = 4


@lru_cache(maxsize=1)
def calibration_planes() -> NDArray[np.float32]:
    """Planes of positions from quick games of `uct`, float32 [NUM_POSITIONS, 11, 11, 10].

    They are the same in every process. Random games would not do: their positions are far quieter
    than those of players who fight for grass and block each other.
    """
    planes: list[NDArray[np.float32]] = []
    seed = 0
    while len(planes) < NUM_POSITIONS:
        planes += _game(seed)
        seed += 1
    return np.stack(planes[:NUM_POSITIONS])


def _game(seed: int) -> list[NDArray[np.float32]]:
    """Every fifth position of one game that begins with a few random moves."""
    board = Board.random(seed)
    opening, player = RandomPlayer(seed), UctPlayer(_SIMULATIONS, seed)
    planes = []
    while not board.is_over:
        if board.move_number % 5 == seed % 5:
            planes.append(board.planes())
        mover = opening if board.move_number < _RANDOM_MOVES else player
        board.play(mover.suggest(board).move)
    return planes
