"""The network that ships with hexz."""

from __future__ import annotations

from importlib import resources
from typing import Final

from hexz.model.checkpoint import Checkpoint, decode_checkpoint

SHIPPED: Final = "shipped"
"""Names it where a path of a model is asked for."""


def shipped_checkpoint() -> Checkpoint:
    """The network that plays unless another one is named; docs/strength.md says how it was made."""
    file = resources.files("hexz") / "data" / "model.pt"
    return decode_checkpoint(file.read_bytes(), "the network that ships with hexz")
