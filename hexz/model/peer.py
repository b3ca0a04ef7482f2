"""The networks that the Go server's own trainers have made since 2023.

There are two towers, convolutions without or with skip connections, and three inputs: 9 or 11 of
the board planes, or 45 features that are expanded from them. Sizes follow from the tensors. All
take and return what `HexzNet` does. `graph.py` says what they compute, and `peer_network.py` says
so in PyTorch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from hexz.engine import COLS, GRID, NUM_PLANES, ROWS, Plane
from hexz.errors import InvalidModel
from hexz.model.features import geometry

_TOWERS: Final = ("cnn_blocks", "_torso._blocks")
FEW_PLANES: Final = tuple(int(plane) for plane in Plane if "FLAGS_LEFT" not in plane.name)
"""The board planes of the first networks: without the two that hold the flags left."""
_RICH_PLANES: Final = 45
_BUFFERS: Final = ("feature_encoder.valid_cells", "feature_encoder.row_parity")
MAX_POINTS: Final = 525
_MAX_BLOCKS: Final = 100
_MAX_CHANNELS: Final = 4096

_RESIDUAL_PARTS: Final = [("conv1", "bn1"), ("conv2", "bn2")]

Input = Literal["9 planes", "11 planes", "rich_v1"]
_INPUTS: Final[dict[int, Input]] = {
    len(FEW_PLANES): "9 planes",
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
        """Reads the configuration from a state_dict whose other tensors are not checked.

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

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The tensors of such a network."""
        shapes: dict[str, tuple[int, ...]] = dict(zip(_BUFFERS, self.buffers, strict=False))
        stem = next(count for count, name in _INPUTS.items() if name == self.input)
        for block in range(self.blocks):
            key = f"{self.tower}.{block}"
            inputs = self.filters if block else stem
            parts = [("0", "1")] if not block or not self.residual else _RESIDUAL_PARTS
            for conv, norm in parts:
                shapes[f"{key}.{conv}.weight"] = (self.filters, inputs, 3, 3)
                shapes |= norm_shapes(f"{key}.{norm}", self.filters)
        for head, width in (("policy_head", 2), ("value_head", self.value_channels)):
            shapes[f"{head}.0.weight"] = (width, self.filters, 1, 1)
            if self.head_bias:
                shapes[f"{head}.0.bias"] = (width,)
            shapes |= norm_shapes(f"{head}.1", width)
        for layer, outputs, inputs in (
            ("policy_head.4", 2 * GRID, 2 * GRID),
            ("value_head.4", self.value_units, self.value_channels * GRID),
            ("value_head.6", 1, self.value_units),
        ):
            shapes |= {f"{layer}.weight": (outputs, inputs), f"{layer}.bias": (outputs,)}
        return shapes

    def __str__(self) -> str:
        """As in "_torso, 10 residual blocks of 128, rich_v1"."""
        kind = "residual" if self.residual else "plain"
        tower = f"{self.tower.partition('.')[0]}, {self.blocks} {kind} blocks"
        return f"{tower} of {self.filters} filters, {self.input}"


def norm_shapes(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    """The tensors of a batch norm."""
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def _shapes_of_buffers(state_dict: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
    """The shapes of the buffers of `rich_v1`, which must hold what the board is."""
    shapes = []
    for key, expected in zip(_BUFFERS, geometry()[0], strict=True):
        shapes.append(_shape(state_dict, key))
        buffer = state_dict[key]
        fits = buffer.size == GRID
        if not fits or not np.array_equal(buffer.reshape(ROWS, COLS), expected):
            raise InvalidModel(f"{key} is not that of the board of Flagz")
    return tuple(shapes)


def _shape(
    state_dict: Mapping[str, Any], key: str, dimensions: int | None = None
) -> tuple[int, ...]:
    tensor = state_dict.get(key)
    if not isinstance(tensor, np.ndarray):
        raise InvalidModel(f"{key} is missing or not a tensor")
    if dimensions not in (None, tensor.ndim) or tensor.size == 0:
        raise InvalidModel(f"{key} has the shape {list(tensor.shape)}")
    shape: tuple[int, ...] = tensor.shape
    return shape
