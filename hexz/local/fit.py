"""A network fitted to examples that are there, without a game being played."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hexz.dataset.reading import ExampleReader
from hexz.dataset.sources import find_archives
from hexz.errors import HexzError, InvalidModel, OutputError
from hexz.example import Example
from hexz.files import atomic_file
from hexz.local.fit_state import CannotResume, FitState, load_state
from hexz.schema.programs import FitConfig
from hexz.schema.training import TrainingConfig
from hexz.training.rows import to_rows

if TYPE_CHECKING:
    from hexz.training.crew import Crew
    from hexz.training.learner import Learner

MEASUREMENTS: Final = 20
"""Of a fit, beside the one before it."""
_STEPS_AT_ONCE: Final = 10
_EXAMPLES_AT_ONCE: Final = 1024


class NothingToFit(HexzError):
    """The sources have no example that can be trained on."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Tells how far the sources are read, from which the examples come.

    Attributes:
        share: of the sources that was read.
        examples: to train on, so far.
    """

    share: float
    examples: int


@dataclass(frozen=True, kw_only=True)
class Settling:
    """Tells how far the heads are that the first network's file lacks, which learn first.

    Attributes:
        share: that is done.
    """

    share: float


@dataclass(frozen=True, kw_only=True)
class Stepped:
    """Tells how far the training is, after some more steps of the optimizer.

    Attributes:
        step: how many so far.
        share: of the whole fit, whichever limit ends it.
        seconds: of training so far, before an interruption too.
    """

    step: int
    share: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Tells how good the model is, which has just been measured and written to its file.

    Attributes:
        step: optimizer steps so far.
        positions: trained on so far.
        seconds: of training so far.
        losses: means since the last measurement; empty before the first step.
        held_out_losses: of the model on games that are not trained on; empty without such.
    """

    step: int
    positions: int
    seconds: float
    losses: dict[str, float]
    held_out_losses: dict[str, float]


Event = Reading | Settling | Stepped | Measured


class Fit:
    """Trains a network on the examples of some sources, the newest `window_max` of them.

    Rates fall linearly to zero. The model is saved whenever it is measured, so at the end and when
    it is told to stop, too. Until the end there is a file beside it from which the same fit goes on
    as if it had not been interrupted.

    Args:
        config: how.
        sources: see `find_archives`.
        notify: takes lines for people, such as what cannot be read.

    Attributes:
        examples, held_out: that are trained on, and measured with.
        num_steps: optimizer steps, unless something else ends it before.
        curve: what was measured.
    """

    def __init__(
        self, config: FitConfig, sources: Sequence[str], notify: Callable[[str], None]
    ) -> None:
        self.config = config
        self.examples = self.held_out = self.num_steps = 0
        self.curve: list[Measured] = []
        self._sources = sources
        self._notify = notify
        self._is_stopped = False
        self._training = TrainingConfig.for_examples(config.training)
        self._start: list[Any] | None = None
        self._state_path = config.output.with_suffix(".resume")

    def stop(self) -> None:
        """Ends it soon: the model is saved as it is by then."""
        self._is_stopped = True

    def events(self) -> Iterator[Event]:
        """Trains and yields what happens.

        Raises:
            NothingToFit: there are no examples.
            InvalidExample, InvalidModel, StoreError: a source or the first network cannot be read.
            CannotResume: another fit to this file was interrupted.
            OutputError: the model cannot be written.
            InvalidSettings: there are not as many GPUs as processes.
            CrewFailed: one of the processes ended; what was measured last is in the file.
            TrainingFailed: the training diverged; what was measured last is in the file.
        """
        if not self.config.output.parent.is_dir():  # rather now than after hours
            raise OutputError(f"cannot write {self.config.output}: there is no such directory")
        state = load_state(self._state_path, self._settings())
        with self._crew() as crew:
            yield from self._fit(state, crew)

    def _crew(self) -> Crew:
        from hexz.training.crew import Crew

        return Crew(self._training, self.config.train_processes)

    def _fit(self, state: FitState | None, crew: Crew) -> Iterator[Event]:
        learner = self._learner(state)
        learner.window.keep_all_held_out()
        yield from self._read(learner)
        if self._is_stopped:
            return
        if state is not None and (state.examples, state.held_out) != (self.examples, self.held_out):
            raise CannotResume(
                "the sources have other examples than when the fit was interrupted: delete "
                f"{self._state_path} to begin anew"
            )
        self.num_steps = math.ceil(self._training.reuse * self.examples / self._training.batch_size)
        seconds = state.seconds if state else 0.0
        if self._start is not None and state is None:
            started = time.monotonic()
            yield from self._settle(learner)
            seconds = time.monotonic() - started
            if self._is_stopped:
                return
        crew.train_with(learner)
        with crew.watched():
            yield from self._train(learner, state, seconds)
        if not self._is_stopped:
            self._state_path.unlink(missing_ok=True)

    def _settings(self) -> dict[str, Any]:
        """What makes this fit another one than others."""
        settings = msgspec.to_builtins(self.config, enc_hook=str)
        for name in ("output", "max_seconds", "train_processes"):
            del settings[name]
        return {**settings, "sources": list(self._sources)}

    def _learner(self, state: FitState | None) -> Learner:
        from hexz.model.config import ModelConfig
        from hexz.player.models import open_source
        from hexz.training.learner import Learner, trainable

        if state is not None:
            return self._resumed(state)
        given: dict[str, Any] = {"blocks": self.config.blocks, "filters": self.config.filters}
        wanted = {name: value for name, value in given.items() if value is not None}
        if self.config.start is None:
            return Learner.new(self._training, ModelConfig(**wanted), self._training.seed)
        base = open_source(self.config.start).load()
        self._start = [base.model_name, base.number]
        learner = Learner(self._training, trainable(base))
        size = replace(learner.model_config, **wanted)
        if size != learner.model_config:
            learner.grow(size.blocks, size.filters)
        return learner

    def _resumed(self, state: FitState) -> Learner:
        from hexz.training.learner import Learner

        try:
            learner = Learner.resume(self._training, state.model, state.training, history=None)
        except InvalidModel:
            raise CannotResume(
                f"{self._state_path} is damaged, or of another version of hexzctl: delete it to "
                "begin the fit anew"
            ) from None
        self.curve = msgspec.convert(state.curve, list[Measured])
        self._start = state.start
        self._notify(f"going on with the fit that was interrupted after {state.step:,} steps")
        return learner

    def _read(self, learner: Learner) -> Iterator[Event]:
        # Of a fast search the policy is too rough a target.
        reader = ExampleReader(find_archives(self._sources), self._notify, fast_searches=False)
        batch: list[Example] = []

        def add() -> None:
            learner.window.add(to_rows(batch))
            batch.clear()
            self.examples = min(learner.window.total, self._training.window_max)
            self.held_out = learner.window.num_held_out

        for found in reader:
            batch.append(found.example)
            if len(batch) == _EXAMPLES_AT_ONCE:
                add()
                yield Reading(share=reader.share_read, examples=self.examples)
                if self._is_stopped:
                    return
        add()
        yield Reading(share=1.0, examples=self.examples)
        if not self.examples:
            raise NothingToFit("nothing to fit: the sources have no examples to train on")

    def _settle(self, learner: Learner) -> Iterator[Event]:
        for number, share in enumerate(learner.settle(), start=1):
            if number % _STEPS_AT_ONCE == 0:
                yield Settling(share=share)
                if self._is_stopped:
                    return

    def _train(self, learner: Learner, state: FitState | None, seconds: float) -> Iterator[Event]:
        started = time.monotonic() - seconds
        losses: list[dict[str, float]] = []
        step, share = (state.step, state.share) if state else (0, 0.0)
        if state is None:
            yield self._measure(learner, 0.0, seconds, losses)
        next_measurement = math.floor(share * MEASUREMENTS + 1) / MEASUREMENTS
        while step < self.num_steps and share < 1 and not self._is_stopped:
            steps = min(_STEPS_AT_ONCE, self.num_steps - step)
            losses.append(learner.train_on_window(steps, rate_share=1 - share))
            step += steps
            seconds = time.monotonic() - started
            share = max(step / self.num_steps, seconds / (self.config.max_seconds or math.inf))
            yield Stepped(step=step, share=min(share, 1.0), seconds=seconds)
            if share >= next_measurement or self._is_stopped:
                yield self._measure(learner, share, seconds, losses)
                next_measurement = math.floor(share * MEASUREMENTS + 1) / MEASUREMENTS
        if losses:
            yield self._measure(learner, share, time.monotonic() - started, losses)

    def _measure(
        self, learner: Learner, share: float, seconds: float, losses: list[dict[str, float]]
    ) -> Measured:
        """Measures and saves the model; the losses of the steps since the last time are used up."""
        measured = Measured(
            step=learner.total_steps,
            positions=learner.total_steps * self._training.batch_size,
            seconds=round(seconds, 1),
            losses=_means(losses),
            held_out_losses=learner.held_out_losses(),
        )
        losses.clear()
        self.curve.append(measured)
        self._save(learner, share, measured)
        return measured

    def _save(self, learner: Learner, share: float, measured: Measured) -> None:
        data = learner.checkpoint(
            model_name=self.config.model_name, number=0, metadata={"fit": self._record(measured)}
        )
        with atomic_file(self.config.output) as file:
            file.write(data)
        with atomic_file(self.config.output.with_suffix(".csv")) as file:
            file.write(_table(self.curve).encode())
        FitState(
            settings=self._settings(),
            start=self._start,
            examples=self.examples,
            held_out=self.held_out,
            step=measured.step,
            share=share,
            seconds=measured.seconds,
            curve=[asdict(row) for row in self.curve],
            model=data,
            training=learner.training_state(),
        ).save(self._state_path)

    def _record(self, measured: Measured) -> dict[str, Any]:
        """Where the model comes from, as its file keeps it."""
        return {
            "sources": list(self._sources),
            "start": self._start,
            "examples": self.examples,
            "held_out": self.held_out,
            "steps": measured.step,
            "seconds": measured.seconds,
            "losses": measured.losses,
            "held_out_losses": measured.held_out_losses,
        }


def _means(losses: Sequence[dict[str, float]]) -> dict[str, float]:
    names = losses[0] if losses else ()
    return {name: sum(one[name] for one in losses) / len(losses) for name in names}


def _table(curve: Sequence[Measured]) -> str:
    """The curve as CSV: a row for each measurement."""
    names = list(curve[-1].losses)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    held_out = list(curve[-1].held_out_losses)
    writer.writerow(
        ["step", "positions", "seconds", *names, *(f"held_out_{name}" for name in held_out)]
    )
    for row in curve:
        trained = [f"{row.losses[name]:.5f}" if row.losses else "" for name in names]
        measured = [f"{row.held_out_losses[name]:.5f}" for name in held_out]
        writer.writerow([row.step, row.positions, row.seconds, *trained, *measured])
    return text.getvalue()
