"""How a process of ours ends: at which signals, how soon at the latest, and without waiting."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, NoReturn

END_SECONDS: Final = 7.0
"""A command that is told to end has ended after this long, and its children a second later. Cloud
Run and `docker stop` kill after 10 s."""


def ending_signals() -> list[signal.Signals]:
    """Returns the signals that end a command: SIGINT, SIGTERM, and SIGHUP, which comes when its
    terminal is closed, unless that was inherited as ignored, as under nohup."""
    hangup = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hangup]


def leave(code: int) -> NoReturn:
    """Ends this process now. Neither are its threads waited for, nor is the interpreter taken down
    under them, which would abort those that are in native code."""
    try:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # full, closed, or none
                stream.flush()
    finally:  # also if a signal comes while nobody reads what we print
        os._exit(code)


class Deadline:
    """Ends this process some time after a signal of `ending_signals`, if that takes too long in
    good order, whatever it does or waits for.

    Each of those signals needs a handler of Python, but this does not wait for that: handlers run
    on the main thread, and not at all if the signal comes just before a call that blocks.

    Args:
        code: gives the exit code, of the first signal that came.
        is_patient: whether Ctrl-C is no hurry, so that only the signal after it begins the time.
        seconds: from the signal to the end.
    """

    def __init__(
        self, code: Callable[[int], int], *, is_patient: bool = False, seconds: float = END_SECONDS
    ) -> None:
        self._code = code
        self._is_patient = is_patient
        self._seconds = seconds
        self._signals, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="deadline", daemon=True).start()

    def start(self) -> None:
        """Begins the time where others have taken the wakeup descriptor, as event loops do; may be
        called from a handler."""
        with contextlib.suppress(BlockingIOError):  # what is in there already begins it
            self._waker.send(bytes([signal.SIGTERM]))

    def _watch(self) -> None:
        first = self._next()
        if first == signal.SIGINT and self._is_patient:
            self._next()
        time.sleep(self._seconds)
        os._exit(self._code(first))  # not `leave`: who reads what we print may hold us up

    def _next(self) -> int:
        """Waits for the next of the signals."""
        while (number := self._signals.recv(1)[0]) not in ending_signals():
            pass
        return number
