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
    Level("beginner", "glance@2", -723),
    Level("novice", "glance@6", -582),
    Level("pupil", "glance@12", -428),
    Level("apprentice", "glance@17", -233),
    Level("amateur", "glance@24", -60),
    Level("hobbyist", "glance@34", 114),
    Level("regular", "glance@45", 316),
    Level("adept", "glance@58", 464),
    Level("skilled", "glance@72", 646),
    Level("club", "glance@88", 811),
    Level("strong", "model@4", 999),
    Level("expert", "model@16", 1063),
    Level("veteran", "model@40", 1138),
    Level("candidate", "model@100", 1195),
    Level("master", "model@250", 1258),
    Level("grandmaster", "model@800", 1327),
    Level("champion", "model@2400", 1382),
)
"""Weakest first. `python benchmarks/levels.py` rates them."""


def name_of(spec: str) -> str:
    """What people call the player of a spec: by its level, or else by the spec."""
    return next((level.name for level in LEVELS if level.spec == spec), spec)
