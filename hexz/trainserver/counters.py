"""Counters of what a server has done."""

from __future__ import annotations

import threading
from collections import Counter

from hexz.rate import Rate


class Counters:
    """Counts of what happened to the requests of one server.

    Attributes:
        accepted: examples that are in the journal.
        duplicates: examples that had been accepted before.
        refused: requests, by status code.
        last_refusal: the reason of the last one, None before the first.
    """

    def __init__(self) -> None:
        self.accepted = Rate()
        self.duplicates = Rate()
        self.refused: Counter[int] = Counter()
        self.last_refusal: str | None = None
        self._lock = threading.Lock()

    def refuse(self, status: int, reason: str) -> None:
        with self._lock:
            self.refused[status] += 1
            self.last_refusal = reason
