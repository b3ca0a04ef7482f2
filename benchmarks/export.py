"""Measures `hexzctl export-examples`: examples a second of one core, memory and size by format.

    python benchmarks/export.py [--examples 20000] [--format hdf5 ...] [--directory DIR]

The examples are those of a short self-play with a fresh network, repeated under new ids in files
of 4096. Each format is one run of the command; figures include its start, which takes 0.4 s.
"""

import argparse
import itertools
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

DIFFERENT = 4096
EXAMPLES_A_FILE = 4096
TARGETS = {
    "hdf5": ["--format", "hdf5", "--output", "examples.h5"],
    "npz": ["--format", "npz", "--output", "examples.npz"],
    "jsonl": ["--format", "jsonl", "--output", "examples.jsonl"],
    "html": ["--format", "html", "--output", "pages"],
    "summary": ["--summary"],
}


def different_examples() -> list[tuple[str, bytes]]:
    """Serialized examples of whole games, and their ids, all of which begin with "run00000-"."""
    from hexz.engine import SearchSettings
    from hexz.model.backends import create_evaluator
    from hexz.model.checkpoint import new_checkpoint
    from hexz.selfplay.examples import examples_of
    from hexz.selfplay.loop import SelfPlay
    from hexz.wire.example import encode_example

    evaluator = create_evaluator(new_checkpoint().weights, batch_size=32, notify=print)
    play = SelfPlay(evaluator, SearchSettings(algorithm="gumbel", simulations=32), 64, seed=1)
    examples: list[tuple[str, bytes]] = []
    for finished in play.rounds():
        for game in finished:
            examples += [
                (str(example.example_id), encode_example(example))
                for example in examples_of(
                    game,
                    game_name=f"run00000-{game.game_id}",
                    model_name="fresh",
                    unix_micros=1_700_000_000_000_000,
                )
            ]
        if len(examples) >= DIFFERENT:
            break
    return examples


def renamed(examples: list[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """The same again and again, as entries of files, with other ids each time."""
    for run in itertools.count():
        old, new = b"run00000-", b"run%05d-" % run
        for name, data in examples:
            yield f"run{run:05d}-{name[9:]}.pb", data.replace(old, new)


def write_files(directory: Path, count: int) -> None:
    """Runs in a process of its own: the command's peak of memory includes that of its parent."""
    from hexz.wire.archive import write_examples

    entries = itertools.islice(renamed(different_examples()), count)
    for number in itertools.count():
        if not write_examples(
            directory / f"{number:05d}.zip", itertools.islice(entries, EXAMPLES_A_FILE)
        ):
            break
    (directory / f"{number:05d}.zip").unlink()


def size_of(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def measure(name: str, directory: Path, count: int) -> None:
    """Runs the command on the files in a directory, and prints a line."""
    command = [sys.executable, "-m", "hexzctl", "export-examples", "in", *TARGETS[name]]
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(1)
    seconds = usage.ru_utime + usage.ru_stime
    megabytes = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    output = directory / TARGETS[name][-1]
    size = size_of(output) / count if output.exists() else 0
    print(
        f"{name:8} {count / seconds:8,.0f} examples/s of CPU time "
        f"{megabytes:8,.0f} MB of memory {size:8,.0f} bytes an example",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--format", action="append", choices=TARGETS)
    parser.add_argument("--directory", help="where 0.5 KB an example are free for the files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as place:
        (Path(place) / "in").mkdir()
        generator = multiprocessing.get_context("spawn").Process(
            target=write_files, args=(Path(place) / "in", options.examples)
        )
        generator.start()
        generator.join()
        for chosen in options.format or TARGETS:
            measure(chosen, Path(place), options.examples)
