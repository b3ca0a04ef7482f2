"""The loop of a worker.

The main thread starts the processes that play and takes what they finish. Other threads follow the
models and prepare them, post a heartbeat every few seconds, and post the examples. None waits for
another, but for two cases: the first model is prepared once the server has said how to play, and
while too many examples wait for the server, the main thread takes no more, and so play pauses.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from hexz.errors import InvalidModel
from hexz.machine import default_processes, usable_device
from hexz.pubsub import ModelChannel, PublishedModel
from hexz.schema.fleet import (
    HEARTBEAT_PATH,
    HEARTBEAT_SECONDS,
    Heartbeat,
    Orders,
    WorkerSettings,
)
from hexz.schema.programs import WorkerConfig
from hexz.schema.shared import PlayChanges
from hexz.selfplay.messages import (
    Assignment,
    GameOver,
    NewModel,
    NewSettings,
    Notice,
    Playing,
    ProcessEvent,
    ProcessFailed,
    Progress,
)
from hexz.selfplay.pool import SelfPlayPool, prepare_for_play
from hexz.version import __version__
from hexz.wire.versions import COMPACT_VERSION
from hexz.worker.client import Closed, Rejected, ServerRefuses, TrainServer
from hexz.worker.outbox import Outbox

END_SECONDS: Final = 6.0
"""A worker that is told to end posts no more after this long: `hexz.ending` ends it soon then."""
STATUS_SECONDS: Final = 10.0
"""How often the caller hears how it goes."""
TICK_SECONDS: Final = 0.1
"""How often requests to end and failures of other threads are looked at."""


class Worker:
    """Plays for a train server.

    Args:
        config: for whom and how.
        stop_asked: is asked often whether to end.
        on_status: is called at once, every STATUS_SECONDS and at the end.
        notify: takes a line for people, in any thread.
        end_seconds: for the last games and posts, once it is to end.

    Raises:
        ServerRefuses, ChannelError: a URL is none.
    """

    def __init__(
        self,
        config: WorkerConfig,
        *,
        stop_asked: Callable[[], bool],
        on_status: Callable[[Heartbeat], None],
        notify: Callable[[str], None],
        end_seconds: float = END_SECONDS,
    ) -> None:
        self.name = _new_name()
        self._config = config
        self._stop_asked = stop_asked
        self._on_status = on_status
        self._notify = notify
        self._end_seconds = end_seconds
        # A fallback to the CPU counts on its cores.
        self._device = usable_device(config.device, notify)
        self._num_processes = config.num_workers or default_processes(self._device)
        self._server = TrainServer(config.server_url, config.auth_token, notify)
        self._outbox = Outbox(self._server, notify)
        self._deadline = time.monotonic() + (config.max_seconds or float("inf"))
        self._next_status = time.monotonic()
        self._ending = threading.Event()
        self._failure: Exception | None = None
        self._channel: ModelChannel | None = None
        self._channel_changed = threading.Event()
        if config.redis_url is not None:
            self._use_channel(config.redis_url)
        self._redis_url = config.redis_url
        # What the other threads bring; the pool, once there is one, is told at once.
        self._lock = threading.Lock()
        self._settings: WorkerSettings | None = None
        self._model: NewModel | None = None
        self._pool: SelfPlayPool | None = None
        # What the processes report.
        self._playing: dict[int, Playing] = {}
        self._playing_since: float | None = None
        self._progress: dict[int, Progress] = {}
        self._games = 0
        self._last_notice = ""

    def run(self) -> None:
        """Works until the end: then running games are dropped, and finished ones are posted.

        Raises:
            ServerRefuses: the server does not want this worker.
            WorkersFailed: no process is left to play.
        """
        self._start_thread(self._follow_models)
        self._start_thread(self._send_heartbeats)
        try:
            with contextlib.ExitStack() as stack:
                while self._pool is None and self._goes_on():
                    with self._lock:
                        pool = self._new_pool()
                        self._pool = stack.enter_context(pool) if pool is not None else None
                    time.sleep(TICK_SECONDS)
                if self._pool is not None:
                    self._play(self._pool)
        finally:
            self._ending.set()
            self._channel_changed.set()
            self._server.close()
        self._on_status(self.status())
        if failure := self._failure or self._outbox.failure:
            raise failure
        if self._pool is not None:
            self._pool.check()

    def status(self) -> Heartbeat:
        """Tells what it does and has done. May be called in any thread."""
        playing, since = list(self._playing.values()), self._playing_since
        reports = list(self._progress.values())
        games = (r.game for r in reports if r.process in self._playing and r.game is not None)
        return Heartbeat(
            worker=self.name,
            version=__version__,
            model_name=self._config.model_name,
            checkpoint=min((event.checkpoint for event in playing), default=None),
            device=playing[0].evaluator if playing else "",
            processes=len(playing),
            games=self._games,
            evaluations=sum(progress.evaluations for progress in reports),
            examples=self._outbox.taken,
            pending=self._outbox.pending,
            seconds=0.0 if since is None else time.monotonic() - since,
            waited=self._outbox.waited,
            game=next(games, None),
        )

    def _goes_on(self) -> bool:
        """Whether it is not time to end. Is asked often, and so keeps the caller informed too."""
        now = time.monotonic()
        if now >= self._next_status:
            self._next_status = now + STATUS_SECONDS
            self._on_status(self.status())
        return not (
            self._stop_asked() or now >= self._deadline or self._failure or self._outbox.failure
        )

    def _play(self, pool: SelfPlayPool) -> None:
        while pool.is_running and self._goes_on():
            # While there is no room, the processes wait with what they have finished.
            if self._outbox.wait_for_room(TICK_SECONDS):
                for event in pool.receive(TICK_SECONDS):
                    self._take(event)
        end_by = time.monotonic() + self._end_seconds
        for event in pool.end(self._end_seconds / 3):
            self._take(event)
        if self._failure is None and not self._outbox.drain(end_by - time.monotonic()):
            self._notify(f"{self._outbox.pending} finished examples could not be posted")

    def _new_pool(self) -> SelfPlayPool | None:
        """None before there is a model and the server has said how to play."""
        settings, model = self._settings, self._model
        if settings is None or model is None:
            return None
        assignment = Assignment(
            run_name=self.name,
            model_name=self._config.model_name,
            settings=_play_settings(settings),
            num_processes=self._num_processes,
            max_games=None,
            seed=secrets.randbits(63),
        )
        return SelfPlayPool(assignment, model)

    def _take(self, event: ProcessEvent) -> None:
        match event:
            case Playing():
                self._playing_since = self._playing_since or time.monotonic()
                self._playing[event.process] = event
            case Progress():
                self._progress[event.process] = event
            case GameOver():
                self._games += 1
                if event.compact is not None:
                    self._outbox.put_game(event.compact, event.examples)
                else:
                    self._outbox.put([data for _, data in event.entries])
            case Notice():
                # All processes say the same.
                if event.text != self._last_notice:
                    self._notify(event.text)
                self._last_notice = event.text
            case ProcessFailed():
                self._playing.pop(event.process, None)
                self._notify(f"process {event.process} failed: {event.reason}")

    def _follow_models(self) -> None:
        while True:
            self._channel_changed.wait()
            self._channel_changed.clear()
            if self._ending.is_set() or self._channel is None:
                return
            with contextlib.closing(self._channel) as channel:
                for model in channel.follow(self._channel_changed, self._notify):
                    new = self._prepare(model)
                    with self._lock:
                        self._model = new or self._model
                        if new is not None and self._pool is not None:
                            self._pool.send(new)

    def _prepare(self, model: PublishedModel) -> NewModel | None:
        """None if it cannot be played with."""
        while self._settings is None:
            if self._ending.wait(TICK_SECONDS):
                return None
        # Only now, since a worker that the server refuses needs none of it.
        from hexz.model.checkpoint import decode_checkpoint

        try:
            origin = f"checkpoint {model.checkpoint} of {self._config.model_name}"
            checkpoint = decode_checkpoint(model.data, origin)
        except InvalidModel as error:
            self._notify(f"{error}; waiting for the next one")
            return None
        prepared = prepare_for_play(
            checkpoint.weights,
            device=self._device,
            num_processes=self._num_processes,
            games_per_process=self._settings.games_per_process,
            notify=self._notify,
        )
        return NewModel(model.checkpoint, prepared)

    def _send_heartbeats(self) -> None:
        said = None
        while not self._ending.is_set():
            orders = self._heartbeat()
            if orders.notice is not None and orders.notice != said:
                self._notify(orders.notice)
            said = orders.notice
            self._find_channel(orders)
            settings = _changed(orders, self._config.changes)
            with self._lock:
                if self._pool is not None and settings != self._settings:
                    self._pool.send(_play_settings(settings))
                self._settings = settings
            self._ending.wait(HEARTBEAT_SECONDS)

    def _find_channel(self, orders: Orders) -> None:
        """Follows the server's private Redis, unless a Redis was given. A server that was started
        again has another one."""
        if self._config.redis_url is not None or orders.redis_url == self._redis_url is not None:
            return
        if orders.redis_url is None:
            raise ServerRefuses(
                f"the train server {self._config.server_url} announces its models in a Redis that "
                "it does not tell about: set HEXZ_REDIS_URL to the one that it uses"
            )
        self._redis_url = orders.redis_url
        self._use_channel(orders.redis_url)

    def _use_channel(self, url: str) -> None:
        self._channel = ModelChannel(url, self._config.model_name)
        self._channel_changed.set()

    def _heartbeat(self) -> Orders:
        body = self.status().to_json()
        try:
            return self._server.post(HEARTBEAT_PATH, body, "application/json", Orders)
        except Rejected as error:
            raise ServerRefuses(f"train server {self._config.server_url}: {error}") from None

    def _start_thread(self, work: Callable[[], None]) -> None:
        """Work that ends with the worker; if it fails, the worker does."""

        def run() -> None:
            try:
                work()
            except Closed:
                pass
            except Exception as error:
                self._failure = error

        threading.Thread(target=run, name=work.__name__, daemon=True).start()


def _changed(orders: Orders, changes: PlayChanges) -> WorkerSettings:
    """How to play if the server says so and this worker does otherwise."""
    settings = orders.settings.changed(changes)
    if orders.compact_games < COMPACT_VERSION:  # an older server
        settings = replace(settings, post="examples")
    return settings


def _play_settings(settings: WorkerSettings) -> NewSettings:
    """What the processes that play are told."""
    return NewSettings(
        settings.search, settings.games_per_process, compact=settings.post == "games"
    )


def _new_name() -> str:
    """A name that no other worker has, and that game ids can begin with."""
    host = re.sub(r"[^A-Za-z0-9]+", "-", socket.gethostname())[:40].strip("-")
    return f"{host or 'worker'}-{secrets.token_hex(4)}"
