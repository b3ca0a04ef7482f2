"""Inference on the CPU through OpenVINO, in int8 or float32."""

from __future__ import annotations

import sys
import threading
import warnings
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from hexz.model.calibration import calibration_planes
from hexz.model.evaluator import Floats
from hexz.model.features import COLS, NUM_PLANES, ROWS
from hexz.model.quantization import quantize

# OpenVINO's converter reports its use over the network if this package is there. It falls back
# to a stub without it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # type: ignore[import-untyped]  # noqa: E402

_CHUNK: Final = 16
"""Positions an inference. Shapes are static, so a batch is cut into chunks and the last one
padded: small enough that few positions are wasted and a chunk stays in the cache."""


class OpenVinoEvaluator:
    """Evaluates on `threads` CPU threads; see `Evaluator`.

    Args:
        net: the network, in float32 on the CPU; it is not changed.
        int8: computes the tower in 8 bits.
        batch_size: the usual number of positions of a call.
        threads: inference threads.
    """

    def __init__(self, net: nn.Module, *, int8: bool, batch_size: int, threads: int) -> None:
        self.name = f"OpenVINO {'int8' if int8 else 'float32'} on cpu"
        self.batch_size = batch_size
        if int8:
            net = quantize(net, torch.from_numpy(calibration_planes()))
        self._chunk = min(_CHUNK, batch_size)
        self._request = _compile(net, self._chunk, threads).create_infer_request()
        self._padded = np.zeros((self._chunk, NUM_PLANES, ROWS, COLS), np.float32)
        self._lock = threading.Lock()

    def evaluate(self, planes: Floats) -> tuple[Floats, Floats]:
        """See `Evaluator.evaluate`."""
        planes = np.ascontiguousarray(planes, dtype=np.float32)
        count = len(planes)
        logits = np.empty((count, 220), np.float32)
        values = np.empty(count, np.float32)
        with self._lock:
            for start in range(0, count, self._chunk):
                chunk = slice(start, min(start + self._chunk, count))
                logits[chunk], values[chunk] = self._infer(planes[chunk])
        return logits, values

    def _infer(self, planes: Floats) -> tuple[Floats, Floats]:
        """One chunk or less. The arrays returned are overwritten by the next call."""
        count = len(planes)
        if count < self._chunk:
            self._padded[:count] = planes
            planes = self._padded
        self._request.set_input_tensor(ov.Tensor(planes, shared_memory=True))
        self._request.infer()
        logits, values = (self._request.get_output_tensor(i).data[:count] for i in (0, 1))
        return logits, values


def _compile(net: nn.Module, batch_size: int, threads: int) -> Any:
    """An OpenVINO model of static shape for one inference at a time."""
    example = torch.zeros(batch_size, NUM_PLANES, ROWS, COLS)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ov.convert_model(net.eval(), example_input=example, input=[tuple(example.shape)])
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        # What is not int8 stays float32, also where the CPU prefers bfloat16.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return ov.Core().compile_model(model, "CPU", settings)
