"""Finds out now and then how strong the newest checkpoint of a training on this machine is."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from hexz.checkpoints import CheckpointStore
from hexz.errors import StoreError
from hexz.local.parts import run_rating
from hexz.processes import Child, ChildFailed, ready

PAUSE_SECONDS: Final = 300.0
"""From the start of a match to the next one, at least. Matches take time from training."""

MAX_TIME_SHARE: Final = 0.1
"""The share of the time in which matches are played, at most: where other programs keep the machine
busy, they take longer, and would leave the training less of it."""

BOARDS: Final = 10
"""That a checkpoint plays, two games on each. Few enough that they end beside training: games that
a time limit cut off would count for nothing."""

MATCH_SECONDS: Final = 200.0
"""The longest match, on a machine that is too slow for it."""

OPPONENTS: Final = 3
"""Older checkpoints that play along, those that were rated last: strong ones learn more from each
other than from `uct`."""


class Rater:
    """Rates the newest checkpoint in a process of its own, one match at a time.

    The ratings go where `hexzctl models rate` keeps them: beside the model.

    Args:
        store: the checkpoints, in a directory.
        device: where networks run.
        output_dir: for the games and the curve.
        log: where the output goes.
    """

    def __init__(self, store: CheckpointStore, *, device: str, output_dir: Path, log: Path) -> None:
        self._store = store
        self._device = device
        self._output_dir = output_dir
        self._log = log
        self._child: Child | None = None
        self._began = time.monotonic()
        self._next = self._began + PAUSE_SECONDS / 2
        self._last: int | None = None
        self._has_failed = False

    def look_after(self, newest: int | None) -> str | None:
        """Starts a match when it is time for one; to be called often.

        Args:
            newest: the newest checkpoint.

        Returns:
            What went wrong, in one line, if a match has failed for the first time.
        """
        if self._child is not None:
            return self._hear(self._child) if ready([self._child], 0.0) else None
        if newest and newest != self._last and time.monotonic() >= self._next:
            self._began = time.monotonic()
            self._last = newest
            self._start(newest)
        return None

    def close(self) -> None:
        """Ends the match, if there is one. The next one counts what it has played."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _hear(self, child: Child) -> str | None:
        """Takes the end of a match."""
        try:
            child.receive()
        except EOFError:
            return None
        except ChildFailed as failure:
            has_failed, self._has_failed = self._has_failed, True
            if has_failed:
                return None
            return f"a match to rate the checkpoints failed: {failure} (see {self._log})"
        finally:
            self.close()
            took = time.monotonic() - self._began
            self._next = self._began + max(PAUSE_SECONDS, took / MAX_TIME_SHARE)
        return None

    def _start(self, newest: int) -> None:
        self._child = Child(
            run_rating,
            self._store.model_place,
            [*self._rated()[-OPPONENTS:], newest],
            BOARDS,
            MATCH_SECONDS,
            self._device,
            self._output_dir,
            log=self._log,
        )

    def _rated(self) -> list[int]:
        """The checkpoints that have a rating and are still there, in ascending order."""
        try:
            ratings = self._store.ratings()
            there = [info.number for info in self._store.list()]
        except StoreError:
            return []
        return [] if ratings is None else [n for n in there if n in ratings.checkpoints]
