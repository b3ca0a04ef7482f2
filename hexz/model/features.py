"""What the network sees: the board planes expanded to features between 0 and 1.

Both expansions are one fixed linear map followed by a clamp to [0, 1]:

- `SPATIAL` features, [B, 33, 11, 10], are 0 or 1 on every cell of every position, so that int8
  inference represents them exactly. Counts and values are coded as thermometers, "at least k":
  the rules compare values (a cell captures grass of at most its own value), and "at least k" is
  one clamp where "equal to k" would be two. The map is a 1x1 convolution.
- `GLOBAL` features, [B, 14], are scalars of the whole position. They stay in floating point and
  enter the network as a bias after its first convolution and in its value head, as in KataGo
  (Wu 2019, arXiv:1902.10565). The map takes the sums of the planes over all cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexz.engine import COLS, GRID, NUM_CELLS, NUM_PLANES, ROWS, Plane

_OPPONENT: Final = int(Plane.OPPONENT_FLAGS)
"""Added to a plane of the player to move, it is the opponent's."""


class Feature(NamedTuple):
    """clamp(sum of weights[plane] * plane + bias, 0, 1)."""

    name: str
    weights: Mapping[int, float]
    bias: float = 0.0


def _thermometer(name: str, plane: int, levels: int, unit: float = 1.0) -> list[Feature]:
    """For k = 1..levels: is the plane at least k, for planes with whole values."""
    return [Feature(f"{name} >= {k}", {plane: unit}, 1.0 - k) for k in range(1, levels + 1)]


def _spatial_of_player(who: str, first: int) -> list[Feature]:
    return [
        Feature(f"{who} flag", {first + Plane.FLAGS: 1}),
        *_thermometer(f"{who} value", first + Plane.VALUES, 5),
        Feature(f"{who} normal moves blocked", {first + Plane.BLOCKED: 1}),
        # "next value >= 1" are the legal normal moves.
        *_thermometer(f"{who} next value", first + Plane.NEXT_VALUES, 5),
    ]


_BOTH: Final = (0, _OPPONENT)

SPATIAL: Final = (
    *_spatial_of_player("own", 0),
    *_spatial_of_player("opponent", _OPPONENT),
    *_thermometer("grass value", Plane.GRASS, 5),
    # An occupied cell is blocked for both. With a flag left, these cells are legal flag moves.
    Feature("empty, and next to at most one player's 5", {p + Plane.BLOCKED: -1 for p in _BOTH}, 2),
    # A rock, a cell that does not exist, or (rare) an empty cell next to a 5 of both players.
    Feature(
        "blocked for both though nothing is on it",
        {p + Plane.BLOCKED: 1.0 for p in _BOTH}
        | {p + Plane.FLAGS: -1.0 for p in _BOTH}
        | {p + Plane.VALUES: -1.0 for p in _BOTH}
        | {Plane.GRASS: -1.0},
        -1,
    ),
    Feature("cell exists", {NUM_PLANES: 1}),
    Feature("row is odd", {NUM_PLANES + 1: 1}),
)
"""Features of a cell. Planes 11 and 12 are `geometry()`, the same for every position."""


def _flags_left(who: str, first: int) -> list[Feature]:
    return _thermometer(f"{who} flags left", first + Plane.FLAGS_LEFT, 3, unit=1 / GRID)


def _lead(scale: float) -> list[Feature]:
    """The score difference, ahead and behind apart, saturating at `scale` points."""
    return [
        Feature(f"ahead / {scale:g}", {Plane.VALUES: 1 / scale, Plane.OPPONENT_VALUES: -1 / scale}),
        Feature(
            f"behind / {scale:g}", {Plane.VALUES: -1 / scale, Plane.OPPONENT_VALUES: 1 / scale}
        ),
    ]


GLOBAL: Final = (
    *_lead(6),
    *_lead(40),
    *_flags_left("own", 0),
    *_flags_left("opponent", _OPPONENT),
    # Phase: the share of cells without a normal move for a player, 5 absent cells not counted.
    Feature("own blocked cells", {Plane.BLOCKED: 1 / NUM_CELLS}, -5 / NUM_CELLS),
    Feature("opponent blocked cells", {Plane.OPPONENT_BLOCKED: 1 / NUM_CELLS}, -5 / NUM_CELLS),
    Feature("own next values / 100", {Plane.NEXT_VALUES: 1 / 100}),
    Feature("opponent next values / 100", {Plane.OPPONENT_NEXT_VALUES: 1 / 100}),
    Feature("points of grass left / 15", {Plane.GRASS: 1 / 15}),
)
"""Features of a position, from the sums of the planes over all 110 cells."""


CONTENTS: Final = (
    Plane.FLAGS, Plane.VALUES, Plane.OPPONENT_FLAGS, Plane.OPPONENT_VALUES, Plane.GRASS,
)  # fmt: skip
"""The planes of what may be on a cell, rocks left out."""


def neighbours() -> NDArray[np.float32]:
    """float32 [2, 1, 3, 3]: 1 for a neighbour of a cell in an even row, and in an odd one."""
    even = [[1, 1, 0], [1, 0, 1], [1, 1, 0]]
    odd = [[0, 1, 1], [1, 0, 1], [0, 1, 1]]
    return np.array([even, odd], np.float32)[:, None]


def geometry() -> NDArray[np.float32]:
    """float32 [1, 2, 11, 10]: 1 where a cell exists (odd rows lack the last), 1 in odd rows."""
    planes = np.zeros((1, 2, ROWS, COLS), np.float32)
    planes[:, 0] = 1
    planes[:, 0, 1::2, COLS - 1] = 0
    planes[:, 1, 1::2] = 1
    return planes


def spatial_matrix() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The linear map of `SPATIAL`: weights [33, 13] of the planes and the geometry, bias [33]."""
    return _matrix(SPATIAL, NUM_PLANES + 2)


def spatial_map() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The linear map of `SPATIAL` with the geometry put in: weights [33, 11] of the board planes,
    and what is added to each cell, [1, 33, 11, 10]."""
    weights, bias = spatial_matrix()
    constant = np.einsum("fg,bgrc->bfrc", weights[:, NUM_PLANES:], geometry())
    return weights[:, :NUM_PLANES], constant + bias[:, None, None]


def global_map() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The linear map of `GLOBAL`: weights [14, 11] of the sums of the board planes, bias [14]."""
    return _matrix(GLOBAL, NUM_PLANES)


def _matrix(
    features: tuple[Feature, ...], num_inputs: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    weights = np.zeros((len(features), num_inputs), np.float32)
    for row, feature in zip(weights, features, strict=True):
        for plane, weight in feature.weights.items():
            row[plane] = weight
    return weights, np.array([feature.bias for feature in features], np.float32)
