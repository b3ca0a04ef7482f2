"""The networks of `peer.py` in PyTorch, for GPUs and for export."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from hexz.engine import COLS, GRID, NUM_CELLS, ROWS
from hexz.model.features import geometry
from hexz.model.layers import TowerConv
from hexz.model.legality import LegalMoves
from hexz.model.network import ResidualBlock
from hexz.model.peer import FEW_PLANES, MAX_POINTS, Input, PeerConfig
from hexz.model.weights import Weights, tensors_of


class PeerNet(nn.Module):
    """A network of the Go server's own trainers; the keys of its state_dict are those of files.

    Whoever knows the legal moves, bool [B, 2, 11, 10], may tell one with the input `rich_v1`.
    """

    def __init__(self, config: PeerConfig) -> None:
        super().__init__()
        self.config = config
        if config.input == "rich_v1":
            self.feature_encoder: nn.Module = RichFeatures(config.buffers)
        else:
            self.feature_encoder = _Planes(config.input)
        blocks = nn.ModuleList([_stem(config)])
        for _ in range(1, config.blocks):
            blocks.append(
                PeerBlock(config.filters)
                if config.residual
                else TowerConv(config.filters, config.filters, "square")
            )
        self._blocks_are_plain = not config.residual
        tower: nn.Module = blocks
        *inner, name = reversed(config.tower.split("."))
        for part in inner:
            tower = nn.ModuleDict({part: tower})
        self.add_module(name, tower)
        self.policy_head = nn.Sequential(
            nn.Conv2d(config.filters, 2, 1, bias=config.head_bias),
            nn.BatchNorm2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * GRID, 2 * GRID),
        )
        self.value_head = nn.Sequential(
            nn.Conv2d(config.filters, config.value_channels, 1, bias=config.head_bias),
            nn.BatchNorm2d(config.value_channels),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(config.value_channels * GRID, config.value_units),
            nn.ReLU(),
            nn.Linear(config.value_units, 1),
        )

    def weights(self) -> Weights:
        """A copy of what a file holds."""
        return Weights(self.config, tensors_of(self))

    def forward(self, planes: Tensor, legal: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = self.feature_encoder(planes) if legal is None else self.feature_encoder(planes, legal)
        blocks: Any = self.get_submodule(self.config.tower)
        for number, block in enumerate(blocks):
            x = block(x)
            if number == 0 or self._blocks_are_plain:
                x = torch.relu(x)
        return self.policy_head(x), torch.tanh(self.value_head(x)).squeeze(1)


class PeerBlock(ResidualBlock):
    """A block of ours whose keys are those of the files."""

    def __init__(self, filters: int) -> None:
        super().__init__(filters, "square")
        # In the files convolutions and norms lie side by side.
        self.register_state_dict_post_hook(_rename_for_file)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_rename_from_file)  # type: ignore[no-untyped-call]


def _rename_for_file(_module: nn.Module, state: dict[str, Any], prefix: str, _: Any) -> None:
    for key in [key for key in state if key.startswith(prefix)]:
        name = re.sub(r"^conv(\d)\.0\.", r"conv\1.", key.removeprefix(prefix))
        state[prefix + re.sub(r"^conv(\d)\.1\.", r"bn\1.", name)] = state.pop(key)


def _rename_from_file(_module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for key in [key for key in state if key.startswith(prefix)]:
        name = re.sub(r"^conv(\d)\.", r"conv\1.0.", key.removeprefix(prefix))
        state[prefix + re.sub(r"^bn(\d)\.", r"conv\1.1.", name)] = state.pop(key)


def _stem(config: PeerConfig) -> nn.Module:
    inputs = config.shapes()[f"{config.tower}.0.0.weight"][1]
    return TowerConv(inputs, config.filters, "square")


class _Planes(nn.Module):
    """Some or all of the board planes, as they are."""

    def __init__(self, which: Input) -> None:
        super().__init__()
        self._few = which == "9 planes"

    def forward(self, planes: Tensor) -> Tensor:
        return planes[:, FEW_PLANES] if self._few else planes


class RichFeatures(nn.Module):
    """Board planes [B, 11, 11, 10] to the 45 features `rich_v1`.

    Args:
        shapes: of the two buffers, which files hold, but whose values the board decides.
    """

    constant: Tensor

    def __init__(self, shapes: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        self.register_buffer("constant", torch.from_numpy(geometry()), persistent=False)
        names = ("valid_cells", "row_parity")
        for name, shape, values in zip(names, shapes, torch.from_numpy(geometry()[0]), strict=True):
            self.register_buffer(name, values.reshape(shape))
        self.legal = LegalMoves()

    def forward(self, planes: Tensor, legal: Tensor | None = None) -> Tensor:
        def plane(index: int) -> Tensor:
            return planes[:, index : index + 1]

        def equal(index: int, values: range) -> list[Tensor]:
            return [(plane(index) == value).to(planes.dtype) for value in values]

        def whole(number: Tensor) -> Tensor:
            return number.expand(-1, 1, ROWS, COLS)

        values, flags = range(1, 6), range(4)
        scores = [plane(index).sum((2, 3), keepdim=True) / MAX_POINTS for index in (1, 6)]
        occupied = (planes[:, [0, 1, 5, 6]] != 0).sum((1, 2, 3)).to(planes.dtype) / NUM_CELLS
        return torch.cat(
            (
                self.constant.expand(planes.shape[0], -1, -1, -1),
                plane(0),
                plane(5),
                *equal(1, values),
                *equal(6, values),
                plane(2),
                plane(7),
                *equal(3, values),
                *equal(8, values),
                *equal(4, flags),
                *equal(9, flags),
                *equal(10, values),
                (self.legal(planes) if legal is None else legal).to(planes.dtype),
                whole(scores[0]),
                whole(scores[1]),
                whole(scores[0] - scores[1]),
                whole(occupied[:, None, None, None]),
            ),
            dim=1,
        )
