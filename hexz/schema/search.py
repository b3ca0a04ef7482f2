"""Every constant of the tree search, with its source."""

from typing import Annotated, Final, Literal

from hexz.layout import NUM_ACTIONS
from hexz.schema.declaration import Settings, setting

MAX_SIMULATIONS: Final = 1_000_000
"""A tree of so many has some 2 GB."""

Algorithm = Literal["puct", "gumbel"]


class SearchSettings(Settings, frozen=True, kw_only=True):
    """The settings of a tree search: how it explores, and how a move is chosen from it.

    Sources: [AZ] Silver et al., "A general reinforcement learning algorithm that masters chess,
    shogi, and Go through self-play", Science 2018, and its pseudocode; [KG] Wu, "Accelerating
    Self-Play Learning in Go", arXiv:1902.10565; [GZ] Danihelka et al., "Policy improvement by
    planning with Gumbel", ICLR 2022. Values and Q are in -1..1 throughout.

    Raises:
        InvalidSettings: a value is out of range; names it.
    """

    algorithm: Annotated[
        Algorithm,
        setting("Kind of search: PUCT, or Gumbel root search with sequential halving [GZ]."),
    ] = "puct"
    simulations: Annotated[
        int,
        setting(
            "New simulations a move. A tree that is kept from the last move is not counted.",
            ge=1,
            le=MAX_SIMULATIONS,
        ),
    ] = 800
    full_search_share: Annotated[
        float,
        setting(
            "Share of the moves that are searched in full, at random. The others get a fast search "
            "without noise, whose policy is too rough a target (playout cap randomization [KG]). "
            "Only if `explore` is on.",
            ge=0,
            le=1,
        ),
    ] = 1.0
    fast_simulations: Annotated[
        int, setting("New simulations of a fast search.", ge=1, le=MAX_SIMULATIONS)
    ] = 12
    explore: Annotated[
        bool,
        setting(
            "Draws moves at random as self-play needs it: root noise and temperature for PUCT, "
            "Gumbel noise for Gumbel. Off, the strongest move is played."
        ),
    ] = True
    c_init: Annotated[float, setting("Exploration constant of PUCT [AZ].", ge=0, le=1e6)] = 1.25
    c_base: Annotated[
        float, setting("Visits at which PUCT's exploration begins to grow [AZ].", ge=1, le=1e12)
    ] = 19652.0
    fpu_reduction: Annotated[
        float,
        setting(
            "An action without visits is worth this much less than the node, times the square "
            "root of the prior mass that has visits [KG].",
            ge=0,
            le=1e6,
        ),
    ] = 0.2
    dirichlet_total: Annotated[
        float,
        setting(
            "Sum of the parameters of the root's Dirichlet noise, shared out evenly over the legal "
            "moves ([KG] 10.83, which is AZ's 0.03 on an empty Go board).",
            ge=1e-6,
            le=1e6,
        ),
    ] = 10.83
    dirichlet_fraction: Annotated[
        float, setting("Weight of that noise in the root's priors [AZ].", ge=0, le=1)
    ] = 0.25
    temperature: Annotated[
        float,
        setting("Exponent 1/temperature on the visit counts when a move is drawn [AZ].", gt=0),
    ] = 1.0
    temperature_moves: Annotated[
        int,
        setting(
            "From this move number on the most visited move is played ([AZ] 30 moves in games of "
            "some 100 to 200; about the same share of a game of 72).",
            ge=0,
            le=10**9,
        ),
    ] = 16
    max_considered: Annotated[
        int,
        setting("Actions that Gumbel's sequential halving starts with [GZ].", ge=1, le=NUM_ACTIONS),
    ] = 16
    fast_considered: Annotated[
        int,
        setting(
            "Actions that sequential halving starts with in a fast search. Few, so that its few "
            "simulations halve anything at all: 12 over 16 actions visit each once, and the move "
            "is chosen by one evaluation of each.",
            ge=1,
            le=NUM_ACTIONS,
        ),
    ] = 4
    c_visit: Annotated[
        float,
        setting("Visits added to the largest visit count in the scale of Q [GZ].", ge=0, le=1e6),
    ] = 50.0
    c_scale: Annotated[
        float,
        setting(
            "Scale of Q against logits ([GZ] 1.0 for Q in 0..1, so half of that here).",
            ge=0,
            le=1e6,
        ),
    ] = 0.5

    @property
    def mean_simulations(self) -> float:
        """The simulations of a move on average, those with a fast search among them."""
        full = self.full_search_share
        return full * self.simulations + (1 - full) * self.fast_simulations
