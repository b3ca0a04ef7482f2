"""The size of the network that hexz trains, and what its outputs mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hexz.errors import InvalidModel

MARGIN_SCALE: Final = 15.0
"""Points of lead that are worth tanh(1) = 0.76 of a win in targets."""
HEAD_WIDTH: Final = 32
"""Channels of the policy head and units of the value head."""

_MAX_BLOCKS: Final = 100
_MAX_FILTERS: Final = 1024


@dataclass(frozen=True)
class ModelConfig:
    """The size of a network.

    Raises:
        InvalidModel: a size is not a whole number within its bounds.
    """

    blocks: int = 4
    filters: int = 32

    def __post_init__(self) -> None:
        for name, limit in (("blocks", _MAX_BLOCKS), ("filters", _MAX_FILTERS)):
            size = getattr(self, name)
            if type(size) is not int or not 1 <= size <= limit:
                raise InvalidModel(f"a model's {name} must be in 1..{limit}, not {size!r}")
