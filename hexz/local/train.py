"""Training on one machine: a train server and a worker as processes, watched over from here, and
now and then a match that tells how strong the model is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hexz.checkpoints import CheckpointInfo, open_store
from hexz.errors import HexzError, OutputError
from hexz.local.parts import PLAY, run_player, run_server, run_worker
from hexz.local.rater import Rater
from hexz.local.training_time import TrainingTime
from hexz.processes import Child, ChildDied, ChildFailed, Restarts, ready
from hexz.schema.programs import LocalTrainingConfig, PlayerConfig
from hexz.schema.status import ServerStatus
from hexz.trainserver.remote import NoAnswer, RemoteServer

TICK_SECONDS: Final = 0.25
"""How often the processes, the time limit and requests to stop are looked at."""

STATUS_SECONDS: Final = 1.0
"""How often the server is asked for its status."""

STOP_SECONDS: Final = {"worker": 4.0, "train-server": 2.5}
"""A process that is told to end and has not after this long is killed. Workers post what is
finished, the server ends its trainer; both together end in END_SECONDS."""

LAST_STATUS_SECONDS: Final = 0.5
"""For the last word of the server."""


class TrainingEnded(HexzError):
    """The train server or the worker cannot go on."""


@dataclass(frozen=True)
class Notice:
    """Something that the user should know, in one line."""

    text: str


@dataclass(frozen=True)
class Status:
    """The server's word about itself: its `/status`."""

    content: ServerStatus


Event = Notice | Status


@dataclass
class _Part:
    """A process of the training, started again when it is killed.

    Attributes:
        name: for people.
        start: starts it; None if it is not time yet.
        take: takes what it sends once it is ready.
        log: where its output goes.
        child: the process, if it runs.
        restarts: decides when it is started next.
        restart_at: that time.
        is_needed: whether the training ends if it cannot go on.
    """

    name: str
    start: Callable[[Path], Child | None]
    take: Callable[[Any], None]
    log: Path
    child: Child | None = None
    restarts: Restarts = field(default_factory=Restarts)
    restart_at: float = 0.0
    is_needed: bool = True


@dataclass
class LocalTraining:
    """Trains in a server and a worker process until `stop` is called or time is up.

    Iterate over `events()`; `stop()` may be called meanwhile, from a signal handler too.

    Attributes:
        config: what to train.
        url: of the status page; empty until the server listens.
        is_ending: the processes are told to end, which takes seconds.
        reached: the newest checkpoint there was when all had ended.
    """

    config: LocalTrainingConfig
    url: str = ""
    is_ending: bool = False
    reached: CheckpointInfo | None = None
    _player_url: str | None = None
    _wants_player: bool = False
    _stopping: bool = False
    _parts: list[_Part] = field(default_factory=list)
    _server: RemoteServer | None = None
    _time: TrainingTime = field(init=False)

    def stop(self) -> None:
        """Asks for the end. Finished games are still taken."""
        self._stopping = True

    def events(self) -> Iterator[Event]:
        """Runs to the end and yields what happens.

        Raises:
            OutputError: the data directory cannot be written.
            TrainingEnded: the server or the worker cannot go on.
        """
        self._time = TrainingTime.beginning_now(self.config.max_seconds)
        logs = self._prepare_directory()
        store = open_store(str(self.config.data_dir), self.config.model_name)
        rater = Rater(
            store,
            device=self.config.training.device,
            output_dir=self.config.data_dir / "ratings",
            log=logs / "rating.log",
        )
        self._parts = [
            _Part("train-server", self._start_server, self._hear_server, logs / "train-server.log"),
            _Part("worker", self._start_worker, lambda _: None, logs / "worker.log"),
            _Part(
                "player", self._start_player, self._take_player, logs / "player.log",
                is_needed=False,
            ),
        ]  # fmt: skip
        try:
            with contextlib.closing(rater):
                yield from self._watch(rater)
            yield from self._end()
            # The server saves a last one after it was asked last.
            self.reached = next(reversed(store.list()), None)
        finally:
            for part in self._parts:
                if part.child is not None:
                    part.child.kill()

    def _prepare_directory(self) -> Path:
        logs = self.config.data_dir / "logs"
        try:
            logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write to {logs}: {error.strerror}") from None
        return logs

    def _start_server(self, log: Path) -> Child:
        # One that is started again listens where the worker knows it.
        port = int(self.url.rpartition(":")[2]) if self.url else self.config.port
        return Child(run_server, self.config.server(port), self._time, log=log)

    def _start_worker(self, log: Path) -> Child | None:
        return Child(run_worker, self.config.worker(self.url), log=log) if self.url else None

    def _watch(self, rater: Rater) -> Iterator[Event]:
        next_status = 0.0
        newest = None
        while not self._stopping and not self._time.is_up:
            for part in self._parts:
                yield from self._keep_running(part)
            if time.monotonic() >= next_status:
                next_status = time.monotonic() + STATUS_SECONDS
                for status in self._ask():
                    newest = status.content.checkpoint
                    yield status
            problem = rater.look_after(newest)
            if problem is not None:
                yield Notice(problem)
            time.sleep(TICK_SECONDS)

    def _start_player(self, log: Path) -> Child | None:
        if not self._wants_player:
            return None
        store = open_store(str(self.config.data_dir), self.config.model_name)
        return Child(
            run_player, PlayerConfig(model=store.model_place, follow=True, port=0), log=log
        )

    def _hear_server(self, message: str) -> None:
        """Takes its URL, or that somebody wants to play."""
        if message == PLAY:
            self._wants_player = True
        else:
            self.url = message
            self._server = RemoteServer(message, self.config.auth_token)
            self._tell_player()

    def _take_player(self, url: str | None) -> None:
        self._player_url = url
        self._tell_player()

    def _tell_player(self) -> None:
        """Tells the server where one can play."""
        server = self._parts[0].child
        if server is not None:
            server.send(self._player_url)

    def _keep_running(self, part: _Part) -> Iterator[Event]:
        """Starts a part that does not run. One that says itself why it has ended cannot go on."""
        try:
            if part.child is not None:
                self._hear(part, part.child)
            elif time.monotonic() >= part.restart_at:
                part.child = part.start(part.log)
        except ChildFailed as failure:
            if part.child is not None:
                part.child.kill()
            part.child = None
            if not part.is_needed:
                self._wants_player = False
                part.take(None)
                yield Notice(f"the {part.name} ended: {failure.reason} (see {part.log})")
            elif isinstance(failure, ChildDied):
                pause = self._pause(part, failure)
                part.restart_at = time.monotonic() + pause
                yield Notice(
                    f"the {part.name} died: {failure.reason}; next attempt in {pause:.0f} s"
                )
            else:
                raise self._ended(part, failure) from None

    def _pause(self, part: _Part, failure: ChildFailed) -> float:
        """The seconds until a part is started again. Raises TrainingEnded if it is not."""
        try:
            return part.restarts.pause(failure)
        except ChildFailed as final:
            raise self._ended(part, final) from None

    def _ended(self, part: _Part, failure: ChildFailed) -> TrainingEnded:
        return TrainingEnded(f"the {part.name} cannot go on: {failure.reason} (see {part.log})")

    def _hear(self, part: _Part, child: Child) -> None:
        """Takes all that a part has to say, which it does once it is ready: requests to the server
        wait for that. Raises ChildFailed if it has ended."""
        while ready([child], 0.0):
            try:
                part.take(child.receive())
            except EOFError:
                raise ChildFailed("it ended", is_final=True) from None
            part.restarts.ready()
            part.restarts.succeeded()

    def _ask(self, seconds: float = STATUS_SECONDS) -> Iterator[Status]:
        """Asks the server how it goes. It may not be up yet, or just restarting."""
        if self._server is not None:
            with contextlib.suppress(NoAnswer):
                yield Status(self._server.status(seconds))

    def _end(self) -> Iterator[Event]:
        """The worker first, so that the server still takes what it has finished."""
        self.is_ending = True
        for part in reversed(self._parts):
            if part.child is None:
                continue
            seconds = STOP_SECONDS.get(part.name, 0.0)
            if not seconds:
                part.child.kill()
            elif not part.child.end(seconds):
                yield Notice(f"the {part.name} did not end in {seconds} s and was killed")
            if part.name == "worker":
                yield from self._ask(LAST_STATUS_SECONDS)
