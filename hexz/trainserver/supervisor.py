"""Keeps a trainer process at work: hands it batches, and starts another one when it fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from hexz.processes import Child, ChildFailed, Parent, Restarts, ready
from hexz.schema.programs import ServerConfig
from hexz.schema.status import Progress, TrainingStatus
from hexz.trainserver.events import (
    BatchTrained,
    CheckpointReady,
    Event,
    Notice,
    StoreProblem,
    TrainBatch,
)
from hexz.trainserver.journal import Journal, JournalError
from hexz.trainserver.limits import Activities

_log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.25
"""How often a waiting batch, or the request to stop, is noticed at the latest."""

MAX_UNSAVED: Final = 4
"""Checkpoints that may wait for the store before training waits too. Each takes three times its
network in memory, and its examples in a file."""

STOP_SECONDS: Final = 2.0
"""A trainer that does not end this long after it was told to is killed, which loses nothing."""


def constant_rates() -> float:
    """The share of the learning rates in a training whose end is not known: all of them."""
    return 1.0


class TrainerSupervisor:
    """Runs the trainer in a thread of its own.

    Args:
        config: of the server.
        journal: whose sealed batches are trained on, in their order.
        on_checkpoint: called for the newest checkpoint at the start and for each new one.
        on_fatal: called once if the server cannot go on, with the reason.
        rate_share: asked for each batch: the share of the learning rates to train on it with.
    """

    def __init__(
        self,
        config: ServerConfig,
        journal: Journal,
        *,
        on_checkpoint: Callable[[CheckpointReady], None],
        on_fatal: Callable[[str], None],
        rate_share: Callable[[], float],
    ) -> None:
        self.activities = Activities("starting")
        self._state = TrainingStatus()
        self._config = config
        self._journal = journal
        self._on_checkpoint = on_checkpoint
        self._on_fatal = on_fatal
        self._rate_share = rate_share
        self._restarts = Restarts()
        self._known: int | None = None
        self._handed_out = 0
        """The last batch that the present trainer was given."""
        self._is_outgrown = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trainer-supervisor", daemon=True)

    @property
    def state(self) -> TrainingStatus:
        """What the trainer does at present, for the status."""
        return self._state

    @state.setter
    def state(self, state: TrainingStatus) -> None:
        self._state = state
        self.activities.take(state.activity)

    @property
    def behind(self) -> int:
        """Full batches that wait for training, without the one that is trained on."""
        return sum(batch > self._handed_out for batch in self._journal.sealed)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the trainer; a training run is given up, and its batch is trained on next time."""
        self._stopping.set()
        self._thread.join()

    def grow(self, blocks: int, filters: int) -> None:
        """Has another trainer go on with a larger network, once this one has saved what it has
        trained. To be called in `on_checkpoint`."""
        _log.info("the network shall grow to %d x %d", blocks, filters)
        self._config = replace(self._config, blocks=blocks, filters=filters)
        self._is_outgrown = True

    def _run(self) -> None:
        try:
            self._keep_running()
        except Exception as error:  # a server that never trains again must not look healthy
            _log.exception("a bug in the supervision of the trainer")
            self._on_fatal(f"internal error: {type(error).__name__}: {error}")

    def _keep_running(self) -> None:
        while not self._stopping.is_set():
            failure = self._run_process()
            if self._stopping.is_set():
                return
            if failure is None:
                continue
            try:
                pause = self._restarts.pause(failure)
            except ChildFailed as final:
                self._on_fatal(final.reason)
                return
            _log.error("the trainer failed: %s; next attempt in %.0f s", failure.reason, pause)
            self.state = TrainingStatus(
                activity="paused", failure=failure.reason, failures=self.state.failures + 1
            )
            self._stopping.wait(pause)

    def _run_process(self) -> ChildFailed | None:
        """One trainer from its start to its end; None if it was told to end."""
        self._handed_out = 0
        self._is_outgrown = False
        self.state = replace(self.state, activity="starting", progress=None, unsaved=0)
        try:
            trainer = Child(_run_trainer, self._config, self._journal.id, self._known)
            try:
                self._watch(trainer)
            finally:
                trainer.end(STOP_SECONDS)
        except ChildFailed as failure:
            return failure
        except EOFError:
            return ChildFailed("ended of its own accord", is_final=False)
        except JournalError as error:
            return ChildFailed(str(error), is_final=False)
        return None

    def _watch(self, trainer: Child) -> None:
        """Works with a trainer until it has failed, or is to be told to end."""
        while not self._stopping.is_set():
            if not self._is_outgrown:
                self._hand_out(trainer)
            elif self.state.activity in ("idle", "saving") and not self.state.unsaved:
                return
            if ready([trainer], TICK_SECONDS):
                self._take(trainer.receive())

    def _hand_out(self, trainer: Child) -> None:
        """Sends the oldest waiting batch to a trainer that has nothing to do."""
        if self.state.activity not in ("idle", "saving"):
            return
        waiting = [batch for batch in self._journal.sealed if batch > self._handed_out]
        if not waiting:
            self.state = replace(self.state, activity="idle")
        elif self.state.unsaved >= MAX_UNSAVED:
            self.state = replace(self.state, activity="saving")
        else:
            self._handed_out = waiting[0]
            self.state = replace(self.state, activity="training")
            order = TrainBatch(
                batch=waiting[0], behind=len(waiting) - 1, rate_share=self._rate_share()
            )
            trainer.send(order)

    def _take(self, event: Event) -> None:
        match event:
            case BatchTrained():
                unsaved = self.state.unsaved + 1
                self.state = replace(self.state, activity="idle", progress=None, unsaved=unsaved)
            case CheckpointReady():
                self._known = event.number
                trained = event.trained.get(self._journal.id, 0)
                if trained:
                    self._journal.forget(trained)
                self._restarts.ready()
                if self.state.activity == "starting":
                    # The first word of a new process does not show that it will succeed.
                    self.state = replace(self.state, activity="idle", store_problem=None)
                else:
                    self._restarts.succeeded()
                    unsaved = self.state.unsaved - 1
                    self.state = replace(self.state, failure=None, failures=0, unsaved=unsaved)
                self._on_checkpoint(event)
            case Progress():
                self.state = replace(self.state, progress=event)
            case StoreProblem():
                if event.reason is not None and self.state.store_problem is None:
                    _log.error("%s; trying again", event.reason)
                self.state = replace(self.state, store_problem=event.reason)
            case Notice():
                _log.warning("%s", event.text)


def _run_trainer(parent: Parent, config: ServerConfig, journal_id: str, known: int | None) -> None:
    # PyTorch is for the trainer alone: the server would wait for it, and keep it in memory.
    from hexz.trainserver.trainer import run_trainer

    run_trainer(parent, config, journal_id, known)
