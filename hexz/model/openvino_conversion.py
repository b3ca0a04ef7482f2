"""Conversion of a network for inference on the CPU through OpenVINO."""

from __future__ import annotations

import contextlib
import copy
import functools
import warnings
from typing import Final

import numpy as np
import torch
from torch import nn

from hexz.engine import COLS, NUM_PLANES, ROWS
from hexz.inference.openvino import OpenVinoModel, core, inference_settings, ov
from hexz.model.calibration import calibration_planes
from hexz.model.quantization import (
    ACTIVATION_LEVELS,
    NARROW_WEIGHT_LEVELS,
    WEIGHT_LEVELS,
    QuantizedConv,
    QuantizedReLU,
    quantize,
)

_CHUNK: Final = 32
"""Positions of an inference and thread. Shapes are static, so a batch is cut into chunks of this
size, the last one padded. Larger chunks are hardly faster, and waste more on a batch that shrinks
as games end."""


def convert(net: nn.Module, *, int8: bool, batch_size: int, threads: int) -> OpenVinoModel:
    """Takes about half a second in int8. The network, in float32 on the CPU, is not changed."""
    chunk = min(_CHUNK * threads, batch_size)
    if int8:
        net = quantize(net, torch.from_numpy(calibration_planes()), weight_levels())
    else:
        net = copy.deepcopy(net)
    return OpenVinoModel(
        int8=int8,
        batch_size=batch_size,
        threads=threads,
        chunk=chunk,
        compiled=_compile(net.eval(), chunk, threads),
    )


def _compile(net: nn.Module, batch_size: int, threads: int) -> bytes:
    """A compiled model of static shape."""
    example = torch.zeros(batch_size, NUM_PLANES, ROWS, COLS)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(net, example, check_trace=False)  # type: ignore[no-untyped-call]
        model = ov.convert_model(traced, input=[tuple(example.shape)])
        _forget_traced_types()
    compiled = core().compile_model(model, "CPU", inference_settings(threads))
    exported: bytes = compiled.export_model().getvalue()
    return exported


@functools.cache
def weight_levels() -> int:
    """The finest weights with which this CPU computes in 8 bits exactly.

    x86 without VNNI (AMD before Zen 4, Intel before Ice Lake) adds products in pairs, in 16 bits,
    and saturates in silence. No interface tells, so this tries the largest products there are.
    """
    conv = nn.Conv2d(NUM_PLANES, NUM_PLANES, 3, padding=1)
    nn.init.ones_(conv.weight)
    probe = nn.Sequential(QuantizedReLU(), QuantizedConv(conv, WEIGHT_LEVELS)).eval()
    inputs = np.full((1, NUM_PLANES, ROWS, COLS), ACTIVATION_LEVELS, np.float32)
    model = core().import_model(_compile(probe, 1, 1), "CPU", inference_settings(1))
    with torch.no_grad():
        exact = probe(torch.from_numpy(inputs)).numpy()
    is_exact = np.allclose(model(inputs)[0], exact, rtol=0.01)
    return WEIGHT_LEVELS if is_exact else NARROW_WEIGHT_LEVELS


def _forget_traced_types() -> None:
    """Frees what PyTorch keeps of every network ever traced: 2 to 6 MB each, too much for a
    process that prepares a new model every minute. There is no public way, so another version of
    PyTorch may lack this one, and leak."""
    with contextlib.suppress(AttributeError):
        torch._C._jit_clear_class_registry()
        torch.jit._recursive.concrete_type_store = torch.jit._recursive.ConcreteTypeStore()
        torch.jit._state._clear_class_state()
