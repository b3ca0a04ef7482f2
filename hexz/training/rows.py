"""Rows: what training keeps of an example, 2.2 KB each."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hexz.engine import GRID, NUM_ACTIONS, NUM_PLANES, OWNED_PLANES, Plane
from hexz.example import Example, solid_cells
from hexz.wire.game import CompactGame

ROW: Final = np.dtype(
    [
        ("planes", np.uint8, (NUM_PLANES, GRID)),
        ("policy", np.float16, NUM_ACTIONS),
        ("reply", np.float16, NUM_ACTIONS),
        ("legal", np.uint8, (NUM_ACTIONS + 7) // 8),  # np.packbits
        ("owner", np.int8, GRID),
        ("root_value", np.float16),
        ("margin", np.int16),
        ("result", np.int8),
        ("game", np.uint32),  # CRC-32 of the game's id
        ("has_owner", np.bool_),
        ("has_root_value", np.bool_),
        ("has_margin", np.bool_),
        ("has_reply", np.bool_),
    ]
)
"""What training needs of an example. What it lacks is 0, and so is its `has_` field."""

Rows = npt.NDArray[np.void]
"""An array of dtype ROW."""

Games = int | npt.NDArray[np.uint32]


def to_rows(examples: Sequence[Example]) -> Rows:
    """The rows of some examples, which must be sound (see `validate_example`)."""
    rows = np.zeros(len(examples), ROW)
    for row, example in zip(rows, examples, strict=True):
        row["planes"] = example.planes.reshape(NUM_PLANES, GRID)
        row["legal"] = np.packbits(_legal_mask(example))
        row["policy"] = example.policy
        row["result"] = example.result
        row["game"] = game_number(example.game_id)
        if example.final_owner is not None:
            row["owner"], row["has_owner"] = example.final_owner.reshape(GRID), True
        if example.score_margin is not None:
            row["margin"], row["has_margin"] = example.score_margin, True
        if example.root_value is not None:
            row["root_value"], row["has_root_value"] = example.root_value, True
        if example.reply is not None:
            row["reply"], row["has_reply"] = example.reply, True
    return rows


def game_rows(game: CompactGame) -> Rows:
    """The rows of those positions of a game that had a full search: the same as `to_rows` makes of
    their examples."""
    full = np.flatnonzero(game.full_searches)
    rows = np.zeros(len(full), ROW)
    rows["planes"] = game.planes[full]
    rows["legal"] = game.legal[full]
    rows["policy"] = game.policies[full]
    rows["owner"], rows["has_owner"] = game.owners[full], True
    rows["margin"], rows["has_margin"] = game.margins[full], True
    rows["result"] = np.sign(game.margins[full])
    rows["root_value"], rows["has_root_value"] = game.root_values[full], True
    replied = full + 1 < len(game.policies)
    rows["reply"][replied] = game.policies[full[replied] + 1]
    rows["has_reply"] = replied
    rows["game"] = game_number(game.game_id)
    return rows


def game_number(game_id: str) -> int:
    """The number of a game by which it is held out or not."""
    return zlib.crc32(game_id.encode())


def _legal_mask(example: Example) -> npt.NDArray[np.bool_]:
    """The legal actions, as far as the example tells them; see `solid_cells`."""
    if example.legal_mask is not None:
        return example.legal_mask
    planes = example.planes > 0
    taken = planes[[*OWNED_PLANES, Plane.GRASS]].any(0) | solid_cells(example)
    flags = ~taken & planes[Plane.FLAGS_LEFT]
    return np.stack([flags, planes[Plane.NEXT_VALUES]]).ravel() | (example.policy > 0)


def is_held_out(games: Games, share: float) -> Any:
    """Tells whether a game, all of it, is one of the share that is not trained on.

    Args:
        games: the `game_number`, or the field "game" of rows; then it tells it of each.
        share: of the games.
    """
    return games < share * 2**32
