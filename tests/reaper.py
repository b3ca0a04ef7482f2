"""Ends what a run of the tests has started, once that run is over, however it has ended.

    python reaper.py VALUE

Its standard input ends with the run. All that was started meanwhile, by whatever, has inherited the
value as the variable TEST_RUN, its mark. A program that overwrites its environment for the sake of
its title, as Redis does, is started as a `Program`, whose leash is left to end it.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

VARIABLE = "TEST_RUN"
KILL_SECONDS = 60.0
"""What cannot be killed is left after this long."""

_reapers: list[subprocess.Popen[bytes]] = []


def start() -> None:
    """Marks this process's children from now on, and has them ended after it."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    os.environ[VARIABLE] = secrets.token_hex()
    command = [sys.executable, "-P", __file__, os.environ[VARIABLE]]
    # It must not have the mark of a run that has started this one, either.
    _reapers.append(
        subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, start_new_session=True)
    )


def mark() -> dict[str, str]:
    """The variable, for processes that are started without what else is in ours."""
    return {VARIABLE: os.environ[VARIABLE]}


def marked(value: str) -> Iterator[psutil.Process]:
    """The processes that have inherited this mark, but for leashes."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_leash = any(part.endswith("hexz/leash.py") for part in process.cmdline())
            if process.environ().get(VARIABLE) == value and not is_leash:
                yield process


def main(value: str) -> None:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    sys.stdin.read()
    deadline = time.monotonic() + KILL_SECONDS
    while (found := list(marked(value))) and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=0.1)


if __name__ == "__main__":
    main(sys.argv[1])
