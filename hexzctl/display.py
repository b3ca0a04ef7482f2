"""How far a command is: a live display on a terminal, log lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from hexz.output import lossy_output

LOG_SECONDS: Final = 10.0
"""How often a log line is printed where there is no terminal."""
_PATIENCE: Final = 0.5
"""Seconds after which somebody wants to know what is waited for."""


def notice(text: str) -> None:
    """Prints a line for people on stderr. A running live display catches it and prints it above
    itself."""
    print(f"hexzctl: {text}", file=sys.stderr, flush=True)


class Display:
    """Shows how far something is while it is used as a context. Meanwhile what cannot be printed is
    lost, since the work goes on.

    Args:
        console: where.
        render: what a terminal shows, four times a second.
        line: what is logged elsewhere; the time is put before it.
        transient: whether a terminal is left without it in the end.
    """

    def __init__(
        self,
        console: Console,
        render: Callable[[], RenderableType],
        line: Callable[[], str],
        *,
        transient: bool = False,
    ) -> None:
        self._console = console
        self._line = line
        self._next_line = time.monotonic() + LOG_SECONDS
        self._live = Live(
            console=console,
            get_renderable=render,
            refresh_per_second=4,
            transient=transient,
            # What is printed into a file meanwhile belongs there, not above the display.
            redirect_stdout=not console.stderr or _shows_output(),
        )
        self._output = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._output.enter_context(lossy_output(only_errors=self._console.stderr))
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        self._output.close()

    def step(self) -> None:
        """Takes note of a step, which is logged if there was no line for LOG_SECONDS."""
        if time.monotonic() >= self._next_line:
            self.log()

    def log(self) -> None:
        """Prints a log line, unless this is a terminal."""
        self._next_line = time.monotonic() + LOG_SECONDS
        if not self._console.is_terminal:
            line = f"{time.strftime('%H:%M:%S')} {self._line()}"
            print(line, file=self._console.file, flush=True)


def _shows_output() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


class Steps(Display):
    """Shows how many of some steps of like length are done, and how long the rest may take.

    Args:
        total: how many there are.
        seconds: that each takes; None if only the first ones will tell.
    """

    def __init__(self, total: int, seconds: float | None = None) -> None:
        self._total, self._seconds = total, seconds
        self._done = 0
        self._what = "starting"
        self._started = self._begun = time.monotonic()
        super().__init__(
            Console(stderr=True), lambda: Text(self._state(), "dim"), self._state, transient=True
        )

    def begin(self, what: str) -> None:
        """Begins the next step: the one before is done."""
        self._done += self._what != "starting"
        self._what = what
        self._begun = time.monotonic()
        self.step()

    def _state(self) -> str:
        elapsed = time.monotonic() - self._started
        so_far = (self._begun - self._started) / self._done if self._done else None
        each = max(filter(None, (self._seconds, so_far)), default=None)
        state = f"{self._what}, step {self._done + 1} of {self._total}, {elapsed:.0f} s"
        left = 0.0 if each is None else each * self._total - elapsed
        return f"{state}, about {left:.0f} s left" if left > 0 else state


@contextlib.contextmanager
def waiting(what: str, most: float | None = None) -> Iterator[None]:
    """Shows on a terminal what is waited for while the block runs, if that is not over at once.

    Args:
        what: is done, as in "reading hexz-data".
        most: seconds that it can take; None if nobody knows.
    """
    started = time.monotonic()

    def state() -> str:
        elapsed = time.monotonic() - started
        if elapsed < _PATIENCE:
            return ""
        left = "" if most is None else f", {max(0.0, most - elapsed):.0f} s left at most"
        return f"{what}, {elapsed:.0f} s{left}"

    with Display(Console(stderr=True), lambda: Text(state(), "dim"), state, transient=True):
        yield
