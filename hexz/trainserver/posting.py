"""Decides whether workers post single examples or compact games: single ones while the server keeps
up with them.

What cannot be posted waits at the workers, and their heartbeats tell how much that is. It is the
one figure that holds whatever the limit is: cores, the disk, the network.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from hexz.rate import Rate
from hexz.schema.fleet import Heartbeat
from hexz.schema.shared import PostUnit

_log = logging.getLogger(__name__)

CROWDED_EXAMPLES = 512
"""Examples that wait at a worker on average when the server does not keep up: an eighth of those at
which play pauses. A few games that end at once are less."""


class Posting:
    """What the workers of a server shall post. Not for several threads at once.

    Args:
        accepted: the examples that the server takes.

    Attributes:
        unit: what a request shall carry.
    """

    def __init__(self, accepted: Rate) -> None:
        self.unit: PostUnit = "examples"
        self._accepted = accepted
        self._limit = 0.0

    def update(self, heartbeats: Collection[Heartbeat]) -> None:
        """Decides anew what a request shall carry, by how many examples wait at the workers.

        Args:
            heartbeats: the last one of each worker.
        """
        waiting = sum(heartbeat.pending for heartbeat in heartbeats)
        crowded = waiting > CROWDED_EXAMPLES * len(heartbeats)
        if self.unit == "examples" and crowded:
            # While so many wait, the best second of the last minute is all that can be done.
            self.unit, self._limit = "games", self._accepted.peak()
            _log.info(
                "%d examples wait at %d workers: workers shall post compact games",
                waiting, len(heartbeats),
            )  # fmt: skip
        elif self.unit == "games" and not crowded and 2 * self._accepted.per_second() < self._limit:
            self.unit = "examples"
            _log.info("the server keeps up again: workers shall post single examples")
