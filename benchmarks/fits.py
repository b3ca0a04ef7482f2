"""Compares networks, or ways to train them, on the same examples: no game is played.

    python benchmarks/fits.py benchmarks/experiments/kernels.toml DIRECTORY SOURCE...

The file names the arms and seeds, as for `benchmarks/experiment.py`; what it says of games has no
meaning here. Sources are those of `hexzctl models fit`. Each arm begins with fresh weights and
takes as many steps as the others, while its rates fall linearly to zero; one core each. The
directory keeps the examples, networks and curves: what is there is not done again.
"""

import argparse
import csv
import io
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from experiment import Experiment, facts_of_arms, names_of, processes, settings_of
from kept import ask
from msgspec.structs import replace

from hexz.dataset.reading import ExampleReader
from hexz.dataset.sources import find_archives
from hexz.errors import HexzError
from hexz.example import Example
from hexz.files import atomic_file
from hexz.schema.training import TrainingConfig
from hexz.training.learner import Learner
from hexz.training.rows import ROW, Rows, to_rows

MEASUREMENTS: Final = 12
STEPS_AT_ONCE: Final = 10
EXAMPLES_AT_ONCE: Final = 4096


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--steps", type=int, default=3000)
    options = parser.parse_args()
    try:
        experiment = msgspec.convert(tomllib.loads(options.file.read_text("utf-8")), Experiment)
        facts = {"sources": options.sources, "steps": options.steps}
        ask(options.directory, facts | facts_of_arms(experiment))
        read(options.sources, options.directory)
        fit_all(experiment, options.directory, options.steps)
        rows = list(table(experiment, options.directory))
    except (HexzError, OSError, ValueError) as error:
        parser.exit(1, f"{options.file}: {error}\n")
    print("\n".join(rows))


def rows_path(directory: Path) -> Path:
    return directory / "examples.npy"


def curve_path(directory: Path, name: tuple[str, int]) -> Path:
    """Of what is written when a fit is complete."""
    return directory / f"{name[0]}-{name[1]}.csv"


def read(sources: Sequence[str], directory: Path) -> None:
    """Keeps the full searches of the sources as rows, which all fits read."""
    if rows_path(directory).exists():
        return
    parts: list[Rows] = []
    batch: list[Example] = []
    for found in ExampleReader(find_archives(sources), print, fast_searches=False):
        batch.append(found.example)
        if len(batch) == EXAMPLES_AT_ONCE:
            parts.append(to_rows(batch))
            batch.clear()
    rows = np.concatenate([*parts, to_rows(batch)])
    with atomic_file(rows_path(directory)) as file:
        np.save(file, rows.view(np.uint8).reshape(len(rows), -1))


def fit_all(experiment: Experiment, directory: Path, steps: int) -> None:
    with processes() as pool:
        running = [
            pool.submit(fit, experiment, name, directory, steps)
            for name in names_of(experiment)
            if not curve_path(directory, name).exists()
        ]
        for future in as_completed(running):
            future.result()


def fit(experiment: Experiment, name: tuple[str, int], directory: Path, steps: int) -> None:
    """Fits one network, in a process of its own."""
    data = np.load(rows_path(directory), mmap_mode="r", allow_pickle=False)
    _, training, network = settings_of(experiment.arms[name[0]], name[1])
    training = TrainingConfig.for_examples(replace(training, window_max=len(data)))
    learner = Learner.new(training, network, training.seed)
    learner.window.keep_all_held_out()
    for start in range(0, len(data), EXAMPLES_AT_ONCE):
        part = np.ascontiguousarray(data[start : start + EXAMPLES_AT_ONCE])
        learner.window.add(part.view(ROW).reshape(-1))
    if not learner.window.num_held_out:
        raise ValueError("so few games that none is held out: give it more examples")
    begin = time.process_time()
    curve: list[dict[str, float]] = []
    for step in range(0, steps, STEPS_AT_ONCE):
        count = min(STEPS_AT_ONCE, steps - step)
        learner.train_on_window(count, rate_share=1 - step / steps)
        done = step + count
        if done * MEASUREMENTS // steps > step * MEASUREMENTS // steps:
            losses = learner.held_out_losses()
            seconds = round(time.process_time() - begin)
            curve.append({"steps": done, "cpu_seconds": seconds, **losses})
            print(name, curve[-1], flush=True)
    model = learner.checkpoint(model_name="fit", number=0)
    curve_path(directory, name).with_suffix(".pt").write_bytes(model)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(curve[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    with atomic_file(curve_path(directory, name)) as file:
        file.write(text.getvalue().encode())


def table(experiment: Experiment, directory: Path) -> Iterator[str]:
    """A row for each fit: what its network loses on games that were not trained on."""
    columns = ("steps", "cpu_seconds", "policy", "value", "total")
    yield "| arm | seed | steps | CPU seconds | held-out policy | value | all |"
    yield "|---|---|---|---|---|---|---|"
    for arm in experiment.arms:
        for seed in experiment.seeds:
            with curve_path(directory, (arm, seed)).open(newline="") as file:
                *_, last = csv.DictReader(file)
            found = (f"{float(last[column]):.4g}" for column in columns)
            yield f"| {arm} | {seed} | {' | '.join(found)} |"


if __name__ == "__main__":
    main()
