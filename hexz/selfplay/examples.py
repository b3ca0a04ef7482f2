"""Finished games as training examples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hexz.engine import COLS, GRID, ROWS, Board, FinishedGame
from hexz.example import GRID_INDICES, Example
from hexz.version import __version__


def examples_of(
    game: FinishedGame, *, game_name: str, model_name: str, unix_micros: int
) -> Iterator[Example]:
    """Yields an example for each position of a game, in the order of the moves.

    Args:
        game: the game, played to its end.
        game_name: unique among all games of all workers.
        model_name: the name under which the networks that played are numbered.
        unix_micros: when the game ended, in microseconds since 1970 UTC.
    """
    board = game.initial.copy()
    owner, value = _final_cells(game.final)
    scores = game.final.score
    replies = [*game.policies[1:].astype(np.float16).astype(np.float32), None]
    for i, action in enumerate(game.actions.tolist()):
        mover = board.turn
        margin = scores[mover - 1] - scores[2 - mover]
        yield Example(
            planes=board.planes(),
            policy=game.policies[i],
            result=int(np.sign(margin)),
            model_name=model_name,
            checkpoint=int(game.checkpoints[i]),
            game_id=game_name,
            move_number=board.move_number,
            unix_micros=unix_micros,
            turn=mover,
            example_id=f"{game_name}-{board.move_number:03d}",
            initial_board=game.initial.to_text(),
            action=action,
            legal_mask=board.legal_mask(),
            priors=game.priors[i],
            visits=game.visits[i].astype(np.uint32),
            root_value=float(game.root_values[i]),
            network_value=float(game.network_values[i]),
            simulations=int(game.simulations[i]),
            full_search=bool(game.full_searches[i]),
            final_owner=np.where(owner == 0, 0, np.where(owner == mover, 1, -1)).astype(np.int8),
            final_value=value,
            score_margin=margin,
            reply=replies[i],
            writer_version=__version__,
        )
        board.play_index(action)


def _final_cells(final: Board) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """The owner (0, 1, 2) and the value of each cell, int8 [11, 10] each."""
    cells = final.cells()
    owner, value = np.zeros((2, GRID), np.int8)
    owner[GRID_INDICES] = cells[:, 1]
    value[GRID_INDICES] = cells[:, 2]
    return owner.reshape(ROWS, COLS), value.reshape(ROWS, COLS)
