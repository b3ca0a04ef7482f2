"""Ctrl-C, requests to terminate and a closed terminal: the first ends a command in good order, the
second at once."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from hexz.signals import ending_signals


class Interruption:
    """Takes the signals that end a command from now on.

    Args:
        stop: is called at the first of them, on the main thread, in the middle of anything; it
            should only note that the end has come.
    """

    def __init__(self, stop: Callable[[], None] = lambda: None) -> None:
        self._stop = stop
        self._signal: int | None = None
        for signum in ending_signals():
            signal.signal(signum, self._handle)

    @property
    def has_come(self) -> bool:
        return self._signal is not None

    def exit(self) -> None:
        """Exits as shells expect of a command that a signal has ended, if one has."""
        if self._signal is not None:
            sys.exit(128 + self._signal)

    def _handle(self, signum: int, _frame: object) -> None:
        if self._signal is not None:
            raise KeyboardInterrupt
        self._signal = signum
        self._stop()
