"""Games that people play: saved games, and sessions of persons and computer players."""

from typing import Final

MAX_SEED: Final = 2**64 - 1
"""The highest number of a board."""
