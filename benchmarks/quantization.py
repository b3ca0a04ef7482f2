"""Compares our int8 quantization with NNCF's: time to prepare, speed, and distance from float32.

    pip install nncf && python benchmarks/quantization.py

The network is trained for a few seconds on quick games of `uct`, and compared on others. Of
ours, both sorts of weights are compared, of which `create_evaluator` takes what this CPU
computes exactly. NNCF corrects biases in a fast or an accurate way.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import nncf
import torch
from rounding import differences

sys.path.insert(0, str(Path(__file__).parents[1]))

from hexz.bench import inference_rate
from hexz.inference import Evaluator
from hexz.inference.openvino import OpenVinoEvaluator
from hexz.model import openvino_conversion as backend
from hexz.model.calibration import calibration_planes
from hexz.model.quantization import NARROW_WEIGHT_LEVELS, WEIGHT_LEVELS
from hexz.model.weights import Weights
from tests.model.conftest import positions, train_sharp_net

BATCH = 32


def our_evaluator(weights: Weights, levels: int) -> OpenVinoEvaluator:
    with mock.patch.object(backend, "weight_levels", return_value=levels):
        return backend.convert(weights, int8=True, batch_size=BATCH, threads=1).load()


def nncf_evaluator(weights: Weights, **options: Any) -> OpenVinoEvaluator:
    """An evaluator whose model NNCF quantized, with the same calibration positions."""
    make = backend._model

    def quantized(network: Any, batch_size: int) -> Any:
        planes = calibration_planes()
        batches = [planes[i : i + batch_size] for i in range(0, len(planes), batch_size)]
        model = make(network, batch_size)
        return nncf.quantize(model, nncf.Dataset(batches), subset_size=len(batches), **options)

    with mock.patch.object(backend, "_model", quantized):
        return backend.convert(weights, int8=False, batch_size=BATCH, threads=1).load()


def main() -> None:
    net = train_sharp_net(positions(range(1000, 1012))).eval()
    weights = net.weights()
    test = positions(range(2000, 2012))
    with torch.inference_mode():
        exact = [x.numpy() for x in net(torch.from_numpy(test.planes))]
    calibration_planes()
    ways: dict[str, Callable[[], Evaluator]] = {
        f"ours, {WEIGHT_LEVELS} levels": lambda: our_evaluator(weights, WEIGHT_LEVELS),
        f"ours, {NARROW_WEIGHT_LEVELS} levels": lambda: our_evaluator(
            weights, NARROW_WEIGHT_LEVELS
        ),
        "NNCF, fast bias correction": lambda: nncf_evaluator(weights),
        "NNCF, accurate bias correction": lambda: nncf_evaluator(
            weights, fast_bias_correction=False
        ),
    }
    for name, make in ways.items():
        start = time.perf_counter()
        evaluator = make()
        seconds = time.perf_counter() - start
        found = evaluator.evaluate(test.planes)
        rate = inference_rate(evaluator, BATCH, 1.0)
        print(
            f"{name}: ready in {seconds:.1f} s, {rate.median:,.0f} positions/s, "
            f"{differences(found, exact, test)}"
        )


if __name__ == "__main__":
    main()
