"""A terminal in which a command runs, as somebody sees it who types."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .. import fork_server
from .processes import TIMEOUT

_CLEAR = "\x1b[2J"
_AGAIN_SECONDS = 10.0
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A pseudo-terminal; `text` is what it got since the screen was cleared, without colours."""

    def __init__(self, process: subprocess.Popen[bytes], file: int) -> None:
        self.process = process
        self.raw = ""
        self._file = file

    @property
    def text(self) -> str:
        screen = self.raw.rpartition(_CLEAR)[2]
        return _ESCAPE.sub("", screen).replace("\r\n", "\n")

    def until(self, pattern: str) -> str:
        """Reads until a pattern is on the screen, and returns the screen."""
        deadline = time.monotonic() + TIMEOUT
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, self.raw
            if not self._read():
                raise AssertionError(f"it ended before {pattern!r} came:\n{self.text}")
        return self.text

    def type(self, text: str, until: str) -> str:
        """Types a line and reads until its answer is there."""
        self.raw = ""
        os.write(self._file, f"{text}\n".encode())
        return self.until(until)

    def press(self, key: bytes) -> int:
        """Presses a key until the command ends; returns its exit status.

        A signal that comes after Python's input() has shown its prompt, but before it waits, is
        only noticed with the next key.
        """
        deadline = pressed = time.monotonic()
        os.write(self._file, key)
        while self._read():
            now = time.monotonic()
            assert now < deadline + TIMEOUT, self.raw
            if now > pressed + _AGAIN_SECONDS:
                pressed = now
                os.write(self._file, key)
        return self.process.wait(TIMEOUT)

    def close(self) -> None:
        """Closes the terminal, as one does with its window."""
        os.close(self._file)
        self._file = -1

    @property
    def is_open(self) -> bool:
        """Tells whether the terminal is still there."""
        return self._file >= 0

    def _read(self) -> bool:
        """Reads what is there, or waits a little for it; False once the command has ended."""
        if select.select([self._file], [], [], 0.1)[0]:
            try:
                data = os.read(self._file, 65536)
            except OSError:  # Linux says so at the end
                return False
            self.raw += data.decode(errors="replace")
            return bool(data)
        return self.process.poll() is None


@contextmanager
def terminal(
    *arguments: object, columns: int = 80, lines: int = 24, **environment: str
) -> Iterator[Terminal]:
    """Runs `hexzctl` in a terminal of this size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    unset = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    inherited = {key: value for key, value in os.environ.items() if key not in unset}
    process: subprocess.Popen[bytes] = fork_server.start(
        arguments,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**inherited, "TERM": "xterm-256color", **environment},
        start_new_session=True,
    )
    os.close(theirs)
    screen = Terminal(process, ours)
    try:
        yield screen
    finally:
        process.kill()
        process.wait()
        if screen.is_open:
            screen.close()
