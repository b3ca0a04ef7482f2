"""`Learner`: the network in training, and all that the next training depends on."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self, cast

import numpy as np
import torch

from hexz.errors import InvalidModel
from hexz.model.checkpoint import (
    Checkpoint,
    decode_checkpoint,
    encode_checkpoint,
    new_checkpoint,
)
from hexz.model.config import ModelConfig
from hexz.model.growth import grow, plant
from hexz.model.network import HexzNet
from hexz.model.torch_file import require_uncompressed
from hexz.schema.records import TrainingReport
from hexz.schema.training import TrainingConfig
from hexz.training.group import Group
from hexz.training.report import StepReport
from hexz.training.rows import Rows
from hexz.training.settling import STEPS as SETTLING_STEPS
from hexz.training.steps import Run, Steps
from hexz.training.window import ReplayWindow

_FORMAT: Final = "hexzctl training 3"
_SETTLING: Final = 2
"""Tells the random numbers that draw examples for new heads from all others."""


class Learner:
    """Trains a network on one batch of examples after the other.

    The model that it makes is a moving average of the weights in training. Everything depends on
    the configuration, the seeds and the batches alone: a learner that was resumed goes on exactly
    as the one that was interrupted would have, on the same machine. In a group of processes there
    is one, in process 0, and the others have `Steps` only.

    Args:
        config: how to train.
        net: where to start; it is not changed.
    """

    def __init__(self, config: TrainingConfig, net: HexzNet) -> None:
        self.config = config
        self.window = ReplayWindow(config)
        self._steps = Steps(config, net, torch.device(config.device))
        self._tell: Callable[[Run], None] = lambda run: None

    def grow(self, blocks: int, filters: int) -> None:
        """Goes on with a larger network that computes the same as the model, and with an optimizer
        that starts afresh. To be called before `join`.

        Raises:
            InvalidModel: it would be a smaller network.
        """
        old = self._steps
        model = old.average.playing_net()
        steps = Steps(self.config, grow(model, blocks, filters), torch.device(self.config.device))
        for net in steps.net, steps.average:
            plant(old.average.auxiliary, net.auxiliary, model.config.filters, filters)
        steps.total = old.total
        self._steps = steps

    def settle(self) -> Iterator[float]:
        """Trains the heads alone that the file of a trained model lacks, on examples of the window:
        what is to be done first, and before `join`, if the network comes from one.

        Yields:
            The share that is done.
        """
        rng = np.random.default_rng((self.config.seed, self._steps.total, _SETTLING))
        yield from self._steps.settle(self._draw(0, SETTLING_STEPS, rng), self.window.total)

    def join(self, group: Group, tell: Callable[[Run], None]) -> None:
        """Trains with other processes from now on, as their process 0.

        Args:
            group: the processes.
            tell: tells the others of each run, in which they `take` the same steps.
        """
        self._steps.join(group)
        self._tell = tell

    @classmethod
    def new(cls, config: TrainingConfig, model_config: ModelConfig, seed: int) -> Self:
        """A learner that starts with the random weights of this seed."""
        return cls(config, trainable(new_checkpoint(model_config, seed=seed)))

    @classmethod
    def resume(
        cls,
        config: TrainingConfig,
        checkpoint: bytes,
        training_state: bytes | None,
        history: Iterable[Rows] | None = (),
    ) -> Self:
        """The learner that wrote a checkpoint.

        Args:
            config: how to train on; it may differ from before.
            checkpoint: what `Learner.checkpoint` returned.
            training_state: what `Learner.training_state` returned then; None: the optimizer and
                the window start afresh, and the history is not read.
            history: the batches that it was trained on, newest first. Only as many are taken as
                the window needs, so it should be lazy. None: the window starts empty.

        Raises:
            InvalidModel: the checkpoint or the state is damaged or of another kind of network.
        """
        learner = cls(config, trainable(decode_checkpoint(checkpoint, "the checkpoint")))
        if training_state is not None:
            totals = restore(learner._steps, training_state)
            if history is not None:
                learner.window.refill(*totals, history)
        return learner

    @property
    def model_config(self) -> ModelConfig:
        """The size of the network."""
        config: ModelConfig = self._steps.net.net.config
        return config

    def train(
        self,
        examples: Rows,
        *,
        reuse: float,
        rate_share: float = 1.0,
        on_step: Callable[[StepReport], None],
    ) -> TrainingReport:
        """Adds a batch to the window and trains on it.

        Args:
            examples: the batch, no fast searches; those of held-out games are only measured with.
            reuse: examples to train on for each new one, at least 1: each new one is trained on
                once, and the others are drawn from the whole window.
            rate_share: of the learning rates that the configuration gives.
            on_step: is told about each step. What it raises ends the training.

        Raises:
            TrainingFailed: the training diverged. After this or any other exception the learner
                is of no more use: resume from the last checkpoint.
        """
        if reuse < 1:
            raise ValueError(f"reuse must be at least 1, not {reuse:g}")
        start = time.perf_counter()
        new = self.window.add(examples)
        run = Run(
            steps=math.ceil(new * reuse / self.config.batch_size),
            examples=self.window.total,
            held_out=self.window.num_held_out,
            rate_share=rate_share,
        )
        done = self._take(run, new, on_step)
        step_seconds = time.perf_counter() - start
        held_out = self.window.held_out() if run.held_out else None
        return TrainingReport(
            new_examples=new,
            new_held_out=len(examples) - new,
            total_examples=self.window.total,
            window_size=self.window.size(new),
            rate_share=rate_share,
            steps=run.steps,
            skipped_steps=run.steps - len(done),
            total_steps=self.total_steps,
            losses=_mean_losses(done),
            held_out_losses=self._steps.held_out_losses(run, held_out),
            policy_entropy=_mean([report.policy_entropy for report in done]),
            gradient_norm=_mean([report.gradient_norm for report in done]),
            positions_per_second=run.steps * self.config.batch_size / step_seconds,
            seconds=time.perf_counter() - start,
        )

    def train_on_window(self, num_steps: int, *, rate_share: float) -> dict[str, float]:
        """Trains on examples drawn from the whole window, to which `window.add` has added them.

        Args:
            num_steps: optimizer steps.
            rate_share: of the learning rates that the configuration gives.

        Returns:
            The mean losses of the steps by name.

        Raises:
            TrainingFailed: the training diverged; see `train`.
        """
        run = Run(steps=num_steps, examples=self.window.total, held_out=0, rate_share=rate_share)
        return _mean_losses(self._take(run, 0, lambda _: None))

    def held_out_losses(self) -> dict[str, float]:
        """The losses of the model on the held-out examples by name; empty without any."""
        held_out = self.window.num_held_out
        run = Run(steps=0, examples=self.window.total, held_out=held_out)
        self._tell(run)
        rows = self.window.held_out() if held_out else None
        return self._steps.held_out_losses(run, rows)

    def _take(self, run: Run, new: int, on_step: Callable[[StepReport], None]) -> list[StepReport]:
        """Takes the steps of a run with examples of the window, the newest once among them."""
        self._tell(run)
        rng = np.random.default_rng((self.config.seed, self._steps.total))
        return self._steps.take(run, self._draw(new, run.steps, rng), on_step)

    def _draw(self, new: int, steps: int, rng: np.random.Generator) -> Iterator[torch.Tensor]:
        """The rows of so many batches."""
        numbers = self.window.sample(new, steps * self.config.batch_size, rng)
        places = torch.split(self.window.places(numbers), self.config.batch_size)
        return map(self.window.rows, places)

    def checkpoint(
        self, *, model_name: str, number: int, metadata: Mapping[str, Any] | None = None
    ) -> bytes:
        """The bytes of a checkpoint file with the averaged weights, as `load_checkpoint` reads it.

        Args:
            model_name, number: of the checkpoint.
            metadata: whatever else to record: numbers, strings, lists and dicts of them.
        """
        net = self._steps.average.playing_net()
        return encode_checkpoint(
            Checkpoint(net.weights(), model_name, number, dict(metadata or {}))
        )

    def training_state(self) -> bytes:
        """Everything that `resume` needs beside the checkpoint and the examples."""
        buffer = io.BytesIO()
        torch.save(
            {
                "format": _FORMAT,
                **self._steps.state(),
                "examples": self.window.total,
                "held_out_examples": self.window.held_out_total,
            },
            buffer,
        )
        return buffer.getvalue()

    @property
    def total_steps(self) -> int:
        """Steps of the optimizer since the first training."""
        return self._steps.total


def trainable(checkpoint: Checkpoint) -> HexzNet:
    """The network of a checkpoint; raises InvalidModel if it cannot be trained further."""
    if checkpoint.config is None:
        raise InvalidModel(
            "a network of others, such as the Go server's own trainer, cannot be trained further"
        )
    return cast(HexzNet, checkpoint.net)


def restore(steps: Steps, training_state: bytes) -> tuple[int, int]:
    """Takes over what `Learner.training_state` returned.

    Returns:
        The examples and the held-out examples up to it.

    Raises:
        InvalidModel: it is damaged, or of another kind of network.
    """
    try:
        require_uncompressed(training_state, "it")
        state = torch.load(io.BytesIO(training_state), map_location="cpu", weights_only=True)
        if state["format"] != _FORMAT:
            raise ValueError("its format is not known")
        steps.restore(state)
        return int(state["examples"]), int(state["held_out_examples"])
    except Exception as error:  # whatever a damaged zip, pickle or dict makes PyTorch raise
        raise InvalidModel(
            "the training state is damaged, or of another network or version: "
            "delete training-*.pt to go on with a fresh optimizer and window"
        ) from error


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _mean_losses(reports: Sequence[StepReport]) -> dict[str, float]:
    names = reports[0].losses if reports else ()
    return {name: _mean([report.losses[name] for report in reports]) for name in names}
