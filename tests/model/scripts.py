"""TorchScript files as others make them, good ones and bad ones."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn


class OthersNet(nn.Module):
    """A network of nobody here that keeps the convention of TorchScript files."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(11)
        self.tower = nn.Sequential(
            nn.Conv2d(11, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten()
        )
        self.policy = nn.Linear(16 * 110, 220)
        self.value = nn.Linear(16 * 110 + 220, 1)

    def forward(self, board: Tensor, action_mask: Tensor) -> tuple[Tensor, Tensor]:
        x = self.tower(board)
        mask = action_mask.flatten(1)
        value = torch.tanh(self.value(torch.cat((x, mask.to(x.dtype)), dim=1)))
        return self.policy(x).masked_fill(~mask, -1e32), value


class Thief(OthersNet):
    """It would write a file and read another one."""

    def forward(self, board: Tensor, action_mask: Tensor) -> tuple[Tensor, Tensor]:
        torch.save(board, "stolen.pt")
        secret = torch.from_file("secret.bin", False, 220)
        return secret.expand(board.shape[0], 220), board[:, :1, 0, 0]


class Prints(OthersNet):
    def forward(self, board: Tensor, action_mask: Tensor) -> tuple[Tensor, Tensor]:
        print("= d5")
        return self.policy(self.tower(board)), board[:, :1, 0, 0]


class NeverEnds(OthersNet):
    def forward(self, board: Tensor, action_mask: Tensor) -> tuple[Tensor, Tensor]:
        while bool((board >= 0).any()):
            board = board + 1
        return self.policy(self.tower(board)), board[:, :1, 0, 0]


class TakesMemory(OthersNet):
    def forward(self, board: Tensor, action_mask: Tensor) -> tuple[Tensor, Tensor]:
        huge = torch.zeros(1 << 36)
        return self.policy(self.tower(board)) + huge[0], board[:, :1, 0, 0]


class ReturnsOne(OthersNet):
    def forward(self, board: Tensor, action_mask: Tensor) -> Tensor:  # type: ignore[override]
        return self.policy(self.tower(board))


class ReturnsFlatValues(OthersNet):
    def forward(self, board: Tensor, action_mask: Tensor) -> tuple[Tensor, Tensor]:
        return self.policy(self.tower(board)), board[:, 0, 0, 0]


class TakesOne(OthersNet):
    def forward(self, board: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return self.policy(self.tower(board)), board[:, :1, 0, 0]


def save_script(net: nn.Module, path: Path) -> Path:
    torch.jit.script(net.eval()).save(str(path))
    return path
