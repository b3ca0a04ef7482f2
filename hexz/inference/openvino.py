"""Inference on the CPU through OpenVINO, in int8 or float32."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from hexz.engine import NUM_ACTIONS
from hexz.inference.evaluator import Evaluation, Evaluator, Floats, PreparedModel

# OpenVINO's converter reports its use over the network if this package is there. It falls back
# to a stub without it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402

__all__ = ["OpenVinoEvaluator", "OpenVinoModel", "core", "inference_settings", "ov"]


@cache
def core() -> Any:
    """OpenVINO's core, one for the life of the process. Each has a stack for the signals of the
    thread that makes it, and frees that when it goes, while the thread goes on using it: the next
    signal would be the end of the process."""
    return ov.Core()


@dataclass(frozen=True, kw_only=True)
class OpenVinoModel(PreparedModel):
    """A network that OpenVINO has compiled for the CPU of this machine.

    Attributes:
        int8: the tower is computed in 8 bits.
        batch_size: the usual number of positions of a call.
        threads: inference threads.
        chunk: positions of one inference.
        compiled: what OpenVINO exported. To compile a network anew takes three times as long as
            to import it.
    """

    int8: bool
    batch_size: int
    threads: int
    chunk: int
    compiled: bytes = field(repr=False)

    def load(self) -> OpenVinoEvaluator:
        """Loads the network; see `PreparedModel.load`."""
        return OpenVinoEvaluator(self)


class OpenVinoEvaluator(Evaluator):
    """Evaluates on CPU threads; see `Evaluator`."""

    def __init__(self, prepared: OpenVinoModel) -> None:
        self.name = f"OpenVINO {'int8' if prepared.int8 else 'float32'} on cpu"
        self.batch_size = prepared.batch_size
        self._chunk = prepared.chunk
        settings = inference_settings(prepared.threads)
        self._model = core().import_model(prepared.compiled, "CPU", settings)
        self._idle: list[_Inference] = []

    def start(self, planes: Floats) -> Callable[[], Evaluation]:
        """Begins to evaluate; see `Evaluator.start`. OpenVINO's threads compute chunks in order."""
        running = []
        for start in range(0, len(planes), self._chunk):
            inference = self._idle.pop() if self._idle else _Inference(self._model)
            inference.start(planes[start : start + self._chunk])
            running.append(inference)
        return lambda: self._finish(running, len(planes))

    def _finish(self, running: list[_Inference], count: int) -> Evaluation:
        logits = np.empty((count, NUM_ACTIONS), np.float32)
        values = np.empty(count, np.float32)
        for i, inference in enumerate(running):
            chunk = slice(i * self._chunk, (i + 1) * self._chunk)
            inference.finish(logits[chunk], values[chunk])
            self._idle.append(inference)
        return logits, values


class _Inference:
    """One chunk on its way. Shapes are static, so the memory of inputs and outputs stays where it
    is, and an inference can be used again."""

    def __init__(self, model: Any) -> None:
        self._request = model.create_infer_request()
        self._planes: Floats = self._request.get_input_tensor().data
        self._logits: Floats = self._request.get_output_tensor(0).data
        self._values: Floats = self._request.get_output_tensor(1).data
        self._planes[:] = 0

    def start(self, planes: Floats) -> None:
        # The rest of a last chunk holds older positions; their results are not read.
        self._planes[: len(planes)] = planes
        self._request.start_async(share_inputs=True)

    def finish(self, logits: Floats, values: Floats) -> None:
        self._request.wait()
        logits[:] = self._logits[: len(logits)]
        values[:] = self._values[: len(values)]


def inference_settings(threads: int) -> dict[str, Any]:
    """OpenVINO's settings for one inference at a time on so many threads."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        # Pinning would put the threads of all processes on the same first cores.
        "ENABLE_CPU_PINNING": False,
        # What is not int8 stays float32, also where the CPU prefers bfloat16.
        "INFERENCE_PRECISION_HINT": "f32",
    }
