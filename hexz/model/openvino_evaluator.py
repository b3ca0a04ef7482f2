"""Inference on the CPU through OpenVINO, in int8 or float32."""

from __future__ import annotations

import contextlib
import copy
import sys
import threading
import warnings
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from hexz.engine import COLS, NUM_ACTIONS, NUM_PLANES, ROWS
from hexz.model.calibration import calibration_planes
from hexz.model.evaluator import Floats
from hexz.model.quantization import quantize

# OpenVINO's converter reports its use over the network if this package is there. It falls back
# to a stub without it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # type: ignore[import-untyped]  # noqa: E402

_CHUNK: Final = 16
"""Positions an inference and thread. Shapes are static, so a batch is cut into chunks of this
size, the last one padded. Larger chunks are hardly faster, and waste more on a batch that shrinks
as games end."""


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
        # A copy either way: OpenVINO shares memory with it, and the owner of `net` may train on.
        net = quantize(net, torch.from_numpy(calibration_planes())) if int8 else copy.deepcopy(net)
        self._chunk = min(_CHUNK * threads, batch_size)
        self._request = _compile(net, self._chunk, threads).create_infer_request()
        # Shapes are static, so the memory of inputs and outputs stays where it is.
        self._planes: Floats = self._request.get_input_tensor().data
        self._logits: Floats = self._request.get_output_tensor(0).data
        self._values: Floats = self._request.get_output_tensor(1).data
        self._planes[:] = 0
        self._lock = threading.Lock()

    def evaluate(self, planes: Floats) -> tuple[Floats, Floats]:
        """See `Evaluator.evaluate`."""
        count = len(planes)
        logits = np.empty((count, NUM_ACTIONS), np.float32)
        values = np.empty(count, np.float32)
        with self._lock:
            for start in range(0, count, self._chunk):
                end = min(start + self._chunk, count)
                # The rest of a last chunk holds older positions; their results are not read.
                self._planes[: end - start] = planes[start:end]
                self._request.infer(share_outputs=True)
                logits[start:end] = self._logits[: end - start]
                values[start:end] = self._values[: end - start]
        return logits, values


def _compile(net: nn.Module, batch_size: int, threads: int) -> Any:
    """An OpenVINO model of static shape for one inference at a time."""
    example = torch.zeros(batch_size, NUM_PLANES, ROWS, COLS)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(net.eval(), example, check_trace=False)  # type: ignore[no-untyped-call]
        model = ov.convert_model(traced, input=[tuple(example.shape)])
        _forget_traced_types()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        # What is not int8 stays float32, also where the CPU prefers bfloat16.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return ov.Core().compile_model(model, "CPU", settings)


def _forget_traced_types() -> None:
    """Frees what PyTorch keeps of every network ever traced: 2 to 6 MB each, too much for a
    process that prepares a new model every minute. There is no public way, so another version of
    PyTorch may lack this one, and leak."""
    with contextlib.suppress(AttributeError):
        torch._C._jit_clear_class_registry()
        torch.jit._recursive.concrete_type_store = torch.jit._recursive.ConcreteTypeStore()
        torch.jit._state._clear_class_state()
