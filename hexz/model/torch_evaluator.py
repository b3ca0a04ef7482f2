"""Inference through PyTorch: the reference on the CPU, and GPUs."""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from hexz.engine import COLS, NUM_PLANES, ROWS
from hexz.inference import Evaluation, Evaluator, Floats, PreparedModel
from hexz.model.layers import TowerConv, replace_layers


@dataclass(frozen=True, kw_only=True)
class TorchModel(PreparedModel):
    """A network for a `TorchEvaluator`, whose arguments it holds.

    Attributes:
        net: pickled, so that it travels by value: multiprocessing would open a file for each
            tensor.
    """

    device: str
    batch_size: int
    half: bool
    net: bytes = field(repr=False)

    @classmethod
    def prepare(cls, net: nn.Module, *, device: str, batch_size: int, half: bool) -> Self:
        """Prepares a network; see `TorchEvaluator`."""
        return cls(device=device, batch_size=batch_size, half=half, net=pickle.dumps(net))

    def load(self) -> TorchEvaluator:
        """Loads the network; see `PreparedModel.load`."""
        net: nn.Module = pickle.loads(self.net)  # noqa: S301 - from `prepare`
        return TorchEvaluator(net, device=self.device, batch_size=self.batch_size, half=self.half)


class TorchEvaluator(Evaluator):
    """Evaluates on a CPU in float32, or on a GPU in float16; see `Evaluator`.

    Args:
        net: the network; it is not changed.
        device: "cpu", "cuda" or "mps", and present on this machine.
        batch_size: the largest number of positions evaluated at once.
        half: computes in float16.
    """

    def __init__(self, net: nn.Module, *, device: str, batch_size: int, half: bool) -> None:
        self.name = f"PyTorch {'float16' if half else 'float32'} on {device}"
        self.batch_size = batch_size
        self._device = torch.device(device)
        self._dtype = torch.float16 if half else torch.float32
        self._net = _folded(net).to(device=self._device, dtype=self._dtype)
        if self._device.type == "cuda":
            # What tensor cores compute in; the other layout would be converted for each layer.
            self._net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._idle: list[Tensor] = []

    def start(self, planes: Floats) -> Callable[[], Evaluation]:
        """Begins to evaluate; see `Evaluator.start`. A GPU goes on by itself, a CPU is done."""
        running = [
            self._launch(planes[start : start + self.batch_size])
            for start in range(0, len(planes), self.batch_size)
        ]
        return lambda: self._finish(running)

    @torch.inference_mode()
    def _launch(self, planes: Floats) -> _Launch:
        count = len(planes)
        staging = self._staging()
        staging[:count] = torch.from_numpy(planes)
        # GPUs get one shape always, so that their libraries choose their kernels once.
        rows = staging[:count] if self._device.type == "cpu" else staging
        policy, value = self._net(rows.to(self._device, non_blocking=True).to(self._dtype))
        policy, value = policy[:count].float(), value[:count].float()
        if self._device.type != "cuda":
            return _Launch(staging, policy, value, None)
        # Queued here: behind the next batch, the results would arrive with those of that one.
        policy, value = (x.to("cpu", non_blocking=True) for x in (policy, value))
        done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        done.record()
        return _Launch(staging, policy, value, done)

    def _finish(self, running: list[_Launch]) -> Evaluation:
        for launch in running:
            if launch.done is not None:
                launch.done.synchronize()
        logits = np.concatenate([launch.logits.cpu().numpy() for launch in running])
        values = np.concatenate([launch.values.cpu().numpy() for launch in running])
        # The results are here, so the copies out of the staging areas are over.
        self._idle += [launch.staging for launch in running]
        return logits, values

    def _staging(self) -> Tensor:
        """Memory that a GPU can copy from by itself."""
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        shape = (self.batch_size, NUM_PLANES, ROWS, COLS)
        return torch.zeros(shape, pin_memory=self._device.type == "cuda")


class _Launch(NamedTuple):
    """A batch that the device computes, padded rows left out."""

    staging: Tensor
    logits: Tensor
    values: Tensor
    done: torch.cuda.Event | None
    """Of CUDA: when logits and values are in the memory of the CPU."""


def _folded(net: nn.Module) -> nn.Module:
    """A copy for inference, without batch norms in the tower."""
    net = copy.deepcopy(net).eval()
    replace_layers(net, TowerConv, TowerConv.folded)
    return net
