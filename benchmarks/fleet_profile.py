"""Measures what the table of `--profile fleet` rests on, in CPU seconds of one core.

    python benchmarks/fleet_profile.py [--device cpu] [--rounds 60] [--steps 10]

For each size of network: the positions that a core evaluates a second in self-play, its search and
all else included, and the examples that one process trains on a second; with `--device cuda` the
latter by the clock. Their lines go into `NETWORKS` of hexz/schema/fleet_profile.py.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hexz.engine import SearchSettings
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import new_checkpoint
from hexz.model.config import ModelConfig
from hexz.schema.training import TrainingConfig
from hexz.selfplay.loop import SelfPlay
from hexz.training.learner import Learner
from hexz.training.rows import to_rows
from tests.games import game_examples

SIZES = ((4, 32), (4, 64), (6, 64), (8, 96), (5, 128))
SEARCH = SearchSettings(algorithm="gumbel", simulations=64, full_search_share=0.25)
GAMES = 128


def evaluations_per_second(size: ModelConfig, rounds: int) -> float:
    """Positions that a core evaluates, in CPU time."""
    weights = new_checkpoint(size).weights
    evaluator = create_evaluator(weights, batch_size=GAMES // 2, notify=print)
    play = SelfPlay(evaluator, SEARCH, GAMES, seed=1)
    going = play.rounds()
    for _ in range(10):
        next(going)
    before, start = play.evaluations, time.process_time()
    for _ in range(rounds):
        next(going)
    return (play.evaluations - before) / (time.process_time() - start)


def trained_per_second(size: ModelConfig, config: TrainingConfig, steps: int) -> float:
    """Examples that a process trains on: a second of its core, or of a GPU."""
    clock = time.process_time if config.device == "cpu" else time.perf_counter
    learner = Learner.new(config, size, seed=0)
    examples = [example for game in game_examples(10) for example in game]
    rows = to_rows(examples)
    learner.train(rows[: config.batch_size], reuse=1, on_step=lambda _: None)
    start = clock()
    reuse = steps * config.batch_size / len(rows)
    report = learner.train(rows, reuse=max(1.0, reuse), on_step=lambda _: None)
    return report.steps * config.batch_size / (clock() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    config = TrainingConfig(device=options.device, held_out=0.0)
    print("network   evaluated/s a core  trained on/s a process", flush=True)
    for blocks, filters in SIZES:
        size = ModelConfig(blocks, filters)
        evaluated = evaluations_per_second(size, options.rounds)
        trained = trained_per_second(size, config, options.steps)
        print(f"{blocks} x {filters:4}  {evaluated:18,.0f}  {trained:22,.0f}", flush=True)


if __name__ == "__main__":
    main()
