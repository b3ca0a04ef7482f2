"""The steps of the optimizer: a network in training, alone or with a group of processes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from hexz.errors import TrainingFailed
from hexz.model.layers import replace_layers
from hexz.model.network import HexzNet
from hexz.processor import processor
from hexz.schema.training import TrainingConfig
from hexz.training.batch import Batch, make_batch
from hexz.training.group import Group
from hexz.training.losses import LOSS_NAMES, NUM_FIGURES, losses, target_counts
from hexz.training.memory import keep_freed_memory
from hexz.training.network import TrainingNet
from hexz.training.norm import GroupBatchNorm
from hexz.training.optimizer import Optimizer
from hexz.training.report import StepReport
from hexz.training.rows import ROW
from hexz.training.settling import STEPS as SETTLING_STEPS
from hexz.training.settling import settle

MAX_SKIPPED: Final = 3
"""Steps of a training that may be skipped because a loss or gradient was not finite."""

_SYMMETRIES: Final = 1
"""Tells the random numbers that draw symmetries from those that draw examples."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A training run, as all processes of a group are told of it.

    Attributes:
        steps: how many.
        examples: ever added to the window.
        held_out: examples that are measured with afterwards.
        rate_share: of the learning rates that the configuration gives.
    """

    steps: int
    examples: int
    held_out: int
    rate_share: float = 1.0


class Steps:
    """A network in training, the moving average of its weights, and its optimizer.

    In a group each process has one. They begin equal and stay so: each computes the gradient of its
    part of a batch, and all follow the sum.

    Args:
        config: how to train.
        net: where to start; it is not changed.
        device: where the network is.

    Attributes:
        net: the network in training.
        average: the moving average, which is the model that is made.
        optimizer: of the network.
        total: steps ever taken.
    """

    def __init__(self, config: TrainingConfig, net: HexzNet, device: torch.device) -> None:
        keep_freed_memory()
        self.total = 0
        self._begins_trained = net.outlook_heads is not None  # which random weights never have
        self._config = config
        self._device = device
        self._group = Group()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed % 2**63)
            training_net = TrainingNet(copy.deepcopy(net), tower_dtype(config))
        replace_layers(training_net, nn.BatchNorm2d, GroupBatchNorm)
        # A quarter faster on the CPU than the default layout.
        self.net = training_net.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.average: TrainingNet = copy.deepcopy(self.net).requires_grad_(False).eval()
        self.average.net.tower_dtype = None
        self.optimizer = Optimizer(self.net, config)
        self._weights, self._average_weights = _floats(self.net), _floats(self.average)
        self._gradient = _flat_gradient(self.net)

    def settle(self, batches: Iterator[Tensor], examples: int) -> Iterator[float]:
        """Trains the heads alone that a model file lacks, see `hexz.training.settling`.

        Args:
            batches: the rows of each.
            examples: ever added to the window.

        Yields:
            The share that is done.
        """
        symmetries = self._draw_symmetries(SETTLING_STEPS)
        made = (
            self._batch(rows, drawn, examples)
            for rows, drawn in zip(batches, symmetries, strict=True)
        )
        yield from settle(self.average, made, self._config)
        self.net.auxiliary.load_state_dict(self.average.auxiliary.state_dict())

    def join(self, group: Group) -> None:
        """Trains with others from now on, whose networks, optimizers and `total` are equal."""
        self._group = group
        for module in self.net.modules():
            if isinstance(module, GroupBatchNorm):
                module.group = group

    def take(
        self, run: Run, batches: Iterator[Tensor] | None, on_step: Callable[[StepReport], None]
    ) -> list[StepReport]:
        """Takes the steps of a run.

        Args:
            run: which all processes of the group take at once.
            batches: of process 0: the rows of each batch; the others have None.
            on_step: is told about each step. What it raises ends the run.

        Returns:
            Reports of the steps that were not skipped.

        Raises:
            TrainingFailed: the training diverged.
        """
        self.optimizer.configure(self._config, run.examples, run.rate_share)
        symmetries = self._draw_symmetries(run.steps)
        done: list[StepReport] = []
        for step in range(1, run.steps + 1):
            rows = self._group.hand_out(next(batches) if batches else None, self._part())
            batch = self._batch(rows, symmetries[step - 1], run.examples)
            report = self._step(batch, step, run.steps)
            if not report.skipped:
                done.append(report)
            elif step - len(done) > MAX_SKIPPED:
                raise TrainingFailed(
                    f"training diverged: {step - len(done)} of {step} steps had a loss or gradient "
                    "that is not finite; a smaller learning rate may help"
                )
            on_step(report)
        self._require_finite()
        return done

    @torch.no_grad()
    def held_out_losses(self, run: Run, rows: Tensor | None) -> dict[str, float]:
        """The losses of the average on held-out examples by name; empty without any.

        Args:
            run: which all processes of the group have taken.
            rows: of process 0: the examples; the others have None.
        """
        if not run.held_out:
            return {}
        if rows is None:
            rows = torch.empty((run.held_out, ROW.itemsize), dtype=torch.uint8, device=self._device)
        rows = self._group.tell_all(rows)[self._group.rank :: self._group.size]
        of_each = [target_counts(batch) for batch in self._unmirrored(rows, run)]
        counts = self._group.add_up(torch.stack(of_each).sum(0))
        found = [
            losses(self.average(batch.planes), batch, self._config, counts)
            for batch in self._unmirrored(rows, run)
        ]
        values = torch.stack([torch.stack(list(summands.values())) for summands in found]).sum(0)
        named = dict(zip(found[0], self._group.add_up(values).tolist(), strict=True))
        return {name: named[name] for name in LOSS_NAMES}

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs beside the weights of the average."""
        return {
            "net": self.net.state_dict(),
            "average_heads": self.average.auxiliary.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.total,
            "begins_trained": self._begins_trained,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on as the steps did that this is the state of. If it is of a version before the soft
        policy, that head stays as it is."""
        is_older = "auxiliary.soft_policy.out.weight" not in state["net"]
        for module, saved in (
            (self.net, state["net"]),
            (self.average.auxiliary, state["average_heads"]),
        ):
            own = module.state_dict() if is_older else {}
            fresh = {name: tensor for name, tensor in own.items() if "soft_policy." in name}
            module.load_state_dict({**fresh, **saved})
        head = list(self.net.auxiliary.soft_policy.parameters())
        lacking = len(head) if is_older else 0
        self.optimizer.load_state_dict(state["optimizer"], lacking=lacking)
        self.total = int(state["steps"])
        self._begins_trained = bool(state.get("begins_trained", False))

    def _part(self) -> Tensor:
        """Room for this process's part of a batch."""
        count = self._config.batch_size // self._group.size
        return torch.empty((count, ROW.itemsize), dtype=torch.uint8, device=self._device)

    def _draw_symmetries(self, steps: int) -> Tensor:
        """int64 [steps, B]: how the examples of this process are mirrored. Whatever the number of
        processes, the same are drawn for a batch."""
        rng = np.random.default_rng((self._config.seed, self.total, _SYMMETRIES))
        drawn = torch.from_numpy(rng.integers(0, 4, (steps, self._config.batch_size)))
        return drawn.chunk(self._group.size, 1)[self._group.rank].to(self._device)

    def _unmirrored(self, rows: Tensor, run: Run) -> Iterator[Batch]:
        """Examples as they are, a batch at a time: there may be far more of them than in one."""
        for chunk in torch.split(rows, self._config.batch_size):
            unmirrored = torch.zeros(len(chunk), dtype=torch.int64, device=self._device)
            yield self._batch(chunk, unmirrored, run.examples)

    def _batch(self, rows: Tensor, symmetries: Tensor, examples: int) -> Batch:
        return make_batch(
            rows,
            symmetries,
            margin_share=self._config.margin_share,
            root_value_share=self._config.root_value_share_after(examples),
        )

    def _step(self, batch: Batch, step: int, num_steps: int) -> StepReport:
        counts = self._group.add_up(target_counts(batch))
        found = losses(self.net(batch.planes), batch, self._config, counts)
        gradient, figures = self._gradient[:-NUM_FIGURES], self._gradient[-NUM_FIGURES:]
        gradient.zero_()
        found["total"].backward()  # type: ignore[no-untyped-call]
        figures.copy_(torch.stack(list(found.values())).detach())
        self._group.add_up(self._gradient)
        norm = torch.linalg.vector_norm(gradient)
        gradient.mul_((self._config.clip_norm / (norm + 1e-6)).clamp(max=1))
        # All figures at once, since each would make a GPU wait.
        *values, gradient_norm = torch.cat([figures, norm[None]]).tolist()
        named = dict(zip(found, values, strict=True))
        skipped = not all(map(math.isfinite, (gradient_norm, *values)))
        if skipped:
            self._forget_statistics()
        else:
            self.optimizer.step()
            self._update_average()
        self.total += 1
        return StepReport(
            step=step,
            num_steps=num_steps,
            policy_entropy=named["entropy"],
            losses={name: named[name] for name in LOSS_NAMES},
            gradient_norm=gradient_norm,
            skipped=skipped,
        )

    @torch.no_grad()
    def _update_average(self) -> None:
        """Moves the average towards the weights, quickly in the first steps if it shall forget the
        random weights that it starts from. The statistics of batch norms are averaged too."""
        decay = self._config.ema_decay
        if not self._begins_trained:
            decay = min(decay, (1 + self.total) / (10 + self.total))
        torch._foreach_lerp_(self._average_weights, self._weights, 1 - decay)

    def _forget_statistics(self) -> None:
        """Undoes what a forward pass with numbers that are not finite did to the batch norms."""
        for buffer, average in zip(self.net.buffers(), self.average.buffers(), strict=True):
            buffer.copy_(average)

    def _require_finite(self) -> None:
        if not all(tensor.isfinite().all() for tensor in self._average_weights):
            raise TrainingFailed("training diverged: weights of the model are not finite")


def tower_dtype(config: TrainingConfig) -> torch.dtype | None:
    """What a tower is trained in, if not in float32. No loss need be scaled for bfloat16: it has
    the range of float32."""
    suits = config.device == "cpu" and processor().multiplies_bfloat16
    half = config.precision == "bfloat16" or (config.precision == "auto" and suits)
    return torch.bfloat16 if half else None


def _floats(module: nn.Module) -> list[Tensor]:
    """The memory of the parameters and of the statistics of batch norms."""
    return [tensor for tensor in module.state_dict().values() if tensor.is_floating_point()]


def _flat_gradient(net: nn.Module) -> Tensor:
    """One vector in which the gradients of all parameters lie from now on, and behind them room for
    the figures of `losses`, so that a group adds all of it up at once."""
    parameters = list(net.parameters())
    size = sum(parameter.numel() for parameter in parameters)
    flat = torch.zeros(size + NUM_FIGURES, device=parameters[0].device)
    offset = 0
    for parameter in parameters:
        parameter.grad = flat.as_strided(parameter.size(), parameter.stride(), offset)
        offset += parameter.numel()
    return flat
