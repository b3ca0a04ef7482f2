"""What a network of the Go server's own trainer costs natively, and through TorchScript.

    python benchmarks/networks.py MODEL [--seconds 5]

MODEL is a file as `benchmarks/peer_model.py` writes it. Exports it in both formats and prints the
sizes; then evaluates batches of 32 in int8, in float32 and as TorchScript, in turns, and prints
evaluations per second of CPU time, of the process of the program too.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from hexz.bench import random_boards
from hexz.inference import Evaluator
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import load_checkpoint
from hexz.model.export import export
from hexz.model.script import ScriptEvaluator

BATCH = 32
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0, help="of CPU time, for each")
    options = parser.parse_args()
    network = load_checkpoint(options.model)
    print(f"model.pt     {options.model.stat().st_size:>12,} bytes")
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "script.pt"
        for form, path in (("torchscript", script), ("onnx", Path(directory) / "model.onnx")):
            card = export(network, form, path)  # type: ignore[arg-type]
            worst = card["check"]["largest difference"]
            print(f"{form:<12} {card['bytes']:>12,} bytes, differs by {worst:.1e} at most")
        nets = [(network.weights, "int8"), (network.weights, "float32")]
        nets.append((load_checkpoint(script).weights, "float32"))
        evaluators = [
            create_evaluator(net, precision=precision, batch_size=BATCH, notify=print)
            for net, precision in nets
        ]
    planes = np.stack([board.planes() for board in itertools.islice(random_boards(10**6), BATCH)])
    rates = [
        [rate(evaluator, planes, options.seconds / ROUNDS) for evaluator in evaluators]
        for _ in range(ROUNDS)
    ]
    for evaluator, found in zip(evaluators, zip(*rates, strict=True), strict=True):
        print(f"{evaluator.name:<28} {statistics.median(found):>8,.0f} evaluations per CPU second "
              f"({min(found):,.0f} to {max(found):,.0f})")  # fmt: skip


def rate(evaluator: Evaluator, planes: np.ndarray, seconds: float) -> float:
    """Evaluations per second of CPU time."""
    used = clock_of(evaluator)
    evaluator.evaluate(planes)
    started, count = used(), 0
    while (spent := used() - started) < seconds:
        evaluator.evaluate(planes)
        count += len(planes)
    return count / spent


def clock_of(evaluator: Evaluator) -> Callable[[], float]:
    """The CPU time of this process, and of the one that the evaluator has."""

    def used() -> float:
        own = resource.getrusage(resource.RUSAGE_SELF)
        total = own.ru_utime + own.ru_stime
        if isinstance(evaluator, ScriptEvaluator):
            program = psutil.Process(evaluator.process_id).cpu_times()
            total += program.user + program.system
        return total

    return used


if __name__ == "__main__":
    main()
