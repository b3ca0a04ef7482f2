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
    Level("beginner", "glance@2", -709),
    Level("novice", "glance@6", -540),
    Level("pupil", "glance@11", -396),
    Level("apprentice", "glance@17", -217),
    Level("amateur", "glance@25", -45),
    Level("hobbyist", "glance@34", 133),
    Level("regular", "glance@48", 330),
    Level("adept", "glance@62", 518),
    Level("skilled", "glance@80", 711),
    Level("club", "glance@97", 888),
    Level("strong", "model@4", 1002),
    Level("expert", "model@16", 1105),
    Level("veteran", "model@40", 1171),
    Level("candidate", "model@100", 1239),
    Level("master", "model@250", 1308),
    Level("grandmaster", "model@800", 1428),
    Level("champion", "model@2400", 1504),
)
"""Weakest first. `python benchmarks/levels.py` rates them."""
