"""Rows of the replay window as tensors to train on, mirrored and with their targets.

All of it happens where the rows are, on a GPU as on a CPU.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hexz.engine import COLS, GRID, NUM_ACTIONS, NUM_PLANES, ROWS, SYMMETRIES, transform_policy
from hexz.model.config import MARGIN_SCALE
from hexz.training.rows import ROW

_TORCH_TYPES: Final = {
    np.dtype(np.uint8): torch.uint8,
    np.dtype(np.int8): torch.int8,
    np.dtype(np.bool_): torch.bool,
    np.dtype(np.int16): torch.int16,
    np.dtype(np.float16): torch.float16,
}


class Batch(NamedTuple):
    """B examples. A `has_` tensor is 1 where there is the target, and 0 elsewhere."""

    planes: Tensor
    """float32 [B, 11, 11, 10]."""
    legal: Tensor
    """bool [B, 220]: the legal actions."""
    policy: Tensor
    """float32 [B, 220]: the policy target."""
    value: Tensor
    """float32 [B], in -1..1: the value target."""
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
    rows: Tensor, symmetries: Tensor, *, margin_share: float, root_value_share: float
) -> Batch:
    """The tensors of some examples, each mirrored as a whole, on the device of the rows.

    Args:
        rows: B rows of the window, uint8 [B, ROW.itemsize].
        symmetries: int64 [B], each one of `hexz.engine.SYMMETRIES`, on the same device.
        margin_share, root_value_share: parts of the value target, see `TrainingConfig`.
    """

    def floats(name: str) -> Tensor:
        return _field(rows, name).float()

    actions = _mirrored(rows.device)[symmetries]
    cells = actions[:, :GRID]
    planes = _field(rows, "planes").view(-1, NUM_PLANES, GRID)
    planes = planes.gather(2, cells[:, None].expand(-1, NUM_PLANES, -1))
    margin, has_margin = torch.tanh(floats("margin") / MARGIN_SCALE), floats("has_margin")
    # Where a part of the value target is missing, the others take its share.
    value = torch.lerp(floats("result"), margin, margin_share * has_margin)
    value = torch.lerp(value, floats("root_value"), root_value_share * floats("has_root_value"))
    return Batch(
        planes=planes.float().view(-1, NUM_PLANES, ROWS, COLS),
        legal=_unpacked(_field(rows, "legal")).gather(1, actions),
        policy=floats("policy").gather(1, actions),
        value=value,
        ownership=floats("owner").gather(1, cells),
        has_ownership=floats("has_owner"),
        margin=margin,
        has_margin=has_margin,
        reply=floats("reply").gather(1, actions),
        has_reply=floats("has_reply"),
    )


def _field(rows: Tensor, name: str) -> Tensor:
    """A field of ROW, [B] or [B, N]. A copy, since fields are not aligned in rows."""
    kind, offset = ROW.fields[name][:2]  # type: ignore[index]
    columns = rows[:, offset : offset + kind.itemsize].clone(memory_format=torch.contiguous_format)
    values = columns.view(_TORCH_TYPES[kind.base])
    return values if kind.shape else values.squeeze(1)


def _unpacked(packed: Tensor) -> Tensor:
    """bool [B, 220] of uint8 [B, 28], as `np.packbits` packs them."""
    bits = packed[:, :, None] & _bits(packed.device)
    return bits.ne(0).flatten(1)[:, :NUM_ACTIONS]


@cache
def _bits(device: torch.device) -> Tensor:
    return torch.tensor([1 << bit for bit in range(7, -1, -1)], dtype=torch.uint8, device=device)


@cache
def _mirrored(device: torch.device) -> Tensor:
    """int64 [4, 220]: for each symmetry, where each action of the mirrored board comes from. The
    first 110 entries say the same of cells."""
    actions = np.arange(NUM_ACTIONS)
    table = [transform_policy(actions, symmetry) for symmetry in SYMMETRIES]
    return torch.from_numpy(np.stack(table)).to(device)
