"""A run of self-play on this machine: files of examples, and events for whoever watches."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hexz.errors import OutputError
from hexz.files import atomic_file
from hexz.machine import default_processes, usable_device
from hexz.model.checkpoint import Checkpoint, load_checkpoint, new_checkpoint
from hexz.record import GameRecord
from hexz.render import games_page
from hexz.selfplay.config import Event, FileWritten, SelfPlayConfig
from hexz.selfplay.messages import (
    Assignment,
    GameOver,
    NewModel,
    NewSettings,
    Notice,
    ProcessEvent,
)
from hexz.selfplay.pool import SelfPlayPool, prepare_for_play
from hexz.wire.archive import write_examples

EXAMPLES_PER_FILE: Final = 4096
"""A file is written once so many examples are there, or at the end of the run."""
FILE_SECONDS: Final = 60.0
"""Finished games wait no longer than this for their file."""
GAMES_ON_PAGE: Final = 12
"""The page shows so many of the last games."""
TICK_SECONDS: Final = 0.25
"""How often the time limit and requests to stop are looked at."""


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
            WorkersFailed: no worker is left, or games are missing that one of them was to play;
                examples of finished games are written.
        """
        deadline = time.monotonic() + (self.config.max_seconds or float("inf"))
        checkpoint = self._load_network()
        self._prepare_output()
        # A fallback to the CPU is found here, so that it is said once and counts on its cores.
        notices: list[str] = []
        device = usable_device(self.config.device, notices.append)
        assignment = self._assignment(checkpoint.model_name, device)
        prepared = prepare_for_play(
            checkpoint.weights,
            device=device,
            num_processes=assignment.num_processes,
            games_per_process=self.config.games_per_process,
            notify=notices.append,
        )
        yield from map(Notice, notices)
        with SelfPlayPool(assignment, NewModel(checkpoint.number, prepared)) as pool:
            yield from self._watch(pool, deadline)
            is_done = not pool.is_running and not self._stopping
            for event in pool.end():
                self._keep(event)
                yield event
            yield from self._write_file()
            self._write_page()
        pool.check(every_share=is_done)

    def _load_network(self) -> Checkpoint:
        if self.config.model is not None:
            return load_checkpoint(self.config.model)
        return new_checkpoint(seed=self.config.seed % 2**63)

    def _prepare_output(self) -> None:
        """Fails before the first game rather than after it."""
        directory = self.config.output_dir / "examples"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                pass
        except OSError as error:
            raise OutputError(f"cannot write to {directory}: {error.strerror}") from None

    def _assignment(self, model_name: str, device: str) -> Assignment:
        config = self.config
        count = config.num_workers or default_processes(device)
        return Assignment(
            run_name=self.name,
            model_name=model_name,
            settings=NewSettings(config.settings, config.games_per_process),
            num_processes=min(count, config.max_games or count),
            max_games=config.max_games,
            seed=config.seed,
        )

    def _watch(self, pool: SelfPlayPool, deadline: float) -> Iterator[Event]:
        """Passes on what the workers send until they end, time is up or `stop` is called. A time
        that leaves nothing is prolonged to the end of the first game."""
        is_late = False
        while pool.is_running and not self._stopping:
            if time.monotonic() >= deadline:
                if self._records:
                    return
                if not is_late:
                    yield Notice(
                        "time is up, and the first games are still under way: waiting. Ctrl-C ends "
                        "it; fewer --games-per-process or --runs-per-move let games end sooner"
                    )
                is_late = True
            for event in pool.receive(TICK_SECONDS):
                self._keep(event)
                yield event
            waited = time.monotonic() - self._oldest_entry
            if self._entries and (
                len(self._entries) >= EXAMPLES_PER_FILE or waited >= FILE_SECONDS
            ):
                yield from self._write_file()

    def _keep(self, event: ProcessEvent) -> None:
        """The examples of a finished game until they are written, and the game for the page."""
        if not isinstance(event, GameOver):
            return
        if not self._entries:
            self._oldest_entry = time.monotonic()
        self._entries.extend(event.entries)
        self._records.append(event.record)

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
