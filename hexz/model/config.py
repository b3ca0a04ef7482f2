"""The size of the network that hexz trains, and what its outputs mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from hexz.errors import InvalidModel
from hexz.schema.shared import DEFAULT_BLOCKS, DEFAULT_FILTERS, MAX_BLOCKS, MAX_FILTERS

MARGIN_SCALE: Final = 15.0
"""Points of lead that are worth tanh(1) = 0.76 of a win in targets."""
RING_SCALE: Final = 6**-0.5
"""Of the sum over six neighbours, which is as large as one number then if they are independent."""
HEAD_WIDTH: Final = 32
"""Channels of the policy head and units of the value head."""

Kernel = Literal["ring", "square"]
"""What a convolution of a tower sees around a cell: its neighbours, all with the same weight; or
the eight cells around it in the grid of 11x10, where rows take turns in which of them are
neighbours. A file that names none is older, and of the second kind."""


@dataclass(frozen=True)
class ModelConfig:
    """The size and kind of a network.

    Raises:
        InvalidModel: a size is not a whole number within its bounds, or the kernel is not known.
    """

    blocks: int = DEFAULT_BLOCKS
    filters: int = DEFAULT_FILTERS
    kernel: Kernel = "ring"

    def __post_init__(self) -> None:
        for name, limit in (("blocks", MAX_BLOCKS), ("filters", MAX_FILTERS)):
            size = getattr(self, name)
            if type(size) is not int or not 1 <= size <= limit:
                raise InvalidModel(f"a model's {name} must be in 1..{limit}, not {size!r}")
        if self.kernel not in get_args(Kernel):
            raise InvalidModel(f"a model's kernel must be ring or square, not {self.kernel!r}")

    @property
    def kernel_shape(self) -> tuple[int, int]:
        """The last two axes of the weights of a convolution in the tower."""
        return (2, 1) if self.kernel == "ring" else (3, 3)
