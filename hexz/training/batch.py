"""Rows of the replay window as tensors to train on, mirrored and with their targets."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hexz.engine import COLS, GRID, NUM_ACTIONS, NUM_PLANES, ROWS, SYMMETRIES, transform_policy
from hexz.training.window import Rows

MARGIN_SCALE: Final = 15.0
"""Points of lead that are worth tanh(1) = 0.76 of a win in targets."""

MIRRORED: Final = torch.from_numpy(
    np.stack([transform_policy(np.arange(NUM_ACTIONS), symmetry) for symmetry in SYMMETRIES])
)
"""int64 [4, 220]: for each symmetry, where each action of the mirrored board comes from. The first
110 entries say the same of cells."""


class Batch(NamedTuple):
    """B examples. A `has_` tensor is 1 where there is the target, and 0 elsewhere."""

    planes: Tensor
    """float32 [B, 11, 11, 10]."""
    legal: Tensor
    """bool [B, 220]."""
    policy: Tensor
    """float32 [B, 220]."""
    value: Tensor
    """float32 [B], in -1..1."""
    ownership: Tensor
    """float32 [B, 110]: 1 mover, -1 opponent, 0 nobody."""
    has_ownership: Tensor
    """float32 [B]."""
    margin: Tensor
    """float32 [B]: tanh(score margin / 15)."""
    has_margin: Tensor
    """float32 [B]."""
    reply: Tensor
    """float32 [B, 220]: the policy target of the next position."""
    has_reply: Tensor
    """float32 [B]."""


def make_batch(
    rows: Rows,
    symmetries: npt.NDArray[np.int64],
    *,
    margin_share: float,
    root_value_share: float,
    device: torch.device,
) -> Batch:
    """The tensors of some examples, each mirrored as a whole.

    Args:
        rows: B rows of the window.
        symmetries: [B], each one of `hexz.engine.SYMMETRIES`.
        margin_share, root_value_share: parts of the value target, see `TrainingConfig`.
        device: where the tensors shall be.
    """

    def tensor(array: npt.NDArray[Any]) -> Tensor:
        # A copy, since fields of rows are not aligned.
        return torch.from_numpy(array.copy()).to(device)

    def floats(name: str) -> Tensor:
        return tensor(rows[name]).float()

    actions = MIRRORED.to(device)[tensor(symmetries)]
    cells = actions[:, :GRID]
    planes = tensor(rows["planes"])
    planes = planes.gather(2, cells[:, None].expand(-1, NUM_PLANES, -1))
    legal = tensor(np.unpackbits(rows["legal"], axis=1, count=NUM_ACTIONS).view(np.bool_))
    margin, has_margin = torch.tanh(floats("margin") / MARGIN_SCALE), floats("has_margin")
    # Where a part of the value target is missing, the others take its share.
    value = torch.lerp(floats("result"), margin, margin_share * has_margin)
    value = torch.lerp(value, floats("root_value"), root_value_share * floats("has_root_value"))
    return Batch(
        planes=planes.float().view(-1, NUM_PLANES, ROWS, COLS),
        legal=legal.gather(1, actions),
        policy=floats("policy").gather(1, actions),
        value=value,
        ownership=floats("owner").gather(1, cells),
        has_ownership=floats("has_owner"),
        margin=margin,
        has_margin=has_margin,
        reply=floats("reply").gather(1, actions),
        has_reply=floats("has_reply"),
    )
