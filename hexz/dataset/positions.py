"""A page of the examples of some games, complete in itself: what the search found beside what the
network thought before.

The page gets each position whole, so that moves may be missing; its script (positions.js) only
draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hexz.dataset.filters import GameParts
from hexz.dataset.statistics import surprise
from hexz.engine import GRID, NUM_CELLS, NUM_PLANES, Plane
from hexz.example import GRID_INDICES, Example, solid_cells
from hexz.render.page import fill_page

_SHOWN: Final = 5e-4
"""Moves of a lower probability are left out, unless they were tried."""

_PLAYERS: Final = {1: b"fabcde", 2: b"FABCDE"}
"""How the flags of a player are written, and cells of the values 1 to 5."""
_GRASS: Final = b".12345"


def positions_page(
    games: Sequence[GameParts[Example]], *, title: str, by_surprise: bool = False
) -> str:
    """The HTML of a page that shows the examples of some games.

    Args:
        games: at least one, in the order of the page.
        title: of the page.
        by_surprise: whether to begin with the positions in which the policy target is farthest
            from the priors.
    """
    data = {
        "title": title,
        "bySurprise": by_surprise,
        "games": [_game(game) for game in games],
    }
    return fill_page("positions", data, "." * NUM_CELLS)


def greatest_surprise(game: GameParts[Example]) -> float:
    """Finds the greatest surprise among the positions of a game; 0 if no example has priors."""
    return max(surprise(example) or 0.0 for example in game.moves.values())


def _game(game: GameParts[Example]) -> dict[str, Any]:
    """A game as positions.js reads it."""
    examples = game.ordered()
    return {
        "name": game.game_id,
        "players": [_network(examples)] * 2,
        "length": game.length,
        "positions": [_position(example) for example in examples],
        "end": _end(examples[-1]),
    }


def _network(examples: Sequence[Example]) -> str:
    numbers = sorted({example.checkpoint for example in examples})
    first, last = numbers[0], numbers[-1]
    return f"{examples[0].model_name} {first}" + (f" to {last}" if last > first else "")


def _position(example: Example) -> dict[str, Any]:
    planes, mover = example.planes, example.turn or 1
    scores = planes[[Plane.VALUES, Plane.OPPONENT_VALUES]].sum((1, 2)).astype(int).tolist()
    flags = planes[[Plane.FLAGS_LEFT, Plane.OPPONENT_FLAGS_LEFT], 0, 0].astype(int).tolist()
    in_order = slice(None) if mover == 1 else slice(None, None, -1)  # players 1 and 2
    return {
        "number": example.move_number,
        "player": mover,
        "cells": _cells(example),
        "score": scores[in_order],
        "flags": flags[in_order],
        "action": example.action,
        "moves": _moves(example),
        "rootValue": _rounded(example.root_value),
        "networkValue": _rounded(example.network_value),
        "result": example.result,
        "margin": example.score_margin,
        "simulations": example.simulations,
        "fullSearch": example.full_search,
        "checkpoint": example.checkpoint,
        "surprise": _rounded(surprise(example)),
        "hasPriors": example.priors is not None,
        "hasVisits": example.visits is not None,
        "turnKnown": example.turn is not None,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


def _moves(example: Example) -> list[list[float]]:
    """Action, target, prior and visits of each move worth to show, the likeliest first."""
    nothing = np.zeros_like(example.policy)
    priors = nothing if example.priors is None else example.priors
    visits = nothing if example.visits is None else example.visits
    shown = np.flatnonzero((np.maximum(example.policy, priors) >= _SHOWN) | (visits > 0))
    order = np.lexsort((-priors[shown], -visits[shown].astype(np.int64), -example.policy[shown]))
    return [
        [
            int(action),
            round(float(example.policy[action]), 4),
            round(float(priors[action]), 4),
            int(visits[action]),
        ]
        for action in shown[order]
    ]


def _cells(example: Example) -> str:
    """The 105 cells: . empty, # rock, 1 to 5 grass, a to e and f the values and flags of player 1,
    A to E and F those of player 2."""
    planes = example.planes.astype(np.uint8).reshape(NUM_PLANES, GRID)[:, GRID_INDICES]
    mover = example.turn or 1
    cells = _letters(_GRASS)[planes[Plane.GRASS]]
    cells[solid_cells(example).ravel()[GRID_INDICES]] = ord("#")
    for player, flags, values in (
        (mover, planes[Plane.FLAGS], planes[Plane.VALUES]),
        (3 - mover, planes[Plane.OPPONENT_FLAGS], planes[Plane.OPPONENT_VALUES]),
    ):
        letters = _letters(_PLAYERS[player])
        cells = np.where(flags | (values > 0), letters[values], cells)
    return bytes(cells).decode()


def _end(example: Example) -> dict[str, Any] | None:
    """The board when the game was over, if the example tells."""
    if example.final_owner is None or example.final_value is None:
        return None
    mover = example.turn or 1
    owner = example.final_owner.ravel()[GRID_INDICES]
    value = example.final_value.ravel()[GRID_INDICES]
    cells = np.frombuffer(_cells(example).encode(), np.uint8)
    score = []
    for player in (1, 2):
        owned = owner == (1 if player == mover else -1)
        cells = np.where(owned, _letters(_PLAYERS[player])[value], cells)
        score.append(int(value[owned].sum()))
    return {"cells": cells.tobytes().decode(), "score": score}


def _letters(letters: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(letters, np.uint8).copy()
