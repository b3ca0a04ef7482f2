"""`Learner`: the network in training, and all that the next training depends on."""

from __future__ import annotations

import copy
import io
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
import torch
from torch import Tensor, nn

from hexz.errors import InvalidModel, TrainingFailed
from hexz.model.checkpoint import Checkpoint, decode_checkpoint, encode_checkpoint, new_checkpoint
from hexz.model.network import HexzNet, ModelConfig
from hexz.schema.records import TrainingReport
from hexz.schema.training import TrainingConfig
from hexz.training.batch import Batch, make_batch
from hexz.training.losses import losses
from hexz.training.network import Prediction, TrainingNet
from hexz.training.optimizer import Optimizer
from hexz.training.report import StepReport
from hexz.training.window import ReplayWindow, Rows

MAX_SKIPPED: Final = 3
"""Steps of a training that may be skipped because a loss or gradient was not finite."""

_FORMAT: Final = "hexzctl training 3"


class Learner:
    """Trains a network on one batch of examples after the other.

    The model that it makes is a moving average of the weights in training. Everything depends on
    the configuration, the seeds and the batches alone: a learner that was resumed goes on exactly
    as the one that was interrupted would have, on the same machine.

    Args:
        config: how to train.
        net: where to start; it is not changed.
    """

    def __init__(self, config: TrainingConfig, net: HexzNet) -> None:
        self.config = config
        self.window = ReplayWindow(config)
        self.total_steps = 0
        self._device = torch.device(config.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed % 2**63)
            training_net = TrainingNet(copy.deepcopy(net))
        # A quarter faster on the CPU than the default layout.
        self._net = training_net.to(self._device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self._average: TrainingNet = copy.deepcopy(self._net).requires_grad_(False).eval()
        self._optimizer = Optimizer(self._net, config)
        self._weights, self._average_weights = _floats(self._net), _floats(self._average)

    @classmethod
    def new(cls, config: TrainingConfig, model_config: ModelConfig, seed: int) -> Self:
        """A learner that starts with the random weights of this seed."""
        return cls(config, _trainable(new_checkpoint(model_config, seed=seed)))

    @classmethod
    def resume(
        cls,
        config: TrainingConfig,
        checkpoint: bytes,
        training_state: bytes | None,
        history: Iterable[Rows] = (),
    ) -> Self:
        """The learner that wrote a checkpoint.

        Args:
            config: how to train on; it may differ from before.
            checkpoint: what `Learner.checkpoint` returned.
            training_state: what `Learner.training_state` returned then; None: the optimizer and
                the window start afresh, and the history is not read.
            history: the batches that it was trained on, newest first. Only as many are taken as
                the window needs, so it should be lazy.

        Raises:
            InvalidModel: the checkpoint or the state is damaged or of another kind of network.
        """
        learner = cls(config, _trainable(decode_checkpoint(checkpoint, "the checkpoint")))
        if training_state is not None:
            learner.window.refill(*learner._restore(training_state), history)
        return learner

    @property
    def model_config(self) -> ModelConfig:
        """The size of the network."""
        config: ModelConfig = self._net.net.config
        return config

    def train(
        self,
        examples: Rows,
        *,
        reuse: float,
        on_step: Callable[[StepReport], None],
    ) -> TrainingReport:
        """Adds a batch to the window and trains on it.

        Args:
            examples: the batch, no fast searches; those of held-out games are only measured with.
            reuse: examples to train on for each new one, at least 1: each new one is trained on
                once, and the others are drawn from the whole window.
            on_step: is told about each step. What it raises ends the training.

        Raises:
            TrainingFailed: the training diverged. After this or any other exception the learner
                is of no more use: resume from the last checkpoint.
        """
        if reuse < 1:
            raise ValueError(f"reuse must be at least 1, not {reuse:g}")
        start = time.perf_counter()
        new = self.window.add(examples)
        self._optimizer.configure(self.config, self.window.total)
        batch_size = self.config.batch_size
        num_steps = math.ceil(new * reuse / batch_size)
        rng = np.random.default_rng((self.config.seed, self.total_steps))
        numbers = self.window.sample(new, num_steps * batch_size, rng)
        done: list[StepReport] = []
        for step in range(1, num_steps + 1):
            rows = self.window.rows(numbers[(step - 1) * batch_size : step * batch_size])
            report = self._step(self._batch(rows, rng.integers(0, 4, batch_size)), step, num_steps)
            if not report.skipped:
                done.append(report)
            elif step - len(done) > MAX_SKIPPED:
                raise TrainingFailed(
                    f"training diverged: {step - len(done)} of {step} steps had a loss or gradient "
                    "that is not finite; a smaller learning rate may help"
                )
            on_step(report)
        step_seconds = time.perf_counter() - start
        self._require_finite()
        return TrainingReport(
            new_examples=new,
            new_held_out=len(examples) - new,
            total_examples=self.window.total,
            window_size=self.window.size(new),
            steps=num_steps,
            skipped_steps=num_steps - len(done),
            total_steps=self.total_steps,
            losses=_mean_losses(done),
            held_out_losses=self._held_out_losses(),
            policy_entropy=_mean([report.policy_entropy for report in done]),
            gradient_norm=_mean([report.gradient_norm for report in done]),
            positions_per_second=len(numbers) / step_seconds,
            seconds=time.perf_counter() - start,
        )

    def checkpoint(
        self, *, model_name: str, number: int, metadata: Mapping[str, Any] | None = None
    ) -> bytes:
        """The bytes of a checkpoint file with the averaged weights, as `load_checkpoint` reads it.

        Args:
            model_name, number: of the checkpoint.
            metadata: whatever else to record: numbers, strings, lists and dicts of them.
        """
        net = self._average.net
        return encode_checkpoint(
            Checkpoint(net, net.config, model_name, number, dict(metadata or {}))
        )

    def training_state(self) -> bytes:
        """Everything that `resume` needs beside the checkpoint and the examples."""
        buffer = io.BytesIO()
        torch.save(
            {
                "format": _FORMAT,
                "net": self._net.state_dict(),
                "average_heads": self._average.auxiliary.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "steps": self.total_steps,
                "examples": self.window.total,
                "held_out_examples": self.window.held_out_total,
            },
            buffer,
        )
        return buffer.getvalue()

    def _restore(self, training_state: bytes) -> tuple[int, int]:
        """Takes over a training state; returns the examples and held-out examples up to it."""
        try:
            state = torch.load(io.BytesIO(training_state), map_location="cpu", weights_only=True)
            if state["format"] != _FORMAT:
                raise ValueError("its format is not known")
            self._net.load_state_dict(state["net"])
            self._average.auxiliary.load_state_dict(state["average_heads"])
            self._optimizer.load_state_dict(state["optimizer"])
            self.total_steps = int(state["steps"])
            totals = int(state["examples"]), int(state["held_out_examples"])
        except Exception as error:  # whatever a damaged zip, pickle or dict makes PyTorch raise
            raise InvalidModel(
                "the training state is damaged, or of another network or version: "
                "delete training-*.pt to go on with a fresh optimizer and window"
            ) from error
        return totals

    def _batch(self, rows: Rows, symmetries: Any) -> Batch:
        return make_batch(
            rows,
            symmetries,
            margin_share=self.config.margin_share,
            root_value_share=self.config.root_value_share_after(self.window.total),
            device=self._device,
        )

    def _step(self, batch: Batch, step: int, num_steps: int) -> StepReport:
        found = losses(self._net(batch.planes), batch, self.config)
        self._net.zero_grad()
        found["total"].backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._net.parameters(), self.config.clip_norm)
        # All figures at once, since each would make a GPU wait.
        gradient_norm, *values = torch.stack([norm, *found.values()]).tolist()
        named = dict(zip(found, values, strict=True))
        skipped = not all(map(math.isfinite, (gradient_norm, *values)))
        if skipped:
            self._forget_statistics()
        else:
            self._optimizer.step()
            self._update_average()
        self.total_steps += 1
        return StepReport(
            step=step,
            num_steps=num_steps,
            policy_entropy=named.pop("entropy"),
            losses=named,
            gradient_norm=gradient_norm,
            skipped=skipped,
        )

    @torch.no_grad()
    def _update_average(self) -> None:
        """Moves the average towards the weights, quickly in the first steps: it shall forget the
        random weights that it starts from. The statistics of batch norms are averaged too."""
        decay = min(self.config.ema_decay, (1 + self.total_steps) / (10 + self.total_steps))
        torch._foreach_lerp_(self._average_weights, self._weights, 1 - decay)

    def _forget_statistics(self) -> None:
        """Undoes what a forward pass with numbers that are not finite did to the batch norms."""
        for buffer, average in zip(self._net.buffers(), self._average.buffers(), strict=True):
            buffer.copy_(average)

    def _require_finite(self) -> None:
        if not all(tensor.isfinite().all() for tensor in self._average_weights):
            raise TrainingFailed("training diverged: weights of the model are not finite")

    @torch.inference_mode()
    def _held_out_losses(self) -> dict[str, float]:
        rows = self.window.held_out()
        if not len(rows):
            return {}
        size = self.config.batch_size
        batches = [
            self._batch(chunk, np.zeros(len(chunk), np.int64))
            for chunk in (rows[i : i + size] for i in range(0, len(rows), size))
        ]
        predictions = [self._average(batch.planes) for batch in batches]
        found = losses(
            Prediction(*map(torch.cat, zip(*predictions, strict=True))),
            Batch(*map(torch.cat, zip(*batches, strict=True))),
            self.config,
        )
        return {name: float(loss) for name, loss in found.items() if name != "entropy"}


def _trainable(checkpoint: Checkpoint) -> HexzNet:
    if not isinstance(checkpoint.net, HexzNet):
        raise InvalidModel(
            "a network of the Go server's own trainer cannot be trained further: start a new one"
        )
    return checkpoint.net


def _floats(module: nn.Module) -> list[Tensor]:
    """The memory of the parameters and of the statistics of batch norms."""
    return [tensor for tensor in module.state_dict().values() if tensor.is_floating_point()]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _mean_losses(reports: Sequence[StepReport]) -> dict[str, float]:
    names = reports[0].losses if reports else ()
    return {name: _mean([report.losses[name] for report in reports]) for name in names}
