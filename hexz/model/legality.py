"""The legal moves, from the board planes alone, in PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hexz.engine import MAX_VALUE, NUM_ROCKS, Plane
from hexz.model.features import CONTENTS, geometry, neighbours


class LegalMoves(nn.Module):
    """Board planes [B, 11, 11, 10] to the legal moves of the player to move, bool [B, 2, 11, 10]:
    plane 0 flags, plane 1 normal moves.

    A cell that nothing is on and that is blocked for both may be a rock, or empty between a 5 of
    each player. The number of rocks tells, unless there are cells of both kinds between two such
    5s: then all of these count as empty, which takes no legal move away.
    """

    exists: Tensor
    neighbours: Tensor
    odd_row: Tensor

    def __init__(self) -> None:
        super().__init__()
        plane = torch.from_numpy(geometry())
        # Constants of the code, not parameters of a model: checkpoints leave them out.
        self.register_buffer("exists", plane[:, :1].bool(), persistent=False)
        self.register_buffer("odd_row", plane[:, 1:].bool(), persistent=False)
        self.register_buffer("neighbours", torch.from_numpy(neighbours()), persistent=False)

    def forward(self, planes: Tensor) -> Tensor:
        def plane(index: int) -> Tensor:
            return planes[:, index : index + 1]

        nothing = self.exists & (planes[:, list(map(int, CONTENTS))].sum(1, keepdim=True) == 0)
        own, others = int(Plane.BLOCKED), int(Plane.OPPONENT_BLOCKED)
        blocked = nothing & (plane(own) > 0) & (plane(others) > 0)
        between = (
            blocked
            & self._is_beside_a_5(plane(int(Plane.VALUES)))
            & self._is_beside_a_5(plane(int(Plane.OPPONENT_VALUES)))
        )
        has_empty = blocked.sum((1, 2, 3), keepdim=True) > NUM_ROCKS
        empty = nothing & (~blocked | (between & has_empty))
        flags = empty & (plane(int(Plane.FLAGS_LEFT)) > 0)
        return torch.cat((flags, plane(int(Plane.NEXT_VALUES)) > 0), dim=1)

    def _is_beside_a_5(self, values: Tensor) -> Tensor:
        fives = (values == MAX_VALUE).to(self.neighbours.dtype)
        beside = nn.functional.conv2d(fives, self.neighbours, padding=1) > 0
        return (beside[:, 1:] & self.odd_row) | (beside[:, :1] & ~self.odd_row)
