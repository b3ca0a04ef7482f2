"""The levels of play, from somebody who has just read the rules to the strongest there is.

A weak level is weak by what it does not see: it has the judgement of the network, but notices only
a share of the moves. What anybody notices it always does, the moves that capture grass. So it
errs as people do, and plays nothing that is absurd to somebody of its strength.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Level:
    """A player of some strength that people may choose by name.

    Attributes:
        name: what people call it, and the spec that every command understands.
        spec: the player that it is.
        elo: its rating, where `uct:800` has 0; docs/strength.md has the intervals.
    """

    name: str
    spec: str
    elo: int


LEVELS: Final = (
    Level("beginner", "glance@2", -714),
    Level("novice", "glance@6", -545),
    Level("pupil", "glance@11", -401),
    Level("apprentice", "glance@17", -222),
    Level("amateur", "glance@25", -50),
    Level("hobbyist", "glance@34", 131),
    Level("regular", "glance@48", 339),
    Level("adept", "glance@62", 562),
    Level("skilled", "glance@80", 761),
    Level("club", "glance@97", 908),
    Level("strong", "model@4", 1037),
    Level("expert", "model@16", 1137),
    Level("veteran", "model@40", 1204),
    Level("candidate", "model@100", 1272),
    Level("master", "model@250", 1341),
    Level("grandmaster", "model@800", 1461),
    Level("champion", "model@2400", 1537),
)
"""Weakest first. `python benchmarks/levels.py` rates them."""
