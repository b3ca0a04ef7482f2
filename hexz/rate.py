"""`Rate`: how many events a second there were in the last minute."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final

RATE_SECONDS: Final = 60
"""Rates are means over so long, or over the time since the start if that is shorter."""


class Rate:
    """Events a second over the last minute. Threads may share it."""

    def __init__(self) -> None:
        self.total = 0
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._seconds: deque[tuple[int, int]] = deque()
        """Second and number of events in it, for the seconds that had any."""

    def add(self, count: int) -> None:
        now = int(time.monotonic())
        with self._lock:
            self.total += count
            if self._seconds and self._seconds[-1][0] == now:
                count += self._seconds.pop()[1]
            self._seconds.append((now, count))
            self._forget(now)

    def per_second(self) -> float:
        now = time.monotonic()
        with self._lock:
            self._forget(int(now))
            count = sum(n for _, n in self._seconds)
        return count / max(1.0, min(RATE_SECONDS, now - self._start))

    def peak(self) -> int:
        """The most events in one second of the last minute."""
        with self._lock:
            self._forget(int(time.monotonic()))
            return max((n for _, n in self._seconds), default=0)

    def _forget(self, now: int) -> None:
        while self._seconds and self._seconds[0][0] <= now - RATE_SECONDS:
            self._seconds.popleft()
