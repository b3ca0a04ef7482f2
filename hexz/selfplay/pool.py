"""The processes of self-play as their parent sees them: started, heard, told, and ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Final, Self

from torch import nn

from hexz.errors import HexzError
from hexz.inference import PreparedModel
from hexz.model import prepare_model
from hexz.processes import available_cores, signals_held_back
from hexz.selfplay.messages import (
    Assignment,
    Command,
    NewModel,
    Playing,
    ProcessEvent,
    ProcessFailed,
    Stop,
)
from hexz.selfplay.process import run_process

STOP_SECONDS: Final = 4.0
"""A process that is told to stop and has not ended after this long is killed. What it has finished
has arrived by then."""


class AllWorkersFailed(HexzError):
    """No process is left to play."""


def prepare_for_play(
    net: nn.Module,
    *,
    device: str,
    num_processes: int,
    games_in_flight: int,
    notify: Callable[[str], None],
) -> PreparedModel:
    """Prepares a network for processes that share this machine, see `prepare_model`. Each plays
    so many games, and evaluates half of them at a time."""
    return prepare_model(
        net,
        device=device,
        batch_size=-(-games_in_flight // 2),
        threads=max(1, available_cores() // num_processes),
        notify=notify,
    )


@dataclass
class _Child:
    number: int
    process: SpawnProcess
    connection: Connection
    has_played: bool = False
    failure: str | None = None


class SelfPlayPool:
    """Processes that play the games of an assignment, with some network to begin with.

    They start when the pool is entered as a context, and whatever still runs is killed when it is
    left. One thread may receive while others send.
    """

    def __init__(self, assignment: Assignment, model: NewModel) -> None:
        self._assignment = assignment
        self._model = model
        self._children: list[_Child] = []
        self._sending = threading.Lock()

    def __enter__(self) -> Self:
        try:
            for number in range(self._assignment.num_processes):
                self._children.append(self._start(number))
            # Not an argument of the process: multiprocessing would wait for ever for one that dies
            # before it has read so much.
            self.send(self._model)
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    @property
    def is_running(self) -> bool:
        """Whether a process may still send something."""
        return any(not child.connection.closed for child in self._children)

    def check(self) -> None:
        """Raises AllWorkersFailed if every process has failed."""
        if all(child.failure is not None for child in self._children):
            raise AllWorkersFailed(f"all workers failed: {self._children[-1].failure}")

    def send(self, command: Command) -> None:
        """Tells all processes something."""
        with self._sending:
            for child in self._children:
                # One that has ended cannot hear it; what it sent is still in the pipe.
                with contextlib.suppress(OSError):
                    child.connection.send(command)

    def receive(self, timeout: float) -> Iterator[ProcessEvent]:
        """Yields what the processes have sent, one event each, and which of them have ended.

        Args:
            timeout: seconds to wait if there is nothing.
        """
        open_children = {c.connection: c for c in self._children if not c.connection.closed}
        for connection in wait(list(open_children), timeout):
            child = open_children[connection]  # type: ignore[index]
            try:
                event: ProcessEvent = child.connection.recv()
            except (EOFError, OSError):
                yield from self._close(child)
                continue
            if isinstance(event, Playing):
                child.has_played = True
            elif isinstance(event, ProcessFailed):
                child.failure = event.reason
            yield event

    def end(self) -> Iterator[ProcessEvent]:
        """Tells all processes to stop and yields what they still send."""
        for child in self._children:
            if not child.has_played and not child.connection.closed:
                child.process.kill()  # it has no game yet that could be lost
                child.connection.close()
        self.send(Stop())
        deadline = time.monotonic() + STOP_SECONDS
        while self.is_running and (left := deadline - time.monotonic()) > 0:
            yield from self.receive(left)

    def _start(self, number: int) -> _Child:
        # Not fork: the parent has threads, and torch and CUDA do not survive a fork.
        context: SpawnContext = multiprocessing.get_context("spawn")
        connection, remote = context.Pipe()
        process = context.Process(
            target=run_process,
            args=(remote, number, self._assignment),
            name=f"selfplay-{number}",
        )
        with signals_held_back():
            process.start()
        remote.close()
        return _Child(number, process, connection)

    def _close(self, child: _Child) -> Iterator[ProcessEvent]:
        """Notes that a process has ended; says why if it gave no reason itself."""
        with self._sending:
            child.connection.close()
        child.process.join(STOP_SECONDS)
        code = child.process.exitcode
        if code == 0 or child.failure is not None:
            return
        if code is not None and code < 0:
            child.failure = f"killed by {signal.Signals(-code).name}"
        else:
            child.failure = f"it ended with exit code {code}"
        yield ProcessFailed(child.number, child.failure)

    def _kill(self) -> None:
        for child in self._children:
            child.process.kill()
            child.process.join()
