"""The networks that the Go server's own trainers have made since 2023.

There are two towers, convolutions without or with skip connections, and three inputs: 9 or 11 of
the board planes, or 45 features that are expanded from them. Sizes follow from the tensors. All
take and return what `HexzNet` does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from hexz.engine import COLS, GRID, NUM_CELLS, NUM_PLANES, ROWS, Plane
from hexz.errors import InvalidModel
from hexz.model.features import geometry
from hexz.model.layers import TowerConv, TowerReLU
from hexz.model.legality import LegalMoves
from hexz.model.network import ResidualBlock

_TOWERS: Final = ("cnn_blocks", "_torso._blocks")
_FEW_PLANES: Final = tuple(int(plane) for plane in Plane if "FLAGS_LEFT" not in plane.name)
"""The board planes of the first networks: without the two that hold the flags left."""
_RICH_PLANES: Final = 45
_BUFFERS: Final = ("feature_encoder.valid_cells", "feature_encoder.row_parity")
_MAX_POINTS: Final = 525
_MAX_BLOCKS: Final = 100
_MAX_CHANNELS: Final = 4096

Input = Literal["9 planes", "11 planes", "rich_v1"]
_INPUTS: Final[dict[int, Input]] = {
    len(_FEW_PLANES): "9 planes",
    NUM_PLANES: "11 planes",
    _RICH_PLANES: "rich_v1",
}


def is_peer(state_dict: Mapping[str, object]) -> bool:
    """Tells whether a bare state_dict looks like one of these; its shapes may still be wrong."""
    return any(f"{tower}.0.0.weight" in state_dict for tower in _TOWERS)


@dataclass(frozen=True, kw_only=True)
class PeerConfig:
    """What the tensors tell of a network.

    Attributes:
        tower: the name of the tower in the file.
        residual: whether the blocks have skip connections, the first one left out.
        input: what the network sees.
        blocks, filters: of the tower.
        value_channels, value_units: of the value head.
        head_bias: whether the first convolutions of the heads have one.
        buffers: the shapes of the two tensors of `rich_v1`, which are constants.
    """

    tower: str
    residual: bool
    input: Input
    blocks: int
    filters: int
    value_channels: int
    value_units: int
    head_bias: bool
    buffers: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def of(cls, state_dict: Mapping[str, Any]) -> PeerConfig:
        """Reads it from a state_dict whose other tensors are not checked.

        Raises:
            InvalidModel: a tensor is missing, or its shape is impossible.
        """
        tower = next(name for name in _TOWERS if f"{name}.0.0.weight" in state_dict)
        filters, inputs, *_ = _shape(state_dict, f"{tower}.0.0.weight", 4)
        channels, *_ = _shape(state_dict, "value_head.0.weight", 4)
        units, *_ = _shape(state_dict, "value_head.4.weight", 2)
        rich = [key for key in _BUFFERS if key in state_dict]
        if inputs not in _INPUTS or (inputs == _RICH_PLANES) != bool(rich):
            raise InvalidModel(f"{tower}.0.0.weight takes {inputs} planes, which are not known")
        blocks = re.compile(re.escape(tower) + r"\.(\d{1,6})\.")
        numbers = {int(match[1]) for key in state_dict if (match := blocks.match(str(key)))}
        for size in (filters, channels, units):
            if not 1 <= size <= _MAX_CHANNELS:
                raise InvalidModel(f"{size} channels are not between 1 and {_MAX_CHANNELS}")
        if max(numbers) >= _MAX_BLOCKS:
            raise InvalidModel(f"there are more than {_MAX_BLOCKS} blocks")
        return cls(
            tower=tower,
            residual=f"{tower}.1.conv1.weight" in state_dict,
            input=_INPUTS[inputs],
            blocks=max(numbers) + 1,
            filters=filters,
            value_channels=channels,
            value_units=units,
            head_bias="policy_head.0.bias" in state_dict,
            buffers=_shapes_of_buffers(state_dict) if rich else (),
        )

    def __str__(self) -> str:
        """As in "_torso, 10 residual blocks of 128, rich_v1"."""
        kind = "residual" if self.residual else "plain"
        tower = f"{self.tower.partition('.')[0]}, {self.blocks} {kind} blocks"
        return f"{tower} of {self.filters} filters, {self.input}"


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
        for number in range(1, config.blocks):
            # The heads compute in float, so int8 inference need not round what they read.
            is_last = number == config.blocks - 1
            blocks.append(
                PeerBlock(config.filters, is_last=is_last)
                if config.residual
                else TowerConv(config.filters, config.filters, 3)
            )
        self._blocks_are_plain = not config.residual
        self.relus = nn.ModuleList([*(TowerReLU() for _ in range(1, config.blocks)), nn.ReLU()])
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

    def forward(self, planes: Tensor, legal: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = self.feature_encoder(planes) if legal is None else self.feature_encoder(planes, legal)
        blocks: Any = self.get_submodule(self.config.tower)
        for number, block in enumerate(blocks):
            x = block(x)
            if number == 0 or self._blocks_are_plain:
                x = self.relus[number](x)
        return self.policy_head(x), torch.tanh(self.value_head(x)).squeeze(1)


class PeerBlock(ResidualBlock):
    """A block of ours whose keys are those of the files."""

    def __init__(self, filters: int, *, is_last: bool) -> None:
        super().__init__(filters, is_last=is_last)
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
    """The inputs are not 0 or 1, so the first convolution is no TowerConv: it stays float."""
    inputs = next(count for count, name in _INPUTS.items() if name == config.input)
    conv = nn.Conv2d(inputs, config.filters, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(config.filters))


class _Planes(nn.Module):
    """Some or all of the board planes, as they are."""

    def __init__(self, which: Input) -> None:
        super().__init__()
        self._few = which == "9 planes"

    def forward(self, planes: Tensor) -> Tensor:
        return planes[:, _FEW_PLANES] if self._few else planes


class RichFeatures(nn.Module):
    """Board planes [B, 11, 11, 10] to the 45 features `rich_v1`.

    Args:
        shapes: of the two buffers, which files hold, but whose values the board decides.
    """

    constant: Tensor

    def __init__(self, shapes: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        self.register_buffer("constant", geometry(), persistent=False)
        names = ("valid_cells", "row_parity")
        for name, shape, values in zip(names, shapes, geometry()[0], strict=True):
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
        scores = [plane(index).sum((2, 3), keepdim=True) / _MAX_POINTS for index in (1, 6)]
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


def _shapes_of_buffers(state_dict: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
    """The shapes of the buffers of `rich_v1`, which must hold what the board is."""
    shapes = []
    for key, expected in zip(_BUFFERS, geometry()[0], strict=True):
        shapes.append(_shape(state_dict, key))
        buffer = state_dict[key]
        fits = buffer.numel() == GRID
        if not fits or not torch.equal(buffer.float().reshape(ROWS, COLS), expected):
            raise InvalidModel(f"{key} is not that of the board of Flagz")
    return tuple(shapes)


def _shape(
    state_dict: Mapping[str, Any], key: str, dimensions: int | None = None
) -> tuple[int, ...]:
    tensor = state_dict.get(key)
    if not isinstance(tensor, Tensor):
        raise InvalidModel(f"{key} is missing or not a tensor")
    if dimensions not in (None, tensor.dim()) or tensor.numel() == 0:
        raise InvalidModel(f"{key} has the shape {list(tensor.shape)}")
    return tuple(tensor.shape)
