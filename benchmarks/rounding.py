"""Compares weights that are rounded to fit with those that are rounded to the nearest number.

    python benchmarks/rounding.py [MODEL...]

Says for each network, by default for the one that ships, how far int8 inference is from float32,
with the levels of weights of CPUs with and without VNNI. It is computed in NumPy, as either CPU
does, so any will do.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import hexzctl  # noqa: F401 - before NumPy, which it has use one core

# isort: split
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from hexz.model import quantization
from hexz.model.arithmetic import Floats
from hexz.model.calibration import calibration_planes
from hexz.model.graph import forward
from hexz.model.weights import Weights
from hexz.player.models import open_source
from tests.model.conftest import Positions, Simulated, policies, positions


def nearest(weight: Floats, _exact: Floats, _inputs: Floats, levels: int) -> tuple[Floats, Floats]:
    scale = quantization.weight_scales(weight, levels)
    return np.rint(weight / scale).clip(-levels, levels).astype(np.int8), scale


def differences(found: Sequence[Floats], exact: Sequence[Floats], test: Positions) -> str:
    """How far logits and values are from those of float32, in words: means, and the largest."""
    policy, expected = (policies(logits, test) for logits, _ in (found, exact))
    same = (policy.argmax(1) == expected.argmax(1)).mean()
    distance = np.abs(policy - expected).sum(1) / 2
    error = np.abs(found[1] - exact[1])
    return (
        f"same best move {same:.1%}, policy {distance.mean():.4f} ({distance.max():.3f}), "
        f"value {error.mean():.4f} ({error.max():.3f})"
    )


def main() -> None:
    test = positions(range(2000, 2012))
    calibration_planes()
    for name in sys.argv[1:] or ["shipped"]:
        checkpoint = open_source(None if name == "shipped" else name).load()
        weights = checkpoint.weights
        if not isinstance(weights, Weights):
            sys.exit(f"{name} is a program, which is not computed in int8")
        with torch.inference_mode():
            exact = [x.numpy() for x in checkpoint.net(torch.from_numpy(test.planes))]
        for levels in (quantization.NARROW_WEIGHT_LEVELS, quantization.WEIGHT_LEVELS):
            for rounding in (nearest, quantization.round_weights):
                began = time.process_time()
                with mock.patch.object(quantization, "round_weights", rounding):
                    rounded = quantization.quantize(weights, calibration_planes(), levels)
                seconds = time.process_time() - began
                found = forward(Simulated(rounded), weights, test.planes)
                print(
                    f"{name}, {levels} levels, {rounding.__name__}: "
                    f"{differences(found, exact, test)}, {seconds:.2f} CPU seconds"
                )


if __name__ == "__main__":
    main()
