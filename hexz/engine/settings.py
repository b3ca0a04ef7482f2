"""Every constant of the tree search, with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from hexz.engine.layout import NUM_ACTIONS
from hexz.errors import HexzError

MAX_SIMULATIONS: Final = 1_000_000
"""A tree of so many has some 2 GB."""

Algorithm = Literal["puct", "gumbel"]


class InvalidSettings(HexzError, ValueError):
    """A search setting is out of range."""


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """How a tree search explores and how a move is chosen from it.

    Sources: [AZ] Silver et al., "A general reinforcement learning algorithm that masters chess,
    shogi, and Go through self-play", Science 2018, and its pseudocode; [KG] Wu, "Accelerating
    Self-Play Learning in Go", arXiv:1902.10565; [GZ] Danihelka et al., "Policy improvement by
    planning with Gumbel", ICLR 2022. Values and Q are in -1..1 throughout.

    Attributes:
        algorithm: "puct", or "gumbel" for Gumbel root search with sequential halving.
        simulations: new simulations a move (a tree kept from the last move is not counted).
        full_search_share: the share of the moves that are searched in full, at random; the others
            get a fast search without noise, whose policy is too rough a target ([KG], playout cap
            randomization). Only if `explore` is on.
        fast_simulations: of a fast search.
        explore: whether moves are drawn at random as self-play needs it: root noise and
            temperature for PUCT, Gumbel noise for Gumbel. Off, the strongest move is played.
        c_init: exploration constant of PUCT [AZ].
        c_base: visits at which PUCT's exploration begins to grow [AZ].
        fpu_reduction: an action without visits is worth this much less than the node, times the
            square root of the prior mass that has visits [KG].
        dirichlet_total: sum of the parameters of the root's Dirichlet noise, shared out evenly
            over the legal moves [KG: 10.83, which is AZ's 0.03 on an empty Go board].
        dirichlet_fraction: weight of that noise in the root's priors [AZ].
        temperature: exponent 1/temperature on the visit counts when a move is drawn [AZ].
        temperature_moves: from this move number on the most visited move is played ([AZ] 30 moves
            in games of some 100 to 200; about the same share of a game of 72).
        max_considered: actions that Gumbel's sequential halving starts with [GZ].
        c_visit: visits added to the largest visit count in the scale of Q [GZ].
        c_scale: scale of Q against logits ([GZ] 1.0 for Q in 0..1, so half of that here).
    """

    algorithm: Algorithm = "puct"
    simulations: int = 800
    full_search_share: float = 1.0
    fast_simulations: int = 12
    explore: bool = True
    c_init: float = 1.25
    c_base: float = 19652.0
    fpu_reduction: float = 0.2
    dirichlet_total: float = 10.83
    dirichlet_fraction: float = 0.25
    temperature: float = 1.0
    temperature_moves: int = 16
    max_considered: int = 16
    c_visit: float = 50.0
    c_scale: float = 0.5

    def __post_init__(self) -> None:
        if self.algorithm not in ("puct", "gumbel"):
            raise InvalidSettings(f"unknown search {self.algorithm!r}: expected puct or gumbel")
        for name, most in (
            ("simulations", MAX_SIMULATIONS),
            ("fast_simulations", MAX_SIMULATIONS),
            ("max_considered", NUM_ACTIONS),
        ):
            if not 1 <= getattr(self, name) <= most:
                raise InvalidSettings(f"{name} must be in 1..{most}, not {getattr(self, name)}")
        for name in ("c_base", "dirichlet_total", "temperature"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InvalidSettings(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("c_init", "fpu_reduction", "temperature_moves", "c_visit", "c_scale"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InvalidSettings(f"{name} must not be negative: {getattr(self, name)}")
        for name in ("dirichlet_fraction", "full_search_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidSettings(f"{name} {getattr(self, name)} is not in 0..1")
