"""What networks compute, said once for whatever does the arithmetic: NumPy, which calibrates int8
inference and tells how a game will end, or OpenVINO, which plays.

`T` is a tensor of it. The layers of a tower, convolutions and the rectifiers between them, have
names, since int8 inference computes them in 8 bits; all else stays in floating point. Batch norms
are part of the convolutions here.

A tower of rings keeps even and odd rows apart all the way, as `Parts`: the neighbours of a cell are
then in the same columns of them in every row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hexz.engine import COLS, MAX_VALUE, NUM_CELLS, NUM_PLANES, NUM_ROCKS, ROWS, Plane
from hexz.model.config import ModelConfig
from hexz.model.features import CONTENTS, geometry, global_map, neighbours, spatial_map
from hexz.model.peer import FEW_PLANES, MAX_POINTS, PeerConfig
from hexz.model.weights import Weights

T = TypeVar("T")

Parts = tuple[T, ...]
"""A tensor [B, C, 11, 10] in a tower: whole, or its even rows [B, C, 6, 10] and its odd ones
[B, C, 5, 9], whose last cell does not exist."""

_ROW_ORDER: Final = [*range(0, ROWS, 2), *range(1, ROWS, 2)]
"""The rows of the board that the rows of a tower of rings are."""
_BOARD_ORDER: Final = [_ROW_ORDER.index(row) for row in range(ROWS)]
"""The rows of a tower of rings that the rows of the board are."""


def rows_of(board: NDArray[Any]) -> Parts[NDArray[Any]]:
    """The even and the odd rows of an array [B, C, 11, 10], see `Parts`."""
    return board[:, :, 0::2], board[:, :, 1::2, :-1]


class Ops(Protocol[T]):
    """The arithmetic. Tensors are float32 [B, C, 11, 10], or [B, C] where said."""

    def conv(self, x: T, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> T:
        """A convolution with weights [O, C, k, k], k odd, that keeps the board's size."""

    def tower_conv(
        self, name: str, x: Parts[T], weight: NDArray[Any], bias: NDArray[Any]
    ) -> Parts[T]:
        """A convolution in a tower, of what `indicators` or `tower_relu` have returned; see
        `spread`."""

    def indicators(self, planes: T, weight: NDArray[Any], constant: NDArray[Any]) -> T:
        """A 1x1 convolution with weights [O, C], and a constant [1, O, 11, 10] added, clamped to
        0..1. All numbers are whole."""

    def tower_relu(self, name: str, x: Parts[T]) -> Parts[T]:
        """A rectifier whose output int8 inference stores in 8 bits."""

    def rows(self, x: T) -> Parts[T]:
        """The even and the odd rows."""

    def rings(self, even: T, odd: T) -> Parts[T]:
        """For each cell the sum over its neighbours, times `RING_SCALE`."""

    def stacked(self, even: T, odd: T) -> T:
        """The even rows with the odd ones behind them, see `_ROW_ORDER`; what does not exist is
        0."""

    def in_rows(self, x: T, order: list[int]) -> T:
        """Puts the rows in another order: of each row, which it was."""

    def relu(self, x: T) -> T: ...
    def tanh(self, x: T) -> T: ...
    def clamp(self, x: T) -> T:
        """Clamps to 0..1."""

    def add(self, x: T, y: T | NDArray[Any]) -> T: ...
    def multiply(self, x: T, y: T | NDArray[Any]) -> T: ...
    def linear(self, x: T, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> T:
        """A linear layer with weights [O, C]: [B, C] to [B, O]."""

    def total(self, x: T) -> T:
        """Sums over the cells, [B, C]."""

    def largest(self, x: T) -> T:
        """Maxima over the cells, [B, C]."""

    def join(self, *parts: T) -> T:
        """Puts channels behind each other."""

    def channels(self, x: T, which: list[int]) -> T:
        """Takes some of the channels."""

    def equals(self, x: T, value: int) -> T:
        """A mask: 1 where x is the value, else 0."""

    def above_zero(self, x: T) -> T:
        """A mask: 1 where x is positive, else 0."""

    def everywhere(self, x: T) -> T:
        """Makes [B, C, 1, 1] of [B, C], for all cells."""

    def repeated(self, constant: NDArray[np.float32], like: T) -> T:
        """A constant [1, C, 11, 10] for each position of another tensor."""

    def flatten(self, x: T) -> T:
        """All numbers of a position, [B, N]."""

    def vector(self, x: T) -> T:
        """Makes [B] of [B, 1]."""


def spread(
    ops: Ops[T],
    conv: Callable[[T, slice, NDArray[Any] | None], T],
    x: Parts[T],
    bias: NDArray[Any],
) -> Parts[T]:
    """The convolution of a tower by those of its parts.

    Args:
        ops: the arithmetic.
        conv: the convolution of a part, with some of the weights along their third axis.
        x: what it reads, whole if the weights are [O, C, 3, 3]; in rows if they are [O, C, 2, 1],
            of cells and of rings, see `RingConv`.
        bias: [O].
    """
    if len(x) == 1:
        return (conv(x[0], slice(None), bias),)
    # Weights first: sums of neighbours do not fit into the 8 bits that they are of.
    rings = ops.rings(*(conv(part, slice(1, 2), None) for part in x))
    own = (conv(part, slice(0, 1), bias) for part in x)
    return tuple(map(ops.add, own, rings))


class Tower(NamedTuple, Generic[T]):
    """What the heads of a `HexzNet` read of B positions."""

    cells: T
    """[B, C, 11, 10], not negative, and 0 where no cell exists. Those of a tower of rings are in
    `_ROW_ORDER`: a head puts the few numbers that it says of a cell in the order of the board, see
    `_on_board`, which takes a tenth of the time that all filters would."""
    pooled: T
    """[B, 2C]: mean and maximum over the cells that exist."""
    scalars: T
    """[B, G], the global features."""


def forward(ops: Ops[T], weights: Weights, planes: T) -> tuple[T, T]:
    """Computes board planes [B, 11, 11, 10] to policy logits [B, 220] and values [B]."""
    if isinstance(weights.config, PeerConfig):
        return _peer_heads(ops, weights, peer_tower(ops, weights, planes))
    return _heads(ops, weights, tower(ops, weights, planes))


def run_tower(ops: Ops[T], weights: Weights, planes: T) -> None:
    """Computes the tower alone, of any network."""
    if isinstance(weights.config, PeerConfig):
        peer_tower(ops, weights, planes)
    else:
        tower(ops, weights, planes)


# --- The networks that hexz trains, see network.py ------------------------------------------------


def tower(ops: Ops[T], w: Weights, planes: T) -> Tower[T]:
    """All of a `HexzNet` but its heads."""
    assert isinstance(w.config, ModelConfig)  # noqa: S101 - see `forward`
    scalars = ops.clamp(ops.linear(ops.total(planes), *global_map()))
    weight, constant = spatial_map()
    has_rings = w.config.kernel == "ring"
    x: Parts[T] = (planes,)
    constants: Parts[NDArray[Any]] = (constant,)
    if has_rings:
        x, constants = ops.rows(planes), rows_of(constant)
    x = tuple(ops.indicators(part, weight, there) for part, there in zip(x, constants, strict=True))
    x = ops.tower_conv("stem", x, *w.folded("stem.0", "stem.1"))
    bias = ops.everywhere(ops.linear(scalars, w["stem_bias.weight"]))
    x = ops.tower_relu("stem", tuple(ops.add(part, bias) for part in x))
    for number in range(w.config.blocks):
        key = f"blocks.{number}"
        layers = [(f"{key}.conv{i}.0", f"{key}.conv{i}.1") for i in (1, 2)]
        x = _block(ops, w, x, layers, is_last=number == w.config.blocks - 1)
    cells = ops.stacked(*x) if has_rings else ops.multiply(x[0], geometry()[:, :1])
    mean = ops.multiply(ops.total(cells), _number(1 / NUM_CELLS))
    return Tower(cells, ops.join(mean, ops.largest(cells)), scalars)


def _block(
    ops: Ops[T], w: Weights, x: Parts[T], layers: list[tuple[str, str]], *, is_last: bool
) -> Parts[T]:
    """A residual block. The heads compute in float, so nothing rounds what they read."""
    (conv1, norm1), (conv2, norm2) = layers
    hidden = ops.tower_relu(conv1, ops.tower_conv(conv1, x, *w.folded(conv1, norm1)))
    found = ops.tower_conv(conv2, hidden, *w.folded(conv2, norm2))
    out = tuple(ops.add(part, skipped) for part, skipped in zip(found, x, strict=True))
    return tuple(map(ops.relu, out)) if is_last else ops.tower_relu(conv2, out)


def _heads(ops: Ops[T], w: Weights, tower: Tower[T]) -> tuple[T, T]:
    pooled = ops.everywhere(ops.linear(tower.pooled, w["policy_head.pooled.weight"]))
    hidden = ops.relu(ops.add(_conv(ops, w, "policy_head.local", tower.cells), pooled))
    policy = ops.flatten(_on_board(ops, w, _conv(ops, w, "policy_head.out", hidden)))
    hidden = ops.relu(_linear(ops, w, "value_head.hidden", ops.join(tower.pooled, tower.scalars)))
    return policy, ops.vector(ops.tanh(_linear(ops, w, "value_head.out", hidden)))


def outlook(ops: Ops[T], w: Weights, planes: T) -> tuple[T, T]:
    """Owners of cells [B, 110] in -1..1, 1 the player to move, and tanh(margin / MARGIN_SCALE)
    [B]; of a `HexzNet` with the heads for that."""
    x = tower(ops, w, planes)
    owners = _on_board(ops, w, ops.tanh(_conv(ops, w, "outlook_heads.ownership", x.cells)))
    margin = _linear(ops, w, "outlook_heads.margin", ops.join(x.pooled, x.scalars))
    return ops.flatten(owners), ops.vector(ops.tanh(margin))


def _on_board(ops: Ops[T], w: Weights, x: T) -> T:
    """What a head says of the cells of a tower, in the order of the board."""
    assert isinstance(w.config, ModelConfig)  # noqa: S101 - see `forward`
    return ops.in_rows(x, _BOARD_ORDER) if w.config.kernel == "ring" else x


def _conv(ops: Ops[T], w: Weights, name: str, x: T) -> T:
    return ops.conv(x, w[f"{name}.weight"], w[f"{name}.bias"])


def _linear(ops: Ops[T], w: Weights, name: str, x: T) -> T:
    return ops.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])


# --- The networks of the Go server's own trainers, see peer_network.py ----------------------------


def peer_tower(ops: Ops[T], w: Weights, planes: T) -> T:
    """All of a `PeerNet` but its heads."""
    config = w.config
    assert isinstance(config, PeerConfig)  # noqa: S101 - see `forward`
    stem = f"{config.tower}.0"
    # The inputs are not 0 or 1, so the first convolution stays float.
    x = ops.conv(_peer_input(ops, config, planes), *w.folded(f"{stem}.0", f"{stem}.1"))
    if config.blocks == 1:
        return ops.relu(x)
    parts = ops.tower_relu(stem, (x,))
    for number in range(1, config.blocks):
        key, is_last = f"{config.tower}.{number}", number == config.blocks - 1
        if config.residual:
            layers = [(f"{key}.conv{i}", f"{key}.bn{i}") for i in (1, 2)]
            parts = _block(ops, w, parts, layers, is_last=is_last)
        else:
            parts = ops.tower_conv(key, parts, *w.folded(f"{key}.0", f"{key}.1"))
            parts = (ops.relu(parts[0]),) if is_last else ops.tower_relu(key, parts)
    return parts[0]


def _peer_heads(ops: Ops[T], w: Weights, x: T) -> tuple[T, T]:
    def head(name: str) -> T:
        return ops.flatten(ops.relu(ops.conv(x, *w.folded(f"{name}.0", f"{name}.1"))))

    hidden = ops.relu(_linear(ops, w, "value_head.4", head("value_head")))
    value = ops.vector(ops.tanh(_linear(ops, w, "value_head.6", hidden)))
    return _linear(ops, w, "policy_head.4", head("policy_head")), value


def _peer_input(ops: Ops[T], config: PeerConfig, planes: T) -> T:
    if config.input == "9 planes":
        return ops.channels(planes, list(FEW_PLANES))
    return _rich(ops, planes) if config.input == "rich_v1" else planes


def _rich(ops: Ops[T], planes: T) -> T:
    """The 45 features `rich_v1`."""

    def plane(index: int) -> T:
        return ops.channels(planes, [index])

    def equal(index: int, values: range) -> list[T]:
        return [ops.equals(plane(index), value) for value in values]

    ones = np.ones((1, 1, ROWS, COLS), np.float32)
    scores = [ops.multiply(ops.total(plane(index)), _number(1 / MAX_POINTS)) for index in (1, 6)]
    lead = ops.add(scores[0], ops.multiply(scores[1], _number(-1)))
    nothing = ops.total(ops.equals(ops.channels(planes, [0, 1, 5, 6]), 0))
    share = np.full((1, 4), -1 / NUM_CELLS, np.float32)
    occupied = ops.linear(nothing, share, _number(4 * ROWS * COLS / NUM_CELLS))
    values, flags = range(1, 6), range(4)
    return ops.join(
        ops.repeated(geometry(), planes),
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
        _legal(ops, planes),
        *(ops.multiply(ops.everywhere(x), ones) for x in (*scores, lead, occupied)),
    )


def _legal(ops: Ops[T], planes: T) -> T:
    """The legal moves [B, 2, 11, 10], 0 or 1; `legality.py` explains them."""

    def plane(index: int) -> T:
        return ops.channels(planes, [index])

    def beside_a_5(index: int) -> T:
        found = ops.above_zero(ops.conv(ops.equals(plane(index), MAX_VALUE), neighbours()))
        odd = geometry()[:, 1:]
        return ops.add(
            ops.multiply(ops.channels(found, [1]), odd),
            ops.multiply(ops.channels(found, [0]), 1 - odd),
        )

    contents = np.zeros((1, NUM_PLANES, 1, 1), np.float32)
    contents[:, list(map(int, CONTENTS))] = 1
    nothing = ops.multiply(ops.equals(ops.conv(planes, contents), 0), geometry()[:, :1])
    own, others = (ops.above_zero(plane(int(p))) for p in (Plane.BLOCKED, Plane.OPPONENT_BLOCKED))
    blocked = ops.multiply(nothing, ops.multiply(own, others))
    too_many = ops.add(ops.total(blocked), _number(-NUM_ROCKS))
    between = ops.multiply(beside_a_5(int(Plane.VALUES)), beside_a_5(int(Plane.OPPONENT_VALUES)))
    free = ops.multiply(ops.multiply(blocked, between), ops.everywhere(ops.above_zero(too_many)))
    empty = ops.add(ops.add(nothing, ops.multiply(blocked, _number(-1))), free)
    flags = ops.multiply(empty, ops.above_zero(plane(int(Plane.FLAGS_LEFT))))
    return ops.join(flags, ops.above_zero(plane(int(Plane.NEXT_VALUES))))


def _number(value: float) -> NDArray[np.float32]:
    return np.array([value], np.float32)
