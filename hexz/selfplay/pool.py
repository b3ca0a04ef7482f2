"""The processes of self-play as their parent sees them: started, heard, told, and ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from hexz.errors import HexzError
from hexz.inference import PreparedModel
from hexz.machine import available_cores
from hexz.processes import Child, ChildFailed, ready
from hexz.selfplay.messages import (
    Assignment,
    Command,
    NewModel,
    Playing,
    ProcessEvent,
    ProcessFailed,
)
from hexz.selfplay.process import run_process

if TYPE_CHECKING:
    from hexz.model.script import ScriptNet
    from hexz.model.weights import Weights

STOP_SECONDS: Final = 3.0
"""A process that is told to stop and has not ended after this long is killed. What it has finished
has arrived by then."""


class WorkersFailed(HexzError):
    """Processes have failed, so that not all can be played that was to be."""


def prepare_for_play(
    network: Weights | ScriptNet,
    *,
    device: str,
    num_processes: int,
    games_per_process: int,
    notify: Callable[[str], None],
) -> PreparedModel:
    """Prepares a network for processes that share this machine, see `prepare_model`. Each plays
    so many games, and evaluates half of them at a time."""
    from hexz.model.backends import prepare_model

    return prepare_model(
        network,
        device=device,
        batch_size=-(-games_per_process // 2),
        threads=max(1, available_cores() // num_processes),
        notify=notify,
    )


@dataclass
class _Player:
    """A process.

    Attributes:
        number: of the process.
        child: the process.
        has_played: whether it has begun.
        failure: why it has ended too early, if it has.
    """

    number: int
    child: Child
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
        self._players: list[_Player] = []

    def __enter__(self) -> Self:
        try:
            for number in range(self._assignment.num_processes):
                child = Child(run_process, number, self._assignment)
                self._players.append(_Player(number, child))
            # Not an argument, which the first process would have to take before the second starts.
            self.send(self._model)
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    @property
    def is_running(self) -> bool:
        """Tells whether a process may still send something."""
        return any(player.child.is_open for player in self._players)

    def check(self, *, every_share: bool = False) -> None:
        """Raises WorkersFailed if every process has failed, or, if every share of the games is
        wanted, any."""
        failures = [player.failure for player in self._players if player.failure is not None]
        if len(failures) == len(self._players):
            raise WorkersFailed(f"all workers failed: {failures[-1]}")
        if failures and every_share:
            raise WorkersFailed(
                f"{len(failures)} of {len(self._players)} workers failed, and what was left of "
                f"their games is missing: {failures[-1]}"
            )

    def send(self, command: Command) -> None:
        """Sends a command to all processes."""
        for player in self._players:
            player.child.send(command)

    def receive(self, timeout: float) -> Iterator[ProcessEvent]:
        """Yields what the processes have sent, one event each, and which of them have failed.

        Args:
            timeout: seconds to wait if there is nothing.
        """
        players = {player.child: player for player in self._players if player.child.is_open}
        for child in ready(list(players), timeout):
            player = players[child]
            try:
                event: ProcessEvent = child.receive()
            except EOFError:
                continue
            except ChildFailed as error:
                player.failure = error.reason
                event = ProcessFailed(player.number, error.reason)
            if isinstance(event, Playing):
                player.has_played = True
            yield event

    def end(self, seconds: float = STOP_SECONDS) -> Iterator[ProcessEvent]:
        """Tells all processes to stop and yields what they still send within so many seconds."""
        for player in self._players:
            if player.has_played:
                player.child.tell_to_end()
            else:
                player.child.kill()  # it has no game yet that could be lost
        deadline = time.monotonic() + seconds
        while self.is_running and (left := deadline - time.monotonic()) > 0:
            yield from self.receive(left)

    def _kill(self) -> None:
        for player in self._players:
            player.child.kill()
