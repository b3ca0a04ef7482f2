"""Inference through PyTorch: the reference on the CPU, and GPUs."""

from __future__ import annotations

import copy
import threading

import numpy as np
import torch
from torch import Tensor, nn

from hexz.engine import COLS, NUM_ACTIONS, NUM_PLANES, ROWS
from hexz.model.evaluator import Floats


class TorchEvaluator:
    """Evaluates on a CPU in float32, or on a GPU in float16; see `Evaluator`.

    Args:
        net: the network; it is not changed.
        device: "cpu", "cuda" or "mps", and present on this machine.
        batch_size: the largest number of positions evaluated at once.
        half: computes in float16.
    """

    def __init__(self, net: nn.Module, *, device: str, batch_size: int, half: bool) -> None:
        dtype = torch.float16 if half else torch.float32
        self.name = f"PyTorch {'float16' if half else 'float32'} on {device}"
        self.batch_size = batch_size
        self._device = torch.device(device)
        self._dtype = dtype
        self._net = copy.deepcopy(net).eval().to(device=self._device, dtype=dtype)
        # GPUs get one shape always, so that their libraries choose their kernels once.
        self._static = device != "cpu"
        self._staging = torch.zeros(
            (batch_size, NUM_PLANES, ROWS, COLS), pin_memory=device == "cuda"
        )
        self._lock = threading.Lock()

    @torch.inference_mode()
    def evaluate(self, planes: Floats) -> tuple[Floats, Floats]:
        """See `Evaluator.evaluate`."""
        count = len(planes)
        logits = np.empty((count, NUM_ACTIONS), np.float32)
        values = np.empty(count, np.float32)
        with self._lock:
            for start in range(0, count, self.batch_size):
                chunk = slice(start, min(start + self.batch_size, count))
                size = chunk.stop - start
                policy, value = self._net(self._upload(planes[chunk]))
                logits[chunk] = policy[:size].float().cpu().numpy()
                values[chunk] = value[:size].float().cpu().numpy()
        return logits, values

    def _upload(self, planes: Floats) -> Tensor:
        """At most `batch_size` positions as the network's input, padded to it on a GPU."""
        self._staging[: len(planes)] = torch.from_numpy(planes)
        rows = self._staging if self._static else self._staging[: len(planes)]
        # Before the staging area is written again, the results have been fetched, so the copy
        # is over.
        return rows.to(self._device, non_blocking=True).to(self._dtype)
