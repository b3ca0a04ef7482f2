"""A run of self-play: worker processes, files of examples, and events for whoever watches."""

from __future__ import annotations

import contextlib
import multiprocessing
import secrets
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Final

from hexz.errors import HexzError, OutputError
from hexz.export import GameRecord, games_page
from hexz.model import usable_device
from hexz.selfplay.config import (
    Event,
    FileWritten,
    GameOver,
    Notice,
    SelfPlayConfig,
    WorkerFailed,
    WorkerReady,
)
from hexz.selfplay.worker import available_cores, load_network, run_worker
from hexz.wire import atomic_file, write_examples

EXAMPLES_PER_FILE: Final = 4096
"""A file is written once so many examples are there, or at the end of the run."""
FILE_SECONDS: Final = 60.0
"""Finished games wait no longer than this for their file."""
GAMES_ON_PAGE: Final = 12
"""The page shows so many of the last games."""
STOP_SECONDS: Final = 15.0
"""A worker that is told to stop and has not ended after this long is killed."""
TICK_SECONDS: Final = 0.25
"""How often the time limit and requests to stop are looked at."""


class AllWorkersFailed(HexzError):
    """No worker is left to play."""


@dataclass
class _Worker:
    number: int
    process: SpawnProcess
    connection: Connection
    ready: bool = False
    failure: str | None = None


@dataclass
class SelfPlayRun:
    """Plays games in worker processes and writes their examples.

    Iterate over `events()`; `stop()` may be called meanwhile, from a signal handler too.

    Attributes:
        config: what to play.
        name: of the run; part of its file names and game ids.
        page: the page of the last games, once the run is over and a game was finished.
    """

    config: SelfPlayConfig
    name: str = field(
        default_factory=lambda: f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    )
    page: Path | None = None
    _stopping: bool = False
    _workers: list[_Worker] = field(default_factory=list)
    _entries: list[tuple[str, bytes]] = field(default_factory=list)
    _oldest_entry: float = 0.0
    _files: int = 0
    _records: deque[GameRecord] = field(default_factory=lambda: deque(maxlen=GAMES_ON_PAGE))

    def stop(self) -> None:
        """Asks for the end of the run: running games are dropped, finished ones are kept."""
        self._stopping = True

    def events(self) -> Iterator[Event]:
        """Runs to the end and yields what happens.

        Raises:
            InvalidModel: the model cannot be loaded; nothing was played.
            OutputError: the output directory cannot be written, or is full.
            AllWorkersFailed: no worker is left; examples of finished games are written.
        """
        deadline = time.monotonic() + (self.config.max_seconds or float("inf"))
        load_network(self.config)
        self._prepare_output()
        yield from self._choose_device()
        try:
            self._start_workers()
            yield from self._watch(deadline)
            yield from self._end_workers()
            yield from self._write_file()
            self._write_page()
        finally:
            for worker in self._workers:
                worker.process.kill()
                worker.process.join()
        if all(worker.failure is not None for worker in self._workers):
            raise AllWorkersFailed(f"all workers failed: {self._workers[-1].failure}")

    def _choose_device(self) -> Iterator[Event]:
        """Falls back to the CPU here, so that it is said once, and counts on its cores."""
        notices: list[str] = []
        self.config = replace(self.config, device=usable_device(self.config.device, notices.append))
        yield from map(Notice, notices)

    def _prepare_output(self) -> None:
        """Fails before the first game rather than after it."""
        directory = self.config.output_dir / "examples"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                pass
        except OSError as error:
            raise OutputError(f"cannot write to {directory}: {error.strerror}") from None

    def _start_workers(self) -> None:
        # Not fork: the parent has threads, and torch and CUDA do not survive a fork.
        context: SpawnContext = multiprocessing.get_context("spawn")
        count = self.config.num_workers
        if count is None:
            count = available_cores() if self.config.device == "cpu" else 1
        count = min(count, self.config.max_games or count)
        for number in range(count):
            connection, remote = context.Pipe()
            process = context.Process(
                target=run_worker,
                args=(remote, number, count, self.config, self.name),
                name=f"selfplay-{number}",
            )
            with _signals_held_back():
                process.start()
            remote.close()
            self._workers.append(_Worker(number, process, connection))

    def _watch(self, deadline: float) -> Iterator[Event]:
        """Passes on what the workers send until they end, time is up or `stop` is called."""
        while any(not worker.connection.closed for worker in self._workers):
            if self._stopping or time.monotonic() >= deadline:
                return
            yield from self._receive(TICK_SECONDS)
            waited = time.monotonic() - self._oldest_entry
            if self._entries and (
                len(self._entries) >= EXAMPLES_PER_FILE or waited >= FILE_SECONDS
            ):
                yield from self._write_file()

    def _end_workers(self) -> Iterator[Event]:
        """Tells all workers to stop and takes what they still send."""
        for worker in self._workers:
            if worker.connection.closed:
                continue
            if not worker.ready:
                worker.process.kill()  # it has no game yet that could be lost
                worker.connection.close()
                continue
            # One that has just ended cannot hear it; what it sent is still in the pipe.
            with contextlib.suppress(OSError):
                worker.connection.send("stop")
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(
            not worker.connection.closed for worker in self._workers
        ):
            yield from self._receive(TICK_SECONDS)

    def _receive(self, timeout: float) -> Iterator[Event]:
        """Yields the events of all workers that have sent one, and of those that ended."""
        open_workers = {w.connection: w for w in self._workers if not w.connection.closed}
        for connection in wait(list(open_workers), timeout):
            worker = open_workers[connection]  # type: ignore[index]
            try:
                event = worker.connection.recv()
            except (EOFError, OSError):
                yield from self._close(worker)
                continue
            if isinstance(event, WorkerReady):
                worker.ready = True
            elif isinstance(event, WorkerFailed):
                worker.failure = event.reason
            elif isinstance(event, GameOver):
                self._keep(event)
            yield event

    def _close(self, worker: _Worker) -> Iterator[Event]:
        """Notes that a worker has ended; says why if it gave no reason itself."""
        worker.connection.close()
        worker.process.join(STOP_SECONDS)
        code = worker.process.exitcode
        if code == 0 or worker.failure is not None:
            return
        if code is not None and code < 0:
            worker.failure = f"killed by {signal.Signals(-code).name}"
        else:
            worker.failure = f"it ended with exit code {code}"
        yield WorkerFailed(worker.number, worker.failure)

    def _keep(self, game: GameOver) -> None:
        if not self._entries:
            self._oldest_entry = time.monotonic()
        self._entries.extend(game.entries)
        self._records.append(game.record)

    def _write_file(self) -> Iterator[Event]:
        if not self._entries:
            return
        path = self.config.output_dir / "examples" / f"{self.name}-{self._files:04d}.zip"
        count = write_examples(path, self._entries)
        self._files += 1
        self._entries.clear()
        yield FileWritten(path, count)

    def _write_page(self) -> None:
        if not self._records:
            return
        path = self.config.output_dir / "games.html"
        with atomic_file(path) as file:
            file.write(games_page(list(self._records)).encode())
        self.page = path


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C, which a terminal sends to them too, nor a
    request to terminate: what to do about it is up to the parent."""
    # Otherwise the first process would start multiprocessing's helper, which unblocks them.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
