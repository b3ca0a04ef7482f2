"""How a game will end, as a network expects it: whose each cell will be, and the margin."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hexz.engine import Board
from hexz.model.layers import TowerConv, replace_layers
from hexz.model.network import MARGIN_SCALE, HexzNet

_MOST: float = 0.9999
"""A margin beyond that of this tanh is not told apart."""


class Outlook(NamedTuple):
    """The expected end of a game, from the view of player 1."""

    ownership: npt.NDArray[np.float32]
    """float32 [110], in -1..1: 1 where a cell will be player 1's, -1 where player 2's."""
    margin: float
    """The points by which player 1 will win."""


class OutlookEvaluator:
    """Tells how games will end, in some milliseconds a position. Threads may share it.

    Args:
        net: a network with heads for this; it is not changed.
    """

    def __init__(self, net: HexzNet) -> None:
        self._net = copy.deepcopy(net).eval()
        replace_layers(self._net, TowerConv, TowerConv.folded)

    @torch.inference_mode()
    def evaluate(self, board: Board) -> Outlook:
        """How the game will end from a position that is not over."""
        heads = self._net.outlook_heads
        assert heads is not None  # noqa: S101 - see `outlook_of`
        tower = self._net.tower(torch.from_numpy(board.planes())[None])
        ownership, margin = (output[0].numpy() for output in heads.outlook(tower))
        sign = 1 if board.turn == 1 else -1
        points = MARGIN_SCALE * float(np.arctanh(np.clip(margin, -_MOST, _MOST)))
        return Outlook(sign * ownership, sign * points)


def outlook_of(net: nn.Module) -> OutlookEvaluator | None:
    """The outlook by a network; None if it has no heads for that."""
    if isinstance(net, HexzNet) and net.outlook_heads is not None:
        return OutlookEvaluator(net)
    return None
