"""How strong the checkpoints are, as far as `hexzctl models rate` has found out."""

from __future__ import annotations

import logging
import threading
from typing import Final

from hexz.checkpoints import CheckpointStore
from hexz.errors import StoreError
from hexz.schema.records import Ratings
from hexz.schema.status import CheckpointElo, StrengthStatus

READ_SECONDS: Final = 60.0
"""Between two looks into the store."""

_log = logging.getLogger(__name__)


class Strength:
    """The ratings in a store, read on a thread of its own: an answer may take a while.

    Attributes:
        known: the ratings for the status; None if there are none.
    """

    def __init__(self, store: CheckpointStore, read_seconds: float = READ_SECONDS) -> None:
        self.known: StrengthStatus | None = None
        self._store = store
        self._read_seconds = read_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="strength", daemon=True)

    def follow(self) -> None:
        """Looks for ratings from now on, if it does not yet."""
        if self._thread.ident is None:
            self._thread.start()

    def close(self) -> None:
        """Ends the thread soon."""
        self._stop.set()

    def _follow(self) -> None:
        problem = ""
        while not self._stop.is_set():
            try:
                self.known = _summary(self._store.ratings())
            except StoreError as error:
                if str(error) != problem:
                    _log.warning("cannot show how strong checkpoints are: %s", error)
                problem = str(error)
            self._stop.wait(self._read_seconds)


def _summary(ratings: Ratings | None) -> StrengthStatus | None:
    if ratings is None:
        return None
    return StrengthStatus(
        player=ratings.player,
        anchor=ratings.anchor,
        checkpoints=[
            CheckpointElo(
                number=number,
                examples=rated.examples,
                value=rated.value,
                low=rated.low,
                high=rated.high,
            )
            for number, rated in sorted(ratings.checkpoints.items())
        ],
    )
