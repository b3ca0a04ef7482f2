"""Compares the speed of `Learner.train` with that of a bare PyTorch loop on the same tensors.

    python benchmarks/training.py [--device cpu] [--examples 2048] [--blocks 4] [--filters 32]

The bare loop gets every batch ready made and does nothing but forward, losses, backward and a step
of the optimizers. `Learner.train` also fills the window, draws and mirrors examples, clips
gradients, looks for numbers that are not finite, averages weights, reports each step, and measures
on the held-out set. Both take turns, five times each, with one thread.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from learning import minibatches

from hexz.engine import SearchSettings
from hexz.example import Example
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import new_checkpoint
from hexz.model.config import ModelConfig
from hexz.model.network import HexzNet
from hexz.schema.training import TrainingConfig
from hexz.selfplay.loop import SelfPlay
from hexz.training.batch import Batch, make_batch
from hexz.training.learner import Learner
from hexz.training.losses import losses
from hexz.training.network import TrainingNet
from hexz.training.optimizer import Optimizer
from hexz.training.rows import Rows, to_rows
from hexz.training.steps import tower_dtype

RUNS = 5


def self_play_examples(count: int) -> list[Example]:
    """Examples of quick games, with a held-out share as in real training."""
    evaluator = create_evaluator(new_checkpoint().weights, batch_size=32, notify=print)
    play = SelfPlay(evaluator, SearchSettings(algorithm="gumbel", simulations=4), 64, seed=1)
    return next(minibatches(play, count))


def bare_loop(config: TrainingConfig, model_config: ModelConfig, rows: Rows) -> Callable[[], float]:
    """Positions a second of one pass over the examples with nothing but PyTorch."""
    device = torch.device(config.device)
    net = TrainingNet(HexzNet(model_config), tower_dtype(config)).to(device).train()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = Optimizer(net, config)
    size = config.batch_size
    batches = [_batch(rows[i : i + size], device) for i in range(0, len(rows) - size + 1, size)]

    def run() -> float:
        start = time.perf_counter()
        for batch in batches:
            total = losses(net(batch.planes), batch, config)["total"]
            net.zero_grad()
            total.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return len(batches) * size / (time.perf_counter() - start)

    return run


def _batch(rows: np.ndarray, device: torch.device) -> Batch:
    data = torch.from_numpy(rows.view(np.uint8).reshape(len(rows), -1)).to(device)
    symmetries = torch.zeros(len(rows), dtype=torch.int64, device=device)
    return make_batch(data, symmetries, margin_share=0.25, root_value_share=0.3)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--examples", type=int, default=2048)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--filters", type=int, default=32)
    options = parser.parse_args()
    config = TrainingConfig(device=options.device)
    model_config = ModelConfig(options.blocks, options.filters)
    rows = to_rows(self_play_examples(options.examples))
    bare = bare_loop(config, model_config, rows)
    learner = Learner.new(config, model_config, seed=0)

    def train() -> float:
        report = learner.train(rows, reuse=1, on_step=lambda _: None)
        return report.steps * config.batch_size / report.seconds

    bare()
    train()
    runs = [(train(), bare()) for _ in range(RUNS)]
    print(f"positions/s on {options.device}, {options.blocks} blocks x {options.filters} filters")
    for name, rates in zip(("Learner.train", "bare loop"), zip(*runs, strict=True), strict=True):
        print(
            f"{name:14} {statistics.median(rates):10,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"
        )
    share = statistics.median(ours / bare for ours, bare in runs)
    print(f"{'share':14} {100 * share:10.1f} %")


if __name__ == "__main__":
    main()
