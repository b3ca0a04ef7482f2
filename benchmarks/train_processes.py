"""Measures how fast 1, 2 and more processes train together, `--train-processes`.

    python benchmarks/train_processes.py [--processes 1 2] [--batch-size 256] [--steps 24]
                                         [--blocks 4] [--filters 32] [--device cpu] [--runs 3]

All numbers of processes take turns. Prints examples a second by the clock, which are what counts on
quiet cores, and the CPU seconds of an example in all processes and in the busiest one: on a busy
machine, the latter is what a step takes at least.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from hexz.model.config import ModelConfig
from hexz.schema.training import TrainingConfig
from hexz.training.crew import Crew
from hexz.training.learner import Learner
from hexz.training.rows import Rows, to_rows
from tests.games import game_examples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    config = TrainingConfig(
        batch_size=options.batch_size, held_out=0.0, device=options.device, learning_rate=1e-4
    )
    size = ModelConfig(options.blocks, options.filters)
    games = [example for game in game_examples(10) for example in game]
    count = options.batch_size * options.steps // 4  # each is used four times, as in training
    rows = to_rows((games * -(-count // len(games)))[:count])
    results: dict[int, list[tuple[float, float, float]]] = {n: [] for n in options.processes}
    learners = {}
    crews = [Crew(config, number) for number in options.processes]
    try:
        for number, crew in zip(options.processes, crews, strict=True):
            learners[number] = Learner.new(config, size, seed=0)
            crew.train_with(learners[number])
            learners[number].train(rows[: 2 * options.batch_size], reuse=1, on_step=ignore)
        for _ in range(options.runs):
            for number, crew in zip(options.processes, crews, strict=True):
                results[number].append(measure(learners[number], crew, rows))
    finally:
        for crew in crews:
            crew.__exit__()
    print(f"{size.blocks} x {size.filters}, batches of {options.batch_size} on {options.device}")
    print("processes  examples/s  CPU us/example: in all  of the busiest")
    for number, runs in results.items():
        rate, whole, busiest = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{number:9}  {rate:10,.0f}  {1e6 * whole:22,.0f}  {1e6 * busiest:14,.0f}")


def measure(learner: Learner, crew: Crew, rows: Rows) -> tuple[float, float, float]:
    """Examples a second; CPU seconds an example of all processes and of the busiest."""
    processes = [psutil.Process(), *(psutil.Process(c.process.pid) for c in crew._children)]
    before, start = [cpu(process) for process in processes], time.perf_counter()
    report = learner.train(rows, reuse=4, on_step=ignore)
    seconds = time.perf_counter() - start
    used = [cpu(process) - then for process, then in zip(processes, before, strict=True)]
    count = report.steps * learner.config.batch_size
    return count / seconds, sum(used) / count, max(used) / count


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def ignore(_: object) -> None:
    pass


if __name__ == "__main__":
    main()
