"""The processes that train beside the first one, `--train-processes`."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import torch

from hexz.errors import HexzError, InvalidSettings
from hexz.model.checkpoint import decode_checkpoint
from hexz.processes import Child, ChildFailed, Parent, ready
from hexz.schema.training import TrainingConfig
from hexz.training.group import Group
from hexz.training.learner import Learner, restore, trainable
from hexz.training.steps import Run, Steps

NOTICE_SECONDS: Final = 2.0
"""How long after a collective has failed it is known which process has ended."""


class CrewFailed(HexzError):
    """A process that trains has ended, so that the others cannot go on."""


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The place of a process in the crew."""

    file: Path
    rank: int
    size: int
    config: TrainingConfig


@dataclass(frozen=True)
class _Beginning:
    """The network and the optimizer to begin with."""

    checkpoint: bytes = field(repr=False)
    training_state: bytes = field(repr=False)


class Crew:
    """Processes that train together with this one, its process 0; they end with the `with` block.

    Args:
        config: of the training.
        size: how many there are, this one included.

    Raises:
        InvalidSettings: this machine has not so many GPUs.
    """

    def __init__(self, config: TrainingConfig, size: int) -> None:
        if config.device == "cuda" and size > max(1, gpus()):
            raise InvalidSettings(
                f"cannot train in {size} processes: each needs a GPU of its own, and this machine "
                f"has {gpus()}"
            )
        self._config = config
        self._size = size
        self._children: list[Child] = []
        self._directories = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()
        self._directories.close()

    def train_with(self, learner: Learner) -> None:
        """Starts the processes, with the network as it is now.

        Raises:
            CrewFailed: one has ended.
        """
        if self._size == 1:
            return
        directory = tempfile.TemporaryDirectory(prefix="hexz-crew-")
        file = Path(self._directories.enter_context(directory)) / "group"
        for rank in range(1, self._size):
            place = _Place(file=file, rank=rank, size=self._size, config=self._config)
            self._children.append(Child(run_process, place))
        for rank, child in enumerate(self._children, start=1):
            self._hear(rank, child)  # that it is there
        # Not before: it could not be told why somebody does not come.
        group = Group.meet(file, 0, self._size, device_of(self._config, 0))
        model = learner.checkpoint(model_name="training", number=0)
        self._send(_Beginning(model, learner.training_state()))
        learner.join(group, self._send)

    def check(self, seconds: float = 0.0) -> None:
        """Raises CrewFailed if a process has ended, or does within so many seconds."""
        for child in ready(self._children, seconds):
            self._hear(1 + self._children.index(child), child)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Tells which process has ended, where training with it fails."""
        try:
            yield
        except RuntimeError:  # of PyTorch
            if self._children:
                self.check(NOTICE_SECONDS)
            raise

    def _hear(self, rank: int, child: Child) -> None:
        try:
            child.receive()
        except EOFError:
            reason = "it ended"
        except ChildFailed as failure:
            reason = failure.reason
        else:
            return
        raise CrewFailed(f"process {rank + 1} of {self._size} that train failed: {reason}")

    def _send(self, message: _Beginning | Run) -> None:
        for child in self._children:
            child.send(message)


def run_process(parent: Parent, place: _Place) -> None:
    """Takes the steps of process `place.rank`, until it is told to end."""
    parent.send(None)
    device = device_of(place.config, place.rank)
    group = Group.meet(place.file, place.rank, place.size, device)
    beginning: _Beginning = parent.receive()
    net = trainable(decode_checkpoint(beginning.checkpoint, "the checkpoint"))
    steps = Steps(place.config, net, device)
    restore(steps, beginning.training_state)
    steps.join(group)
    while True:
        run: Run = parent.receive()
        steps.take(run, None, lambda report: None)
        steps.held_out_losses(run, None)


def device_of(config: TrainingConfig, rank: int) -> torch.device:
    """The device of a process: the CPU, or a GPU of its own."""
    return torch.device("cuda", rank) if config.device == "cuda" else torch.device(config.device)


def gpus() -> int:
    """The number of GPUs of this machine that PyTorch can use."""
    return torch.cuda.device_count()
