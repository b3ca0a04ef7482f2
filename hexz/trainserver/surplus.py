"""What becomes of examples that come faster than they can be learnt from: deeper searches, and a
larger network if that is asked for.

A queue that grows teaches nothing, and refusing examples wastes the workers. So the fleet searches
deeper while the trainer is behind, which makes fewer and better examples, and less deep again once
the trainer has to wait. Each new checkpoint decides once, so that a change has had time to tell,
and nothing changes while nothing is trained. Where searches are as deep as they may become and the
trainer stays behind, the network grows to the next size of the fleet's profile (`--grow`).
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from hexz.schema.fleet import WorkerSettings
from hexz.schema.fleet_profile import NETWORKS, Network
from hexz.schema.search import MAX_SIMULATIONS

STEP: Final = 2**0.5
"""A level deeper is so many times the simulations."""

BEHIND: Final = 2
"""The trainer is behind if so many full batches wait: one may just have become full. Then searches
become deeper; with one, or none while the trainer hardly waits, they stay as they are."""

WAITING: Final = 0.2
"""The share of its time that the trainer waits for examples when searches become less deep."""


GROW_AFTER: Final = 8
"""So many checkpoints in a row with searches as deep as they may become, and batches that wait, are
a surplus that lasts."""


def is_deepest(level: int, deepest: float) -> bool:
    """Tells whether searches cannot become deeper."""
    return STEP ** (level + 1) > deepest * 1.001


def larger_than(blocks: int, filters: int) -> Network | None:
    """The next size of a network; None beyond the largest of the profile."""
    for network in NETWORKS:
        if (
            network.blocks >= blocks
            and network.filters >= filters
            and ((network.blocks, network.filters) != (blocks, filters))
        ):
            return network
    return None


def next_level(level: int, *, behind: int, waiting: float, deepest: float) -> int:
    """The level of depth that searches shall have from a new checkpoint on.

    Args:
        level: the one they have; 0: as deep as the settings say.
        behind: full batches that wait for training.
        waiting: the share of its time that the trainer has waited for examples.
        deepest: the factor by which searches may become deeper at most.
    """
    if behind >= BEHIND and not is_deepest(level, deepest):
        return level + 1
    if level and (behind == 0 and waiting >= WAITING):
        return level - 1
    while level and STEP**level > deepest * 1.001:  # the settings have changed
        level -= 1
    return level


def depth(level: int) -> float:
    """The factor by which a level has more simulations than the settings."""
    return float(STEP**level)


def deepened(settings: WorkerSettings, level: int) -> WorkerSettings:
    """Settings with the simulations of a level."""
    if level == 0:
        return settings
    simulations = round(settings.search.simulations * depth(level))
    return replace(
        settings,
        search=replace(settings.search, simulations=min(MAX_SIMULATIONS, simulations)),
    )
