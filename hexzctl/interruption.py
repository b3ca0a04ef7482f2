"""Ctrl-C, requests to terminate and a closed terminal: the first ends a command in good order, the
second at once."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import ClassVar

from hexz.ending import Deadline, ending_signals


class Interruption:
    """Takes the signals that end a command from now on. Whoever sends another one than Ctrl-C may
    kill it soon, so then it has END_SECONDS, and so it has after a second one, whichever it is.

    Args:
        stop: is called at the first of them, on the main thread, in the middle of anything; it
            should only note that the end has come. None: the command exits there.
        is_success: whether nothing else ends the command, so that a signal does not cut it short.
    """

    signal: ClassVar[int | None] = None
    """The first that has come, to whatever took the signals then."""

    def __init__(self, stop: Callable[[], None] | None = None, *, is_success: bool = False) -> None:
        self._stop = stop
        self._is_success = is_success
        Deadline(self._code_after, is_patient=True)
        for number in ending_signals():
            signal.signal(number, self._handle)

    @property
    def has_come(self) -> bool:
        return Interruption.signal is not None

    @property
    def code(self) -> int:
        """The exit code that shells expect of a command that a signal has ended, if one has."""
        return 0 if Interruption.signal is None else self._code_after(Interruption.signal)

    def exit(self) -> None:
        """Exits if a signal has cut the command short."""
        if self.code:
            sys.exit(self.code)

    def _code_after(self, number: int) -> int:
        return 0 if self._is_success else 128 + number

    def _handle(self, number: int, _frame: object) -> None:
        is_first = Interruption.signal is None
        if is_first:
            Interruption.signal = number
        if is_first and self._stop is not None:
            self._stop()
        elif is_first and self._is_success:
            sys.exit(0)
        else:
            raise KeyboardInterrupt
