"""Waiting for what other threads and processes do."""

import inspect
import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], timeout: float = 120.0) -> None:
    """Asks until a condition holds; fails after so many seconds, and says which one did not."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{timeout:g} s in vain: {_source(condition)}"
        time.sleep(0.005)


def _source(condition: Callable[[], object]) -> str:
    """The lines that a condition is written in, if it is written in Python."""
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return repr(condition)
