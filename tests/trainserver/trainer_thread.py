"""A trainer in this process, for tests in which it does not matter that it is one of its own.

A process would import PyTorch, and what its optimizers need, anew each time: three seconds of a
core, while training itself takes milliseconds.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Pipe
from typing import Any

import pytest

from hexz.errors import HexzError, reason_of
from hexz.processes import ChildFailed, Parent, ToldToEnd
from hexz.trainserver import saver, supervisor


class TrainerThread:
    """What the supervisor needs of a `Child`, whose function runs in a thread."""

    def __init__(self, target: Callable[..., object], *args: object) -> None:
        self._connection, remote = Pipe()

        def run() -> None:
            with remote, contextlib.suppress(ToldToEnd):
                parent = Parent(remote)
                try:
                    target(parent, *args)
                except ToldToEnd:
                    pass
                except Exception as error:
                    final = isinstance(error, HexzError) and error.is_final
                    parent.send(ChildFailed(reason_of(error), final))

        self._thread = threading.Thread(target=run, name="trainer")
        self._thread.start()

    def fileno(self) -> int:
        return self._connection.fileno()

    def send(self, message: object) -> None:
        with contextlib.suppress(OSError):
            self._connection.send(message)

    def receive(self) -> Any:
        message = self._connection.recv()
        if isinstance(message, ChildFailed):
            raise message
        return message

    def kill(self) -> None:
        self.end(0.0)

    def end(self, seconds: float) -> None:
        """Has a minute for what a `Child` has so many seconds for: no thread can be killed."""
        self._connection.close()
        self._thread.join(max(seconds, 60.0))
        assert not self._thread.is_alive()


@contextlib.contextmanager
def trainers_in_threads() -> Iterator[None]:
    """Services that are made meanwhile have such trainers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervisor, "Child", TrainerThread)
        patch.setattr(saver, "Child", TrainerThread)
        yield
