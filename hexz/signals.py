"""Which signals end a command."""

from __future__ import annotations

import signal


def ending_signals() -> list[signal.Signals]:
    """Returns the signals that end a command: SIGINT, SIGTERM, and SIGHUP, which comes when its
    terminal is closed, unless that was inherited as ignored, as under nohup."""
    hangup = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hangup]
