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
    """A level of play.

    Attributes:
        name: what people call it, and the spec that every command understands.
        spec: the player that it is.
        elo: its rating, where `uct:800` has 0; docs/strength.md has the intervals.
    """

    name: str
    spec: str
    elo: int


LEVELS: Final = (
    Level("beginner", "glance@2", -770),
    Level("novice", "glance@6", -580),
    Level("pupil", "glance@11", -450),
    Level("apprentice", "glance@17", -260),
    Level("amateur", "glance@25", -80),
    Level("hobbyist", "glance@34", 90),
    Level("regular", "glance@46", 250),
    Level("adept", "glance@64", 435),
    Level("skilled", "glance@80", 600),
    Level("club", "glance@100", 800),
    Level("strong", "model@4", 960),
    Level("expert", "model@16", 1120),
    Level("veteran", "model@40", 1290),
    Level("candidate", "model@100", 1470),
    Level("master", "model@250", 1650),
    Level("grandmaster", "model@800", 1830),
    Level("champion", "model@2400", 1480),
)
"""Weakest first. `python benchmarks/levels.py` rates them."""
