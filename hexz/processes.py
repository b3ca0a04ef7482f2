"""Starting processes of our own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, Final

from hexz import leash


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


GPU_PROCESSES: Final = 4
"""So many keep a GPU busy: while one searches, others' leaves are evaluated."""


def default_processes(device: str) -> int:
    """How many processes play: one a core, and on a GPU no more than keep that busy."""
    cores = available_cores()
    return cores if device == "cpu" else min(cores, GPU_PROCESSES)


@contextlib.contextmanager
def signals_held_back() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C, which a terminal sends to them too, nor a
    request to terminate: what to do about it is up to the parent."""
    # Otherwise the first process would start multiprocessing's helper, which unblocks them.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class LeashedProcess:
    """A program that is killed when this process ends, however that comes about, and does not get
    the Ctrl-C that a terminal sends to this one.

    Args:
        command: the program's path and its arguments.
        options: of `subprocess.Popen`.

    Attributes:
        process: the program.
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        read_end, self._leash = os.pipe()
        try:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                [sys.executable, "-I", "-S", leash.__file__, str(read_end), *command],
                pass_fds=[read_end],
                start_new_session=True,
                **options,
            )
        except BaseException:
            os.close(self._leash)
            raise
        finally:
            os.close(read_end)

    def kill(self) -> None:
        """Ends the program at once, and the processes that it started and that outlived it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1


def start_hexzctl(
    arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> LeashedProcess:
    """Starts one of our own commands.

    Args:
        arguments: the subcommand and its options.
        log: the file that what it prints is added to.
        environment: what it finds in its environment where ours sets nothing else.
    """
    with log.open("ab") as file:
        return LeashedProcess(
            [sys.executable, "-m", "hexzctl", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**(environment or {}), **os.environ},
        )
