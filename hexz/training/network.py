"""The network as it is trained: with heads that inference never sees."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hexz.model.features import GLOBAL
from hexz.model.network import HexzNet, PolicyHead, TowerOutput


class Prediction(NamedTuple):
    """The output of a `TrainingNet` for B positions, from the view of the player to move."""

    logits: Tensor
    """[B, 220]."""
    value: Tensor
    """[B], in (-1, 1)."""
    ownership: Tensor
    """[B, 110], in (-1, 1): the expected final owner of each cell, 1 mover, -1 opponent."""
    margin: Tensor
    """[B], in (-1, 1): tanh(score margin / 15)."""
    reply: Tensor
    """[B, 220]: logits of the next move, whichever becomes legal."""


class AuxiliaryHeads(nn.Module):
    """Heads that teach the tower more about a game than who won it, as in KataGo (Wu 2019,
    arXiv:1902.10565)."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.ownership = nn.Conv2d(filters, 1, 1)
        self.margin = nn.Linear(2 * filters + len(GLOBAL), 1)
        self.reply = PolicyHead(filters)

    def forward(self, tower: TowerOutput) -> tuple[Tensor, Tensor, Tensor]:
        ownership = torch.tanh(self.ownership(tower.cells)).flatten(1)
        pooled = torch.cat((tower.pooled, tower.scalars), dim=1)
        margin = torch.tanh(self.margin(pooled)).squeeze(1)
        return ownership, margin, self.reply(tower.cells, tower.pooled)


class TrainingNet(nn.Module):
    """A `HexzNet`, which this shares, and its auxiliary heads."""

    def __init__(self, net: HexzNet) -> None:
        super().__init__()
        self.net = net
        self.auxiliary = AuxiliaryHeads(net.config.filters)

    def forward(self, planes: Tensor) -> Prediction:
        tower = self.net.tower(planes)
        return Prediction(*self.net.heads(tower), *self.auxiliary(tower))
