"""The trainer: a process of its own that turns batches of examples into checkpoints.

It alone writes to the store, and trains on while it does. Whatever goes wrong ends the process, and
the next one begins again from the newest checkpoint that is saved, so that there is one way to
recover from a bad number, from a lack of memory and from a crash. Only a store that cannot be
reached is waited for, since the work that waits to be saved is good.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from hexz.checkpoints import CheckpointInfo, NewCheckpoint, open_store
from hexz.checkpoints.store import examples_file
from hexz.errors import (
    CheckpointExists,
    InvalidExample,
    InvalidModel,
    InvalidSettings,
    NotInStore,
    StoreError,
    StoreUnavailable,
)
from hexz.machine import usable_device
from hexz.model.config import ModelConfig
from hexz.processes import Parent, ToldToEnd
from hexz.ratings.output import require_tensorboard
from hexz.schema.programs import ServerConfig
from hexz.schema.records import CheckpointRecord, TrainingReport
from hexz.schema.status import Progress
from hexz.training.crew import Crew
from hexz.training.learner import Learner
from hexz.training.report import StepReport
from hexz.training.rows import Rows
from hexz.trainserver.batches import training_examples
from hexz.trainserver.events import (
    BatchTrained,
    CheckpointReady,
    Notice,
    StoreProblem,
    TrainBatch,
)
from hexz.trainserver.journal import Record, read_segment
from hexz.trainserver.saver import CheckpointSaver, Trained
from hexz.version import __version__
from hexz.wire.archive import read_examples

REMEMBERED_JOURNALS: Final = 32
"""A checkpoint says of so many journals, the last ones used, how far it was trained on them."""

ARCHIVERS: Final = 1
GPU_ARCHIVERS: Final = 3
"""Processes that archive examples, some 5,000 a second each: as many as can be learnt from."""

REPORT_SECONDS: Final = 0.5
"""How often progress is reported."""

TICK_SECONDS: Final = 0.25
"""How soon a trainer that waits for a batch notices that it cannot save any more."""


def run_trainer(parent: Parent, config: ServerConfig, journal_id: str, known: int | None) -> None:
    """Loads the newest checkpoint, or makes the first, and trains on each `TrainBatch` that comes.

    Once it is told to end, a training run is given up.

    Args:
        parent: the server.
        config: of the server.
        journal_id: of its journal.
        known: the newest checkpoint that the server has seen and goes on serving; None if it has
            nothing to serve yet, and then a store that cannot be used is its end.
    """
    try:
        with (
            _only_trainer(config.journal_dir, parent),
            Crew(config.training, config.train_processes) as crew,
        ):
            _Trainer(parent, config, journal_id, known, crew).run()
    except CheckpointExists:
        raise
    except StoreError as error:
        raise error if known is None else StoreUnavailable(str(error)) from None


@contextlib.contextmanager
def _only_trainer(directory: Path, parent: Parent) -> Iterator[None]:
    """Waits for the trainer of a server that was killed: it may just be saving a checkpoint."""
    descriptor = os.open(directory / "trainer.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if parent.poll(0.1):
                    raise ToldToEnd from None
        yield
    finally:
        os.close(descriptor)


class _Trainer:
    """The state of the process: the learner and the checkpoint that it stands at, which may not be
    saved yet."""

    def __init__(
        self,
        parent: Parent,
        config: ServerConfig,
        journal_id: str,
        known: int | None,
        crew: Crew,
    ) -> None:
        self._parent = parent
        self._config = config
        self._journal_id = journal_id
        self._crew = crew
        self._next_report = 0.0
        self._began = 0.0  # the first step of this training
        self._trained_at = time.monotonic()  # the end of the last training, or the beginning
        self._store = open_store(config.store, config.model_name)
        device = config.training.device
        if usable_device(device, lambda text: None) != device:
            raise InvalidSettings(f"cannot train on {device!r}: this machine or PyTorch lacks it")
        # Only one trainer is here, so what lies there is of one that was killed.
        archives = config.journal_dir / "archives"
        shutil.rmtree(archives, ignore_errors=True)
        archives.mkdir()
        self._saver = CheckpointSaver(
            self._store,
            config.journal_dir,
            archives,
            archivers=ARCHIVERS if config.training.device == "cpu" else GPU_ARCHIVERS,
            on_saved=self._report_checkpoint,
            on_problem=lambda reason: parent.send(StoreProblem(reason)),
        )
        number = self._store.latest()
        if known is not None and (number is None or number < known):
            raise StoreUnavailable(
                f"checkpoint {known} of {config.model_name} is gone from {config.store}: put it "
                "back, or restart the server to go on with what is there"
            )
        if number is None:
            self._learner = self._begin()
            number = 0
        else:
            self._learner = self._resume(number)
        crew.train_with(self._learner)
        info = self._store.info(number)
        self._number, self._record = number, info.record
        self._board = _EventWriter(config.tensorboard)
        self._report_checkpoint(info, self._store.load(number))

    def run(self) -> None:
        """Trains on what is asked for, until it is told to end."""
        with self._saver:
            while True:
                while not self._parent.poll(TICK_SECONDS):
                    self._saver.check()
                    self._crew.check()
                self._train(self._parent.receive())

    def _trained_with(self, batch: int) -> dict[str, int]:
        """The last batch of each journal that the model was trained on, with one more of ours,
        which becomes the last of those that are remembered."""
        others = [item for item in self._record.trained.items() if item[0] != self._journal_id]
        return dict([*others[1 - REMEMBERED_JOURNALS :], (self._journal_id, batch)])

    def _begin(self) -> Learner:
        """Makes checkpoint 0."""
        size = self._size_from(ModelConfig())
        learner = Learner.new(self._config.training, size, self._config.training.seed)
        metadata = self._record_of(learner, examples=0, hours=0.0).to_metadata()
        model = learner.checkpoint(model_name=self._config.model_name, number=0, metadata=metadata)
        self._store.save(
            NewCheckpoint(
                number=0, model=model, training_state=learner.training_state(), metadata=metadata
            )
        )
        return learner

    def _resume(self, number: int) -> Learner:
        try:
            learner = Learner.resume(
                self._config.training,
                self._store.load(number),
                self._store.load_training_state(number),
                self._history(number),
            )
        except InvalidModel as error:
            raise InvalidModel(f"{self._store.place(number)}: {error}") from None
        now, wanted = learner.model_config, self._size_from(learner.model_config)
        larger = replace(
            now,
            blocks=max(now.blocks, wanted.blocks),
            filters=max(now.filters, wanted.filters),
        )
        if larger != wanted:
            self._parent.send(
                Notice(f"the network is one of {_words(now)}, and networks do not become smaller")
            )
        if larger != now:
            learner.grow(larger.blocks, larger.filters)
            self._parent.send(Notice(f"the network grows from {_words(now)} to {_words(larger)}"))
        return learner

    def _size_from(self, size: ModelConfig) -> ModelConfig:
        """A size with what the settings say of it."""
        return replace(
            size,
            blocks=self._config.blocks or size.blocks,
            filters=self._config.filters or size.filters,
        )

    def _history(self, newest: int) -> Iterator[Rows]:
        """The batches that the checkpoints up to this one were trained on, newest first, as far
        back as they are still there."""
        for number in range(newest, 0, -1):
            try:
                for batch in reversed(self._store.batches(number)):
                    yield self._full_searches_of(number, batch)
            except NotInStore as error:
                self._parent.send(Notice(f"{error}: the replay window goes back no further"))
                return

    def _full_searches_of(self, number: int, batch: str) -> Rows:
        self._check_parent()
        with self._store.examples(number, batch) as path:
            try:
                return training_examples(Record(*entry) for entry in read_examples(path)).rows
            except InvalidExample as error:
                raise StoreError(
                    f"{self._store.place(number)}/{examples_file(batch)} is damaged ({error}): put "
                    "it back from a copy, or delete it to go on with a shorter replay window"
                ) from None

    def _train(self, order: TrainBatch) -> None:
        """One training run: the batch's examples become the next checkpoint, which is saved beside
        what follows."""
        records = read_segment(self._config.journal_dir, order.batch)
        # The name tells the batches of two journals apart.
        self._saver.archive(order.batch, f"{order.batch:06d}-{self._journal_id}")
        examples = training_examples(records)
        with self._crew.watched():
            report = self._learner.train(
                examples.rows,
                # A trainer that falls behind spends less on each batch.
                reuse=max(1.0, self._config.training.reuse / (1 + order.behind)),
                rate_share=order.rate_share,
                on_step=lambda step: self._report_step(order.batch, step),
            )
        record = self._record_of(
            self._learner,
            parent=self._number,
            trained=self._trained_with(order.batch),
            examples=(self._record.examples or 0) + sum(record.examples for record in records),
            report=report,
            hours=self._hours(examples.first_micros),
        )
        self._number, self._record, self._trained_at = self._number + 1, record, time.monotonic()
        metadata = record.to_metadata()
        model = self._learner.checkpoint(
            model_name=self._config.model_name, number=self._number, metadata=metadata
        )
        self._parent.send(BatchTrained())
        self._saver.save(
            Trained(
                number=self._number,
                model=model,
                training_state=self._learner.training_state(),
                metadata=metadata,
            )
        )
        self._board.write(report, self._number)

    def _hours(self, first_micros: int | None) -> float | None:
        """Hours of training up to now: those in which a trainer ran and games came, or it trained.
        None if the last checkpoint does not say.

        Args:
            first_micros: when the first of the examples was made; None if there was none.
        """
        before = self._record.hours
        if before is None:
            return None
        seconds = time.monotonic() - self._trained_at
        if first_micros is not None:
            # It waited for the first of the games, perhaps for days. No clock, of this machine or
            # another, makes of that more than what has passed.
            seconds = min(seconds, max(0.0, time.time() - first_micros / 1e6))
        return round(before + seconds / 3600, 4)

    def _record_of(self, learner: Learner, **facts: Any) -> CheckpointRecord:
        """The record of a checkpoint that this learner makes now."""
        return CheckpointRecord(
            model=asdict(learner.model_config),
            training=structs.asdict(self._config.training),
            version=__version__,
            **facts,
        )

    def _report_step(self, batch: int, step: StepReport) -> None:
        self._check_parent()
        if step.step == 1:
            self._began = time.monotonic()
        if time.monotonic() >= self._next_report or step.step == step.num_steps:
            self._next_report = time.monotonic() + REPORT_SECONDS
            self._parent.send(
                Progress(
                    batch=batch,
                    step=step.step,
                    steps=step.num_steps,
                    seconds=time.monotonic() - self._began,
                    loss=None if step.skipped else step.losses["total"],
                )
            )

    def _report_checkpoint(self, info: CheckpointInfo, model: bytes) -> None:
        self._parent.send(
            CheckpointReady(
                number=info.number,
                model=model,
                trained=info.record.trained,
                examples=info.record.examples or 0,
                info=info,
            )
        )

    def _check_parent(self) -> None:
        """While the trainer is busy, nothing comes but the request to end. Nor is it any use to go
        on if nothing can be saved."""
        if self._parent.poll():
            raise ToldToEnd
        self._saver.check()
        self._crew.check()


def _words(size: ModelConfig) -> str:
    return f"{size.blocks} x {size.filters}"


class _EventWriter:
    """Writes reports for TensorBoard, if a directory is given."""

    def __init__(self, directory: Path | None) -> None:
        self._writer: Any = None
        if directory is not None:
            self._writer = require_tensorboard()(str(directory))

    def write(self, report: TrainingReport, checkpoint: int) -> None:
        if self._writer is None:
            return
        groups = {"loss": report.losses, "held_out_loss": report.held_out_losses}
        for group, losses in groups.items():
            for name, loss in losses.items():
                self._writer.add_scalar(f"{group}/{name}", loss, checkpoint)
        for name in (
            "policy_entropy",
            "gradient_norm",
            "window_size",
            "rate_share",
            "positions_per_second",
        ):
            self._writer.add_scalar(f"training/{name}", getattr(report, name), checkpoint)
        self._writer.flush()
