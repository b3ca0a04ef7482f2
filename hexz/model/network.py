"""The network in PyTorch, as it is trained and as GPUs run it: a residual tower over the 11x10
board with a policy and a value head. `hexz.model.graph` has the same for CPUs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hexz.engine import NUM_CELLS
from hexz.model.config import HEAD_WIDTH, Kernel, ModelConfig
from hexz.model.features import GLOBAL, SPATIAL, geometry, global_map, spatial_map
from hexz.model.layers import TowerConv
from hexz.model.weights import Weights, tensors_of


class SpatialFeatures(nn.Module):
    """Board planes [B, 11, 11, 10] to the features `SPATIAL`, all 0 or 1."""

    weights: Tensor
    constant: Tensor

    def __init__(self) -> None:
        super().__init__()
        weights, constant = map(torch.from_numpy, spatial_map())
        # Constants of the code, not parameters of the model: checkpoints leave them out.
        self.register_buffer("weights", weights[:, :, None, None], persistent=False)
        self.register_buffer("constant", constant, persistent=False)

    def forward(self, planes: Tensor) -> Tensor:
        return (nn.functional.conv2d(planes, self.weights) + self.constant).clamp(0, 1)


class GlobalFeatures(nn.Module):
    """Board planes [B, 11, 11, 10] to the features `GLOBAL`, all between 0 and 1."""

    weights: Tensor
    bias: Tensor

    def __init__(self) -> None:
        super().__init__()
        weights, bias = map(torch.from_numpy, global_map())
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, planes: Tensor) -> Tensor:
        return nn.functional.linear(planes.sum((2, 3)), self.weights, self.bias).clamp(0, 1)


class ResidualBlock(nn.Module):
    """Two convolutions with a skip connection (He et al. 2015, arXiv:1512.03385)."""

    def __init__(self, filters: int, kernel: Kernel) -> None:
        super().__init__()
        self.conv1 = TowerConv(filters, filters, kernel)
        self.relu1 = nn.ReLU()
        self.conv2 = TowerConv(filters, filters, kernel)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.relu1(self.conv1(x))
        out: Tensor = self.relu2(self.conv2(hidden) + x)
        return out


class GlobalPool(nn.Module):
    """Mean and maximum over the cells that exist, as [B, 2C]. The input, [B, C, 11, 10], is not
    negative, and 0 on the others."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x.sum((2, 3)) * (1 / NUM_CELLS), x.amax((2, 3))), dim=1)


class PolicyHead(nn.Module):
    """Features [B, C, 11, 10] and pooled features [B, 2C] to logits [B, 220]."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.local = nn.Conv2d(filters, HEAD_WIDTH, 1)
        self.pooled = nn.Linear(2 * filters, HEAD_WIDTH, bias=False)
        self.out = nn.Conv2d(HEAD_WIDTH, 2, 1)

    def forward(self, x: Tensor, pooled: Tensor) -> Tensor:
        hidden = self.local(x) + self.pooled(pooled)[:, :, None, None]
        logits: Tensor = self.out(torch.relu(hidden))
        return logits.flatten(1)


class ValueHead(nn.Module):
    """Pooled features [B, 2C] and global features [B, G] to a value [B] in (-1, 1)."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * filters + len(GLOBAL), HEAD_WIDTH)
        self.out = nn.Linear(HEAD_WIDTH, 1)

    def forward(self, pooled: Tensor, scalars: Tensor) -> Tensor:
        hidden = torch.relu(self.hidden(torch.cat((pooled, scalars), dim=1)))
        return torch.tanh(self.out(hidden)).squeeze(1)


class TowerOutput(NamedTuple):
    """The tower's output for B positions, which the heads read."""

    cells: Tensor
    """[B, C, 11, 10], not negative, and 0 where no cell exists."""
    pooled: Tensor
    """[B, 2C], see `GlobalPool`."""
    scalars: Tensor
    """[B, G], the global features."""


class OutlookHeads(nn.Module):
    """How the game will end, from a tower's output: owners of cells [B, 110], 1 the player to move
    and -1 the opponent, and tanh(margin / MARGIN_SCALE) [B], the margin in points of that player.

    A search does not need them, so the network's own output leaves them out.
    """

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.ownership = nn.Conv2d(filters, 1, 1)
        self.margin = nn.Linear(2 * filters + len(GLOBAL), 1)

    def outlook(self, tower: TowerOutput) -> tuple[Tensor, Tensor]:
        """The expected final owners, and the expected margins."""
        ownership = torch.tanh(self.ownership(tower.cells)).flatten(1)
        pooled = torch.cat((tower.pooled, tower.scalars), dim=1)
        return ownership, torch.tanh(self.margin(pooled)).squeeze(1)


class HexzNet(nn.Module):
    """The residual network that hexz trains.

    Input: board planes, float32 [B, 11, 11, 10], see `Board.planes()`.
    Output: policy logits [B, 220], illegal actions not masked, and values [B] in (-1, 1), both
    from the view of the player to move.

    Args:
        config: its size and kind.
        outlook: whether it has the heads that tell how the game will end; networks of earlier
            versions have none.

    Attributes:
        tower_dtype: what the tower computes in, whatever its weights and the heads are of; None:
            in what they are of.
    """

    exists: Tensor

    def __init__(self, config: ModelConfig, *, outlook: bool = False) -> None:
        super().__init__()
        self.config = config
        self.tower_dtype: torch.dtype | None = None
        filters = config.filters
        self.spatial_features = SpatialFeatures()
        self.global_features = GlobalFeatures()
        self.stem = TowerConv(len(SPATIAL), filters, config.kernel)
        self.stem_bias = nn.Linear(len(GLOBAL), filters, bias=False)
        self.stem_relu = nn.ReLU()
        self.blocks = nn.Sequential(
            *(ResidualBlock(filters, config.kernel) for _ in range(config.blocks))
        )
        self.register_buffer("exists", torch.from_numpy(geometry()[:, :1]), persistent=False)
        self.pool = GlobalPool()
        self.policy_head = PolicyHead(filters)
        self.value_head = ValueHead(filters)
        self.outlook_heads = OutlookHeads(filters) if outlook else None

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        return self.heads(self.tower(planes))

    def weights(self) -> Weights:
        """A copy of what a file holds."""
        return Weights(self.config, tensors_of(self))

    def tower(self, planes: Tensor) -> TowerOutput:
        """All but the heads, so that training can add heads of its own."""
        scalars = self.global_features(planes)
        x = self.stem(self.spatial_features(planes).to(self.tower_dtype or planes.dtype))
        x = x + self.stem_bias(scalars)[:, :, None, None].to(x.dtype)
        x = self.blocks(self.stem_relu(x))
        x = x * self.exists  # which is of the dtype of the heads
        return TowerOutput(x, self.pool(x), scalars)

    def heads(self, tower: TowerOutput) -> tuple[Tensor, Tensor]:
        """The policy logits [B, 220] and the values [B] of the output of the tower."""
        policy: Tensor = self.policy_head(tower.cells, tower.pooled)
        value: Tensor = self.value_head(tower.pooled, tower.scalars)
        return policy, value


def masked_log_softmax(logits: Tensor, legal_mask: Tensor) -> Tensor:
    """Log-probabilities over the legal actions, -inf for the others.

    Args:
        logits: [B, 220].
        legal_mask: bool [B, 220], at least one action legal in each row.
    """
    return torch.log_softmax(logits.masked_fill(~legal_mask, -torch.inf), dim=1)
