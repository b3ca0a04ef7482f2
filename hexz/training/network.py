"""The network as it is trained: with heads that inference never sees."""

from __future__ import annotations

import copy
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from hexz.model.network import HexzNet, OutlookHeads, PolicyHead, TowerOutput

SOFTNESS: Final = 4.0
"""The soft policy target is the policy target to the power of 1 / SOFTNESS, as in KataGo
(docs/KataGoMethods.md, "Auxiliary Soft Policy Target"): a move that is nearly as good as the best
one counts nearly as much, so that the tower learns of all moves, not of the best one alone."""


class Prediction(NamedTuple):
    """The output of a `TrainingNet` for B positions, from the view of the player to move."""

    logits: Tensor
    """[B, 220]: logits of the policy, illegal actions not masked."""
    value: Tensor
    """[B], in (-1, 1): the expected result of the game."""
    ownership: Tensor
    """[B, 110], in (-1, 1): the expected final owner of each cell, 1 mover, -1 opponent."""
    margin: Tensor
    """[B], in (-1, 1): tanh(score margin / 15)."""
    reply: Tensor
    """[B, 220]: logits of the next move, whichever becomes legal."""
    soft_policy: Tensor
    """[B, 220]: logits of the softened policy target, see `hexz.training.losses`."""


class AuxiliaryHeads(OutlookHeads):
    """Heads that teach the tower more about a game than who won it, as in KataGo (Wu 2019,
    arXiv:1902.10565)."""

    def __init__(self, filters: int) -> None:
        super().__init__(filters)
        self.reply = PolicyHead(filters)
        self.soft_policy = PolicyHead(filters)

    def forward(self, tower: TowerOutput) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        policies = (head(tower.cells, tower.pooled) for head in (self.reply, self.soft_policy))
        return *self.outlook(tower), *policies


class TrainingNet(nn.Module):
    """A `HexzNet`, which this shares, and its auxiliary heads. The heads of the network itself
    that tell how the game will end become part of these.

    Args:
        net: the network.
        tower_dtype: see `HexzNet.tower_dtype`.
    """

    def __init__(self, net: HexzNet, tower_dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.net = net
        self.net.tower_dtype = tower_dtype
        self.auxiliary = AuxiliaryHeads(net.config.filters)
        if net.outlook_heads is not None:
            self.auxiliary.load_state_dict(net.outlook_heads.state_dict(), strict=False)
            net.outlook_heads = None
            self._soften()

    @torch.no_grad()
    def _soften(self) -> None:
        """Begins the soft policy as what the policy makes of it: random logits would teach a tower
        that is trained nonsense."""
        head = self.auxiliary.soft_policy
        head.load_state_dict(self.net.policy_head.state_dict())
        for weights in head.out.parameters():
            weights.div_(SOFTNESS)

    def forward(self, planes: Tensor) -> Prediction:
        tower = self.net.tower(planes)
        return Prediction(*self.net.heads(tower), *self.auxiliary(tower))

    def playing_net(self) -> HexzNet:
        """A copy of the network as it is saved, with the heads that tell how a game will end."""
        net = copy.deepcopy(self.net)
        net.outlook_heads = OutlookHeads(net.config.filters)
        state = self.auxiliary.state_dict()
        net.outlook_heads.load_state_dict(
            {key: state[key] for key in net.outlook_heads.state_dict()}
        )
        return net
