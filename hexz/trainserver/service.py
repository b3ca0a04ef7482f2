"""The train server without HTTP: takes examples, has them trained on, announces checkpoints."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from msgspec import structs

from hexz.checkpoints import CheckpointInfo, open_store
from hexz.errors import HexzError, reason_of
from hexz.schema.fleet import (
    COMPACT_GAMES_PATH,
    EXAMPLES_PATH,
    GAMES_PATH,
    Heartbeat,
    Orders,
    Receipt,
    WorkerReport,
    WorkerSettings,
    incompatibility,
)
from hexz.schema.fleet_profile import Network
from hexz.schema.programs import ServerConfig
from hexz.schema.shared import PostUnit
from hexz.schema.status import (
    CheckpointStatus,
    ExampleCounts,
    JournalStatus,
    LimitStatus,
    ServerStatus,
    WorkerStatus,
)
from hexz.trainserver.announcer import Announcer
from hexz.trainserver.counters import Counters
from hexz.trainserver.events import CheckpointReady
from hexz.trainserver.forecast import Seen, happening, seconds_to_checkpoint
from hexz.trainserver.ingest import (
    Checked,
    Rejected,
    check_compact_game,
    check_example,
    check_game,
    check_sound_example,
)
from hexz.trainserver.journal import Journal, JournalError
from hexz.trainserver.limits import Measured, WorkersWaiting, limit_of
from hexz.trainserver.playing import PlayPage
from hexz.trainserver.posting import Posting
from hexz.trainserver.settings import SettingsSource
from hexz.trainserver.strength import Strength
from hexz.trainserver.supervisor import TrainerSupervisor, constant_rates
from hexz.trainserver.surplus import (
    BEHIND,
    GROW_AFTER,
    deepened,
    depth,
    is_deepest,
    larger_than,
    next_level,
)
from hexz.trainserver.watching import watched_game
from hexz.version import __version__
from hexz.vetting.quarantine import QuarantineError
from hexz.vetting.tokens import WorkerTokens
from hexz.vetting.workers import MAX_WORKERS, UNNAMED, Vetting
from hexz.wire.versions import COMPACT_VERSION

_log = logging.getLogger(__name__)

READMIT_SECONDS: Final = 1.0
"""How often it is looked whether somebody was released."""

RETRY_SECONDS: Final = 5
"""A client that is told to come back later is told to wait so long."""

PROBLEM_SECONDS: Final = 60.0
"""A failure to keep examples is a problem for so long, if none are posted meanwhile."""

WORKER_SECONDS: Final = 30.0
"""A worker that was silent for so long is gone."""

LOOK_SECONDS: Final = 1.0
"""How often all workers are looked at, which at each heartbeat would cost the square of their
number."""

SHOWN_CHECKPOINTS: Final = 200
"""The status has the losses of so many checkpoints, spread over all of them."""


class Refused(HexzError):
    """A request is refused for what it asks for or for when it comes, not for what is in it.

    Attributes:
        status: the HTTP status that says so; with 503 the same request may succeed later.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class TrainingService:
    """A train server. Threads may call all methods at once.

    Args:
        config: of the server.
        on_fatal: called from a thread of its own if the server cannot go on, with the reason in
            one line.
        play_page: on which to play against the newest checkpoint, if there is one.
        rate_share: see `TrainerSupervisor`.

    Attributes:
        tokens: of single workers.
        vetting: what is known of what workers post.

    Raises:
        HexzError: it cannot start; says why.
    """

    def __init__(
        self,
        config: ServerConfig,
        on_fatal: Callable[[str], None],
        play_page: PlayPage | None = None,
        rate_share: Callable[[], float] = constant_rates,
    ) -> None:
        self.config = config
        self.play_page = play_page
        self.counters = Counters()
        self._posting = Posting(self.counters.accepted)
        self._posted: PostUnit = "examples"
        self._started = time.monotonic()
        # By the owner of the token, None for the shared one, and the name in the heartbeat.
        self._workers: dict[tuple[str | None, str], tuple[float, Heartbeat]] = {}
        self._waiting = WorkersWaiting()
        self._looked = 0.0
        self._level = self._crowded = 0
        self._lock = threading.Lock()
        self._newest: CheckpointReady | None = None
        self._journal_problem: tuple[str, float] | None = None
        self._readmit_problem: str | None = None
        self._history: list[CheckpointInfo] = []
        with contextlib.ExitStack() as undo:
            self._settings = SettingsSource(config.settings, config.simulations)
            self._store = open_store(config.store, config.model_name)
            self._journal = Journal(config.journal_dir, config.minibatch_size)
            undo.callback(self._journal.close)
            self.tokens = WorkerTokens(config.tokens_file)
            self.vetting = Vetting(config.quarantine_dir)
            undo.callback(self.vetting.close)
            self._strength = Strength(self._store)
            undo.callback(self._strength.close)
            self._announcer = Announcer(config.redis_url, config.model_name)
            undo.pop_all()
        self._supervisor = TrainerSupervisor(
            config,
            self._journal,
            on_checkpoint=self._take_checkpoint,
            on_fatal=on_fatal,
            rate_share=rate_share,
        )
        self._supervisor.start()
        self._closing = threading.Event()
        self._readmitter = threading.Thread(target=self._readmit, name="readmit")
        self._readmitter.start()

    def close(self) -> None:
        """Ends the trainer and the private Redis. Accepted examples stay in the journal."""
        self._closing.set()
        self._readmitter.join()
        self._supervisor.stop()
        self._strength.close()
        self._announcer.close()
        self.vetting.close()
        self._journal.close()

    @property
    def checkpoint(self) -> int | None:
        """The newest checkpoint; None until it is known, and then nothing is accepted."""
        return None if self._newest is None else self._newest.number

    def accept_example(self, body: bytes, owner: str | None = None) -> Future[Receipt]:
        """Takes one serialized `NumpyExample`.

        Args:
            body: what was posted.
            owner: of the token that was shown; None for the shared one.

        Returns:
            The receipt, once it is on disk; or Refused.

        Raises:
            Rejected: it is not an example that can be taken; says why.
            Refused: not now.
        """
        return self._accept(EXAMPLES_PATH, body, owner)

    def accept_sound_example(self, body: bytes, owner: str | None = None) -> Future[Receipt] | None:
        """Does what `accept_example` does if it takes microseconds only, as it does for an example
        of today's form that goes into the journal; returns None if not."""
        newest = self._checkpoint_of_posts()
        checked = check_sound_example(
            body,
            model_name=self.config.model_name,
            newest_checkpoint=newest,
            max_lag=self.config.max_checkpoint_lag,
        )
        if checked is None:
            return None
        worker = self._poster(owner, checked.look.game_id)
        if self.vetting.quarantine.is_quarantined(worker):
            return None
        return self._keep(checked, worker, newest)

    def accept_game(self, body: bytes, owner: str | None = None) -> Future[Receipt]:
        """Takes all examples of a game or none; see `accept_example`."""
        return self._accept(GAMES_PATH, body, owner)

    def accept_compact_game(self, body: bytes, owner: str | None = None) -> Future[Receipt]:
        """Takes a serialized `CompactGame`; see `accept_example`."""
        return self._accept(COMPACT_GAMES_PATH, body, owner)

    def _accept(self, path: str, body: bytes, owner: str | None) -> Future[Receipt]:
        newest = self._checkpoint_of_posts()
        checked = self._check(path, body, newest, self.config.max_checkpoint_lag)
        worker = self._poster(owner, checked.look.game_id)
        if not self.vetting.quarantine.is_quarantined(worker):
            return self._keep(checked, worker, newest)
        self._set_aside(worker, path, body, checked.examples)
        receipt: Future[Receipt] = Future()
        receipt.set_result(Receipt(checkpoint=newest, accepted=0))
        return receipt

    def _poster(self, owner: str | None, game_id: str) -> str:
        """The worker that posted a game, see `Vetting.poster`."""
        return self._known_as(owner, self.vetting.poster(owner, game_id))

    def _known_as(self, owner: str | None, worker: str) -> str:
        """What the vetting calls who says that it is a worker: nobody passes for one that has a
        token of its own without that token."""
        return owner or (UNNAMED if worker in self.tokens else worker)

    def _checkpoint_of_posts(self) -> int:
        """The newest checkpoint; raises Refused while nothing is taken."""
        newest = self.checkpoint
        if newest is None:
            raise Refused(503, "the newest checkpoint is not loaded yet: try again")
        if self._is_full():
            raise Refused(503, "too many examples wait for training: try again later")
        return newest

    def _keep(self, checked: Checked, worker: str, newest: int) -> Future[Receipt]:
        receipt: Future[Receipt] = Future()
        self._posted = "examples" if checked.examples == 1 else "games"

        def finish(new: int, failure: str | None) -> None:
            try:
                self._count(checked, new, failure)
                if new:
                    self.vetting.note(worker, checked.look)
            except Exception as error:
                receipt.set_exception(error)
                return
            checkpoint = self._newest.number if self._newest else newest
            receipt.set_result(Receipt(checkpoint=checkpoint, accepted=new))

        self._journal.append_later(checked.records, finish)
        return receipt

    def _is_full(self) -> bool:
        # What waits for nothing but the store is no reason to stop.
        batches = self.config.max_backlog + self._supervisor.state.unsaved
        return self._journal.num_waiting >= batches * self.config.minibatch_size

    def _check(self, path: str, body: bytes, newest: int, max_lag: int) -> Checked:
        check = {
            EXAMPLES_PATH: check_example,
            GAMES_PATH: check_game,
            COMPACT_GAMES_PATH: check_compact_game,
        }[path]
        return check(
            body,
            model_name=self.config.model_name,
            newest_checkpoint=newest,
            max_lag=max_lag,
        )

    def _count(self, checked: Checked, new: int, failure: str | None) -> None:
        """Takes note of what became of examples that the journal was given; raises Refused if they
        may not be kept."""
        self._note_journal(failure)
        if failure is not None:
            raise Refused(503, failure)
        self.counters.accepted.add(new)
        if copies := checked.examples - new:
            self.counters.duplicates.add(copies)

    def _set_aside(self, worker: str, path: str, body: bytes, examples: int) -> None:
        try:
            self.vetting.quarantine.set_aside(worker, path, body, examples)
        except QuarantineError as error:
            raise Refused(503, str(error)) from None

    def _readmit(self) -> None:
        """Puts what released workers had posted into the journal, as it has room."""
        while not self._closing.wait(READMIT_SECONDS):
            try:
                self._readmit_released()
                self._readmit_problem = None
            except Exception as error:  # whatever it is, who asks for problems must hear of it
                problem = f"released examples wait: {reason_of(error)}"
                if problem != self._readmit_problem:
                    _log.error("%s", problem, exc_info=not isinstance(error, HexzError))
                self._readmit_problem = problem

    def _readmit_released(self) -> None:
        quarantine = self.vetting.quarantine
        while (
            (newest := self.checkpoint) is not None
            and not self._is_full()
            and not self._closing.is_set()
            and (found := quarantine.released()) is not None
        ):
            try:
                self._take_back(found.path, found.body, newest)
            except Rejected as error:
                _log.warning("an example of %s is not taken: %s", found.worker, error)
            quarantine.remove(found.number)

    def _take_back(self, path: str, body: bytes, newest: int) -> None:
        checked = self._check(path, body, newest, max_lag=newest)
        try:
            new = self._journal.append(checked.records)
        except JournalError as error:
            self._count(checked, 0, str(error))
        else:
            self._count(checked, new, None)

    def take_heartbeat(
        self, heartbeat: Heartbeat, *, is_local: bool, owner: str | None = None
    ) -> Orders:
        """Takes note of what a worker does; returns what it shall do.

        Args:
            heartbeat: of the worker.
            owner: of the token that it showed; None for the shared one.
            is_local: whether it is on this machine, and so may use a private Redis.

        Raises:
            Refused: the worker is of another version or for another model.
        """
        problem = incompatibility(heartbeat.version)
        if problem is not None:
            raise Refused(426, problem)
        if heartbeat.model_name != self.config.model_name:
            raise Refused(
                400,
                f"this server trains {self.config.model_name!r}, not {heartbeat.model_name!r}: "
                "set MODEL_NAME",
            )
        newest = self._newest
        if newest is None:
            raise Refused(503, "the newest checkpoint is not loaded yet: try again")
        now = time.monotonic()
        with self._lock:
            self._note_worker(owner, heartbeat, now)
            if now - self._looked >= LOOK_SECONDS:
                self._looked = now
                self._look_at_workers(now)
            unit = self._posting.unit
        settings = deepened(self._settings.at(newest.examples, unit), self._level)
        notice = self.vetting.take_heartbeat(
            self._known_as(owner, heartbeat.worker),
            heartbeat.processes * settings.games_per_process,
        )
        return Orders(
            settings=settings,
            notice=notice,
            compact_games=COMPACT_VERSION,
            redis_url=self._announcer.private_url if is_local else None,
        )

    def _note_worker(self, owner: str | None, heartbeat: Heartbeat, now: float) -> None:
        """Remembers its heartbeat; if there are too many workers, forgets the one that was silent
        for the longest time."""
        key = (owner, heartbeat.worker)
        self._workers.pop(key, None)
        self._workers[key] = (now, heartbeat)
        self._waiting.take(heartbeat)
        if len(self._workers) > MAX_WORKERS:
            self._forget(next(iter(self._workers)))

    def _forget(self, key: tuple[str | None, str]) -> None:
        del self._workers[key]
        self._waiting.forget(key[1])

    def _look_at_workers(self, now: float) -> None:
        """Forgets those that are gone, and decides what the others shall post."""
        gone = [key for key, (seen, _) in self._workers.items() if now - seen > WORKER_SECONDS]
        for key in gone:
            self._forget(key)
        # Examples that wait for a reason other than their number would not be taken as games.
        if not self._is_full() and self.journal_problem is None:
            self._posting.update([heartbeat for _, heartbeat in self._workers.values()])

    def model(self, number: int) -> bytes | None:
        """The model file of a checkpoint; None if there is no such checkpoint.

        Raises:
            StoreError: the store cannot be read.
        """
        newest = self._newest
        if newest is None or number > newest.number:
            return None
        if number == newest.number:
            return newest.model
        return self._store.load(number)

    def _note_journal(self, problem: str | None) -> None:
        """Logs when examples cannot be kept, and when they can again."""
        if problem is None and self._journal_problem is not None:
            _log.info("examples are taken again")
        elif problem is not None and self.journal_problem is None:
            _log.error("examples are refused: %s", problem)
        self._journal_problem = None if problem is None else (problem, time.monotonic())

    @property
    def journal_problem(self) -> str | None:
        """The reason why examples could not be kept when that was tried last, unless it is long
        ago: a server that is sent none because of its problem would have that for ever."""
        known = self._journal_problem
        return None if known is None or time.monotonic() - known[1] > PROBLEM_SECONDS else known[0]

    def problems(self) -> list[str]:
        """Tells people what does not work at present."""
        state = self._supervisor.state
        found = [
            self.journal_problem,
            state.failure,
            state.store_problem,
            self._announcer.problem,
            self.tokens.problem,
            self._readmit_problem,
            self._quarantined(),
        ]
        return [problem for problem in found if problem is not None]

    def _quarantined(self) -> str | None:
        """Tells people which workers are in quarantine, in one line however many there are."""
        verdicts = self.vetting.quarantine.verdicts.items()
        found = [(name, verdict.reason) for name, verdict in verdicts if verdict.quarantined]
        if len(found) > 1:
            return f"{len(found)} workers are quarantined: see `hexzctl fleet list`"
        return f"worker {found[0][0]} is quarantined: {found[0][1]}" if found else None

    def workers(self) -> list[tuple[float, Heartbeat]]:
        """The workers of the last half minute: seconds since the last heartbeat, and that."""
        now = time.monotonic()
        with self._lock:
            found = [(now - seen, heartbeat) for seen, heartbeat in self._workers.values()]
        return [(age, heartbeat) for age, heartbeat in found if age <= WORKER_SECONDS]

    def status(self) -> ServerStatus:
        """Everything that there is to know."""
        newest, problem = self._newest, self._announcer.problem
        workers = self.workers()
        seen = self._seen([heartbeat for _, heartbeat in workers])
        return ServerStatus(
            version=__version__,
            model_name=self.config.model_name,
            store=self.config.store,
            ready=newest is not None and self.journal_problem is None,
            uptime_seconds=round(time.monotonic() - self._started, 1),
            checkpoint=None if newest is None else newest.number,
            problems=self.problems(),
            now=happening(seen),
            next_checkpoint_seconds=seconds_to_checkpoint(seen),
            game=seen.game,
            can_play=self.play_page is not None and newest is not None,
            examples=ExampleCounts(
                accepted=self.counters.accepted.total,
                per_second=round(seen.examples_per_second, 2),
                duplicates=self.counters.duplicates.total,
                refused=dict(self.counters.refused),
                last_refusal=self.counters.last_refusal,
                trained=None if newest is None else newest.examples,
            ),
            journal=seen.journal,
            training=structs.replace(seen.training, redis_problem=problem),
            limit=None if newest is None else self._limit(),
            settings=seen.settings,
            workers=[_worker_status(heartbeat, age) for age, heartbeat in workers],
            evaluations_per_second=sum(w.evaluations_per_second for w in seen.workers),
            conduct=self.vetting.conduct(),
            checkpoints=[_summary(info) for info in _spread(self._history)],
            strength=self._strength.known,
        )

    def _seen(self, workers: list[Heartbeat]) -> Seen:
        """What the forecast of the next checkpoint is made of."""
        newest, training = self._newest, self.config.training
        report = self._history[-1].record.report if self._history else None
        speed = 0.0 if report is None else report.positions_per_second
        return Seen(
            checkpoint=None if newest is None else newest.number,
            workers=workers,
            settings=self._current_settings(),
            examples_per_second=self.counters.accepted.per_second(),
            journal=JournalStatus(
                waiting=self._journal.num_waiting,
                open_batch=self._journal.open_count,
                sealed_batches=len(self._journal.sealed),
                minibatch_size=self.config.minibatch_size,
                max_backlog=self.config.max_backlog,
            ),
            training=self._supervisor.state,
            seconds_per_step=training.batch_size / speed if speed else None,
            steps=training.reuse * self.config.minibatch_size / training.batch_size,
            game=watched_game(workers),
        )

    def _current_settings(self) -> WorkerSettings | None:
        """How workers play at present; None before there is a network to play with."""
        if self._newest is None:
            return None
        settings = self._settings.at(self._newest.examples, self._posting.unit)
        return deepened(settings, self._level)

    def _limit(self) -> LimitStatus:
        """The part that limits the system at present."""
        workers = [heartbeat for _, heartbeat in self.workers()]
        activities = self._supervisor.activities
        with self._lock:
            waiting = self._waiting.share(workers)
        return limit_of(
            Measured(
                workers=len(workers),
                workers_waiting=waiting,
                posted=self._posted,
                trainer_waiting=activities.share("idle"),
                trainer_saving=activities.share("saving"),
                has_trained="training" in activities.seen,
                behind=self._supervisor.behind,
                max_backlog=self.config.max_backlog,
                is_deepest=is_deepest(self._level, self._settings.deepest),
                device=self.config.training.device,
                grow=self.config.grow,
                larger=self._larger(),
            )
        )

    def _follow_surplus(self) -> None:
        """Lets the fleet search deeper, or less deep, from a new checkpoint on."""
        level = next_level(
            self._level,
            behind=self._supervisor.behind,
            waiting=self._supervisor.activities.share("idle"),
            deepest=self._settings.deepest,
        )
        if level != self._level:
            _log.info("searches have %.1f times the simulations of the settings", depth(level))
        self._level = level
        self._grow_with_surplus()

    def _grow_with_surplus(self) -> None:
        """Lets the network grow if the surplus lasts though searches are as deep as they may be."""
        lasts = self._supervisor.behind >= BEHIND and is_deepest(
            self._level, self._settings.deepest
        )
        self._crowded = self._crowded + 1 if lasts else 0
        if not self.config.grow or self._crowded < GROW_AFTER:
            return
        larger = self._larger()
        if larger is not None:
            self._supervisor.grow(larger.blocks, larger.filters)
            self._crowded = 0

    def _larger(self) -> Network | None:
        """The next size of the network; None if it has the largest, or one that is unknown."""
        size = {} if self._newest is None else self._newest.info.record.model
        return larger_than(size["blocks"], size["filters"]) if size else None

    def _take_checkpoint(self, event: CheckpointReady) -> None:
        # Not before: what is wrong with a store is for the trainer to report.
        self._strength.follow()
        if self._newest is None:
            self._load_history(event.number)
        elif event.number > self._newest.number:  # not the word of a trainer that has just begun
            self._follow_surplus()
        if not self._history or self._history[-1].number < event.number:
            self._history.append(event.info)
        self._newest = event
        self._announcer.announce(event.number, event.model)
        _log.info("checkpoint %d, trained on %d examples", event.number, event.examples)

    def _load_history(self, newest: int) -> None:
        """The losses so far, for the status; without them the server works as well."""
        try:
            self._history = [info for info in self._store.list() if info.number <= newest]
        except HexzError as error:
            _log.warning("cannot show earlier checkpoints: %s", error)


def _spread(history: list[CheckpointInfo]) -> list[CheckpointInfo]:
    """At most SHOWN_CHECKPOINTS of them, the newest among them."""
    step = -(-len(history) // SHOWN_CHECKPOINTS)
    return history[:: -max(step, 1)][::-1]


def _worker_status(heartbeat: Heartbeat, age: float) -> WorkerStatus:
    """What the status tells of a worker that was heard of so many seconds ago."""
    report = {name: getattr(heartbeat, name) for name in WorkerReport.__struct_fields__}
    return WorkerStatus(
        **report,
        evaluations_per_second=heartbeat.evaluations_per_second,
        last_seen_seconds=round(age, 1),
    )


def _summary(info: CheckpointInfo) -> CheckpointStatus:
    """What the status tells of a checkpoint."""
    report = info.record.report
    return CheckpointStatus(
        number=info.number,
        unix_seconds=round(info.unix_seconds, 1),
        bytes=info.size,
        examples=info.record.examples,
        losses={} if report is None else report.losses,
        held_out_losses={} if report is None else report.held_out_losses,
        policy_entropy=None if report is None else report.policy_entropy,
        window_size=None if report is None else report.window_size,
        positions_per_second=None if report is None else report.positions_per_second,
    )
