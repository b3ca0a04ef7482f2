"""Compares ways to learn: learns from nothing with each, over several seeds, and lets them play.

    python benchmarks/experiment.py benchmarks/experiments/fast-considered.toml DIRECTORY

The file names the arms; the first is what the others are compared with:

    seconds = 600           # CPU seconds of a run, self-play and training
    seeds = [0, 1, 2]
    boards = 60             # of a match, played from both seats with 64 simulations a move
    board_seed = 101        # the boards of a match are those of this number + the seed of its runs

    [arms.defaults]

    [arms.narrow]                       # whatever differs from the defaults:
    fleet.search.fast_considered = 4    # of a file of `hexzctl train-server --settings`,
    training.reuse = 4.0                # of TrainingConfig
    network.filters = 48                # and of ModelConfig

A run is that of `benchmarks/learning.py`, one on each core at once. The directory keeps networks,
logs and games: what is there is not done again, so an experiment goes on where it was ended, and
more seeds may be added later. The table is that of docs/experiments.md.
"""

import argparse
import dataclasses
import multiprocessing
import os
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final

import msgspec
from kept import ask
from learning import learn

from hexz.arena.run import ArenaConfig, ArenaRun, random_boards
from hexz.errors import HexzError
from hexz.files import atomic_file
from hexz.machine import available_cores
from hexz.model.config import ModelConfig
from hexz.player.spec import parse_spec
from hexz.ratings.statistics import estimate_mean
from hexz.schema.fleet import FleetSettings
from hexz.schema.records import Estimate
from hexz.schema.training import TrainingConfig

SIMULATIONS: Final = 64


class Arm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a way to learn has of its own, as tables of TOML."""

    fleet: dict[str, Any] = {}
    training: dict[str, Any] = {}
    network: dict[str, Any] = {}


class Experiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a file."""

    seconds: float
    seeds: list[int]
    boards: int
    board_seed: int
    arms: dict[str, Arm]
    minibatch_size: int = 16384


class Run(msgspec.Struct, frozen=True):
    """What a run has taken and learnt from."""

    cpu_seconds: float
    examples: int


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    try:
        content = tomllib.loads(options.file.read_text("utf-8"))
        experiment = msgspec.convert(content, Experiment)
        ask(options.directory, facts_of(experiment))
        runs = learn_all(experiment, options.directory)
        rows = list(table(experiment, runs, options.directory))
    except (HexzError, OSError, ValueError) as error:
        parser.exit(1, f"{options.file}: {error}\n")
    text = "\n".join(rows) + "\n"
    (options.directory / "table.md").write_text(text)
    print(text, end="")


def facts_of(experiment: Experiment) -> dict[str, Any]:
    """What runs and matches follow from; seeds and arms may be added later."""
    names = ("seconds", "minibatch_size", "boards", "board_seed")
    return {name: getattr(experiment, name) for name in names} | facts_of_arms(experiment)


def facts_of_arms(experiment: Experiment) -> dict[str, Any]:
    """What the arms have of their own, each by a name that says which it is."""
    return {f"arm {name}": arm for name, arm in experiment.arms.items()}


def learn_all(experiment: Experiment, directory: Path) -> Mapping[tuple[str, int], Run]:
    """Does the runs that the directory does not have, and returns all."""
    names = names_of(experiment)
    for arm in experiment.arms.values():
        settings_of(arm, seed=0)  # a slip shall not be found after hours
    with processes() as pool:
        running = {
            pool.submit(learn_one, experiment, name, directory): name
            for name in names
            if not result_path(directory, name).exists()
        }
        for future in as_completed(running):
            run = future.result()
            print(f"{running[future]}: {run.examples:,} examples, {run.cpu_seconds:.0f} s")
    return {name: msgspec.json.decode(result_path(directory, name).read_bytes(), type=Run)
            for name in names}  # fmt: skip


def names_of(experiment: Experiment) -> list[tuple[str, int]]:
    """The arm and the seed of each run."""
    return [(arm, seed) for seed in experiment.seeds for arm in experiment.arms]


def processes() -> ProcessPoolExecutor:
    """A process on each core, for a run at a time."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(available_cores(), mp_context=context, initializer=end_with_parent)


def end_with_parent() -> None:
    """Ends this process with the one that started it, however that ends: a run takes long."""

    def wait() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def learn_one(experiment: Experiment, name: tuple[str, int], directory: Path) -> Run:
    """Does one run, in a process of its own."""
    arm, seed = name
    fleet, training, network = settings_of(experiment.arms[arm], seed)
    begin = time.process_time()
    with network_path(directory, name).with_suffix(".log").open("w", buffering=1) as log:
        examples = learn(
            network_path(directory, name),
            training,
            network,
            fleet,
            seconds=experiment.seconds,
            minibatch_size=experiment.minibatch_size,
            tell=lambda line: print(line, file=log),
        )
    run = Run(cpu_seconds=time.process_time() - begin, examples=examples)
    with atomic_file(result_path(directory, name)) as file:
        file.write(msgspec.json.encode(run))
    return run


def settings_of(arm: Arm, seed: int) -> tuple[FleetSettings, TrainingConfig, ModelConfig]:
    return (
        FleetSettings.from_tables(arm.fleet),
        TrainingConfig.of({"seed": seed, **arm.training}),
        dataclasses.replace(ModelConfig(), **arm.network),
    )


def network_path(directory: Path, name: tuple[str, int]) -> Path:
    return directory / f"{name[0]}-{name[1]}.pt"


def result_path(directory: Path, name: tuple[str, int]) -> Path:
    """Of what is written when a run is complete."""
    return network_path(directory, name).with_suffix(".json")


def table(
    experiment: Experiment, runs: Mapping[tuple[str, int], Run], directory: Path
) -> Iterator[str]:
    """Plays the matches, and yields the lines of the table: a row a run, and the mean of an arm."""
    base, *others = experiment.arms
    yield f"| arm | seed | CPU seconds | examples | Elo against {base} | 95 % interval | boards |"
    yield "|---|---|---|---|---|---|---|"
    for arm in others:
        elos = []
        for seed in experiment.seeds:
            run = runs[arm, seed]
            elo = match(experiment, [(base, seed), (arm, seed)], directory)
            elos.append(elo.value)
            yield (
                f"| {arm} | {seed} | {run.cpu_seconds:.0f} | {run.examples:,} | {elo.value:+.0f} "
                f"| {elo.low:.0f} to {elo.high:.0f} | {experiment.boards} |"
            )
        if len(elos) > 1:
            mean = estimate_mean(elos)
            yield f"| {arm} | mean | | | {mean.value:+.0f} | {mean.low:.0f} to {mean.high:.0f} | |"
    for seed in experiment.seeds:
        run = runs[base, seed]
        yield f"| {base} | {seed} | {run.cpu_seconds:.0f} | {run.examples:,} | | | |"


def match(experiment: Experiment, sides: Sequence[tuple[str, int]], directory: Path) -> Estimate:
    """Elo of the second network against the first, both of one seed."""
    names = [f"{arm}-{seed}" for arm, seed in sides]
    seed = sides[0][1]
    run = ArenaRun(
        ArenaConfig(
            specs=[
                parse_spec(f"gumbel:{network_path(directory, side)}@{SIMULATIONS}")
                for side in sides
            ],
            names=names,
            boards=random_boards(experiment.boards, experiment.board_seed + seed),
            log=directory / f"{names[1]}-against-{names[0]}.jsonl",
        ),
        print,
    )
    for _ in run.events():
        pass
    return run.results.ratings()[names[1]]


if __name__ == "__main__":
    main()
