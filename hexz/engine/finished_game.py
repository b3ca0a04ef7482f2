"""What self-play records of a game."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hexz.engine.board import Board


@dataclass(frozen=True, eq=False)
class FinishedGame:
    """A game that was played to its end, T moves long.

    Attributes:
        game_id: the number it was started with.
        initial: the position it began from.
        final: the position it ended in.
        actions: int16 [T], the moves as `Move.index`.
        policies: float32 [T, 220], the policy targets.
        priors: float32 [T, 220], the network's probabilities of the legal moves, without noise.
        visits: int32 [T, 220], the visit counts of the root's actions.
        simulations: int32 [T], simulations run for the move.
        full_searches: bool [T], whether the search was a full one, see `SearchSettings`.
        root_values: float32 [T], the searches' values for the player to move, means over visits.
        network_values: float32 [T], the network's values for the player to move.
        checkpoints: int32 [T], `GameBatch.checkpoint` when the move was played.
    """

    game_id: int
    initial: Board
    final: Board
    actions: npt.NDArray[np.int16]
    policies: npt.NDArray[np.float32]
    priors: npt.NDArray[np.float32]
    visits: npt.NDArray[np.int32]
    simulations: npt.NDArray[np.int32]
    full_searches: npt.NDArray[np.bool_]
    root_values: npt.NDArray[np.float32]
    network_values: npt.NDArray[np.float32]
    checkpoints: npt.NDArray[np.int32]
