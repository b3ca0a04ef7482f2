"""The players of known strength that others are measured against.

The reference player is `uct`, random playouts without a network.
"""

from __future__ import annotations

from typing import Final

ANCHOR: Final = "uct:800"
"""Has the rating 0, if it plays; otherwise the first player has."""

REFERENCES: Final = (ANCHOR, "uct:3200", "uct:32000")
"""The last one plays if it helps to compare strong checkpoints."""
