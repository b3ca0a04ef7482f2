"""How a process of ours ends: at which signals, how soon at the latest, and without waiting."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
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
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # full, closed, or none
            stream.flush()
    os._exit(code)


class Deadline:
    """Ends this process if that takes too long in good order, whatever it does or waits for.

    Args:
        code: gives the exit code.
        seconds: from `start` to the end.
    """

    def __init__(self, code: Callable[[], int], seconds: float = END_SECONDS) -> None:
        self._code = code
        self._seconds = seconds
        self._started: SimpleQueue[None] = SimpleQueue()  # which a signal's handler may use
        threading.Thread(target=self._watch, name="deadline", daemon=True).start()

    def start(self) -> None:
        """Begins the time; to be called when the process is told to end, from a handler too."""
        self._started.put(None)

    def _watch(self) -> None:
        self._started.get()
        time.sleep(self._seconds)
        os._exit(self._code())  # not `leave`: who reads what we print may hold us up
